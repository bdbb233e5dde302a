//! Passwords that stand where none belongs: findings draw the lines of a file, and logs of CI are read by many.

use std::collections::HashSet;

use super::{
    Source, Span,
    tree::{Kind, NodeId, Tree},
};

/// The parts of a file that look like secrets: `user:password@host`, and what stands behind a key that says so.
pub(super) fn find(tree: &Tree<'_>) -> Vec<Span> {
    let mut found = Vec::new();
    let mut named: Vec<NodeId> = Vec::new();
    for node in tree.nodes() {
        match &node.kind {
            Kind::Scalar { text, .. } if has_password(text) => found.push(node.span),
            Kind::Map(entries) => {
                named.extend(entries.iter().filter(|(key, _)| tree.text(*key).is_some_and(names_secret)).map(|(_, value)| value));
            }
            _ => {}
        }
    }
    // Aliases that repeat a list repeat nothing here: what they stand for is looked at once.
    let mut seen = HashSet::new();
    while let Some(id) = named.pop() {
        let id = tree.target(id);
        if !seen.insert(id) {
            continue;
        }
        match tree.kind(id) {
            Kind::Scalar { .. } => found.push(tree.span(id)),
            Kind::List(items) => named.extend(items),
            Kind::Map(entries) => named.extend(entries.iter().map(|(_, value)| value)),
            Kind::Alias(_) | Kind::Broken => {}
        }
    }
    found
}

fn names_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "secret", "token"].iter().any(|word| key.contains(word))
}

/// Whether a text is, or holds, `user:password@`.
fn has_password(text: &str) -> bool {
    text.split_whitespace().any(|word| word.split_once('@').is_some_and(|(user, _)| user.contains(':')))
}

/// A text of a message without the words that hold a password.
pub(super) fn redacted(text: &str) -> &str {
    if has_password(text) { "***" } else { text }
}

/// Makes them unreadable; every offset stays.
pub(super) fn mask(source: &mut Source, spans: &[Span]) {
    for span in spans {
        let range = span.start as usize..span.end as usize;
        if let Some(secret) = source.text.get(range.clone()) {
            // A character of several bytes becomes several stars; line breaks keep their places.
            let stars: String = secret.bytes().map(|b| if matches!(b, b'\n' | b'\r') { char::from(b) } else { '*' }).collect();
            source.text.replace_range(range, &stars);
        }
    }
}
