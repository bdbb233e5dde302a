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

/// A text from a server or a file with its control characters spelled out, so that it cannot move a terminal's cursor.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        // The bidirectional marks can make a line read as another one.
        if c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            let _ = write!(safe, "{}", c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}
