//! Words of a command as a shell takes them.

use std::borrow::Cow;

/// A command of these words. What no shell could be given, a NUL, is left out.
pub(super) fn command<'w>(words: impl IntoIterator<Item = &'w &'w str>) -> String {
    words.into_iter().map(|text| word(text)).collect::<Vec<_>>().join(" ")
}

/// A word that a shell reads as this very text.
pub(super) fn word(text: &str) -> Cow<'_, str> {
    match shlex::try_quote(text) {
        Ok(quoted) => quoted,
        Err(_nul) => Cow::Owned(shlex::try_quote(&text.replace('\0', "")).map(Cow::into_owned).unwrap_or_default()),
    }
}
