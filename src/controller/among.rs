//! Naming some of all rows by their ids, in as few and as short requests as that goes.

use super::rows::Query;

/// The most ids that one request names: with seven digits each it stays below 4 KiB, the shortest limit that is in use (gunicorn).
const NAMED: usize = 300;

/// Divides some of all ids, both ascending, into parts of which each can be named in one request, and has so many ids at most.
pub(super) fn parts<'i>(some: &'i [i64], all: &[i64], most: usize) -> Vec<&'i [i64]> {
    let mut parts = Vec::new();
    let mut rest = some;
    while let Some(first) = rest.first() {
        let begin = position(all, *first);
        let is_short = |(i, id): &(usize, &i64)| (i + 1).min(position(all, **id) - begin - i) <= NAMED;
        let (part, others) = rest.split_at(rest.iter().enumerate().take(most).take_while(is_short).count().max(1));
        parts.push(part);
        rest = others;
    }
    parts
}

/// The filters that name a part: as a range without the others in it, or one by one.
pub(super) fn among(part: &[i64], all: &[i64]) -> Query {
    let (Some(first), Some(last)) = (part.first(), part.last()) else { return vec![("id__in", "0".to_owned())] };
    let range = all.get(position(all, *first)..=position(all, *last)).unwrap_or_default();
    let others: Vec<i64> = range.iter().copied().filter(|id| part.binary_search(id).is_err()).collect();
    if others.len() >= part.len() {
        return vec![("id__in", list(part))];
    }
    let mut query = vec![("id__gte", first.to_string()), ("id__lte", last.to_string())];
    if !others.is_empty() {
        query.push(("not__id__in", list(&others)));
    }
    query
}

fn position(all: &[i64], id: i64) -> usize {
    all.partition_point(|known| *known < id)
}

/// As the API takes several ids.
pub(super) fn list(ids: &[i64]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NAMED, among, parts};

    /// What the server would answer.
    fn meets(query: &super::Query, id: i64) -> bool {
        query.iter().all(|(key, value)| {
            let named = || value.split(',').any(|named| named.parse() == Ok(id));
            match *key {
                "id__gte" => id >= value.parse().expect("a number"),
                "id__lte" => id <= value.parse().expect("a number"),
                "id__in" => named(),
                _ => !named(),
            }
        })
    }

    proptest! {
        #[test]
        fn parts_are_all_and_only_those_that_are_meant(rows in prop::collection::btree_map(1_i64..5_000, prop::bool::weighted(0.5), 0..1_500), most in 1_usize..400) {
            let all: Vec<i64> = rows.keys().copied().collect();
            let some: Vec<i64> = rows.iter().filter(|(_, is_meant)| **is_meant).map(|(id, _)| *id).collect();
            let parts = parts(&some, &all, most);
            prop_assert_eq!(&parts.concat(), &some);
            for part in parts {
                let query = among(part, &all);
                prop_assert!(part.len() <= most && query.iter().all(|(_, value)| value.split(',').count() <= NAMED));
                let met: Vec<i64> = all.iter().copied().filter(|id| meets(&query, *id)).collect();
                prop_assert_eq!(met, part);
            }
        }
    }
}
