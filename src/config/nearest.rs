//! The name that was probably meant.

/// How many candidates one search compares letter by letter.
const MAX_CLOSE: usize = 50;

/// The candidate that is most like a word, if one is like it at all; of equally near ones the first.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    let mut close: Vec<(usize, &str)> =
        candidates.into_iter().filter_map(|candidate| Some((rough_distance(word, candidate, limit)?, candidate))).collect();
    close.sort_by_key(|(distance, _)| *distance);
    let word = word.to_lowercase();
    close
        .into_iter()
        .take(MAX_CLOSE)
        .map(|(_, candidate)| (strsim::osa_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A quick look: the length of what differs between a common beginning and a common end. None where that is most of it.
fn rough_distance(word: &str, candidate: &str, limit: usize) -> Option<usize> {
    if word.len().abs_diff(candidate.len()) > limit {
        return None;
    }
    let same = |(a, b): &(u8, u8)| a.eq_ignore_ascii_case(b);
    let head = word.bytes().zip(candidate.bytes()).take_while(same).count();
    let tail = word.bytes().rev().zip(candidate.bytes().rev()).take_while(same).count();
    let differs = word.len().max(candidate.len()).saturating_sub(head + tail);
    (2 * differs <= word.len() + 2).then_some(differs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_probably_meant() {
        let known = ["enabled", "listener_port", "peers", "hostname", "hop-1.syd.example.com", "hop-2.syd.example.com"];
        for (word, wanted) in [
            ("enabeld", Some("enabled")),
            ("Enabled", Some("enabled")),
            ("peer", Some("peers")),
            ("listner_port", Some("listener_port")),
            ("hop-2.syd.exmaple.com", Some("hop-2.syd.example.com")),
            ("hop-3.syd.example.com", Some("hop-1.syd.example.com")),
            ("state", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), wanted, "{word}");
        }
    }
}
