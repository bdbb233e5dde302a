//! INI as Python's `ConfigParser` reads it, as far as `tower_cli.cfg` needs it: the pairs of the section `general`.
//!
//! By hand, since this is no INI in general: the crates for that cut values at `;` and `#` or take `\` for an escape, which
//! `ConfigParser` does not, and a password would be another one.

/// What is wrong, and in which line.
pub(super) type Wrong = (usize, &'static str);

/// The pairs of `[general]`, keys in lower case. A file without that section is all of it, as awx.awx and tower-cli have it.
pub(super) fn general(text: &str) -> Result<Vec<(String, String)>, Wrong> {
    let mut here = !text.contains("[general]");
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |what| (index + 1, what);
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) && !pairs.is_empty() {
            return Err(wrong("an indented line would go on with the value above it, and no key of this file has such a one"));
        }
        if let Some(section) = content.strip_prefix('[') {
            let name = section.strip_suffix(']').ok_or_else(|| wrong("a section is `[name]`"))?;
            here = name == "general";
            continue;
        }
        let (key, value) = content.split_once(['=', ':']).ok_or_else(|| wrong("neither `key = value`, a section nor a comment"))?;
        if !here {
            continue;
        }
        let key = key.trim().to_lowercase();
        if pairs.iter().any(|(known, _)| *known == key) {
            return Err(wrong("a key that stands above already"));
        }
        // `ConfigParser` would put other values in for `%(name)s`.
        let value = value.trim().replace("%%", "\0");
        if value.contains('%') {
            return Err(wrong("a `%` in a value of an INI file is written `%%`"));
        }
        pairs.push((key, value.replace('\0', "%")));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_configparser_does() {
        let pairs = |pairs: &[(&str, &str)]| Ok(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        for (text, wanted) in [
            ("[general]\nhost = a.example.com\n", pairs(&[("host", "a.example.com")])),
            ("# no section\nhost: https://a\nUserName=u\n\n; the end", pairs(&[("host", "https://a"), ("username", "u")])),
            ("[other]\nhost = b\n[general]\npassword = a;b#c\\n%%d = e\n", pairs(&[("password", "a;b#c\\n%d = e")])),
            ("password =\n", pairs(&[("password", "")])),
            ("host = a\nhost = b", Err((2, "a key that stands above already"))),
            ("host a", Err((1, "neither `key = value`, a section nor a comment"))),
            ("[general\nhost = a", Err((1, "a section is `[name]`"))),
            ("password = 5%d", Err((1, "a `%` in a value of an INI file is written `%%`"))),
            ("host = a\n  b", Err((2, "an indented line would go on with the value above it, and no key of this file has such a one"))),
        ] {
            assert_eq!(general(text), wanted, "{text}");
        }
    }
}
