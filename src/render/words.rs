//! Small things that all texts share: colours by meaning, plurals, harmless characters.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

/// What comes.
pub(super) const ADDED: Style = AnsiColor::Green.on_default();
/// What changes.
pub(super) const CHANGED: Style = AnsiColor::Yellow.on_default();
/// What goes, and what went wrong.
pub(super) const REMOVED: Style = AnsiColor::Red.on_default();
/// What begins a part.
pub(super) const HEADING: Style = Style::new().bold();
/// What only places the rest.
pub(super) const ASIDE: Style = Style::new().dimmed();

/// A text in a style.
pub(super) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// `1 instance`, `2 instances`.
pub fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// The first few of a list as they are to be shown, and how many more there are.
pub(super) fn few(list: &[String], most: usize, show: impl Fn(&str) -> String) -> String {
    let shown: Vec<String> = list.iter().take(most).map(|one| show(one)).collect();
    let more = list.len().saturating_sub(most);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// A text from a server or a file with its control characters spelled out, so that it cannot move a terminal's cursor, and without what
/// GitHub's runner takes for a command when it stands in a log: `::name` where a line begins, `##[name` anywhere.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let command = command_at(text);
    for (at, c) in text.char_indices() {
        if is_obeyed(c) || command == Some(at) || c == '[' && safe.ends_with("##") {
            let _ = write!(safe, "{}", c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The same for what stands inside a command of GitHub's, where there is no other one.
pub(super) fn escape_controls(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            let _ = write!(safe, "{}", c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Whether a terminal obeys a character, or it makes a line read as another one: the bidirectional marks.
pub(super) fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Where a text begins with `::name`. An IPv6 address does not: it goes on in hexadecimal.
fn command_at(text: &str) -> Option<usize> {
    let begun = text.trim_start();
    let name = begun.strip_prefix("::")?.split(|c: char| !c.is_ascii_alphabetic() && c != '-').next()?;
    let is_name = name.bytes().any(|byte| !byte.is_ascii_hexdigit());
    is_name.then_some(text.len() - begun.len())
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_log_obeys_nothing_that_is_escaped() {
        for (text, wanted) in [
            ("alice", "alice"),
            ("a\u{1b}[31m\u{202e}", "a\\u{1b}[31m\\u{202e}"),
            ("::error file=x::y", "\\u{3a}:error file=x::y"),
            (" ::add-mask::y", " \\u{3a}:add-mask::y"),
            ("x ##[add-mask]y", "x ##\\u{5b}add-mask]y"),
            // An address of version 6, and a place in a file.
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
            ("[::1]:27199", "[::1]:27199"),
            ("a::error::b", "a::error::b"),
        ] {
            assert_eq!(escape(text), wanted, "{text}");
        }
    }
}
