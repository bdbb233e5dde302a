//! Findings as JSON: a contract, as that of a plan.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    config::{Finding, Loaded, Severity, Span},
    mesh::FileId,
};

use super::{findings::end, parts::pretty, schemas};

/// What is wrong, or probably wrong, with a configuration.
#[derive(Serialize, JsonSchema)]
struct Document<'a> {
    /// `1.0`: a minor version only adds.
    #[schemars(extend("pattern" = r"^1\.[0-9]+$"))]
    format_version: &'static str,
    summary: Summary,
    findings: Vec<Found<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct Summary {
    instances: usize,
    files: usize,
    errors: usize,
    warnings: usize,
    /// Whether there are more findings than are listed.
    cut: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Found<'a> {
    code: &'static str,
    #[schemars(extend("enum" = ["error", "warning"]))]
    severity: &'static str,
    message: &'a str,
    /// None for what is about no file; without a line for what is about a file as a whole.
    source: Option<Place<'a>>,
    related: Vec<Related<'a>>,
    help: Option<&'a str>,
}

#[derive(Serialize, JsonSchema)]
struct Related<'a> {
    message: &'a str,
    source: Place<'a>,
}

/// A part of a file: lines and columns count from 1, columns in characters; the end is behind the last one.
#[derive(Serialize, JsonSchema)]
struct Place<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_column: Option<u32>,
}

/// The schema of the document.
pub(super) fn schema() -> String {
    schemas::of::<Document<'static>>("findings", "What meshform validate found")
}

/// All findings as one document, ending with a line break.
pub fn document(loaded: &Loaded) -> String {
    let count = |severity| loaded.findings.iter().filter(|finding| finding.severity == severity).count();
    let document = Document {
        format_version: "1.0",
        summary: Summary {
            instances: loaded.mesh.instances.len(),
            files: loaded.mesh.files.len(),
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            cut: loaded.cut,
        },
        findings: all(loaded),
    };
    pretty(&document)
}

/// All findings.
pub(super) fn all(loaded: &Loaded) -> Vec<Found<'_>> {
    loaded.findings.iter().map(|finding| found(loaded, finding)).collect()
}

fn found<'a>(loaded: &'a Loaded, finding: &'a Finding) -> Found<'a> {
    let whole = |file: FileId| Place { file: loaded.mesh.file(file), line: None, column: None, end_line: None, end_column: None };
    Found {
        code: finding.code.as_str(),
        severity: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: &finding.message,
        source: finding.span.map(|span| place(loaded, span)).or_else(|| finding.file.map(whole)),
        related: finding.related.iter().map(|(span, message)| Related { message, source: place(loaded, *span) }).collect(),
        help: finding.help.as_deref(),
    }
}

fn place(loaded: &Loaded, span: Span) -> Place<'_> {
    let (end_line, end_column) = end(loaded, span);
    Place {
        file: loaded.mesh.file(span.place.file),
        line: Some(span.place.line),
        column: Some(span.place.column),
        end_line: Some(end_line),
        end_column: Some(end_column),
    }
}
