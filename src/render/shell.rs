//! Words of a command as a shell takes them.

use std::fmt::Write;

use super::words::escape;

/// A command of these words. What no shell could be given, a NUL, is left out.
pub(super) fn command<'w>(words: impl IntoIterator<Item = &'w &'w str>) -> String {
    words.into_iter().map(|text| word(text)).collect::<Vec<_>>().join(" ")
}

/// A word that a shell reads as this text, without its NULs.
pub(super) fn word(text: &str) -> String {
    exactly(text).or_else(|| exactly(&text.replace('\0', ""))).unwrap_or_default()
}

/// A word that a shell reads as this very text; none where it has a NUL, which no shell could be given. Control characters stand in it
/// as escapes of bash, so that it can be looked at and changes on no way.
pub(super) fn exactly(text: &str) -> Option<String> {
    let quoted = shlex::try_quote(text).ok()?;
    if text == escape(text) {
        return Some(quoted.into_owned());
    }
    let mut word = String::from("$'");
    for c in text.chars() {
        let mut bytes = [0; 4];
        match &*c.encode_utf8(&mut bytes) {
            "'" | "\\" => _ = write!(word, "\\{c}"),
            c if escape(c) != *c => c.bytes().for_each(|byte| _ = write!(word, "\\x{byte:02x}")),
            // See `escape`.
            "[" if word.ends_with("##") => word.push_str("\\x5b"),
            c => word.push_str(c),
        }
    }
    word.push('\'');
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::{exactly, word};

    #[test]
    fn a_shell_reads_the_very_text() {
        for (text, wanted) in [
            ("exec-1.example.com", "exec-1.example.com"),
            ("", "''"),
            ("a b'c", "\"a b'c\""),
            ("a\u{1b}'\\\nb", "$'a\\x1b\\'\\\\\\x0ab'"),
            ("\u{202e}", "$'\\xe2\\x80\\xae'"),
            ("x ##[add-mask]", "$'x ##\\x5badd-mask]'"),
        ] {
            assert_eq!(exactly(text).as_deref(), Some(wanted), "{text}");
            assert_eq!(word(text), wanted, "{text}");
        }
        assert_eq!(exactly("a\0b"), None);
        assert_eq!(word("a\0b"), "ab");
    }
}
