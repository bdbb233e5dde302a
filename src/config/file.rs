//! One file: its instances, its defaults and its external peers.

use std::collections::HashMap;

use crate::mesh::{FileId, Hostname, PeerName};

use super::{
    Code, Finding, Findings, Severity, Source,
    fields::{Defaults, Fields},
    finding::short,
    keys::{self, Level},
    reader::{At, Entry, Reader, TEMPLATE},
    tree::{Kind, NodeId, Tree},
};

/// A declaration: one mapping, for one instance or for many that are alike.
pub(super) struct Block {
    /// The instances.
    pub(super) names: Vec<At<Hostname>>,
    /// Its fields, with the defaults below them.
    pub(super) fields: Fields,
    /// Whether its peers come from defaults.
    pub(super) default_peers: bool,
    /// Whether some of it could not be read, so that what is missing may have been meant.
    pub(super) broken: bool,
}

/// The most names that all files together may give, ranges expanded and aliases followed.
const MAX_NAMES: usize = 2_000_000;

/// What the files declare, before it is checked as a whole.
pub(super) struct Draft {
    pub(super) blocks: Vec<Block>,
    pub(super) external: Vec<At<PeerName>>,
    /// The texts of hostnames that could not be read.
    pub(super) broken_names: Vec<String>,
    /// Whether some file, or part of one, could not be read at all.
    pub(super) incomplete: bool,
    /// How many more names may be read.
    pub(super) names_left: usize,
}

impl Default for Draft {
    fn default() -> Self {
        let (blocks, external, broken_names) = (Vec::new(), Vec::new(), Vec::new());
        Self { blocks, external, broken_names, incomplete: false, names_left: MAX_NAMES }
    }
}

/// Reads a file into the draft.
pub(super) fn read(file: FileId, source: &Source, draft: &mut Draft, findings: &mut Findings) {
    let before = findings.as_slice().len();
    let tree = Tree::parse(file, &source.text, findings);
    draft.incomplete |= !tree.complete;
    let mut names_left = draft.names_left;
    let mut reader = Reader { tree: &tree, findings, errors: 0, names_left: &mut names_left, peers_read: HashMap::new() };
    match tree.root {
        Some(root) if !reader.is_null(root) => reader.file(root, draft),
        _ if findings.as_slice().len() == before => {
            let mut finding = Finding::about(Code::EmptyFile, Some(file), format!("`{}` is empty", source.path));
            finding.severity = Severity::Warning;
            findings.push(finding.help("declare `instances` in it, or remove it"));
        }
        _ => {}
    }
    draft.names_left = names_left;
    draft.incomplete |= names_left == 0;
}

impl<'a> Reader<'a, '_> {
    fn file(&mut self, root: NodeId, draft: &mut Draft) {
        let Some(entries) = self.entries(root) else {
            draft.incomplete = true;
            let finding = self.error(Code::WrongType, root, "the file must be a mapping, not a list or a text".to_owned());
            return self.push(finding.help("begin it with `instances:` and put the list of instances below"));
        };
        let mut defaults = Defaults::default();
        let mut defaults_broken = !self.tree.complete;
        let mut lists: Vec<Entry<'a>> = Vec::new();
        // Those that have a finding already, but whose instances are meant.
        let mut more: Vec<Entry<'a>> = Vec::new();
        let mut given_defaults = None;
        for entry in &entries {
            match entry.name {
                "defaults" => {
                    given_defaults = Some(entry.key);
                    let before = self.errors;
                    defaults = self.defaults(*entry);
                    defaults_broken |= self.errors > before;
                }
                "external" => {
                    let before = self.errors;
                    draft.external.extend(self.external(*entry));
                    draft.incomplete |= self.errors > before;
                }
                "instances" | "controller_instances" => lists.push(*entry),
                name => {
                    self.other_key(entry.key, Level::File);
                    match keys::misspelt(name, Level::File) {
                        Some("instances" | "controller_instances") => more.push(*entry),
                        Some("defaults") => defaults_broken = true,
                        Some(_) => draft.incomplete = true,
                        None => {}
                    }
                }
            }
        }
        // Which of two values is meant nobody knows, but the instances of two lists are all meant.
        for &(key, value) in &self.tree.again {
            match self.tree.text(key) {
                Some(name @ ("instances" | "controller_instances")) => more.push(Entry { key, name, value }),
                Some("defaults") => defaults_broken = true,
                Some("external") => draft.incomplete = true,
                _ => {}
            }
        }
        if let [first, second, ..] = lists.as_slice() {
            let finding = self.error(Code::TwoSpellings, second.key, format!("`{}` stands beside `{}`", second.name, first.name));
            let finding = finding.related(self.tree.span(first.key), "first here");
            self.push(finding.help("the two are one thing under two names: keep one list"));
        }
        if let Some(key) = given_defaults.filter(|_| lists.is_empty() && more.is_empty() && self.tree.complete) {
            let message = "`defaults` hold for their own file alone, and this one declares no instances";
            let finding = Finding::warning(Code::NoInstances, self.tree.span(key), message);
            self.push(finding.help("put them into each file with instances that they are meant for"));
        }
        for list in lists.into_iter().chain(more) {
            self.instances(list, &defaults, defaults_broken, draft);
        }
    }

    /// The entries of a mapping whose keys are words; other keys get their finding.
    fn entries(&mut self, id: NodeId) -> Option<Vec<Entry<'a>>> {
        let tree = self.tree;
        let Kind::Map(entries) = tree.kind(id) else { return None };
        let mut found = Vec::with_capacity(entries.len());
        for &(key, value) in entries {
            match tree.text(key) {
                Some(name) => found.push(Entry { key, name, value }),
                None if matches!(tree.kind(key), Kind::Broken) => {}
                None => self.other_key(key, Level::File),
            }
        }
        Some(found)
    }

    fn defaults(&mut self, entry: Entry<'a>) -> Defaults {
        let mut defaults = Defaults::default();
        let Some(entries) = self.block(entry) else { return defaults };
        for field in entries {
            match field.name {
                "hop" => defaults.hop = self.type_defaults(field),
                "execution" => defaults.execution = self.type_defaults(field),
                name if Level::Defaults.has(name) => {
                    defaults.plain.take(self, field);
                }
                _ => self.other_key(field.key, Level::Defaults),
            }
        }
        defaults
    }

    fn type_defaults(&mut self, entry: Entry<'a>) -> Fields {
        let mut fields = Fields::default();
        for field in self.block(entry).unwrap_or_default() {
            if !Level::TypeDefaults.has(field.name) || !fields.take(self, field) {
                self.other_key(field.key, Level::TypeDefaults);
            }
        }
        fields
    }

    /// The entries of a block of defaults.
    fn block(&mut self, entry: Entry<'a>) -> Option<Vec<Entry<'a>>> {
        if self.is_null(entry.value) {
            self.null(entry, "put the fields below it, each indented, or remove the line");
            return None;
        }
        let entries = self.entries(entry.value);
        if entries.is_none() {
            self.wrong_type(entry, "a mapping", "put the fields below it, each indented");
        }
        entries
    }

    fn instances(&mut self, entry: Entry<'a>, defaults: &Defaults, defaults_broken: bool, draft: &mut Draft) {
        let tree = self.tree;
        if self.is_null(entry.value) {
            return self.null(entry, "list the instances below it, each with a `-`, or write `[]` for none");
        }
        let Kind::List(items) = tree.kind(entry.value) else {
            draft.incomplete = true;
            let is_dash = |key: &NodeId| tree.text(*key).is_some_and(|text| text.starts_with('-'));
            let help = match tree.kind(entry.value) {
                Kind::Map(entries) if entries.iter().any(|(key, _)| is_dash(key)) => "a space is missing behind the `-`",
                _ => "write each instance as an item: `- hostname: ...`",
            };
            return self.wrong_type(entry, "a list", help);
        };
        draft.blocks.reserve(items.len());
        for item in items {
            self.instance(*item, defaults, defaults_broken, draft);
        }
    }

    fn instance(&mut self, id: NodeId, defaults: &Defaults, defaults_broken: bool, draft: &mut Draft) {
        let before = self.errors;
        let Some(entries) = self.entries(id) else { return self.no_instance(id, draft) };
        let is_alias = self.tree.target(id) != id;
        if is_alias && !self.spend(entries.len(), id) {
            return;
        }
        let mut fields = Fields::default();
        let mut names = None;
        for entry in &entries {
            if entry.name == "hostname" {
                let (errors, broken) = (self.errors, draft.broken_names.len());
                names = Some(self.hostnames(*entry, &mut draft.broken_names));
                draft.incomplete |= self.errors > errors && draft.broken_names.len() == broken;
            } else if !fields.take(self, *entry) {
                self.other_key(entry.key, Level::Instance);
            }
        }
        let Some(mut names) = names else { return self.no_hostname(id, &entries, draft) };
        if is_alias {
            for name in &mut names {
                name.span = self.tree.span(id);
            }
        }
        let broken = defaults_broken || self.errors > before;
        let default_peers = fields.peers.is_none();
        let fields = defaults.below(fields, names.first().map(|name| name.span));
        draft.blocks.push(Block { names, fields, default_peers, broken });
    }

    fn no_instance(&mut self, id: NodeId, draft: &mut Draft) {
        if matches!(self.tree.kind(id), Kind::Broken) {
            draft.incomplete = true;
            return;
        }
        if self.is_null(id) {
            let finding = self.error(Code::Null, id, "an item without content".to_owned());
            return self.push(finding.help("write `- hostname: ...`, or remove the `-`"));
        }
        let text = self.tree.text(id).filter(|text| !text.is_empty());
        // A text of several words may have swallowed the key that stopped the parser.
        if !self.tree.complete && text.is_some_and(|text| text.contains(' ')) {
            return;
        }
        let help = match text.map(|text| (text, keys::without_colon(text))) {
            Some((text, _)) if text.contains("{{") => {
                draft.incomplete = true;
                TEMPLATE.to_owned()
            }
            Some((_, Some((why, key, value)))) => {
                draft.broken_names.push(short(value).into_owned());
                format!("{why}: `- {key}: {}`", short(value))
            }
            Some((text, None)) => {
                draft.broken_names.push(short(text).into_owned());
                format!("write `- hostname: {}`", short(text))
            }
            None => {
                draft.incomplete = true;
                "write `- hostname: ...`, with its fields below in the same column".to_owned()
            }
        };
        let finding = self.error(Code::WrongType, id, "an instance must be a mapping".to_owned());
        self.push(finding.help(help));
    }

    fn no_hostname(&mut self, id: NodeId, entries: &[Entry<'_>], draft: &mut Draft) {
        // A mistyped `hostname` has its finding already; what it gives is still declared.
        let mistyped = |entry: &&Entry<'_>| {
            keys::misspelt(entry.name, Level::Instance) == Some("hostname")
                || keys::without_colon(entry.name).is_some_and(|(_, key, _)| key == "hostname")
        };
        let mistyped = entries.iter().find(mistyped);
        let Some(mistyped) = mistyped else {
            let finding = self.error(Code::NoHostname, id, "this instance has no `hostname`".to_owned());
            return self.push(finding.help("add `hostname:`, or remove the `-` if these fields belong to the instance above"));
        };
        let behind = keys::without_colon(mistyped.name).map(|(_, _, value)| value);
        match behind.or_else(|| self.tree.text(mistyped.value)) {
            Some(text) => draft.broken_names.push(short(text).into_owned()),
            None => draft.incomplete = true,
        }
    }
}
