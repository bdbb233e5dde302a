//! The keys of a configuration: which exist where, and what to say about one that does not.

use super::{Code, finding::short, nearest::nearest, reader::Reader, tree::NodeId};

/// The keys of a file.
const FILE: &[&str] = &["instances", "controller_instances", "defaults", "external"];

/// The fields of an instance.
const INSTANCE: &[&str] = &[
    "hostname",
    "node_type",
    "node_state",
    "enabled",
    "capacity_adjustment",
    "managed_by_policy",
    "listener_port",
    "peers",
    "peers_from_control_nodes",
];

/// The fields that can have a default, and the blocks for one node type.
const DEFAULTS: &[&str] = &[
    "node_type",
    "enabled",
    "capacity_adjustment",
    "managed_by_policy",
    "listener_port",
    "peers",
    "peers_from_control_nodes",
    "hop",
    "execution",
];

/// The keys of a file that have a meaning and no effect yet.
const FILE_LATER: &[&str] = &["controller", "owns", "protect", "max_removals", "ignore", "applied_by", "overrides"];

/// The keys of an instance that have a meaning and no effect yet.
const INSTANCE_LATER: &[&str] = &["protect", "replaces", "reason", "until"];

/// What other tools and the web pages call a field.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("name", "hostname"),
    ("host", "hostname"),
    ("type", "node_type"),
    ("state", "node_state"),
    ("port", "listener_port"),
    ("capacity", "capacity_adjustment"),
    ("instance", "instances"),
    ("nodes", "instances"),
    ("default", "defaults"),
];

/// Where a key stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    File,
    Instance,
    Defaults,
    /// The defaults for one node type.
    TypeDefaults,
}

impl Level {
    /// Whether a key exists here.
    pub(super) fn has(self, name: &str) -> bool {
        self.known().any(|key| key == name)
    }

    fn known(self) -> impl Iterator<Item = &'static str> {
        let keys = match self {
            Self::File => FILE,
            Self::Instance => INSTANCE,
            Self::Defaults | Self::TypeDefaults => DEFAULTS,
        };
        keys.iter().copied().filter(move |key| self != Self::TypeDefaults || !matches!(*key, "node_type" | "hop" | "execution"))
    }
}

impl Reader<'_, '_> {
    /// A key that was not taken: the user's own, one for later, or a mistake.
    pub(super) fn other_key(&mut self, key: NodeId, level: Level) {
        let Some(name) = self.tree.text(key) else {
            let finding = self.error(Code::WrongType, key, "a key must be a single word".to_owned());
            return self.push(finding.help("write `key: value`"));
        };
        if name.starts_with("x-") {
            return;
        }
        // An alias repeats its mistakes at each use.
        if self.findings.said(Code::UnknownKey, self.tree.span(key)) {
            self.errors += 1;
            return;
        }
        let finding = if later(level).contains(&name) {
            self.error(Code::NotYet, key, format!("`{name}` is not supported yet")).help(later_help(name, level))
        } else if level != Level::File && level != Level::Instance && INSTANCE.contains(&name) {
            let finding = self.error(Code::NoDefault, key, format!("`{name}` cannot be a default"));
            finding.help(if name == "node_type" {
                "these defaults hold for one node type already: remove it"
            } else {
                "give it at each instance: it belongs to one alone"
            })
        } else {
            self.error(Code::UnknownKey, key, format!("unknown key `{}`", short(name))).help(unknown_help(name, level))
        };
        self.push(finding);
    }
}

/// The keys that have a meaning and no effect yet.
fn later(level: Level) -> &'static [&'static str] {
    match level {
        Level::File => FILE_LATER,
        Level::Instance | Level::Defaults | Level::TypeDefaults => INSTANCE_LATER,
    }
}

fn later_help(name: &str, level: Level) -> &'static str {
    match (name, level) {
        ("controller", _) => "remove it; the controller is the one of `--controller` or of the environment",
        ("owns" | "max_removals", _) => "remove it; meshform removes no instances yet, the controller's Instances page does",
        ("overrides", _) => "remove it and change the fields at the instances",
        ("replaces", _) => {
            "remove it; once nothing peers to the old instance, remove that on the controller's Instances page: meshform does not remove yet"
        }
        ("reason" | "until", _) => "it belongs to `overrides`, which are not supported yet: remove it, or make it a comment",
        _ => "remove it; until it is supported it would protect nothing and change nothing",
    }
}

/// The key that was probably meant.
pub(super) fn meant(name: &str, level: Level) -> Option<&'static str> {
    let synonym = OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, key)| *key);
    synonym.filter(|key| level.has(key)).or_else(|| nearest(name, level.known()))
}

/// The key that an unknown key was probably meant to be.
pub(super) fn misspelt(name: &str, level: Level) -> Option<&'static str> {
    let is_known = level.has(name) || later(level).contains(&name) || name.starts_with("x-");
    meant(name, level).filter(|_| !is_known)
}

/// What is missing in a text that was meant as a field and its value, and the two.
pub(super) fn without_colon(text: &str) -> Option<(&'static str, &'static str, &str)> {
    INSTANCE.iter().find_map(|key| {
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
    let elsewhere = if level == Level::File { INSTANCE } else { FILE };
    if elsewhere.contains(&name) {
        let place = if level == Level::File { "to an instance: put it below `instances`" } else { "at the left margin of the file" };
        return format!("`{name}` belongs {place}");
    }
    let keys: Vec<String> = level.known().map(|key| format!("`{key}`")).collect();
    format!("known here: {}; a key of your own begins with `x-`", keys.join(", "))
}
