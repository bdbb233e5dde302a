//! What validate found, in SARIF.

use crate::{
    config::{Code, Finding, Loaded, Severity, Span},
    mesh::FileId,
    render::{findings::end, place::Paths},
};

use super::{Found, Invocation, Known, Location, Message, Region, Rule, log};

/// The findings, ending with a line break. What is about no file is placed at the path that was given.
pub fn findings(loaded: &Loaded, paths: Paths<'_>, given: &str) -> String {
    written(loaded, paths, given, Invocation::succeeded())
}

/// The same where they kept a run from its report.
pub fn broken(loaded: &Loaded, paths: Paths<'_>, given: &str, (message, hint, exit): (&str, Option<&str>, u8)) -> String {
    written(loaded, paths, given, Invocation::failed(message, hint, exit))
}

fn written(loaded: &Loaded, paths: Paths<'_>, given: &str, invocation: Invocation) -> String {
    // Of some codes the words alone tell that they are warnings.
    let level = |code: &Code| if code.about().contains("(warning") { "warning" } else { "error" };
    let rules = Code::ALL.iter().map(|code| Rule::new(code.as_str(), code.about(), level(code))).collect();
    let mut known = Known::default();
    let results = loaded.findings.iter().map(|finding| found(loaded, paths, given, &mut known, finding)).collect();
    log(rules, results, invocation)
}

fn found(loaded: &Loaded, paths: Paths<'_>, given: &str, known: &mut Known, finding: &Finding) -> Found {
    let file = |id: FileId| loaded.mesh.file(id);
    let location = |span: &Span| {
        let (end_line, end_column) = end(loaded, *span);
        let place = span.place;
        let region = Region { start_line: place.line, start_column: place.column, end_line: Some(end_line), end_column: Some(end_column) };
        Location::new(paths, file(place.file), Some(region))
    };
    // Code scanning refuses a file with a finding that is nowhere.
    let whole = || Location::new(paths, finding.file.map_or(given, file), None);
    let help = finding.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    Found {
        rule_id: finding.code.as_str(),
        level: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: Message::new(&format!("{}{help}", finding.message)),
        locations: vec![finding.span.as_ref().map_or_else(whole, location)],
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
    }
}
