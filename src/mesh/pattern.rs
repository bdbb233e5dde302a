//! The pattern language, one for everything that names instances: Ansible's host ranges, `*` and `?`.
//!
//! `exec-[01:20].example.com` is twenty names, `*` any characters, `?` any one character. The `!` in front of an item of a list
//! is the list's business ([`PatternList`](super::PatternList)).

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The most names that one pattern may stand for, so that a slip (`[1:1000000000]`) is an error and not a hung process.
pub const MAX_EXPANSION: usize = 100_000;

/// The longest text that is read: a name of 250 characters with ranges in it stays below, and the names of a longer one could
/// fill the memory.
const MAX_TEXT: usize = 1_000;

/// The most `*` of a pattern: each makes it slower to match, and nobody needs many.
const MAX_STARS: usize = 16;

/// A text that names one instance or many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part {
    Text(String),
    /// `*`
    Any,
    /// `?`
    One,
    /// `[01:20:5]`; with a width its numbers have leading zeros.
    Numbers {
        first: usize,
        last: usize,
        step: usize,
        width: usize,
    },
    /// `[a:f]`
    Letters {
        first: char,
        last: char,
        step: usize,
    },
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// `[` without `]` or the other way round.
    #[error("a bracket without its other half")]
    Unbalanced,
    /// A bracket that holds no range.
    #[error("`[{0}]` is no range: `[first:last]` or `[first:last:step]`")]
    NoColon(String),
    /// Neither two numbers nor two letters.
    #[error("`[{0}]`: a range goes from a number to a number, or from a letter to a letter")]
    Bounds(String),
    /// Backwards.
    #[error("`[{0}]`: the first is after the last")]
    Backwards(String),
    /// Ansible: both ends of a range with leading zeros have the same length.
    #[error("`[{0}]`: with leading zeros both ends have the same number of digits")]
    Width(String),
    /// Not a number, or 0.
    #[error("`[{0}]`: the step is a number from 1")]
    Step(String),
    /// `[A:c]`.
    #[error("`[{0}]`: the letters are both lower or both upper case")]
    Case(String),
    /// More names than [`MAX_EXPANSION`].
    #[error("it stands for more than {MAX_EXPANSION} names, which is the most")]
    TooMany,
    /// More `*` than [`MAX_STARS`].
    #[error("it has more than {MAX_STARS} `*`, which is the most")]
    TooManyStars,
    /// More characters than [`MAX_TEXT`], ranges included.
    #[error("it has more than {MAX_TEXT} characters, which is the most")]
    TooLong,
}

impl Pattern {
    /// The text that it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has a `*` or `?`, so that it names only what there is already.
    pub fn has_wildcards(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Any | Part::One))
    }

    /// Whether it is one name, as it stands.
    pub fn is_one_name(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Text(_)])
    }

    /// The names that it stands for, the last range fastest; none where it has wildcards.
    pub fn expand(&self) -> Option<Vec<String>> {
        let mut names = vec![String::new()];
        for part in &self.parts {
            let items = part.items()?;
            names = names.iter().flat_map(|name| items.iter().map(move |item| format!("{name}{item}"))).collect();
        }
        Some(names)
    }

    /// Whether it stands for this name. Case matters, as it does to the controller.
    pub fn matches(&self, name: &str) -> bool {
        // Most names differ in their ends, which is seen at once.
        let ends_differ = matches!(self.parts.first(), Some(Part::Text(head)) if !name.starts_with(head.as_str()))
            || matches!(self.parts.last(), Some(Part::Text(tail)) if !name.ends_with(tail.as_str()));
        if ends_differ {
            return false;
        }
        // All offsets up to which the parts so far can have come: no way back is needed, however many wildcards there are.
        let (mut reached, mut next) = (vec![0], Vec::new());
        for part in &self.parts {
            for from in reached.drain(..) {
                let rest = name.get(from..).unwrap_or_default();
                part.lengths(rest, &mut |length| next.push(from + length));
                if *part == Part::Any {
                    // What the first offset reaches, the later ones reach too.
                    break;
                }
            }
            if next.is_empty() {
                return false;
            }
            next.sort_unstable();
            next.dedup();
            std::mem::swap(&mut reached, &mut next);
        }
        reached.last() == Some(&name.len())
    }

    /// What one look of it costs, in parts.
    pub(crate) fn cost(&self) -> usize {
        self.parts.len()
    }

    /// How many names it stands for; a wildcard counts as one.
    pub fn count(&self) -> usize {
        self.parts.iter().map(Part::count).fold(1, usize::saturating_mul)
    }
}

impl Part {
    fn count(&self) -> usize {
        match self {
            Self::Text(_) | Self::Any | Self::One => 1,
            Self::Numbers { first, last, step, .. } => (last - first) / step + 1,
            Self::Letters { first, last, step } => (*first..=*last).step_by(*step).count(),
        }
    }

    /// The texts that it stands for; none for a wildcard.
    fn items(&self) -> Option<Vec<String>> {
        match self {
            Self::Any | Self::One => None,
            Self::Text(text) => Some(vec![text.clone()]),
            Self::Numbers { first, last, step, width } => Some((*first..=*last).step_by(*step).map(|n| format!("{n:0width$}")).collect()),
            Self::Letters { first, last, step } => Some((*first..=*last).step_by(*step).map(String::from).collect()),
        }
    }

    /// Every length of what this part can take from the beginning of a text.
    fn lengths(&self, rest: &str, found: &mut impl FnMut(usize)) {
        match self {
            Self::Text(text) if rest.starts_with(text.as_str()) => found(text.len()),
            Self::Any => rest.char_indices().map(|(i, _)| i).chain([rest.len()]).for_each(found),
            Self::One => rest.chars().next().map(char::len_utf8).into_iter().for_each(found),
            Self::Letters { first, last, step } => {
                let letter = rest.chars().next().filter(|c| (first..=last).contains(&c));
                let is_on_step = |c: &char| ((u32::from(*c) - u32::from(*first)) as usize).is_multiple_of(*step);
                letter.filter(is_on_step).map(char::len_utf8).into_iter().for_each(found);
            }
            Self::Numbers { first, last, step, width } => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                for length in 1..=digits {
                    let Some(Ok(number)) = rest.get(..length).map(str::parse::<usize>) else { break };
                    let as_written = if *width > 0 { length == *width } else { length == 1 || !rest.starts_with('0') };
                    if as_written && (first..=last).contains(&&number) && (number - first).is_multiple_of(*step) {
                        found(length);
                    }
                }
            }
            Self::Text(_) => {}
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_TEXT {
            return Err(PatternError::TooLong);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((head, tail)) = rest.split_once('[') {
            let (inside, tail) = tail.split_once(']').ok_or(PatternError::Unbalanced)?;
            if head.contains(']') || inside.contains('[') {
                return Err(PatternError::Unbalanced);
            }
            literal(head, &mut parts);
            parts.push(range(inside)?);
            rest = tail;
        }
        if rest.contains(']') {
            return Err(PatternError::Unbalanced);
        }
        literal(rest, &mut parts);
        if parts.iter().filter(|part| **part == Part::Any).count() > MAX_STARS {
            return Err(PatternError::TooManyStars);
        }
        let pattern = Self { text: text.to_owned(), parts };
        if pattern.count() > MAX_EXPANSION { Err(PatternError::TooMany) } else { Ok(pattern) }
    }
}

/// What stands outside of brackets.
fn literal(text: &str, parts: &mut Vec<Part>) {
    for piece in text.split_inclusive(['*', '?']) {
        let plain = piece.trim_end_matches(['*', '?']);
        if !plain.is_empty() {
            parts.push(Part::Text(plain.to_owned()));
        }
        match piece.chars().next_back() {
            Some('*') if parts.last() != Some(&Part::Any) => parts.push(Part::Any),
            Some('?') => parts.push(Part::One),
            _ => {}
        }
    }
}

/// What stands inside of one bracket.
fn range(inside: &str) -> Result<Part, PatternError> {
    let whole = || inside.to_owned();
    let mut parts = inside.split(':');
    let first = parts.next().unwrap_or_default();
    let Some(last) = parts.next() else { return Err(PatternError::NoColon(whole())) };
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let step = match parts.next() {
        None => 1,
        Some(text) => text.parse::<usize>().ok().filter(|s| *s > 0 && is_number(text)).ok_or_else(|| PatternError::Step(whole()))?,
    };
    if parts.next().is_some() {
        return Err(PatternError::Bounds(whole()));
    }
    let letter = |text: &str| Some(text).filter(|t| t.len() == 1)?.chars().next().filter(char::is_ascii_alphabetic);
    if let (Some(from), Some(to)) = (letter(first), letter(last)) {
        return match () {
            () if from.is_ascii_lowercase() != to.is_ascii_lowercase() => Err(PatternError::Case(whole())),
            () if from > to => Err(PatternError::Backwards(whole())),
            () => Ok(Part::Letters { first: from, last: to, step }),
        };
    }
    // Ansible: a range without a first number begins at 0.
    let first = if first.is_empty() { "0" } else { first };
    let number = |text: &str| text.parse::<usize>().ok().filter(|_| is_number(text));
    let (Some(from), Some(to)) = (number(first), number(last)) else { return Err(PatternError::Bounds(whole())) };
    let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 0 };
    match () {
        () if width > 0 && last.len() != width || width == 0 && last.len() > 1 && last.starts_with('0') => {
            Err(PatternError::Width(whole()))
        }
        () if from > to => Err(PatternError::Backwards(whole())),
        // Before anybody counts them.
        () if (to - from) / step >= MAX_EXPANSION => Err(PatternError::TooMany),
        () => Ok(Part::Numbers { first: from, last: to, step, width }),
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn expands_as_ansible_does() {
        for (text, wanted) in [
            ("plain.example.com", "plain.example.com"),
            ("e-[1:3].x", "e-1.x e-2.x e-3.x"),
            ("e-[08:11].x", "e-08.x e-09.x e-10.x e-11.x"),
            ("e-[001:003]", "e-001 e-002 e-003"),
            ("e-[00:02]", "e-00 e-01 e-02"),
            ("e-[8:11]", "e-8 e-9 e-10 e-11"),
            ("e-[:2]", "e-0 e-1 e-2"),
            ("e-[0:20:5]", "e-0 e-5 e-10 e-15 e-20"),
            ("e-[1:6:2]", "e-1 e-3 e-5"),
            ("e-[7:7]", "e-7"),
            ("e-[1:2:9]", "e-1"),
            ("[a:c].x", "a.x b.x c.x"),
            ("[a:g:3]", "a d g"),
            ("r[A:C]", "rA rB rC"),
            ("[a:b][1:2]", "a1 a2 b1 b2"),
            ("r[1:2]-n[01:02].x", "r1-n01.x r1-n02.x r2-n01.x r2-n02.x"),
            ("2001:db8::[1:2]", "2001:db8::1 2001:db8::2"),
            ("10.0.[0:1].[1:2]", "10.0.0.1 10.0.0.2 10.0.1.1 10.0.1.2"),
        ] {
            assert_eq!(pattern(text).expand().expect("no wildcards").join(" "), wanted, "{text}");
        }
    }

    #[test]
    fn refuses_what_would_mean_nothing_or_too_much() {
        let too_many = "it stands for more than 100000 names, which is the most";
        let bounds = |inside: &str| format!("`[{inside}]`: a range goes from a number to a number, or from a letter to a letter");
        let long = format!("e-[1:2]{}", "x".repeat(1_000));
        for (text, wanted) in [
            ("", "it is empty"),
            ("e-[7]", "`[7]` is no range: `[first:last]` or `[first:last:step]`"),
            ("e-[]", "`[]` is no range: `[first:last]` or `[first:last:step]`"),
            ("[ab]*", "`[ab]` is no range: `[first:last]` or `[first:last:step]`"),
            ("e-[1-3]", "`[1-3]` is no range: `[first:last]` or `[first:last:step]`"),
            ("e-[3:1]", "`[3:1]`: the first is after the last"),
            ("e-[c:a]", "`[c:a]`: the first is after the last"),
            ("e-[01:100]", "`[01:100]`: with leading zeros both ends have the same number of digits"),
            ("e-[1:010]", "`[1:010]`: with leading zeros both ends have the same number of digits"),
            (&*"*a".repeat(17), "it has more than 16 `*`, which is the most"),
            ("e-[1:c]", &bounds("1:c")),
            ("e-[1:]", &bounds("1:")),
            ("e-[1:+3]", &bounds("1:+3")),
            ("e-[aa:bb]", &bounds("aa:bb")),
            ("e-[1:2:3:4]", &bounds("1:2:3:4")),
            ("e-[0:99999999999999999999]", &bounds("0:99999999999999999999")),
            ("e-[1:3:0]", "`[1:3:0]`: the step is a number from 1"),
            ("e-[1:3:x]", "`[1:3:x]`: the step is a number from 1"),
            ("e-[1:3:+2]", "`[1:3:+2]`: the step is a number from 1"),
            ("e-[A:c]", "`[A:c]`: the letters are both lower or both upper case"),
            ("e-[1:2", "a bracket without its other half"),
            ("e-1:2]", "a bracket without its other half"),
            ("e-[[1:2]]", "a bracket without its other half"),
            ("e-[1:1000000]", too_many),
            ("e-[1:1000]-[1:1000]", too_many),
            (&*long, "it has more than 1000 characters, which is the most"),
        ] {
            assert_eq!(text.parse::<Pattern>().map_err(|e| e.to_string()), Err(wanted.to_owned()), "{text}");
        }
    }

    #[test]
    fn matches_names() {
        for (text, name, wanted) in [
            ("a.example.com", "a.example.com", true),
            ("a.example.com", "A.example.com", false),
            ("a.example.com", "a.example.comx", false),
            ("*", "anything.at-all", true),
            ("*", "", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("exec-?.x", "exec-7.x", true),
            ("exec-?.x", "exec-17.x", false),
            ("exec-?.x", "exec-.x", false),
            ("??", "ü1", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a**c", "abc", true),
            ("e-[1:20]", "e-7", true),
            ("e-[1:20]", "e-07", false),
            ("e-[01:20]", "e-07", true),
            ("e-[01:20]", "e-7", false),
            ("e-[1:20]", "e-21", false),
            ("e-[0:20:5]", "e-15", true),
            ("e-[0:20:5]", "e-16", false),
            ("e-[1:3]", "e-99999999999999999999999", false),
            ("e-[1:20]*", "e-21", true),
            ("e-[1:2][0:9]", "e-17", true),
            ("e-[1:12][0:9]", "e-125", true),
            ("[a:c]*.x", "b1.x", true),
            ("[a:c]*.x", "d1.x", false),
            ("[a:e:2]", "c", true),
            ("[a:e:2]", "b", false),
            ("*-[01:02].[a:b].x", "exec-02.b.x", true),
            ("*-[01:02].[a:b].x", "exec-2-02.c.x", false),
            ("*.example.com:443", "route.example.com:443", true),
        ] {
            assert_eq!(pattern(text).matches(name), wanted, "{text} {name}");
        }
    }

    /// A part of a pattern, with as many shapes as parts have.
    fn part() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-c0-2.-]{0,3}",
            (0..20usize, 0..25usize, 1..4usize).prop_map(|(first, more, step)| format!("[{first}:{}:{step}]", first + more)),
            (0..12usize, 0..30usize).prop_map(|(first, more)| format!("[{first:02}:{:02}]", first + more)),
            (0..5u8, 0..5u8).prop_map(|(first, more)| format!("[{}:{}]", char::from(b'a' + first), char::from(b'a' + first + more))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What a pattern stands for it matches, each name once.
        #[test]
        fn expansion_is_matched(parts in prop::collection::vec(part(), 1..4)) {
            let text = parts.concat();
            prop_assume!(!text.is_empty());
            let pattern = pattern(&text);
            let names = pattern.expand().expect("no wildcards");
            prop_assert_eq!(names.len(), pattern.count());
            for name in &names {
                prop_assert!(pattern.matches(name), "{} {}", text, name);
            }
        }

        /// What a pattern matches it stands for.
        #[test]
        fn matches_are_in_the_expansion(parts in prop::collection::vec(part(), 1..3), name in "[a-e0-3.-]{0,6}") {
            let text = parts.concat();
            prop_assume!(!text.is_empty());
            let pattern = pattern(&text);
            let names = pattern.expand().expect("no wildcards");
            prop_assert_eq!(pattern.matches(&name), names.contains(&name), "{} {}", text, name);
            // And near misses: a name of it with one character more, less or other.
            for near in names.iter().take(50).flat_map(|n| [format!("{n}0"), format!("0{n}"), n.replace('1', "0"), n.chars().skip(1).collect()]) {
                prop_assert_eq!(pattern.matches(&near), names.contains(&near), "{} {}", text, near);
            }
        }

        /// `*` is what the shell means by it.
        #[test]
        fn wildcards_are_as_in_a_regex(text in "[ab*?]{1,6}", name in "[ab]{0,7}") {
            let regex = format!("^{}$", text.replace('*', ".*").replace('?', "."));
            let wanted = regex::Regex::new(&regex).expect("a regex").is_match(&name);
            prop_assert_eq!(pattern(&text).matches(&name), wanted, "{} {}", text, name);
        }
    }
}
