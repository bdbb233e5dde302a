//! A list of patterns, in which a leading `!` takes names out again.

use std::collections::HashMap;

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
pub struct PatternList {
    items: Vec<Listed>,
    /// The items that are one name each, by index: the first that names it and the first that takes it out.
    names: HashMap<String, (Option<usize>, Option<usize>)>,
    /// The other items.
    patterns: Vec<usize>,
}

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

impl FromIterator<Listed> for PatternList {
    fn from_iter<T: IntoIterator<Item = Listed>>(items: T) -> Self {
        let mut list = Self { items: items.into_iter().collect(), ..Self::default() };
        for (i, item) in list.items.iter().enumerate() {
            if item.pattern.is_one_name() {
                let first = list.names.entry(item.pattern.as_str().to_owned()).or_default();
                if item.takes_out { &mut first.1 } else { &mut first.0 }.get_or_insert(i);
            } else {
                list.patterns.push(i);
            }
        }
        list
    }
}

impl PatternList {
    /// The items, in their order.
    pub fn items(&self) -> &[Listed] {
        &self.items
    }

    /// What the list says about a name. Thousands of items that are names cost no more than one.
    pub fn verdict(&self, name: &str) -> Verdict<'_> {
        let by_name = self.names.get(name).copied().unwrap_or_default();
        let find = |takes_out: bool| {
            let by_name = if takes_out { by_name.1 } else { by_name.0 };
            let is_it = |i: &usize| self.items.get(*i).is_some_and(|item| item.takes_out == takes_out && item.pattern.matches(name));
            let by_pattern = self.patterns.iter().copied().find(is_it);
            self.items.get(by_name.into_iter().chain(by_pattern).min()?)
        };
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
            items.iter().map(item).collect::<PatternList>()
        };
        for (items, name, wanted) in [
            (&["*.x"] as &[&str], "a.x", Some("*.x")),
            (&["b.x", "*.x"], "a.x", Some("*.x")),
            (&["a.x", "*.x"], "a.x", Some("a.x")),
            (&["*.x", "a.x"], "a.x", Some("*.x")),
            (&["*.x", "!a.x"], "a.x", None),
            (&["a.x", "!a.x"], "a.x", None),
            (&["a.x", "!b.x"], "a.x", Some("a.x")),
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
