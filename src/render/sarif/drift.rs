//! A drift report in SARIF.

use crate::{
    mesh::Place,
    plan::drift::Verdict,
    render::{
        drift::{View, difference, why},
        github::Paths,
    },
};

use super::{Found, Known, Location, Message, Region, Rule, Suppression, log, succeeded};

/// The report, ending with a line break. What a rule of the configuration knows of is there and suppressed.
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
    let results = view.drift.findings.iter().map(|finding| {
        let (rule_id, level) = match &finding.verdict {
            Verdict::Drift { .. } => ("drift", "warning"),
            Verdict::Unknown(_) => ("unknown", "warning"),
            Verdict::Pending => ("pending", "note"),
            Verdict::Ignored { .. } => ("drift", "note"),
        };
        let (mut suppressions, mut related_locations) = (Vec::new(), Vec::new());
        if let Verdict::Ignored { until, reason, place } = &finding.verdict {
            let justification = Message::new(&format!("until {until}: {reason}")).text;
            suppressions.push(Suppression { kind: "external", status: "accepted", justification });
            related_locations.push(Location { message: Some(Message::new("the rule that knows of it")), ..location(*place) });
        }
        let why = why(view, finding);
        let why = if why.is_empty() { why } else { format!("\n{why}") };
        Found {
            rule_id,
            level,
            message: Message::new(&format!("{}: {}{why}", finding.hostname, difference(&finding.what))),
            locations: vec![location(finding.place)],
            related_locations,
            // Whoever did it, and whatever it is now: the same thing is not as declared.
            partial_fingerprints: known.fingerprint(&[&finding.hostname, finding.what.field()]),
            suppressions,
        }
    });
    let results = results.collect();
    log(rules, results, succeeded())
}
