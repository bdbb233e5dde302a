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
            part.split(' ').enumerate().map(|(at, text)| word(text, i == 0 && at == 0)).collect()
        };
        // Two spans that touch would be one.
        if safe.ends_with('`') && words.first().is_some_and(|word| word.starts_with('`')) {
            safe.push(' ');
        }
        safe.push_str(&words.join(" "));
    }
    safe
}

/// The marks of a sentence that may stand before and behind a word.
const BEFORE: [char; 3] = ['(', '"', '\''];
const BEHIND: [char; 8] = ['.', ',', ';', ':', '\'', '"', '?', ')'];

/// A word of a sentence, as it is or as code; the marks around it stay outside.
fn word(text: &str, is_first: bool) -> String {
    let inside = text.trim_start_matches(BEFORE);
    let core = inside.trim_end_matches(BEHIND);
    let (before, _) = text.split_at_checked(text.len() - inside.len()).unwrap_or_default();
    let (_, behind) = inside.split_at_checked(core.len()).unwrap_or_default();
    // Where a line begins a number with one of these is an item of a list.
    let is_item = is_first && before.is_empty() && behind.starts_with(['.', ')']) && core.bytes().all(|byte| byte.is_ascii_digit());
    if core.is_empty() || is_word(core) && !is_item { text.to_owned() } else { format!("{before}{}{behind}", code(core)) }
}

/// Whether something is a word or a number, which nothing makes a link or a picture of.
fn is_word(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_issue = lower.split("gh-").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let is_time = text.chars().all(|c| c.is_ascii_digit() || c == ':');
    text.starts_with(char::is_alphanumeric)
        && !lower.contains("www.")
        && !is_issue
        && (is_time || text.chars().all(|c| c.is_alphanumeric() || ".,;'\"?()%-".contains(c)))
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

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn marks_around_a_word_stay_outside_its_code() {
        for (text, wanted) in [
            ("see (GH-3), 'GH-4 or gh-5.", "see (`GH-3`), '`GH-4` or `gh-5`."),
            ("or with --wait.", "or with `--wait`."),
            ("one after the other (--controller, --only)", "one after the other (`--controller`, `--only`)"),
            ("Held until exec-[01:07].ex.com, gpu-1 have a path", "Held until `exec-[01:07].ex.com`, gpu-1 have a path"),
            ("cannot connect to http://127.0.0.1:1: refused", "cannot connect to `http://127.0.0.1:1`: refused"),
            ("(www.example.com)", "(`www.example.com`)"),
            ("a:tada: at 02:04", "`a:tada`: at 02:04"),
            ("1. one 2. two", "`1`. one 2. two"),
            ("- one", "`-` one"),
            ("`a``b` (`c`)", "`a` `b` (`c`)"),
            ("...", "..."),
        ] {
            assert_eq!(sentence(text), wanted, "{text}");
        }
    }
}
