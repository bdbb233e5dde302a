//! A YAML file as a tree of nodes with their places.
//!
//! serde stops at the first error and unfolds aliases, so the tree is built from the events of serde-saphyr's own parser.
//! Nodes lie in one list and an alias is a node that names another one: an alias bomb stays as small as its file, and no
//! depth of nesting reaches the stack.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
};

use serde_yaml::granit_parser::{Event, Marker, Options, Parser, ScalarStyle, ScanError, Span as Range};

use crate::mesh::{FileId, Place};

use super::{Code, Finding, Findings, Span, finding::short, syntax};

/// A node of a [`Tree`].
pub(super) type NodeId = u32;

/// A node and where it stands.
pub(super) struct Node<'s> {
    pub(super) span: Span,
    pub(super) kind: Kind<'s>,
}

/// What a node is.
pub(super) enum Kind<'s> {
    /// A text; `plain` without quotes, so that it may also be a number, a boolean or null.
    Scalar { text: Cow<'s, str>, plain: bool },
    /// The items of a list.
    List(Vec<NodeId>),
    /// The keys and values of a mapping, merged ones included.
    Map(Vec<(NodeId, NodeId)>),
    /// `*name`, and what it stands for.
    Alias(NodeId),
    /// Something that has its finding already.
    Broken,
}

/// A file's nodes.
pub(super) struct Tree<'s> {
    nodes: Vec<Node<'s>>,
    /// The outermost node; none in a file without content.
    pub(super) root: Option<NodeId>,
    /// Whether all of the file is in the tree.
    pub(super) complete: bool,
    /// What stands behind keys of the outermost mapping that come again.
    pub(super) again: Vec<(NodeId, NodeId)>,
}

/// The most keys that the merge keys of one file may copy.
const MAX_MERGED: usize = 4_000_000;

impl<'s> Tree<'s> {
    /// Reads a text; what is wrong with the YAML itself becomes findings.
    pub(super) fn parse(file: FileId, text: &'s str, findings: &mut Findings) -> Self {
        let tree = Tree { nodes: Vec::new(), root: None, complete: true, again: Vec::new() };
        Builder { file, text, tree, open: Vec::new(), anchors: Vec::new(), merged: 0, findings }.run()
    }

    /// All nodes, as they stand.
    pub(super) fn nodes(&self) -> &[Node<'s>] {
        &self.nodes
    }

    /// A node as it stands.
    pub(super) fn node(&self, id: NodeId) -> &Node<'s> {
        self.nodes.get(id as usize).expect("ids come from this tree")
    }

    /// What a node is, behind an alias if it is one.
    pub(super) fn kind(&self, id: NodeId) -> &Kind<'s> {
        match &self.node(id).kind {
            Kind::Alias(target) => &self.node(*target).kind,
            kind => kind,
        }
    }

    /// The node that gives the value: behind an alias the one that it stands for.
    pub(super) fn target(&self, id: NodeId) -> NodeId {
        match self.node(id).kind {
            Kind::Alias(target) => target,
            _ => id,
        }
    }

    /// Where a node stands: an alias where it is used.
    pub(super) fn span(&self, id: NodeId) -> Span {
        self.node(id).span
    }

    /// Whether a key or value of a mapping came in by a merge key: it stands in front of the mapping.
    pub(super) fn is_merged(&self, id: NodeId, map: NodeId) -> bool {
        id < self.target(map)
    }

    /// Where the thing stands that an alias is used for.
    pub(super) fn origin(&self, id: NodeId) -> Option<Span> {
        match self.node(id).kind {
            Kind::Alias(target) => Some(self.span(target)),
            _ => None,
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self, id: NodeId) -> Option<&str> {
        match self.kind(id) {
            Kind::Scalar { text, plain: _ } => Some(text),
            _ => None,
        }
    }
}

/// A list or mapping whose end has not come yet.
struct Open {
    node: NodeId,
    is_map: bool,
    anchor: usize,
    children: Vec<NodeId>,
}

/// What an anchor's name stands for.
#[derive(Clone, Copy)]
enum Anchor {
    Unknown,
    Open,
    Node(NodeId),
}

struct Builder<'s, 'f> {
    file: FileId,
    text: &'s str,
    tree: Tree<'s>,
    open: Vec<Open>,
    anchors: Vec<Anchor>,
    merged: usize,
    findings: &'f mut Findings,
}

impl<'s> Builder<'s, '_> {
    fn run(mut self) -> Tree<'s> {
        let mut options = Options::default();
        options.emit_unresolved_aliases = true;
        options.set_emit_comments(false);
        let mut documents = 0;
        for event in Parser::new_from_str_with_options(self.text, options) {
            let (event, range) = match event {
                Ok(event) => event,
                Err(error) => {
                    self.stopped(&error);
                    break;
                }
            };
            if matches!(event, Event::DocumentStart(..)) {
                documents += 1;
            }
            if documents > 1 {
                let finding = Finding::error(Code::Documents, self.span(range), "a second document begins here");
                self.findings.push(finding.help("put each document into a file of its own; the files of a folder are one mesh"));
                self.tree.complete = false;
                return self.tree;
            }
            self.event(event, range);
        }
        self.tree
    }

    /// What stopped the parser is one finding. The file and its lists of instances keep what came before it; what was in
    /// the middle of being read does not count.
    fn stopped(&mut self, error: &ScanError) {
        let flow = self.open.iter().map(|open| self.tree.span(open.node)).find(|span| span.end > span.start);
        self.findings.push(syntax::finding(self.file, self.text, error, flow));
        self.tree.complete = false;
        while let Some(Open { node, is_map, anchor: _, children }) = self.open.pop() {
            if self.open.len() >= 2 {
                continue;
            }
            let kind = if is_map { Kind::Map(self.entries(&children)) } else { Kind::List(children) };
            if let Some(open) = self.tree.nodes.get_mut(node as usize) {
                open.kind = kind;
            }
        }
    }

    fn event(&mut self, event: Event<'s>, range: Range) {
        let span = self.span(range);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = if tag.is_some() {
                    self.tag(range);
                    Kind::Broken
                } else {
                    let text = if span.start == span.end { Cow::Borrowed("") } else { text };
                    Kind::Scalar { text, plain: style == ScalarStyle::Plain }
                };
                let id = self.add(span, kind);
                self.anchor(anchor, Anchor::Node(id));
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(range, false, anchor, tag.is_some()),
            Event::MappingStart(_, anchor, tag) => self.begin(range, true, anchor, tag.is_some()),
            Event::SequenceEnd | Event::MappingEnd => self.close(range),
            Event::Alias(anchor) => {
                let kind = self.alias(anchor, span);
                self.add(span, kind);
            }
            Event::UnresolvedAlias(name) => {
                self.findings.push(syntax::unknown_alias(span, &name));
                self.add(span, Kind::Broken);
            }
            _ => {}
        }
    }

    fn span(&self, range: Range) -> Span {
        let offset = |marker: Marker| marker.byte_offset().and_then(|b| u32::try_from(b).ok()).unwrap_or_default();
        Span { place: place(self.file, range.start), start: offset(range.start), end: offset(range.end) }
    }

    fn add(&mut self, span: Span, kind: Kind<'s>) -> NodeId {
        let id = NodeId::try_from(self.tree.nodes.len()).expect("a file has fewer nodes than bytes, and 256 MiB of those");
        self.tree.nodes.push(Node { span, kind });
        match self.open.last_mut() {
            Some(open) => open.children.push(id),
            None => self.tree.root = Some(id),
        }
        id
    }

    fn anchor(&mut self, id: usize, anchor: Anchor) {
        // Ids count from 1; 0 is "no anchor".
        if id == 0 {
            return;
        }
        if self.anchors.len() <= id {
            self.anchors.resize(id + 1, Anchor::Unknown);
        }
        if let Some(slot) = self.anchors.get_mut(id) {
            *slot = anchor;
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Kind<'s> {
        match self.anchors.get(anchor) {
            Some(Anchor::Node(target)) => match self.tree.node(*target).kind {
                Kind::Alias(target) => Kind::Alias(target),
                _ => Kind::Alias(*target),
            },
            Some(Anchor::Open) => {
                let finding = Finding::error(Code::Anchor, span, "this alias stands inside its own anchor, so it has no end");
                self.findings.push(finding.help("write out what is meant here"));
                Kind::Broken
            }
            Some(Anchor::Unknown) | None => Kind::Broken,
        }
    }

    fn tag(&mut self, range: Range) {
        let marker = range.tag_start.unwrap_or(range.start);
        self.findings.push(syntax::tag(self.file, self.text, marker));
    }

    fn begin(&mut self, range: Range, is_map: bool, anchor: usize, has_tag: bool) {
        if has_tag {
            self.tag(range);
        }
        let node = self.add(self.span(range), Kind::Broken);
        self.anchor(anchor, Anchor::Open);
        self.open.push(Open { node, is_map, anchor, children: Vec::new() });
    }

    fn close(&mut self, range: Range) {
        let Some(Open { node, is_map, anchor, children }) = self.open.pop() else { return };
        self.anchor(anchor, Anchor::Node(node));
        let end = self.span(range).end;
        // Something to underline: `{...}` and `[...]` whole, of a mapping in lines the first key, of a list the first item.
        let first = children.first().map(|child| self.tree.span(*child));
        let kind = if is_map { Kind::Map(self.entries(&children)) } else { Kind::List(children) };
        let Some(open) = self.tree.nodes.get_mut(node as usize) else { return };
        if open.span.end > open.span.start {
            open.span.end = end;
        } else if let Some(first) = first {
            open.span = first;
        }
        open.kind = kind;
    }

    /// The entries of a mapping: a key that comes again is a finding, a merge key gives what it stands for.
    fn entries(&mut self, children: &[NodeId]) -> Vec<(NodeId, NodeId)> {
        let pairs = children.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?)));
        let mut entries = Vec::with_capacity(children.len() / 2);
        let mut merges = Vec::new();
        for (key, value) in pairs {
            if self.is_merge(key) { merges.push((key, value)) } else { entries.push((key, value)) }
        }
        for (first, (again, value)) in unique(&self.tree, &mut entries, 0) {
            if self.open.is_empty() {
                self.tree.again.push((again, value));
            }
            let name = self.tree.text(again).unwrap_or_default();
            let finding = Finding::error(Code::DuplicateKey, self.tree.span(again), format!("`{}` is given twice", short(name)));
            let is_outermost = self.open.is_empty();
            let help = if is_outermost { "put both under one key" } else { "keep one of the two, or begin a new item with `-`" };
            self.findings.push(finding.related(self.tree.span(first), "first here").help(help));
        }
        if let Some(&(key, _)) = merges.get(1) {
            let finding = Finding::error(Code::Merge, self.tree.span(key), "`<<` is given twice");
            self.findings.push(finding.help("merge several with one list: `<<: [*a, *b]`"));
        }
        if let Some(&(key, value)) = merges.first() {
            self.merge(key, value, &mut entries);
        }
        entries
    }

    fn is_merge(&self, key: NodeId) -> bool {
        matches!(&self.tree.node(key).kind, Kind::Scalar { text, plain: true } if text == "<<")
    }

    /// Adds what a merge key stands for behind the mapping's own entries, which win. What is merged is closed, so its own
    /// merge keys are done already.
    fn merge(&mut self, key: NodeId, value: NodeId, entries: &mut Vec<(NodeId, NodeId)>) {
        let listed = [value];
        let sources: &[NodeId] = match self.tree.kind(value) {
            Kind::List(items) => items,
            _ => &listed,
        };
        let own = entries.len();
        for source in sources {
            match self.tree.kind(*source) {
                Kind::Map(merged) => entries.extend_from_slice(merged),
                Kind::Broken => {}
                Kind::Scalar { .. } | Kind::List(_) | Kind::Alias(_) => {
                    let finding = Finding::error(Code::Merge, self.tree.span(*source), "`<<` needs a mapping to merge");
                    self.findings.push(finding.help("anchor a mapping (`x-base: &base` with keys below it) and merge it: `<<: *base`"));
                }
            }
            self.merged += entries.len() - own;
            if self.merged > MAX_MERGED {
                entries.truncate(own);
                let message = "the merge keys of this file copy more than four million keys";
                let finding = Finding::error(Code::Merge, self.tree.span(key), message);
                // Once is enough: later blocks merge nothing.
                if self.tree.complete {
                    self.findings.push(finding.help("use `defaults` for what many instances have in common"));
                }
                self.tree.complete = false;
                return;
            }
            unique(&self.tree, entries, own);
        }
    }
}

/// Keeps the first entry of each key, and gives each later one with the first key. The entries in front of `from` are known to be
/// unique.
fn unique(tree: &Tree<'_>, entries: &mut Vec<(NodeId, NodeId)>, from: usize) -> Vec<(NodeId, (NodeId, NodeId))> {
    // Few keys, as an instance has, are compared quicker than hashed, and mostly none comes again.
    const FEW: usize = 16;
    let is_again = |(i, (key, _)): (usize, &(NodeId, NodeId))| {
        let text = tree.text(*key);
        text.is_some() && entries.iter().take(i).any(|(other, _)| tree.text(*other) == text)
    };
    if entries.len() <= FEW && !entries.iter().enumerate().skip(from).any(is_again) {
        return Vec::new();
    }
    let mut first: HashMap<&str, NodeId> = HashMap::with_capacity(entries.len());
    let mut repeated = Vec::new();
    entries.retain(|(key, value)| {
        let Some(text) = tree.text(*key) else { return true };
        // Not by the node: what is merged twice is the same node twice.
        match first.entry(text) {
            Entry::Vacant(slot) => _ = slot.insert(*key),
            Entry::Occupied(known) => {
                repeated.push((*known.get(), (*key, *value)));
                return false;
            }
        }
        true
    });
    repeated
}

/// A marker as a place; its lines count from 1, its columns from 0.
pub(super) fn place(file: FileId, marker: Marker) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { file, line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
}
