//! What validate found, in SARIF.

use crate::{
    config::{Code, Finding, Loaded, Severity, Span},
    mesh::FileId,
    render::{findings::end, github::Paths},
};

use super::{Found, Known, Location, Message, Region, Rule, log, succeeded};

/// The findings, ending with a line break.
pub fn findings(loaded: &Loaded, paths: Paths<'_>) -> String {
    let rules = Code::ALL.iter().map(|code| Rule::new(code.as_str(), code.about(), "error")).collect();
    let mut known = Known::default();
    let results = loaded.findings.iter().map(|finding| found(loaded, paths, &mut known, finding)).collect();
    log(rules, results, succeeded())
}

fn found(loaded: &Loaded, paths: Paths<'_>, known: &mut Known, finding: &Finding) -> Found {
    let file = |id: FileId| loaded.mesh.file(id);
    let location = |span: &Span| {
        let (end_line, end_column) = end(loaded, *span);
        let place = span.place;
        let region = Region { start_line: place.line, start_column: place.column, end_line: Some(end_line), end_column: Some(end_column) };
        Location::new(paths, file(place.file), Some(region))
    };
    let whole = || finding.file.map(|id| Location::new(paths, file(id), None));
    let help = finding.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    Found {
        rule_id: finding.code.as_str(),
        level: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: Message::new(&format!("{}{help}", finding.message)),
        locations: finding.span.as_ref().map(location).or_else(whole).into_iter().collect(),
        related_locations: finding
            .related
            .iter()
            .map(|(span, words)| Location { message: Some(Message::new(words)), ..location(span) })
            .collect(),
        partial_fingerprints: known.fingerprint(&[
            finding.code.as_str(),
            &finding.file.map(|id| paths(file(id))).unwrap_or_default(),
            &finding.message,
        ]),
        suppressions: Vec::new(),
    }
}
