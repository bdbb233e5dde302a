//! Reading single values from the tree: each gives the value with its place, or leaves a finding.

use std::{collections::HashMap, sync::Arc};

use crate::mesh::{CapacityAdjustment, CapacityError, DeclaredState, DeclaredType, ListenerPort, PeerName};

use super::{
    Code, Finding, Findings, Severity, Span,
    finding::short,
    names::NameList,
    nearest::nearest,
    tree::{Kind, NodeId, Tree},
};

/// The help for `{{ host }}`.
pub(super) const TEMPLATE: &str = "templates are not rendered: write the value itself, or render the file first";

/// A value and the part of the file that gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// Walks the tree of one file and collects what is wrong with it.
pub(super) struct Reader<'a, 's> {
    pub(super) tree: &'a Tree<'s>,
    pub(super) findings: &'a mut Findings,
    /// How many errors this reader met, those included that are said elsewhere already.
    pub(super) errors: usize,
    /// How many more names this run may read.
    pub(super) names_left: &'a mut usize,
    /// The mapping that is being read, for what merge keys bring into it.
    pub(super) inside: Option<NodeId>,
    /// The lists of peers that were read, which aliases and merge keys use again; and whether all is well with them.
    pub(super) peers_read: HashMap<NodeId, (Option<Peers>, bool)>,
}

/// The peers of an instance; those with the same defaults or behind the same alias share them.
pub(super) type Peers = Arc<NameList<PeerName>>;

/// A key, its name and its value.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) key: NodeId,
    pub(super) name: &'a str,
    pub(super) value: NodeId,
}

impl<'a> Reader<'a, '_> {
    pub(super) fn push(&mut self, finding: Finding) {
        self.errors += usize::from(finding.severity == Severity::Error);
        self.findings.push(finding);
    }

    /// An error at a node; behind an alias also where its value stands.
    pub(super) fn error(&self, code: Code, id: NodeId, message: String) -> Finding {
        let finding = Finding::error(code, self.tree.span(id), message);
        match (self.tree.origin(id), self.inside) {
            (Some(origin), _) => finding.related(origin, "this is what it stands for"),
            (None, Some(map)) if self.tree.is_merged(id, map) => finding.related(self.tree.span(map), "merged into this one"),
            (None, _) => finding,
        }
    }

    /// What was found in place of what was wanted.
    pub(super) fn wrong_type(&mut self, entry: Entry<'_>, wanted: &str, help: impl Into<String>) {
        let found = match self.tree.kind(entry.value) {
            Kind::Scalar { plain: true, .. } => "a single value",
            Kind::Scalar { plain: false, .. } => "a text in quotes",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            // It has its finding already.
            Kind::Alias(_) | Kind::Broken => return self.errors += 1,
        };
        let finding = self.error(Code::WrongType, entry.value, format!("`{}` must be {wanted}, not {found}", entry.name));
        let help = if self.is_template(entry.value) { TEMPLATE.to_owned() } else { help.into() };
        self.push(finding.help(help));
    }

    /// Whether a node is `{{ name }}`, which YAML reads as a mapping whose key is a mapping.
    pub(super) fn is_template(&self, id: NodeId) -> bool {
        let Kind::Map(entries) = self.tree.kind(id) else { return false };
        entries.first().is_some_and(|(key, _)| matches!(self.tree.kind(*key), Kind::Map(_)))
    }

    /// Whether a node is null: nothing behind the colon, `~` or `null`.
    pub(super) fn is_null(&self, id: NodeId) -> bool {
        matches!(self.tree.kind(id), Kind::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The finding for a key without a value.
    pub(super) fn null(&mut self, entry: Entry<'_>, help: &str) {
        let id = if self.tree.span(entry.value).start == self.tree.span(entry.value).end { entry.key } else { entry.value };
        let finding = self.error(Code::Null, id, format!("`{}` has no value", entry.name));
        self.push(finding.help(help));
    }

    /// The text of a scalar, and whether it stands there without quotes.
    pub(super) fn scalar(&mut self, entry: Entry<'_>, wanted: &str) -> Option<At<(&'a str, bool)>> {
        const NULL: &str = "give it a value, or remove the line: a field that is left out is not managed";
        if self.is_null(entry.value) {
            self.null(entry, NULL);
            return None;
        }
        let tree = self.tree;
        if let Kind::Scalar { text, plain } = tree.kind(entry.value) {
            return Some(At { value: (text, *plain), span: tree.span(entry.value) });
        }
        self.wrong_type(entry, wanted, format!("give it {wanted}"));
        None
    }

    /// A text that is no list and no mapping; a number is as good as a text here.
    pub(super) fn text(&mut self, entry: Entry<'_>, wanted: &str) -> Option<At<&'a str>> {
        let At { value: (text, _), span } = self.scalar(entry, wanted)?;
        if text.trim().is_empty() {
            let finding = self.error(Code::Null, entry.value, format!("`{}` is empty", entry.name));
            self.push(finding.help(format!("give it {wanted}")));
            return None;
        }
        Some(At { value: text, span })
    }

    /// The same to be kept: a text in which nothing is read.
    pub(super) fn words(&mut self, entry: Entry<'_>, wanted: &str) -> Option<At<String>> {
        self.text(entry, wanted).map(|At { value, span }| At { value: value.to_owned(), span })
    }

    pub(super) fn boolean(&mut self, entry: Entry<'_>) -> Option<At<bool>> {
        let At { value: (text, plain), span } = self.scalar(entry, "`true` or `false`")?;
        let value = match text {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
            _ => None,
        };
        if let Some(value) = value.filter(|_| plain) {
            return Some(At { value, span });
        }
        let (found, help) = match value {
            Some(_) => (", not a text in quotes", "remove the quotes"),
            None if text.contains("{{") => (", not a template", TEMPLATE),
            None => ("", "write `true` or `false`"),
        };
        let finding = self.error(Code::Boolean, entry.value, format!("`{}` must be `true` or `false`{found}", entry.name));
        self.push(finding.help(help));
        None
    }

    pub(super) fn node_type(&mut self, entry: Entry<'_>) -> Option<At<DeclaredType>> {
        let At { value: (text, _), span } = self.scalar(entry, "`hop` or `execution`")?;
        let (message, help) = match text {
            "hop" => return Some(At { value: DeclaredType::Hop, span }),
            "execution" => return Some(At { value: DeclaredType::Execution, span }),
            "control" | "hybrid" => (
                format!("a {text} node cannot be declared: its installation registers it, and the API refuses to create one"),
                "remove this instance; control nodes come and go by themselves, and their links follow from `peers_from_control_nodes`",
            ),
            _ => {
                let help = match nearest(text, ["hop", "execution"]) {
                    _ if text.contains("{{") => TEMPLATE,
                    Some("hop") => "did you mean `hop`?",
                    Some(_) => "did you mean `execution`?",
                    None if text == "exec" || text == "executor" => "did you mean `execution`?",
                    None => "write `hop` (relays) or `execution` (runs jobs)",
                };
                (format!("no node type is called `{}`", short(text)), help)
            }
        };
        let finding = self.error(Code::NodeType, entry.value, message);
        self.push(finding.help(help));
        None
    }

    pub(super) fn node_state(&mut self, entry: Entry<'_>) -> Option<At<DeclaredState>> {
        const REMOVE: &str = "`deprovisioning` is the state of an instance that shall not exist";
        let At { value: (text, _), span } = self.scalar(entry, "`installed` or `deprovisioning`")?;
        let (message, help) = match text {
            "installed" => return Some(At { value: DeclaredState::Installed, span }),
            "deprovisioning" => return Some(At { value: DeclaredState::Deprovisioning, span }),
            "ready" | "unavailable" | "provisioning" | "provision-fail" | "deprovision-fail" => (
                format!("the controller alone moves an instance to `{text}`, so it cannot be declared"),
                "remove the line, or write `installed`: every state of a working node satisfies it".to_owned(),
            ),
            "absent" => ("no node state is called `absent`".to_owned(), "write `deprovisioning`: the instance shall not exist".to_owned()),
            "present" => ("no node state is called `present`".to_owned(), "remove the line, or write `installed`".to_owned()),
            _ => {
                let help = match nearest(text, ["installed", "deprovisioning"]) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("remove the line, or write `installed`; {REMOVE}"),
                };
                (format!("no node state is called `{}`", short(text)), help)
            }
        };
        let finding = self.error(Code::NodeState, entry.value, message);
        self.push(finding.help(help));
        None
    }

    /// A port, or null for "no listener".
    pub(super) fn port(&mut self, entry: Entry<'_>) -> Option<At<Option<ListenerPort>>> {
        if self.is_null(entry.value) {
            return Some(At { value: None, span: self.tree.span(entry.value) });
        }
        let At { value: (text, plain), span } = self.scalar(entry, "a port number")?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let is_decimal = is_number && (digits == "0" || !digits.starts_with('0'));
        let (message, help) = if !plain && is_decimal {
            (format!("`{}` must be a number, not a text", entry.name), "remove the quotes")
        } else if !plain || !is_decimal {
            let why = if text.contains("{{") {
                TEMPLATE
            } else if plain && is_number && digits.starts_with('0') {
                "write it without the leading zero: readers of YAML disagree about such numbers"
            } else if is_number || text.contains(['x', 'o', '_']) && text.starts_with(|c: char| c.is_ascii_digit()) {
                "write it in plain decimal digits: readers of YAML disagree about other notations"
            } else {
                "write a number from 1 to 65535 (27199 is usual), or `null` for no listener"
            };
            let what = if text.is_empty() { "an empty text".to_owned() } else { format!("`{}`", short(text)) };
            (format!("{what} is no port number"), why)
        } else {
            match text.parse::<i64>().ok().and_then(|number| ListenerPort::try_from(number).ok()) {
                Some(port) => {
                    self.privileged(port, entry.value);
                    return Some(At { value: Some(port), span });
                }
                None => (format!("`{}` is no port: a port goes from 1 to 65535", short(text)), "27199 is usual; `null` is no listener"),
            }
        };
        let finding = self.error(Code::Port, entry.value, message);
        self.push(finding.help(help));
        None
    }

    fn privileged(&mut self, port: ListenerPort, id: NodeId) {
        if port.is_privileged() {
            let message =
                format!("port {port} is below 1024: AWX 23.0 to 23.7 refuses it, and elsewhere the node's receptor needs root to listen");
            let finding = Finding::warning(Code::PrivilegedPort, self.tree.span(id), message);
            self.push(finding.help("use a port from 1024 on; 27199 is usual"));
        }
    }

    pub(super) fn capacity(&mut self, entry: Entry<'_>) -> Option<At<CapacityAdjustment>> {
        let At { value: (text, _), span } = self.scalar(entry, "a number from 0 to 9.99")?;
        let digits = text.trim_start_matches(['-', '+']);
        let is_octal = matches!(digits.as_bytes(), [b'0', b'0'..=b'9', ..]);
        let shown = short(text);
        let message = match text.parse::<CapacityAdjustment>() {
            Ok(value) if !is_octal => return Some(At { value, span }),
            Ok(_) => format!("`{shown}` begins with a needless zero"),
            Err(CapacityError::NotANumber) => format!("`{shown}` is not a decimal number"),
            Err(CapacityError::OutOfRange) => format!("`{shown}` is out of range: a capacity adjustment goes from 0 to 9.99"),
            Err(CapacityError::TooFine) => format!("`{shown}` is too fine: a capacity adjustment has at most two places after the point"),
        };
        let help = if text.contains("{{") { TEMPLATE } else { "write a number such as `0.75`, from 0 to 9.99" };
        let finding = self.error(Code::Capacity, entry.value, message);
        self.push(finding.help(help));
        None
    }
}
