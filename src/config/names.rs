//! Names of instances: `hostname`, and every list that names instances, host ranges expanded.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv6Addr,
    str::FromStr,
    sync::Arc,
};

use crate::mesh::{Hostname, HostnameError, Listed, Pattern, PeerName, PeerNameError};

use super::{
    Code, Finding, Span,
    finding::short,
    name_findings::{idle_mark, parts},
    reader::{At, Entry, Peers, Reader, TEMPLATE},
    tree::{Kind, NodeId},
};

/// What a list names: names as they stand, and patterns for what is known elsewhere.
pub(super) struct NameList<T> {
    /// Names, ranges expanded.
    pub(super) names: Vec<At<T>>,
    /// Patterns with wildcards.
    pub(super) wild: Vec<At<Pattern>>,
    /// What a leading `!` takes out again.
    pub(super) without: Vec<At<Pattern>>,
    /// Whether `names` has what the patterns match.
    pub(super) resolved: bool,
}

impl<T> Default for NameList<T> {
    fn default() -> Self {
        Self { names: Vec::new(), wild: Vec::new(), without: Vec::new(), resolved: false }
    }
}

impl<T> NameList<T> {
    /// Whether the names alone are meant.
    pub(super) fn is_plain(&self) -> bool {
        self.wild.is_empty() && self.without.is_empty()
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.wild.extend(other.wild);
        self.without.extend(other.without);
    }

    /// Whether a name is taken out again.
    pub(super) fn takes_out(&self, name: &str) -> bool {
        self.without.iter().any(|item| item.value.matches(name))
    }
}

/// Which names are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Of new instances: there is nothing yet that a wildcard could match.
    New,
    /// Of instances that are declared, or known to the controller.
    Known,
}

impl<'a> Reader<'a, '_> {
    /// The names of an instance's `hostname`; the texts of those that cannot be read go to `broken`.
    pub(super) fn hostnames(&mut self, entry: Entry<'_>, broken: &mut Vec<String>) -> Vec<At<Hostname>> {
        let mut list: NameList<Hostname> = NameList::default();
        let tree = self.tree;
        let before = self.errors;
        if self.is_null(entry.value) {
            self.null(entry, "give the hostname of the instance");
        } else if let Kind::List(items) = tree.kind(entry.value) {
            for item in items {
                self.name(Names::New, Entry { value: *item, ..entry }, &mut list, broken);
            }
        } else {
            self.name(Names::New, entry, &mut list, broken);
        }
        let marked = !list.without.is_empty();
        let named: HashSet<String> = list.names.iter().filter(|_| marked).map(|name| name.value.to_string()).collect();
        for item in &list.without {
            let all = list.names.len();
            list.names.retain(|name| !item.value.matches(name.value.as_str()));
            let idle = idle_mark(&item.value, item.span, all, list.names.len(), |name| named.contains(name));
            if let Some(finding) = idle.filter(|_| self.errors == before) {
                self.push(finding);
            }
        }
        if list.names.is_empty() && self.errors == before {
            let finding = self.error(Code::NoHostname, entry.value, format!("`{}` names no instance", entry.name));
            let help =
                if list.without.is_empty() { "give at least one hostname" } else { "the items with a `!` take out all that there is" };
            self.push(finding.help(help));
        }
        list.names
    }

    /// The items of `peers`, each once.
    pub(super) fn peers(&mut self, entry: Entry<'_>) -> Option<At<Peers>> {
        if self.is_null(entry.value) {
            self.null(entry, "write `[]` for no peers, or remove the line: a field that is left out is not managed");
            return None;
        }
        let target = self.tree.target(entry.value);
        let (value, is_well) = if let Some(read) = self.peers_read.get(&target) {
            read.clone()
        } else {
            let before = self.errors;
            let list = self.list(entry).map(|list| {
                let names = self.once(list.names);
                Arc::new(NameList { names, ..list })
            });
            let read = (list, self.errors == before);
            self.peers_read.insert(target, read.clone());
            read
        };
        self.errors += usize::from(!is_well);
        Some(At { value: value?, span: self.tree.span(entry.value) })
    }

    /// The items of `external`.
    pub(super) fn external(&mut self, entry: Entry<'_>) -> NameList<PeerName> {
        if self.is_null(entry.value) {
            self.null(entry, "list the peers that only the controller knows, or remove the line");
            return NameList::default();
        }
        self.list(entry).unwrap_or_default()
    }

    fn list(&mut self, entry: Entry<'_>) -> Option<NameList<PeerName>> {
        let mut list = NameList::default();
        for item in self.items(entry)? {
            self.name(Names::Known, Entry { value: *item, ..entry }, &mut list, &mut Vec::new());
        }
        if list.names.is_empty()
            && list.wild.is_empty()
            && let Some(first) = list.without.first()
        {
            let span = first.span;
            self.names_none(entry, span);
        }
        Some(list)
    }

    /// The items of a list of hostnames.
    fn items(&mut self, entry: Entry<'_>) -> Option<&'a [NodeId]> {
        let tree = self.tree;
        if let Kind::List(items) = tree.kind(entry.value) {
            return Some(items);
        }
        let help = match tree.text(entry.value).map(short) {
            Some(text) if matches!(&*text, "none" | "None" | "no" | "nobody" | "-") => format!("write `{}: []` for none", entry.name),
            Some(text) if text.starts_with('[') && text.ends_with(']') => {
                format!("remove the quotes around the list, and quote the ranges in it: `{}: {text}`", entry.name)
            }
            Some(text) if text.contains([',', ' ']) && !text.contains(['[', '*', ':', '{']) => {
                format!("write `{}: [{}]`", entry.name, parts(&text))
            }
            Some(text) if text.contains(['[', '*', ':', ' ', '!']) => format!("write `{}: [\"{text}\"]`", entry.name),
            Some(text) => format!("write `{}: [{text}]`", entry.name),
            None => "write each hostname on a line of its own: `- hop-1.example.com`".to_owned(),
        };
        self.wrong_type(entry, "a list of hostnames", help);
        None
    }

    /// A list of patterns that match names which are known elsewhere.
    pub(super) fn patterns(&mut self, entry: Entry<'_>) -> Vec<At<Listed>> {
        if self.is_null(entry.value) {
            self.null(entry, "list hostnames or patterns, or remove the line");
            return Vec::new();
        }
        let items = self.items(entry).unwrap_or_default();
        self.pattern_items(entry, items)
    }

    /// The same, or a single pattern in place of a list.
    pub(super) fn pattern_or_list(&mut self, entry: Entry<'_>) -> Vec<At<Listed>> {
        let tree = self.tree;
        let items = match tree.kind(entry.value) {
            Kind::List(items) => items.as_slice(),
            _ if self.is_null(entry.value) => {
                self.null(entry, "give a hostname, a pattern or a list of them");
                return Vec::new();
            }
            _ => &[entry.value],
        };
        if items.is_empty() {
            let finding = self.error(Code::NoHostname, entry.value, "`hostname` names no instance".to_owned());
            self.push(finding.help("give at least one hostname or pattern"));
        }
        self.pattern_items(entry, items)
    }

    fn pattern_items(&mut self, entry: Entry<'_>, items: &[NodeId]) -> Vec<At<Listed>> {
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            let entry = Entry { value: *item, ..entry };
            let Some(text) = self.name_text(entry) else { continue };
            let span = self.tree.span(*item);
            let (takes_out, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
            match self.pattern(text, *item) {
                Ok(pattern) if !self.spend(pattern.count(), *item) => {}
                Ok(pattern) => found.push(At { value: Listed { pattern, takes_out, place: span.place }, span }),
                Err(finding) => self.push(finding),
            }
        }
        if let Some(first) = found.first().filter(|_| found.len() == items.len() && found.iter().all(|item| item.value.takes_out)) {
            let span = first.span;
            self.names_none(entry, span);
        }
        found
    }

    fn names_none(&mut self, entry: Entry<'_>, span: Span) {
        let finding = Finding::error(Code::Pattern, span, format!("`{}` takes out names and names none", entry.name));
        self.push(finding.help("name first what a `!` can take out of: `[\"*.example.com\", \"!*.lab.example.com\"]`"));
    }

    fn pattern(&self, text: &str, id: NodeId) -> Result<Pattern, Finding> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '*' | '?' | '[' | ']');
        if let Some(strange) = text.chars().find(|c| !allowed(*c)) {
            let why = if strange.is_whitespace() { HostnameError::WhiteSpace } else { HostnameError::Character(strange) };
            return Err(self.refused(&why.into(), text, None, id));
        }
        text.parse().map_err(|error| self.no_pattern(&error, text, id))
    }

    /// One text: a name, a range of them, or a pattern.
    fn name<T: FromStr<Err: Into<PeerNameError>>>(
        &mut self,
        names: Names,
        entry: Entry<'_>,
        list: &mut NameList<T>,
        broken: &mut Vec<String>,
    ) {
        let Some(text) = self.name_text(entry).filter(|_| self.spend(1, entry.value)) else { return };
        let span = self.tree.span(entry.value);
        let refused = if let Some(rest) = text.strip_prefix('!') {
            self.pattern(rest, entry.value).map(|value| list.without.push(At { value, span })).err()
        } else if names == Names::Known && text.contains(['*', '?']) {
            self.pattern(text, entry.value).map(|value| list.wild.push(At { value, span })).err()
        } else if !text.contains(['[', ']']) || is_v6_address(text) {
            T::from_str(text)
                .map(|value| list.names.push(At { value, span }))
                .err()
                .map(|error| self.refused(&error.into(), text, None, entry.value))
        } else {
            self.range(text, entry, span, &mut list.names)
        };
        if let Some(finding) = refused {
            broken.extend(text.split([',', ' ']).filter(|part| !part.is_empty()).take(MAX_PARTS).map(|part| short(part).into_owned()));
            self.push(finding);
        }
    }

    fn name_text(&mut self, entry: Entry<'_>) -> Option<&'a str> {
        let tree = self.tree;
        let wrong = match tree.kind(entry.value) {
            Kind::Scalar { text, plain: true } if is_boolean(text) => (
                Code::WrongType,
                format!("`{text}` in `{}` is a boolean, not a hostname", entry.name),
                "quote it if a host is really called so",
            ),
            Kind::Scalar { text, .. } if !self.is_null(entry.value) => return Some(text),
            Kind::Scalar { .. } => (Code::Null, format!("an item of `{}` is empty", entry.name), "give a hostname, or remove the line"),
            Kind::List(_) => (
                Code::WrongType,
                format!("a list within the list of `{}`", entry.name),
                "list the hostnames one by one; a range in brackets needs quotes",
            ),
            Kind::Map(_) if self.is_template(entry.value) => {
                (Code::WrongType, format!("a name in `{}` is a template", entry.name), TEMPLATE)
            }
            Kind::Map(_) => {
                (Code::WrongType, format!("a name in `{}` is a mapping", entry.name), "write the hostname alone, without a key")
            }
            Kind::Alias(_) | Kind::Broken => {
                self.errors += 1;
                return None;
            }
        };
        let (code, message, help) = wrong;
        let finding = self.error(code, entry.value, message);
        self.push(finding.help(help));
        None
    }

    fn range<T: FromStr<Err: Into<PeerNameError>>>(
        &mut self,
        text: &str,
        entry: Entry<'_>,
        span: Span,
        found: &mut Vec<At<T>>,
    ) -> Option<Finding> {
        let pattern = match text.parse::<Pattern>() {
            Ok(pattern) => pattern,
            Err(error) => return Some(self.no_pattern(&error, text, entry.value)),
        };
        let Some(names) = pattern.expand() else {
            let wildcard = text.chars().find(|c| matches!(c, '*' | '?')).unwrap_or('*');
            return Some(self.refused(&HostnameError::Character(wildcard).into(), text, None, entry.value));
        };
        if !self.spend(names.len(), entry.value) {
            return None;
        }
        for name in names {
            match T::from_str(&name) {
                Ok(value) => found.push(At { value, span }),
                Err(error) => return Some(self.refused(&error.into(), &name, Some(text), entry.value)),
            }
        }
        None
    }

    /// Takes from what this run may read, so that aliases and ranges of a small file cannot fill the memory.
    pub(super) fn spend(&mut self, count: usize, id: NodeId) -> bool {
        if *self.names_left == 0 {
            return false;
        }
        *self.names_left = self.names_left.saturating_sub(count);
        if *self.names_left == 0 {
            let finding = self.error(Code::TooMany, id, "up to here the configuration has more than two million names".to_owned());
            self.push(finding.help("look for a slip in its ranges, and for aliases that repeat long lists"));
        }
        *self.names_left > 0
    }

    /// Each peer once. The hostname and an address with that host are one instance, which the controller refuses twice.
    fn once(&mut self, names: Vec<At<PeerName>>) -> Vec<At<PeerName>> {
        if names.len() < 2 {
            return names;
        }
        let mut first: HashMap<PeerName, Span> = HashMap::with_capacity(names.len());
        let mut addresses: HashMap<Hostname, Span> = HashMap::new();
        let mut kept = Vec::with_capacity(names.len());
        let mut last = None;
        for name in names {
            let same = first.get(&name.value).or_else(|| match &name.value {
                PeerName::Instance(host) => addresses.get(host),
                PeerName::Address { host, port: _ } => first.get(&PeerName::Instance(host.clone())),
            });
            let Some(same) = same.copied() else {
                if let PeerName::Address { host, port: _ } = &name.value {
                    addresses.entry(host.clone()).or_insert(name.span);
                }
                first.insert(name.value.clone(), name.span);
                kept.push(name);
                continue;
            };
            // One finding for a whole range of them.
            if last != Some(name.span) {
                last = Some(name.span);
                let finding = Finding::error(Code::DuplicatePeer, name.span, format!("`{}` is listed twice in `peers`", name.value.host()));
                let finding = if same == name.span { finding } else { finding.related(same, "first here") };
                self.push(finding.help("keep one of the two"));
            }
        }
        kept
    }
}

/// How many names of one text are proposed or remembered.
const MAX_PARTS: usize = 100;

/// What every reader of YAML takes for a boolean.
fn is_boolean(text: &str) -> bool {
    matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
}

/// `[2001:db8::1]:27199`: brackets that are no range.
fn is_v6_address(text: &str) -> bool {
    text.strip_prefix('[').and_then(|rest| rest.split_once(']')).is_some_and(|(inside, _)| inside.parse::<Ipv6Addr>().is_ok())
}
