//! Names for people: twenty neighbours are shown as one range.

use std::collections::BTreeMap;

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
    use crate::mesh::Pattern;

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
            let mut back: Vec<String> =
                folded.iter().flat_map(|p| p.parse::<Pattern>().expect("a pattern").expand().expect("no wildcards")).collect();
            let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            back.sort();
            names.sort();
            assert_eq!(back, names);
        }
    }
}
