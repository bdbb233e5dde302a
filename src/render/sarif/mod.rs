//! Findings in the Static Analysis Results Interchange Format (SARIF 2.1.0), for code scanning; one file for each report.

mod drift;
mod findings;

pub use drift::drift;
pub use findings::{broken, findings};

use std::collections::HashMap;

use serde::Serialize;

use super::{escape, parts::pretty, place::Paths, safe::uri};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    column_kind: &'static str,
    results: Vec<Found>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

/// A kind of finding.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message,
    default_configuration: Configuration,
}

impl Rule {
    fn new(id: &'static str, about: &str, level: &'static str) -> Self {
        Self { id, short_description: Message::new(about), default_configuration: Configuration { level } }
    }
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

impl Message {
    fn new(text: &str) -> Self {
        // What shows it may be a terminal.
        Self { text: text.split('\n').map(escape).collect::<Vec<_>>().join("\n") }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
}

/// A finding.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    rule_id: &'static str,
    level: &'static str,
    message: Message,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    partial_fingerprints: Fingerprints,
}

/// By what a finding is known again in the next run: nothing that depends on the lines above it.
#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "meshform/v1")]
    own: String,
    /// The one that GitHub goes by. What it makes by itself is of the line, and many instances are of one line.
    #[serde(rename = "primaryLocationLineHash")]
    line: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

impl Location {
    /// A place as the repository has it; a path outside of it is told whole.
    fn new(paths: Paths<'_>, file: &str, region: Option<Region>) -> Self {
        let path = paths(file);
        let path = path.trim_start_matches("./");
        let (prefix, base) = if path.starts_with('/') { ("file://", None) } else { ("", Some("%SRCROOT%")) };
        let artifact_location = Artifact { uri: format!("{prefix}{}", uri(path)), uri_base_id: base };
        Self { physical_location: Physical { artifact_location, region }, message: None }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

/// Lines and columns from 1; the end is behind the last character.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_column: Option<u32>,
}

/// Fingerprints of one report: of what is alike the first, the second and so on.
#[derive(Default)]
struct Known {
    seen: HashMap<String, usize>,
}

impl Known {
    fn fingerprint(&mut self, parts: &[&str]) -> Fingerprints {
        let text = parts.join("\0");
        let count = self.seen.entry(text.clone()).or_default();
        *count += 1;
        let digest = crate::mesh::sha256([text.as_bytes()]);
        let short: String = digest.trim_start_matches("sha256:").chars().take(32).collect();
        let own = format!("{short}:{count}");
        Fingerprints { line: own.clone(), own }
    }
}

fn log(rules: Vec<Rule>, results: Vec<Found>, invocation: Invocation) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let driver = Driver { name: "meshform", version, semantic_version: version, rules };
    let run = Run { tool: Tool { driver }, invocations: [invocation], column_kind: "unicodeCodePoints", results };
    pretty(&Log { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] })
}

impl Invocation {
    fn succeeded() -> Self {
        Self { execution_successful: true, exit_code: None, tool_execution_notifications: Vec::new() }
    }

    fn failed(message: &str, hint: Option<&str>, exit: u8) -> Self {
        let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        let notification = Notification { level: "error", message: Message::new(&format!("{message}{hint}")) };
        Self { execution_successful: false, exit_code: Some(exit), tool_execution_notifications: vec![notification] }
    }
}

/// What there is in place of a report.
pub fn failed(message: &str, hint: Option<&str>, exit: u8) -> String {
    log(Vec::new(), Vec::new(), Invocation::failed(message, hint, exit))
}
