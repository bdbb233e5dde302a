//! Names of instances: `hostname`, `peers` and `external`, host ranges expanded.

use std::{collections::HashMap, net::Ipv6Addr, str::FromStr};

use crate::mesh::{Hostname, HostnameError, PeerName, PeerNameError, expand};

use super::{
    Code, Finding, Span,
    finding::short,
    reader::{At, Entry, Peers, Reader, TEMPLATE},
    tree::{Kind, NodeId},
};

/// Which names are read, for the words of the findings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Hostname,
    Peers,
    External,
}

impl<'a> Reader<'a, '_> {
    /// The names of an instance's `hostname`; the texts of those that cannot be read go to `broken`.
    pub(super) fn hostnames(&mut self, entry: Entry<'_>, broken: &mut Vec<String>) -> Vec<At<Hostname>> {
        let mut names = Vec::new();
        let tree = self.tree;
        if self.is_null(entry.value) {
            self.null(entry, "give the hostname of the instance");
        } else if let Kind::List(items) = tree.kind(entry.value) {
            for item in items {
                self.name(Names::Hostname, Entry { value: *item, ..entry }, &mut names, broken);
            }
            if items.is_empty() {
                let finding = self.error(Code::NoHostname, entry.value, "`hostname` is an empty list".to_owned());
                self.push(finding.help("give at least one hostname"));
            }
        } else {
            self.name(Names::Hostname, entry, &mut names, broken);
        }
        names
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
            let names = self.list(Names::Peers, entry);
            let read = (names.map(|names| self.once(names).into()), self.errors == before);
            self.peers_read.insert(target, read.clone());
            read
        };
        self.errors += usize::from(!is_well);
        Some(At { value: value?, span: self.tree.span(entry.value) })
    }

    /// The items of `external`.
    pub(super) fn external(&mut self, entry: Entry<'_>) -> Vec<At<PeerName>> {
        if self.is_null(entry.value) {
            self.null(entry, "list the peers that only the controller knows, or remove the line");
            return Vec::new();
        }
        self.list(Names::External, entry).unwrap_or_default()
    }

    fn list(&mut self, names: Names, entry: Entry<'_>) -> Option<Vec<At<PeerName>>> {
        let tree = self.tree;
        let Kind::List(items) = tree.kind(entry.value) else {
            let help = match tree.text(entry.value).map(short) {
                Some(text) if text.contains([',', ' ']) && !text.contains(['[', '*', ':', '{']) => {
                    format!("write `{}: [{}]`", entry.name, parts(&text))
                }
                Some(text) if text.contains(['[', '*', ':', ' ']) => format!("write `{}: [\"{text}\"]`", entry.name),
                Some(text) => format!("write `{}: [{text}]`", entry.name),
                None => "write each hostname on a line of its own: `- hop-1.example.com`".to_owned(),
            };
            self.wrong_type(entry, "a list of hostnames", help);
            return None;
        };
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            self.name(names, Entry { value: *item, ..entry }, &mut found, &mut Vec::new());
        }
        Some(found)
    }

    /// One text: a name, or a range of them.
    fn name<T: FromStr<Err: Into<PeerNameError>>>(
        &mut self,
        names: Names,
        entry: Entry<'_>,
        found: &mut Vec<At<T>>,
        broken: &mut Vec<String>,
    ) {
        let Some(text) = self.name_text(entry).filter(|_| self.spend(1, entry.value)) else { return };
        let span = self.tree.span(entry.value);
        let refused = if names != Names::Hostname && (text.starts_with('!') || text.contains(['*', '?'])) {
            let finding = self.error(Code::NotYet, entry.value, format!("patterns such as `{}` are not supported yet", short(text)));
            Some(finding.help(format!("list the names in `{}` one by one; host ranges such as `[01:20]` do work", entry.name)))
        } else if !text.contains(['[', ']']) || is_v6_address(text) {
            T::from_str(text)
                .map(|value| found.push(At { value, span }))
                .err()
                .map(|error| self.refused(&error.into(), text, None, entry.value))
        } else {
            self.range(text, entry, span, found)
        };
        if let Some(finding) = refused {
            broken.extend(text.split([',', ' ']).filter(|part| !part.is_empty()).take(MAX_PARTS).map(|part| short(part).into_owned()));
            self.push(finding);
        }
    }

    fn name_text(&mut self, entry: Entry<'_>) -> Option<&'a str> {
        let tree = self.tree;
        let wrong = match tree.kind(entry.value) {
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
            Kind::Alias(_) | Kind::Broken => return None,
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
        let names = match expand(text) {
            Ok(names) => names,
            Err(error) => {
                let finding = self.error(Code::Range, entry.value, format!("cannot expand `{}`: {error}", short(text)));
                return Some(finding.help("write `exec-[1:20].example.com`, `[01:20]` with leading zeros or `[a:f]` for letters"));
            }
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

    fn refused(&self, error: &PeerNameError, name: &str, range: Option<&str>, id: NodeId) -> Finding {
        let of = range.map_or_else(String::new, |range| format!(", a name of `{}`,", short(range)));
        let own_help = own_help(error, name);
        let name = short(name);
        let help = match error {
            _ if own_help.is_some() => "",
            PeerNameError::Port => "write `host:port` with the address that is meant, or the hostname of the instance alone",
            PeerNameError::Hostname(HostnameError::Empty) => "give the hostname of the instance",
            PeerNameError::Hostname(HostnameError::Loopback) => "give the name or address at which other nodes reach it",
            PeerNameError::Hostname(HostnameError::Character('*' | '?')) => {
                "many instances that are alike are a range, such as `exec-[1:20].example.com`"
            }
            PeerNameError::Hostname(_) => "write the name or IP address that the controller knows the node by",
        };
        let message = match error {
            PeerNameError::Port => format!("`{name}`{of} cannot be an address: {error}"),
            PeerNameError::Hostname(HostnameError::Empty) => "an empty text cannot be a hostname".to_owned(),
            PeerNameError::Hostname(_) => format!("`{name}`{of} cannot be a hostname: {error}"),
        };
        self.error(Code::Hostname, id, message).help(own_help.unwrap_or_else(|| help.to_owned()))
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

/// `a, b` for `a b` and `a,b`.
fn parts(text: &str) -> String {
    text.split([',', ' ']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// What to do about texts that hold more than a hostname.
fn own_help(error: &PeerNameError, text: &str) -> Option<String> {
    let PeerNameError::Hostname(HostnameError::Character(_) | HostnameError::WhiteSpace) = error else { return None };
    let is_list = text.contains(',') || text.split(' ').all(|part| part.contains('.'));
    let is_port = |(host, port): (&str, &str)| !host.is_empty() && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    Some(if text.contains("{{") {
        TEMPLATE.to_owned()
    } else if text.contains("://") {
        "a hostname has no scheme: write the name or IP address alone".to_owned()
    } else if text.contains('%') {
        "a hostname has no zone: write an address that all nodes reach".to_owned()
    } else if is_list && text.contains([',', ' ']) {
        format!("several names are a list: `[{}]`", parts(&short(text)))
    } else if text.rsplit_once(':').is_some_and(is_port) {
        "a hostname has no port: give `listener_port`".to_owned()
    } else {
        return None;
    })
}

/// `[2001:db8::1]:27199`: brackets that are no range.
fn is_v6_address(text: &str) -> bool {
    text.strip_prefix('[').and_then(|rest| rest.split_once(']')).is_some_and(|(inside, _)| inside.parse::<Ipv6Addr>().is_ok())
}
