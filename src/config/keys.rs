//! The keys of a configuration: which exist where, and what to say about one that does not.

use super::{Code, finding::short, nearest::nearest, reader::Reader, tree::NodeId};

/// The keys of a file.
const FILE: &[&str] = &["instances", "controller_instances", "defaults", "overrides"];

/// The keys that hold for the whole mesh.
const MESH: &[&str] = &["controller", "owns", "external", "protect", "max_removals", "ignore", "applied_by"];

/// The fields that are managed and can be overridden.
const FIELDS: &[&str] = &["enabled", "capacity_adjustment", "managed_by_policy", "listener_port", "peers", "peers_from_control_nodes"];

/// What else an instance has.
const INSTANCE: &[&str] = &["hostname", "node_type", "node_state", "protect", "replaces"];

/// What else defaults have: a node type, and the blocks for one.
const DEFAULTS: &[&str] = &["node_type", "hop", "execution"];

/// What else an override has.
const OVERRIDE: &[&str] = &["hostname", "reason", "until"];

/// What an ignored difference has.
const IGNORE: &[&str] = &["hostname", "field", "until", "reason"];

/// What other tools and the web pages call a key.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("name", "hostname"),
    ("host", "hostname"),
    ("type", "node_type"),
    ("state", "node_state"),
    ("port", "listener_port"),
    ("capacity", "capacity_adjustment"),
    ("instance", "instances"),
    ("nodes", "instances"),
    ("hosts", "instances"),
    ("default", "defaults"),
    ("override", "overrides"),
    ("own", "owns"),
    ("expires", "until"),
    ("why", "reason"),
    ("comment", "reason"),
];

/// Where a key stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    File,
    Instance,
    Defaults,
    /// The defaults for one node type.
    TypeDefaults,
    Override,
    Ignore,
}

impl Level {
    /// Whether a key exists here.
    pub(super) fn has(self, name: &str) -> bool {
        self.known().any(|key| key == name)
    }

    pub(super) fn known(self) -> impl Iterator<Item = &'static str> {
        let (own, more) = match self {
            Self::File => (FILE, MESH),
            Self::Instance => (INSTANCE, FIELDS),
            Self::Defaults => (DEFAULTS, FIELDS),
            Self::TypeDefaults => (&[] as &[&str], FIELDS),
            Self::Override => (OVERRIDE, FIELDS),
            Self::Ignore => (IGNORE, &[] as &[&str]),
        };
        own.iter().chain(more).copied()
    }
}

/// Whether a key holds for the whole mesh.
pub(super) fn holds_for_mesh(name: &str) -> bool {
    MESH.contains(&name)
}

impl Reader<'_, '_> {
    /// A key that was not taken: the user's own, or a mistake.
    pub(super) fn other_key(&mut self, key: NodeId, level: Level) {
        let Some(name) = self.tree.text(key) else {
            let finding = self.error(Code::WrongType, key, "a key must be a single word".to_owned());
            return self.push(finding.help("write `key: value`"));
        };
        if is_own(name) {
            return;
        }
        // An alias repeats its mistakes at each use.
        if self.findings.said(Code::UnknownKey, self.tree.span(key)) {
            self.errors += 1;
            return;
        }
        let is_of_instance = INSTANCE.contains(&name);
        let finding = match level {
            Level::Defaults | Level::TypeDefaults if is_of_instance => {
                let finding = self.error(Code::NoDefault, key, format!("`{name}` cannot be a default"));
                finding.help(match name {
                    "node_type" => "these defaults hold for one node type already: remove it",
                    "protect" => "list the hostnames under `protect` beside `defaults`, or give it at each instance",
                    _ => "give it at each instance: it belongs to one alone",
                })
            }
            Level::Override if is_of_instance => {
                let finding = self.error(Code::NoOverride, key, format!("`{name}` cannot be overridden"));
                finding.help(match name {
                    "node_type" => "change it where the instance is declared: it means to remove the node and to create it anew",
                    _ => "change it where the instance is declared",
                })
            }
            _ => self.error(Code::UnknownKey, key, format!("unknown key `{}`", short(name))).help(unknown_help(name, level)),
        };
        self.push(finding);
    }
}

/// Whether a key is the user's own.
pub(super) fn is_own(name: &str) -> bool {
    name.starts_with("x-")
}

/// The key that was probably meant.
fn meant(name: &str, level: Level) -> Option<&'static str> {
    let synonym = OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, key)| *key);
    synonym.filter(|key| level.has(key)).or_else(|| nearest(name, level.known()))
}

/// The key that an unknown key was probably meant to be.
pub(super) fn misspelt(name: &str, level: Level) -> Option<&'static str> {
    let is_known = level.has(name) || is_own(name);
    meant(name, level).filter(|_| !is_known)
}

/// What is missing in a text that was meant as a field and its value, and the two.
pub(super) fn without_colon(text: &str) -> Option<(&'static str, &'static str, &str)> {
    INSTANCE.iter().chain(FIELDS).find_map(|key| {
        let rest = text.strip_prefix(key)?;
        let (why, value) = match rest.strip_prefix(':') {
            Some(value) => ("a space is missing behind the colon", Some(value).filter(|value| !value.starts_with(' '))?),
            None => ("a colon is missing", rest.strip_prefix(' ')?),
        };
        Some((why, *key, value.split_whitespace().next()?))
    })
}

fn unknown_help(name: &str, level: Level) -> String {
    if let Some((why, key, value)) = without_colon(name) {
        return format!("{why}: `{key}: {}`", short(value));
    }
    if let Some(known) = meant(name, level) {
        return format!("did you mean `{known}`?");
    }
    let elsewhere = match level {
        Level::File if Level::Instance.has(name) => "to an instance: put it below `instances`",
        Level::File => "",
        Level::Instance if OVERRIDE.contains(&name) => "to an item of `overrides`",
        _ if Level::File.has(name) => "at the left margin of the file",
        _ => "",
    };
    if !elsewhere.is_empty() {
        return format!("`{name}` belongs {elsewhere}");
    }
    let keys: Vec<String> = level.known().map(|key| format!("`{key}`")).collect();
    format!("known here: {}; a key of your own begins with `x-`", keys.join(", "))
}
