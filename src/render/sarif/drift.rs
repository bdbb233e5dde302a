//! A drift report in SARIF.

use crate::{
    mesh::Place,
    plan::drift::Verdict,
    render::{
        drift::{View, difference, why},
        place::Paths,
    },
};

use super::{Found, Invocation, Known, Location, Message, Region, Rule, log};

/// The report, ending with a line break. What a rule of the configuration knows of is left out: code scanning heeds no suppressions.
pub fn drift(view: &View<'_>, paths: Paths<'_>) -> String {
    let rules = vec![
        Rule::new("drift", "Somebody changed the controller.", "warning"),
        Rule::new("pending", "It was declared and not applied yet.", "note"),
        Rule::new("unknown", "It is not as declared, and nobody can tell whether somebody changed it.", "warning"),
    ];
    let location = |place: Place| {
        let region = Region { start_line: place.line, start_column: place.column, end_line: None, end_column: None };
        Location::new(paths, view.declared.file(place.file), Some(region))
    };
    let mut known = Known::default();
    let results = view.drift.findings.iter().filter_map(|finding| {
        let (rule_id, level) = match &finding.verdict {
            Verdict::Drift { .. } => ("drift", "warning"),
            Verdict::Unknown(_) => ("unknown", "warning"),
            Verdict::Pending => ("pending", "note"),
            Verdict::Ignored { .. } => return None,
        };
        let why = why(view, finding);
        let why = if why.is_empty() { why } else { format!("\n{why}") };
        Some(Found {
            rule_id,
            level,
            message: Message::new(&format!("{}: {}{why}", finding.hostname, difference(&finding.what))),
            locations: vec![location(finding.place)],
            related_locations: Vec::new(),
            // Whoever did it, and whatever it is now: the same thing is not as declared.
            partial_fingerprints: known.fingerprint(&[&finding.hostname, finding.what.field()]),
        })
    });
    let results = results.collect();
    log(rules, results, Invocation::succeeded())
}
