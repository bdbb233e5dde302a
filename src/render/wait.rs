//! How a wait ended, as text: who is not as wanted, why, and what is known to be behind a node's errors.

use std::{collections::BTreeMap, fmt::Write};

use crate::mesh::fold;

use super::words::{ASIDE, HEADING, REMOVED, escape, paint, plural};

/// An instance that is not as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Which instance.
    pub hostname: String,
    /// How it is.
    pub why: String,
    /// What the controller says is wrong with it.
    pub errors: String,
}

/// Everybody who is not as wanted, those alike together; ends with a line break.
pub fn text(wanted: &str, all: usize, open: &[Open], seconds: f64) -> String {
    let mut text = String::new();
    let mut alike: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for Open { hostname, why, errors } in open {
        alike.entry((why, errors)).or_default().push(hostname);
    }
    for ((why, errors), names) in alike {
        let _ = writeln!(text, "  {} {}  {}", paint(REMOVED, "!"), fold(&names).join(", "), paint(ASIDE, escape(why)));
        for line in errors.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let _ = writeln!(text, "      {}", escape(line));
        }
        if let Some(cause) = cause(errors) {
            let _ = writeln!(text, "      hint: {cause}");
        }
    }
    let heading = paint(HEADING, format!("{} of {} {wanted}", all - open.len(), plural(all, "instance")));
    let late = if open.is_empty() { String::new() } else { format!(" after {seconds} s") };
    let _ = writeln!(text, "{heading}{late}.");
    text
}

/// What is behind an error that a node reports, where that is known: receptor and its signatures say it in their own words.
fn cause(errors: &str) -> Option<&'static str> {
    let errors = errors.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| errors.contains(word));
    if has(&["is expired by", "token is expired", "used before issued", "not yet valid", "clock"]) {
        return Some("the clocks of the node and of the control plane differ: set both by NTP");
    }
    if has(&["x509", "certificate"]) {
        return Some("its certificate is not the one that the mesh trusts, or no longer valid: run its install bundle again");
    }
    if has(&["could not verify signature", "signature"]) {
        return Some("it trusts another key for signed work, such as that of another controller: run its install bundle again");
    }
    if has(&[
        "no route to node",
        "unreachable",
        "connection refused",
        "timeout",
        "timed out",
        "deadline exceeded",
        "no such host",
        "heartbeat",
    ]) {
        return Some(
            "the control plane does not reach it: is receptor running there, was its bundle run, does a firewall let its links through?",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::cause;

    #[test]
    fn known_causes() {
        for (errors, wanted) in [
            ("Error verifying work signature: could not verify signature: token is expired by 3h2m", "clocks"),
            ("could not verify signature: token used before issued", "clocks"),
            ("could not verify signature: crypto/rsa: verification error", "key for signed work"),
            ("x509: certificate signed by unknown authority", "certificate"),
            ("Receptor error from exec-1: no route to node", "does not reach"),
            ("Failed to find ansible-runner", ""),
        ] {
            assert_eq!(cause(errors).is_some_and(|cause| cause.contains(wanted)), !wanted.is_empty(), "{errors}: {:?}", cause(errors));
        }
    }
}
