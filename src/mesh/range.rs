//! Ansible's host ranges: `exec-[01:20].example.com` is twenty names, and twenty names are shown as one.

use std::collections::BTreeMap;

use thiserror::Error;

/// The most names that one text may stand for, so that a slip (`[1:1000000000]`) is an error and not a hung process.
pub const MAX_EXPANSION: usize = 100_000;

/// The longest text that is expanded: a name of 250 characters with ranges in it stays below, and the names of a longer one
/// could fill the memory.
const MAX_TEXT: usize = 1_000;

/// Why a text with brackets is no host range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RangeError {
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
    /// More names than [`MAX_EXPANSION`].
    #[error("more than {MAX_EXPANSION} names")]
    TooMany,
    /// More characters than any name, ranges included.
    #[error("it is longer than any hostname: 250 characters is the most")]
    TooLong,
    /// `[A:c]`.
    #[error("`[{0}]`: the letters are both lower or both upper case")]
    Case(String),
}

/// The names that a text stands for: itself, or every combination of its ranges, the last range fastest.
pub fn expand(text: &str) -> Result<Vec<String>, RangeError> {
    if text.len() > MAX_TEXT {
        return Err(RangeError::TooLong);
    }
    let mut names = vec![String::new()];
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once('[') {
        let (inside, tail) = tail.split_once(']').ok_or(RangeError::Unbalanced)?;
        if head.contains(']') || inside.contains('[') {
            return Err(RangeError::Unbalanced);
        }
        let items = items(inside)?;
        if names.len().saturating_mul(items.len()) > MAX_EXPANSION {
            return Err(RangeError::TooMany);
        }
        names = names.iter().flat_map(|name| items.iter().map(move |item| format!("{name}{head}{item}"))).collect();
        rest = tail;
    }
    if rest.contains(']') {
        return Err(RangeError::Unbalanced);
    }
    for name in &mut names {
        name.push_str(rest);
    }
    Ok(names)
}

/// The items of one bracket.
fn items(inside: &str) -> Result<Vec<String>, RangeError> {
    let whole = || inside.to_owned();
    let mut parts = inside.split(':');
    let first = parts.next().unwrap_or_default();
    let Some(last) = parts.next() else { return Err(RangeError::NoColon(whole())) };
    let step = match parts.next() {
        None => 1,
        Some(text) => text.parse::<usize>().ok().filter(|s| *s > 0).ok_or_else(|| RangeError::Step(whole()))?,
    };
    if parts.next().is_some() {
        return Err(RangeError::Bounds(whole()));
    }
    let letter = |text: &str| Some(text).filter(|t| t.len() == 1)?.chars().next().filter(char::is_ascii_alphabetic);
    if let (Some(from), Some(to)) = (letter(first), letter(last)) {
        if from.is_ascii_lowercase() != to.is_ascii_lowercase() {
            return Err(RangeError::Case(whole()));
        }
        return if from > to { Err(RangeError::Backwards(whole())) } else { Ok((from..=to).step_by(step).map(String::from).collect()) };
    }
    let number = |text: &str| text.parse::<usize>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    // Ansible: a range without a first number begins at 0.
    let first = if first.is_empty() { "0" } else { first };
    let (Some(from), Some(to)) = (number(first), number(last)) else { return Err(RangeError::Bounds(whole())) };
    let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 0 };
    if width > 0 && last.len() != width {
        return Err(RangeError::Width(whole()));
    }
    if from > to {
        return Err(RangeError::Backwards(whole()));
    }
    if (to - from) / step >= MAX_EXPANSION {
        return Err(RangeError::TooMany);
    }
    Ok((from..=to).step_by(step).map(|n| format!("{n:0width$}")).collect())
}

/// A name taken apart at one of its numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Slot<'a> {
    before: &'a str,
    after: &'a str,
}

/// The shortest way that this module knows to write some names: neighbours in one of their numbers become a range, the rest
/// stay as they are. What it gives expands to the names that it got.
pub fn fold(names: &[&str]) -> Vec<String> {
    let mut slots: BTreeMap<Slot<'_>, usize> = BTreeMap::new();
    for name in names {
        for (slot, _) in numbers(name) {
            *slots.entry(slot).or_default() += 1;
        }
    }
    // Each name goes where most others go, so that `rack-1-node-[1:20]` wins over `rack-[1:2]-node-1`.
    let mut groups: BTreeMap<Slot<'_>, Vec<(usize, &str)>> = BTreeMap::new();
    let mut folded: Vec<(String, String)> = Vec::new();
    for name in names {
        let best = numbers(name).into_iter().max_by_key(|(slot, _)| slots.get(slot).copied());
        match best.and_then(|(slot, digits)| Some((slot, digits.parse().ok()?, digits))) {
            Some((slot, number, digits)) => groups.entry(slot).or_default().push((number, digits)),
            None => folded.push(((*name).to_owned(), (*name).to_owned())),
        }
    }
    for (slot, mut members) in groups {
        members.sort_unstable_by_key(|(number, digits)| (digits.len(), *number));
        members.dedup();
        for run in members.chunk_by(|a, b| follows(*a, *b)) {
            if let (Some((_, first)), Some((_, last))) = (run.first(), run.last()) {
                let name = format!("{}{first}{}", slot.before, slot.after);
                let text = if run.len() == 1 { name.clone() } else { format!("{}[{first}:{last}]{}", slot.before, slot.after) };
                folded.push((name, text));
            }
        }
    }
    folded.sort();
    folded.into_iter().map(|(_, text)| text).collect()
}

/// Whether the second number comes right after the first in one range, leading zeros included.
fn follows((a, a_digits): (usize, &str), (b, b_digits): (usize, &str)) -> bool {
    let padded = |digits: &str| digits.len() > 1 && digits.starts_with('0');
    b == a + 1 && (a_digits.len() == b_digits.len() || !padded(a_digits) && !padded(b_digits))
}

/// Every number of a name with what stands around it.
fn numbers(name: &str) -> Vec<(Slot<'_>, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = name.get(from..).and_then(|rest| rest.find(|c: char| c.is_ascii_digit())).map(|i| i + from) {
        let end = name.get(start..).and_then(|rest| rest.find(|c: char| !c.is_ascii_digit())).map_or(name.len(), |i| i + start);
        if let (Some(before), Some(digits), Some(after)) = (name.get(..start), name.get(start..end), name.get(end..)) {
            found.push((Slot { before, after }, digits));
        }
        from = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_as_ansible_does() {
        let too_many = "more than 100000 names";
        let long = format!("e-[1:2]{}", "x".repeat(1_000));
        for (text, wanted) in [
            ("plain.example.com", Ok("plain.example.com")),
            ("e-[1:3].x", Ok("e-1.x e-2.x e-3.x")),
            ("e-[08:11].x", Ok("e-08.x e-09.x e-10.x e-11.x")),
            ("e-[:2]", Ok("e-0 e-1 e-2")),
            ("e-[0:20:5]", Ok("e-0 e-5 e-10 e-15 e-20")),
            ("[a:c].x", Ok("a.x b.x c.x")),
            ("[a:b][1:2]", Ok("a1 a2 b1 b2")),
            ("e-[7]", Err("`[7]` is no range: `[first:last]` or `[first:last:step]`")),
            ("e-[3:1]", Err("`[3:1]`: the first is after the last")),
            ("e-[c:a]", Err("`[c:a]`: the first is after the last")),
            ("e-[01:100]", Err("`[01:100]`: with leading zeros both ends have the same number of digits")),
            ("e-[1:c]", Err("`[1:c]`: a range goes from a number to a number, or from a letter to a letter")),
            ("e-[1:+3]", Err("`[1:+3]`: a range goes from a number to a number, or from a letter to a letter")),
            ("e-[1:3:0]", Err("`[1:3:0]`: the step is a number from 1")),
            ("e-[1:2", Err("a bracket without its other half")),
            ("e-1:2]", Err("a bracket without its other half")),
            ("e-[[1:2]]", Err("a bracket without its other half")),
            ("e-[1:1000000]", Err(too_many)),
            ("e-[1:1000]-[1:1000]", Err(too_many)),
            ("e-[A:c]", Err("`[A:c]`: the letters are both lower or both upper case")),
            (&long, Err("it is longer than any hostname: 250 characters is the most")),
            (
                "e-[0:99999999999999999999]",
                Err("`[0:99999999999999999999]`: a range goes from a number to a number, or from a letter to a letter"),
            ),
        ] {
            let got = expand(text).map(|names| names.join(" ")).map_err(|e| e.to_string());
            assert_eq!(got.as_deref().map_err(String::as_str), wanted, "{text}");
        }
    }

    #[test]
    fn folds_neighbours() {
        for (names, wanted) in [
            ("b a", "a b"),
            ("e-1.x e-2.x e-3.x", "e-[1:3].x"),
            ("e-8 e-9 e-10", "e-[8:10]"),
            ("e-08 e-09 e-10", "e-[08:10]"),
            ("e-1 e-2 e-4", "e-[1:2] e-4"),
            ("e-1 e-01", "e-01 e-1"),
            ("r1-n1 r1-n2 r1-n3 r2-n1", "r1-n[1:3] r2-n1"),
            ("hop-1.fra2.x exec-2.fra2.x exec-1.fra2.x", "exec-[1:2].fra2.x hop-1.fra2.x"),
        ] {
            let names: Vec<&str> = names.split(' ').collect();
            let folded = fold(&names);
            assert_eq!(folded.join(" "), wanted);
            let mut back: Vec<String> = folded.iter().flat_map(|p| expand(p).expect("what was folded expands")).collect();
            let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            back.sort();
            names.sort();
            assert_eq!(back, names);
        }
    }
}
