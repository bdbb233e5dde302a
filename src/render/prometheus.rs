//! A drift report as metrics, for the textfile collector of a node exporter.

use std::{fmt::Write, time::Duration};

use jiff::Timestamp;

use crate::{
    mesh::Field,
    plan::drift::{Drift, DriftSummary},
};

use super::safe::label;

/// When a run ended, how long it took, and which configuration it was about.
pub struct Run<'a> {
    /// The controller, as flags and environment name it, so that a run that does not reach it has the same; empty where they do not.
    pub controller: &'a str,
    /// The paths as they were given.
    pub paths: &'a str,
    /// When it ended.
    pub time: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// The report as metrics, ending with a line break.
pub fn drift(drift: &Drift, run: &Run<'_>) -> String {
    let mut text = String::new();
    let which = which(run);
    head(&mut text, "drift_findings", "What is not as declared, by kind and field; node_state is about existence.");
    for kind in ["drift", "unknown", "pending", "ignored"] {
        for field in Field::ALL.iter().map(|field| field.name()).chain(["node_state"]) {
            let is_one = |verdict: &str, what: &str| verdict == kind && what == field;
            let count = drift.findings.iter().filter(|finding| is_one(finding.verdict.code(), finding.what.field())).count();
            let _ = writeln!(text, "meshform_drift_findings{{{which},kind=\"{kind}\",field=\"{field}\"}} {count}");
        }
    }
    let DriftSummary {
        drift: _,
        pending: _,
        unknown: _,
        ignored: _,
        as_declared: _,
        declared,
        live,
        unreachable,
        unmanaged,
        not_looked_at: _,
    } = drift.summary;
    for (name, help, count) in [
        ("instances_declared", "Instances that are declared and shall exist.", declared),
        ("instances_live", "Instances that the controller has.", live),
        ("instances_unreachable", "Declared instances that the controller has and does not reach.", unreachable),
        ("instances_unmanaged", "Instances of the controller that the configuration does not know.", unmanaged),
    ] {
        head(&mut text, name, help);
        let _ = writeln!(text, "meshform_{name}{{{which}}} {count}");
    }
    about(&mut text, run, true);
    text
}

/// The metrics of a run that could not see or compare.
pub fn failed(run: &Run<'_>) -> String {
    let mut text = String::new();
    about(&mut text, run, false);
    text
}

fn about(text: &mut String, run: &Run<'_>, success: bool) {
    let which = which(run);
    let time = run.time.as_second();
    for (name, help, value) in [
        ("run_success", "Whether the run could see the controller and compare it with the configuration.", u8::from(success).to_string()),
        ("run_duration_seconds", "How long the run took.", format!("{:.3}", run.took.as_secs_f64())),
        ("run_timestamp_seconds", "When the run ended.", time.to_string()),
    ] {
        head(text, name, help);
        let _ = writeln!(text, "meshform_{name}{{{which}}} {value}");
    }
}

/// The labels that all metrics of a run have.
fn which(run: &Run<'_>) -> String {
    format!("config=\"{}\",controller=\"{}\"", label(run.paths), label(run.controller))
}

fn head(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP meshform_{name} {help}\n# TYPE meshform_{name} gauge");
}
