//! Passwords that stand where none belongs: findings draw the lines of a file, and logs of CI are read by many.

use super::{
    Source, Span,
    tree::{Kind, Tree},
};

/// The parts of a file that look like secrets: URLs with a user or password, and what stands behind a key that says so.
pub(super) fn find(tree: &Tree<'_>) -> Vec<Span> {
    let mut found = Vec::new();
    for node in tree.nodes() {
        match &node.kind {
            Kind::Scalar { text, .. } if text.contains('@') && text.contains("://") => found.push(node.span),
            Kind::Map(entries) => {
                let named = entries.iter().filter(|(key, _)| tree.text(*key).is_some_and(names_secret));
                found.extend(named.filter(|(_, value)| tree.text(*value).is_some()).map(|(_, value)| tree.span(tree.target(*value))));
            }
            _ => {}
        }
    }
    found
}

fn names_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "secret", "token"].iter().any(|word| key.contains(word))
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
