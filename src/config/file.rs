//! One file: which keys it has, and its defaults.

use std::collections::{BTreeMap, HashMap};

use crate::mesh::FileId;

use super::{
    Code, Finding, Findings, Severity, Source, Span,
    fields::{Defaults, Fields},
    instance::{Around, Block},
    keys::{self, Level},
    overrides::Override,
    reader::{Entry, Reader},
    secrets,
    settings::Settings,
    tree::{Kind, NodeId, Tree},
};

/// The most names that all files together may give, ranges expanded and aliases followed.
const MAX_NAMES: usize = 2_000_000;

/// What the files declare, before it is checked as a whole.
pub(super) struct Draft {
    pub(super) blocks: Vec<Block>,
    pub(super) overrides: Vec<Override>,
    pub(super) settings: Settings,
    /// The defaults that hold for the whole mesh: those of `meshform.yaml`.
    pub(super) mesh_defaults: Defaults,
    /// The defaults of the other files.
    pub(super) file_defaults: BTreeMap<FileId, Defaults>,
    /// The texts of hostnames that could not be read.
    pub(super) broken_names: Vec<String>,
    /// Whether some file, or part of one, could not be read at all.
    pub(super) incomplete: bool,
    /// How many more names may be read.
    names_left: usize,
    /// Whether the defaults of the mesh could not be read.
    mesh_defaults_broken: bool,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            overrides: Vec::new(),
            settings: Settings::default(),
            mesh_defaults: Defaults::default(),
            file_defaults: BTreeMap::new(),
            broken_names: Vec::new(),
            incomplete: false,
            names_left: MAX_NAMES,
            mesh_defaults_broken: false,
        }
    }
}

impl Draft {
    /// Whether all hostnames are known, so that one which nothing declares is a mistake of its own.
    pub(super) fn all_known(&self) -> bool {
        !self.incomplete && self.broken_names.is_empty()
    }
}

/// What a file is among the others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role<'p> {
    /// The `meshform.yaml` of the folder, which holds for all the others.
    Mesh,
    /// The only one, which may say everything.
    Sole,
    /// One of several; with the path of the `meshform.yaml`, if there is one.
    Part(Option<&'p str>),
}

/// Reads a file into the draft; gives what nobody should see of it.
pub(super) fn read(file: FileId, source: &Source, role: Role<'_>, draft: &mut Draft, findings: &mut Findings) -> Vec<Span> {
    let before = findings.as_slice().len();
    let tree = Tree::parse(file, &source.text, findings);
    draft.incomplete |= !tree.complete;
    let mut names_left = draft.names_left;
    let mut reader = Reader { tree: &tree, findings, errors: 0, names_left: &mut names_left, inside: None, peers_read: HashMap::new() };
    match tree.root {
        Some(root) if !reader.is_null(root) => reader.file(file, root, role, draft),
        _ if findings.as_slice().len() == before => {
            let mut finding = Finding::about(Code::EmptyFile, Some(file), format!("`{}` is empty", source.path));
            // What was cut off by accident must not take a site with it.
            let help = if draft.settings.owns.as_ref().is_some_and(|owns| !owns.is_empty()) && role != Role::Mesh {
                "if the instances that stood in it shall go, delete it or write `instances: []`: `owns` would remove them"
            } else {
                finding.severity = Severity::Warning;
                "declare `instances` in it, or remove it"
            };
            findings.push(finding.help(help));
        }
        _ => {}
    }
    draft.names_left = names_left;
    draft.incomplete |= names_left == 0;
    secrets::find(&tree)
}

/// What stands at the left margin of a file, as far as its instances depend on it.
#[derive(Default)]
struct Margin<'a> {
    defaults: Defaults,
    /// The key of the defaults.
    given_defaults: Option<NodeId>,
    /// Whether some of the defaults could not be read.
    broken_defaults: bool,
    has_overrides: bool,
    /// The lists of instances.
    lists: Vec<Entry<'a>>,
    /// Those that have a finding already, but whose instances are meant.
    more: Vec<Entry<'a>>,
}

impl<'a> Reader<'a, '_> {
    fn file(&mut self, file: FileId, root: NodeId, role: Role<'_>, draft: &mut Draft) {
        let Some(entries) = self.entries(root) else {
            draft.incomplete = true;
            let finding = self.error(Code::WrongType, root, "the file must be a mapping, not a list or a text".to_owned());
            return self.push(finding.help("begin it with `instances:` and put the list of instances below"));
        };
        let mut margin = Margin { broken_defaults: !self.tree.complete, ..Margin::default() };
        for entry in entries {
            self.key_of_file(entry, role, &mut margin, draft);
        }
        self.repeated_keys(&mut margin, draft);
        self.says_nothing(root, &margin, role, draft);
        self.lists_and_defaults(&margin, role);
        let Margin { mut defaults, given_defaults: _, broken_defaults, has_overrides: _, lists, more } = margin;
        if role == Role::Mesh {
            (draft.mesh_defaults, draft.mesh_defaults_broken) = (std::mem::take(&mut defaults), broken_defaults);
        }
        let mesh = draft.mesh_defaults.clone();
        let around = Around { file: &defaults, mesh: &mesh, broken: broken_defaults || draft.mesh_defaults_broken };
        for list in lists.into_iter().chain(more) {
            self.instances(list, &around, draft);
        }
        draft.file_defaults.insert(file, defaults);
    }

    fn key_of_file(&mut self, entry: Entry<'a>, role: Role<'_>, margin: &mut Margin<'a>, draft: &mut Draft) {
        let before = self.errors;
        match entry.name {
            "defaults" => {
                margin.given_defaults = Some(entry.key);
                margin.defaults = self.defaults(entry);
                margin.broken_defaults |= self.errors > before;
            }
            "instances" | "controller_instances" => margin.lists.push(entry),
            "overrides" => {
                margin.has_overrides = true;
                self.overrides(entry, draft);
            }
            name if keys::holds_for_mesh(name) => {
                self.setting(entry, &mut draft.settings);
                draft.incomplete |= name == "external" && self.errors > before;
                self.place(entry, role);
            }
            name => {
                self.other_key(entry.key, Level::File);
                match keys::misspelt(name, Level::File) {
                    Some("instances" | "controller_instances") => margin.more.push(entry),
                    Some("defaults") => margin.broken_defaults = true,
                    Some(_) => draft.incomplete = true,
                    None => {}
                }
            }
        }
    }

    /// A file of a mesh that owns its nodes, and that says nothing about any: what was cut off by accident must not take a site
    /// with it.
    fn says_nothing(&mut self, root: NodeId, margin: &Margin<'a>, role: Role<'_>, draft: &Draft) {
        let owns = draft.settings.owns.as_ref().is_some_and(|owns| !owns.is_empty());
        let has_list = !margin.lists.is_empty() || !margin.more.is_empty() || margin.has_overrides;
        if owns && matches!(role, Role::Part(_)) && !has_list && self.tree.complete {
            let finding = self.error(Code::EmptyFile, root, "this file declares nothing".to_owned());
            self.push(
                finding.help("if the instances that stood in it shall go, delete it or write `instances: []`: `owns` would remove them"),
            );
        }
    }

    /// Which of two values is meant nobody knows, but the instances of two lists are all meant.
    fn repeated_keys(&mut self, margin: &mut Margin<'a>, draft: &mut Draft) {
        for &(key, value) in &self.tree.again {
            match self.tree.text(key) {
                Some(name @ ("instances" | "controller_instances")) => margin.more.push(Entry { key, name, value }),
                Some("defaults") => margin.broken_defaults = true,
                Some("external") => draft.incomplete = true,
                _ => {}
            }
        }
    }

    /// What the lists of instances and the defaults say against each other.
    fn lists_and_defaults(&mut self, margin: &Margin<'a>, role: Role<'_>) {
        if let [first, second, ..] = margin.lists.as_slice() {
            let finding = self.error(Code::TwoSpellings, second.key, format!("`{}` stands beside `{}`", second.name, first.name));
            let finding = finding.related(self.tree.span(first.key), "first here");
            self.push(finding.help("the two are one thing under two names: keep one list"));
        }
        let has_no_lists = margin.lists.is_empty() && margin.more.is_empty() && self.tree.complete;
        if let Some(key) = margin.given_defaults.filter(|_| has_no_lists && role != Role::Mesh) {
            let message = "`defaults` hold for their own file alone, and this one declares no instances";
            let finding = Finding::warning(Code::NoInstances, self.tree.span(key), message);
            self.push(
                finding.help("put them into each file with instances that they are meant for, or into the meshform.yaml of the folder"),
            );
        }
    }

    /// The finding for a key that holds for the whole mesh and stands in one of its files.
    fn place(&mut self, entry: Entry<'_>, role: Role<'_>) {
        let Role::Part(mesh_file) = role else { return };
        let finding =
            self.error(Code::Misplaced, entry.key, format!("`{}` holds for the whole mesh, and this is one file of several", entry.name));
        self.push(finding.help(match mesh_file {
            Some(path) => format!("move it to `{path}`"),
            None => "move it to a `meshform.yaml` at the root of the folder".to_owned(),
        }));
    }

    /// The entries of a mapping whose keys are words; other keys get their finding.
    pub(super) fn entries(&mut self, id: NodeId) -> Option<Vec<Entry<'a>>> {
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

    /// A list of mappings: the items, each with its entries.
    pub(super) fn mappings(&mut self, entry: Entry<'a>, what: &str, help: &'static str) -> Vec<(NodeId, Vec<Entry<'a>>)> {
        let tree = self.tree;
        if self.is_null(entry.value) {
            self.null(entry, "list them below it, each with a `-`, or remove the line");
            return Vec::new();
        }
        let Kind::List(items) = tree.kind(entry.value) else {
            self.wrong_type(entry, &format!("a list of {what}"), help);
            return Vec::new();
        };
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            match self.entries(*item) {
                // What aliases repeat is read at each use.
                Some(entries) if self.spend(entries.len(), *item) => found.push((*item, entries)),
                Some(_) => {}
                None if matches!(tree.kind(*item), Kind::Broken) => self.errors += 1,
                None => {
                    let finding = self.error(Code::WrongType, *item, format!("an item of `{}` must be a mapping", entry.name));
                    self.push(finding.help(help));
                }
            }
        }
        found
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
}
