//! The JSON Schemas of the reports, made of the very structs that are written: what is added to one is in the other.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;

use super::{
    drift_json,
    findings_json::{self, Found},
    json,
    parts::pretty,
    report,
};

/// The documents that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a plan.
    Plan,
    /// Of a drift report.
    Drift,
    /// Of what became of an apply.
    Outcome,
    /// Of what validate found.
    Findings,
}

/// A schema, ending with a line break.
pub fn schema(kind: Kind) -> String {
    match kind {
        Kind::Plan => json::schema(),
        Kind::Drift => drift_json::schema(),
        Kind::Outcome => report::schema(),
        Kind::Findings => findings_json::schema(),
    }
}

/// What a run writes: its report, or why it has none.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is made")]
enum Written<T> {
    Report(T),
    Failed(Failed<'static>),
}

/// The document of a run that did not come to its report.
#[derive(Serialize, JsonSchema)]
pub(super) struct Failed<'a> {
    /// `1.0`: a minor version only adds.
    #[schemars(extend("pattern" = r"^1\.[0-9]+$"))]
    pub(super) format_version: &'static str,
    pub(super) error: Error,
    /// What is wrong with the configuration, where that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) findings: Option<Vec<Found<'a>>>,
}

/// What kept a run from its report.
#[derive(Serialize, JsonSchema)]
pub(super) struct Error {
    pub(super) message: String,
    /// What to do.
    pub(super) hint: Option<String>,
    /// The exit code.
    pub(super) exit: u8,
}

/// The value of a field as the API would write it: decimals as text, peers as a configuration names them.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is made")]
pub(super) enum Shown {
    Text(String),
    Flag(bool),
    Port(i64),
    Peers(Vec<String>),
}

/// The schema of a document and of what there is in its place.
pub(super) fn of<T: JsonSchema>(name: &str, title: &str) -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Written<T>>();
    schema.insert("$id".to_owned(), format!("urn:meshform:{name}:1").into());
    schema.insert("title".to_owned(), title.into());
    pretty(&schema)
}
