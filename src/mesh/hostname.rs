//! Hostnames, by the server's own rule.

use std::{borrow::Borrow, fmt, net::IpAddr, str::FromStr};

use thiserror::Error;

/// The hostname of a declared instance: a simple name, a domain name or an IP address. Case matters.
///
/// AWX 23.7 and 24.6: a create with any other hostname is refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hostname(String);

/// Why a text is no hostname of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HostnameError {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// Longer than the server stores.
    #[error("it has {0} characters, and 250 is the most")]
    TooLong(usize),
    /// The machine that reads it would be meant.
    #[error("every machine calls itself so (loopback)")]
    Loopback,
    /// White space anywhere.
    #[error("it has white space in it")]
    WhiteSpace,
    /// A character that no hostname has.
    #[error("{} is not allowed: letters, digits, hyphens and dots are, or an IP address", shown(*.0))]
    Character(char),
    /// A label (what stands between two dots) that is empty, as with a leading, trailing or doubled dot.
    #[error("a dot leads, trails or is doubled")]
    EmptyLabel,
    /// A label that begins with a hyphen.
    #[error("its part `{0}` begins with a hyphen")]
    LeadingHyphen(String),
    /// A label of more than 63 characters in a domain name.
    #[error("its part `{0}` has more than 63 characters")]
    LongLabel(String),
    /// A last label of one character in a domain name.
    #[error("its last part `{0}` has one character, and needs two")]
    ShortTopLevel(String),
}

/// A character as it can be read: many outside of ASCII look like another one, or like nothing.
fn shown(character: char) -> String {
    if character.is_ascii() { format!("`{character}`") } else { format!("`{character}` (U+{:04X})", u32::from(character)) }
}

const MAX_LENGTH: usize = 250;
const MAX_LABEL: usize = 63;

impl Hostname {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Hostname {
    type Err = HostnameError;

    fn from_str(text: &str) -> Result<Self, HostnameError> {
        check(text).map(|()| Self(text.to_owned()))
    }
}

fn check(text: &str) -> Result<(), HostnameError> {
    if text.is_empty() {
        return Err(HostnameError::Empty);
    }
    let length = text.chars().count();
    if length > MAX_LENGTH {
        return Err(HostnameError::TooLong(length));
    }
    if is_loopback(text) {
        return Err(HostnameError::Loopback);
    }
    if text.contains(char::is_whitespace) {
        return Err(HostnameError::WhiteSpace);
    }
    if text.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    if let Some(strange) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.')) {
        return Err(HostnameError::Character(strange));
    }
    let labels: Vec<&str> = text.split('.').collect();
    if labels.iter().any(|l| l.is_empty()) {
        return Err(HostnameError::EmptyLabel);
    }
    if let Some(label) = labels.iter().find(|l| l.starts_with('-')) {
        return Err(HostnameError::LeadingHyphen((*label).to_owned()));
    }
    if let [.., _, top] = labels.as_slice() {
        if let Some(label) = labels.iter().find(|l| l.len() > MAX_LABEL) {
            return Err(HostnameError::LongLabel((*label).to_owned()));
        }
        if top.len() < 2 {
            return Err(HostnameError::ShortTopLevel((*top).to_owned()));
        }
    }
    Ok(())
}

/// AWX 23.7 and 24.6 refuse `localhost`, 127.* of two to four numbers, and whatever ends in 1 behind nothing but zeros and
/// colons (so `::1`, and also `1` and `001`).
fn is_loopback(text: &str) -> bool {
    let numbers = |rest: &str| {
        (1..=3).contains(&rest.split('.').count()) && rest.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    text.eq_ignore_ascii_case("localhost")
        || text.strip_prefix("127.").is_some_and(numbers)
        || text.strip_suffix('1').is_some_and(|head| head.bytes().all(|b| matches!(b, b'0' | b':')))
}

impl Borrow<str> for Hostname {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_server_accepts_and_nothing_else() {
        let long_label = "a".repeat(64);
        for (text, accepted) in [
            ("min.example.com", true),
            ("MIN.example.com", true),
            ("x", true),
            ("12345", true),
            ("dash-.example.com", true),
            ("10.0.0.1", true),
            ("2001:db8::1", true),
            ("999.1.1.11", true),
            ("127.0.0.0.1a", true),
            (&*long_label, true),
            (&*"a".repeat(250), true),
            (&*"a".repeat(251), false),
            (&*format!("{long_label}.example.com"), false),
            ("", false),
            ("localhost", false),
            ("LOCALHOST", false),
            ("127.0.0.1", false),
            ("127.1", false),
            ("::1", false),
            ("0:0:1", false),
            ("1", false),
            ("has space.example.com", false),
            ("under_score.example.com", false),
            ("-dash.example.com", false),
            ("a..b.com", false),
            (".lead.com", false),
            ("trail.com.", false),
            ("ünï.example.com", false),
            ("999.1.1.1", false),
            ("a/b.com", false),
            ("*.example.com", false),
            ("example.c", false),
        ] {
            assert_eq!(text.parse::<Hostname>().is_ok(), accepted, "{text}");
        }
    }
}
