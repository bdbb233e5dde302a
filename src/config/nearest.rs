//! The name that was probably meant.

/// The most names that one search looks at closely, so that a thousand unknown names in a mesh of 100,000 stay quick.
const MAX_CLOSE: usize = 2_000;

/// The candidate that is most like a word, if one is like it at all; of equally near ones the first.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .filter(|candidate| may_be_near(word, candidate, limit))
        .take(MAX_CLOSE)
        .map(|candidate| (strsim::osa_distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A quick look: similar length, and together a beginning and an end in common.
fn may_be_near(word: &str, candidate: &str, limit: usize) -> bool {
    if word.len().abs_diff(candidate.len()) > limit {
        return false;
    }
    let same = |(a, b): &(u8, u8)| a.eq_ignore_ascii_case(b);
    let head = word.bytes().zip(candidate.bytes()).take_while(same).count();
    let tail = word.bytes().rev().zip(candidate.bytes().rev()).take_while(same).count();
    2 * (head + tail) >= word.len()
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
