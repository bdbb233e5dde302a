//! The items of `instances`: each a block, which declares one instance or many that are alike.

use std::sync::Arc;

use crate::mesh::{DeclaredState, Hostname, OwnKeys};

use super::{
    Code,
    fields::{Defaults, FieldSet, Fields, with_defaults},
    file::Draft,
    finding::short,
    keys::{self, Level},
    own_keys,
    reader::{At, Entry, Reader, TEMPLATE},
    tree::{Kind, NodeId},
};

/// A declaration: one mapping, for one instance or for many that are alike.
#[derive(Clone, Default)]
pub(super) struct Block {
    /// The instances.
    pub(super) names: Vec<At<Hostname>>,
    /// Its fields, with overrides above and defaults below them.
    pub(super) fields: Fields,
    /// The fields that it gives itself.
    pub(super) own: FieldSet,
    /// Whether its peers come from defaults.
    pub(super) default_peers: bool,
    /// Whether some of it could not be read, so that what is missing may have been meant.
    pub(super) broken: bool,
    /// `protect`.
    pub(super) protect: Option<At<bool>>,
    /// `replaces`.
    pub(super) replaces: Option<At<Hostname>>,
    /// Its keys that begin with `x-`.
    pub(super) own_keys: Arc<OwnKeys>,
    /// The overrides that hold for it, and its fields without them.
    pub(super) overridden: Option<Arc<Overridden>>,
}

impl Block {
    /// Whether its instances shall not exist.
    pub(super) fn is_leaving(&self) -> bool {
        self.fields.node_state.is_some_and(|state| state.value == DeclaredState::Deprovisioning)
    }
}

/// What overrides hide.
pub(super) struct Overridden {
    /// The overrides, by their index in [`Draft::overrides`].
    pub(super) by: Vec<usize>,
    /// The fields as they would be without them.
    pub(super) fields: Fields,
}

/// What stands around a list of instances.
pub(super) struct Around<'d> {
    /// The defaults of the file.
    pub(super) file: &'d Defaults,
    /// The defaults of the mesh.
    pub(super) mesh: &'d Defaults,
    /// Whether some defaults could not be read.
    pub(super) broken: bool,
}

impl<'a> Reader<'a, '_> {
    /// Reads a list of instances.
    pub(super) fn instances(&mut self, entry: Entry<'a>, around: &Around<'_>, draft: &mut Draft) {
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
            self.instance(*item, around, draft);
        }
    }

    fn instance(&mut self, id: NodeId, around: &Around<'_>, draft: &mut Draft) {
        let before = self.errors;
        let Some(entries) = self.entries(id) else { return self.no_instance(id, draft) };
        let is_alias = self.tree.target(id) != id;
        if is_alias && !self.spend(entries.len(), id) {
            return;
        }
        self.inside = Some(id);
        let mut block = Block::default();
        let mut fields = Fields::default();
        let mut own_keys = OwnKeys::new();
        let mut names = None;
        for entry in &entries {
            match entry.name {
                "hostname" => {
                    let (errors, broken) = (self.errors, draft.broken_names.len());
                    names = Some(self.hostnames(*entry, &mut draft.broken_names));
                    draft.incomplete |= self.errors > errors && draft.broken_names.len() == broken;
                }
                "protect" => block.protect = self.boolean(*entry),
                "replaces" => block.replaces = self.replaces(*entry),
                name if keys::is_own(name) => own_keys.extend(own_keys::json(self, entry.value).map(|value| (name.to_owned(), value))),
                _ if fields.take(self, *entry) => {}
                _ => self.other_key(entry.key, Level::Instance),
            }
        }
        self.inside = None;
        let Some(mut names) = names else { return self.no_hostname(id, &entries, draft) };
        // What is repeated as a whole stands where it is repeated.
        if is_alias || entries.iter().any(|entry| entry.name == "hostname" && self.tree.is_merged(entry.key, id)) {
            for name in &mut names {
                name.span = self.tree.span(id);
            }
        }
        block.broken = around.broken || self.errors > before;
        block.own = FieldSet::of(&fields);
        block.default_peers = fields.peers.is_none();
        block.fields = with_defaults(fields, names.first().map(|name| name.span), around.file, around.mesh);
        block.names = names;
        block.own_keys = Arc::new(own_keys);
        draft.blocks.push(block);
    }

    /// The hostname of the instance that this one takes the place of.
    fn replaces(&mut self, entry: Entry<'_>) -> Option<At<Hostname>> {
        if self.is_null(entry.value) {
            self.null(entry, "give the hostname of the instance whose place it takes, or remove the line");
            return None;
        }
        if matches!(self.tree.kind(entry.value), Kind::List(_)) {
            self.wrong_type(entry, "one hostname", "an instance takes the place of one other");
            return None;
        }
        let mut names = self.hostnames(entry, &mut Vec::new());
        if names.len() > 1 {
            let finding = self.error(Code::Replaces, entry.value, "`replaces` names more than one instance".to_owned());
            self.push(finding.help("an instance takes the place of one other: give its hostname"));
            return None;
        }
        names.pop()
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
