//! A list of patterns, in which a leading `!` takes names out again.

use super::{Pattern, Place};

/// An item of a [`PatternList`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The pattern, without the `!`.
    pub pattern: Pattern,
    /// Whether a `!` stands in front of it.
    pub takes_out: bool,
    /// Where it stands.
    pub place: Place,
}

/// Patterns that name instances together. What one of them takes out is out, wherever in the list it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatternList(pub Vec<Listed>);

/// What a list says about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is named, first by this item.
    Named(&'a Listed),
    /// It is named, and taken out by this item.
    TakenOut(&'a Listed),
    /// It is not named.
    NotNamed,
}

impl PatternList {
    /// What the list says about a name.
    pub fn verdict(&self, name: &str) -> Verdict<'_> {
        let find = |takes_out| self.0.iter().find(|item| item.takes_out == takes_out && item.pattern.matches(name));
        match find(false) {
            None => Verdict::NotNamed,
            Some(named) => find(true).map_or(Verdict::Named(named), Verdict::TakenOut),
        }
    }

    /// The item that names this, unless another takes it out.
    pub fn names(&self, name: &str) -> Option<&Listed> {
        match self.verdict(name) {
            Verdict::Named(item) => Some(item),
            Verdict::TakenOut(_) | Verdict::NotNamed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_is_out_wherever_it_stands() {
        let list = |items: &[&str]| {
            let place = Place { file: 0, line: 1, column: 1 };
            let item = |text: &&str| Listed {
                pattern: text.trim_start_matches('!').parse().expect("a pattern"),
                takes_out: text.starts_with('!'),
                place,
            };
            PatternList(items.iter().map(item).collect())
        };
        for (items, name, wanted) in [
            (&["*.x"] as &[&str], "a.x", Some("*.x")),
            (&["b.x", "*.x"], "a.x", Some("*.x")),
            (&["*.x", "!*.lab.x"], "a.lab.x", None),
            (&["!*.lab.x", "*.x"], "a.lab.x", None),
            (&["!*.lab.x", "*.x"], "a.x", Some("*.x")),
            (&["!*.lab.x"], "a.x", None),
            (&[], "a.x", None),
        ] {
            assert_eq!(list(items).names(name).map(|item| item.pattern.as_str()), wanted, "{items:?} {name}");
        }
        assert!(matches!(list(&["*.x", "!a.x"]).verdict("a.x"), Verdict::TakenOut(item) if item.pattern.as_str() == "a.x"));
        assert_eq!(list(&["*.x", "!a.y"]).verdict("a.y"), Verdict::NotNamed);
    }
}
