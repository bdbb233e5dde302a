//! What is said about names and patterns that cannot be meant so, and what to do about each.

use crate::mesh::{HostnameError, Pattern, PatternError, PeerNameError};

use super::{
    Code, Finding, Span,
    finding::short,
    reader::{Reader, TEMPLATE},
    tree::NodeId,
};

impl Reader<'_, '_> {
    /// A pattern that cannot be read.
    pub(super) fn no_pattern(&self, error: &PatternError, text: &str, id: NodeId) -> Finding {
        let help = match error {
            PatternError::NoColon(inside) if inside.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                format!("a range has two ends: `[1:20]`, `[01:20]` or `[a:f]`; for one name write `{inside}` without the brackets")
            }
            PatternError::NoColon(inside) => {
                let ends: Vec<&str> = inside.split(['-', '.', ',']).filter(|end| !end.is_empty()).collect();
                match ends.as_slice() {
                    [first, last] => format!("put a colon between its ends: `[{first}:{last}]`"),
                    _ => "put a colon between its ends: `[1:20]`".to_owned(),
                }
            }
            PatternError::Backwards(inside) => match inside.split(':').collect::<Vec<_>>().as_slice() {
                [first, last, ..] => format!("write `[{last}:{first}]`"),
                _ => "write the smaller end first".to_owned(),
            },
            PatternError::Width(inside) => match inside.split(':').collect::<Vec<_>>().as_slice() {
                [first, last, ..] => {
                    let width = first.len().max(last.len());
                    format!("write `[{first:0>width$}:{last:0>width$}]`, or leave the zeros out")
                }
                _ => "give both ends the same number of digits".to_owned(),
            },
            PatternError::TooMany => "look for a slip in its ends, or divide it".to_owned(),
            _ => "write `exec-[1:20].example.com`, `[01:20]` with leading zeros or `[a:f]` for letters".to_owned(),
        };
        self.error(Code::Pattern, id, format!("cannot expand `{}`: {error}", short(text))).help(help)
    }

    /// A name that no instance can have; `range` is the one that it came from.
    pub(super) fn refused(&self, error: &PeerNameError, name: &str, range: Option<&str>, id: NodeId) -> Finding {
        let of = range.map_or_else(String::new, |range| format!(", a name of `{}`,", short(range)));
        let own_help = own_help(error, range.unwrap_or(name));
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
}

/// What is said of a `!` that takes nothing out of some names, or, as a range, nothing by some of its own: leading zeros are
/// easily forgotten, and what was meant to be spared is not.
///
/// `before` and `after` are how many names there were; where there were none any more, no mark can be blamed.
pub(super) fn idle_mark(pattern: &Pattern, span: Span, before: usize, after: usize, is_there: impl Fn(&str) -> bool) -> Option<Finding> {
    if before == 0 {
        return None;
    }
    let Some(names) = pattern.expand() else { return (before == after).then(|| takes_out_nothing(pattern, span)) };
    let missing: Vec<String> = names.into_iter().filter(|name| !is_there(name)).collect();
    let first = missing.first()?;
    if missing.len() == pattern.count() {
        return Some(takes_out_nothing(pattern, span));
    }
    let more = if missing.len() == 1 { String::new() } else { format!(" and {} more", missing.len() - 1) };
    let message = format!("of `!{}`, `{first}`{more} take nothing out: the other items name no such instance", short(pattern.as_str()));
    Some(Finding::warning(Code::Unmatched, span, message).help("correct the range, and mind its leading zeros"))
}

/// The finding for a `!` that changes nothing.
pub(super) fn takes_out_nothing(pattern: &Pattern, span: Span) -> Finding {
    let message = format!("`!{}` takes nothing out: the other items name no such instance", short(pattern.as_str()));
    Finding::warning(Code::Unmatched, span, message).help("correct the name, or remove it")
}

/// `a, b` for `a b` and `a,b`.
pub(super) fn parts(text: &str) -> String {
    text.split([',', ' ']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// What to do about texts that hold more than a hostname.
fn own_help(error: &PeerNameError, text: &str) -> Option<String> {
    let PeerNameError::Hostname(HostnameError::Character(_) | HostnameError::WhiteSpace) = error else { return None };
    let is_list = text.contains(',') || text.split(' ').all(|part| part.contains('.'));
    let is_port = |(host, port): (&str, &str)| !host.is_empty() && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if text.contains('[') && text.contains(',') {
        return Some("is a comma where a dot was meant? several names are a list, each in quotes of its own".to_owned());
    }
    Some(if text.contains("{{") {
        TEMPLATE.to_owned()
    } else if text.contains(['{', '}']) {
        "several that are alike are a range: `exec-[1:20].example.com`".to_owned()
    } else if text.contains(['\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}']) {
        "these are typographic quotes: write `\"` or none".to_owned()
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
