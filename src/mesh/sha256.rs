//! Fingerprints, all written in one way.

use std::fmt::Write;

use ring::digest::{Context, SHA256};

/// `sha256:` and 64 hexadecimal digits over these bytes, one part after the other.
pub(crate) fn sha256<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> String {
    let mut context = Context::new(&SHA256);
    parts.into_iter().for_each(|part| context.update(part));
    context.finish().as_ref().iter().fold(String::from("sha256:"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
