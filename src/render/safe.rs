//! Text from a server or a file, made harmless for where it goes: one function for each place. Everywhere control characters, and
//! those that turn the direction of text, are spelled out as [`escape`] does it.

use std::fmt::Write;

use super::words::{escape, escape_controls};

/// A name or a value in Markdown. Nothing in a code span is a link, a mention or HTML.
pub fn code(text: &str) -> String {
    let text = escape(text);
    let is_plain = !text.is_empty() && !text.starts_with(' ') && !text.ends_with(' ') && !text.contains('`');
    if is_plain { format!("`{text}`") } else { format!("<code>{}</code>", html(&text)) }
}

/// A sentence in Markdown. Names in backticks become code, and so does each word that could be anything but a word.
pub fn sentence(text: &str) -> String {
    let text = escape(text);
    let parts: Vec<&str> = text.split('`').collect();
    let mut safe = String::new();
    for (i, part) in parts.iter().enumerate() {
        // An odd backtick begins no name.
        let words: Vec<String> = if i % 2 == 1 && i + 1 < parts.len() {
            vec![code(part)]
        } else {
            part.split(' ').map(|word| if is_word(word) { word.to_owned() } else { code(word) }).collect()
        };
        // Two spans that touch would be one.
        if safe.ends_with('`') && words.first().is_some_and(|word| word.starts_with('`')) {
            safe.push(' ');
        }
        safe.push_str(&words.join(" "));
    }
    safe
}

/// Whether something is a word or a number, perhaps with marks of a sentence around it.
fn is_word(text: &str) -> bool {
    const MARKS: &str = ".,;:'\"?()";
    if text.chars().all(|c| MARKS.contains(c)) {
        return true;
    }
    let begins = text.trim_start_matches(['(', '"', '\'']).starts_with(char::is_alphanumeric);
    let is_item = text.ends_with(['.', ')']) && text.trim_end_matches(['.', ')']).bytes().all(|byte| byte.is_ascii_digit());
    let is_link = text.to_ascii_lowercase().contains("www.") || text.starts_with("GH-");
    begins && !is_item && !is_link && text.chars().all(|c| c.is_alphanumeric() || MARKS.contains(c) || "%-".contains(c))
}

/// Text between tags, where Markdown is read as well: everything but letters, digits and a few signs is written by its number.
pub fn html(text: &str) -> String {
    numbered(text, " .,-", "&#")
}

/// The label of a node in a Mermaid picture, to stand in double quotes.
pub fn mermaid(text: &str) -> String {
    numbered(text, " .,-_", "#")
}

fn numbered(text: &str, plain: &str, begin: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in escape(text).chars() {
        if c.is_ascii_alphanumeric() || plain.contains(c) {
            safe.push(c);
        } else {
            let _ = write!(safe, "{begin}{};", u32::from(c));
        }
    }
    safe
}

/// Inside an HTML comment, which two hyphens could end.
pub fn comment(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let is_plain = c.is_ascii_alphanumeric() || " ./_~,+@=".contains(c) || c == '-' && !safe.ends_with('-');
        if is_plain { safe.push(c) } else { percent(&mut safe, c) }
    }
    safe
}

/// The path of a URI.
pub fn uri(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let is_plain = c.is_ascii_alphanumeric() || "-._~/".contains(c);
        if is_plain { safe.push(c) } else { percent(&mut safe, c) }
    }
    safe
}

fn percent(safe: &mut String, c: char) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        let _ = write!(safe, "%{byte:02X}");
    }
}

/// The message of one of GitHub's workflow commands; its own line breaks stay.
pub fn command_data(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escape_controls).collect();
    lines.join("\n").replace('%', "%25").replace('\n', "%0A")
}

/// A property of one of GitHub's workflow commands.
pub fn command_property(text: &str) -> String {
    escape_controls(text).replace('%', "%25").replace(':', "%3A").replace(',', "%2C")
}

/// The value of a label of a metric, to stand in double quotes.
pub fn label(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            c => safe.push_str(&escape(c.encode_utf8(&mut [0; 4])).replace('\\', "\\\\").replace('"', "\\\"")),
        }
    }
    safe
}

/// A text in YAML, in quotes where it could be read as something else.
pub fn yaml(text: &str) -> String {
    const WORDS: &[&str] = &["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    let mut safe = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => safe.extend(['\\', c]),
            c if c.is_ascii_graphic() && c != '#' || c == ' ' || c.is_alphanumeric() => safe.push(c),
            c => {
                let _ = write!(safe, "\\U{:08x}", u32::from(c));
            }
        }
    }
    safe.push('"');
    safe
}

/// A name as a path of one part, for what takes differences for those of files.
pub fn file_name(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let is_plain = c.is_ascii_alphanumeric() || "-._:".contains(c) && !(c == '.' && safe.is_empty());
        if is_plain { safe.push(c) } else { percent(&mut safe, c) }
    }
    safe
}
