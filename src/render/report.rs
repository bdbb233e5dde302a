//! What became of an apply as JSON: a document (`--report`), and a line for each event (`--format json`). Both are contracts with
//! those who read them; `format_version`: a minor one only adds.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    apply::{Because, Event, Fate, Stop},
    controller::{ControllerError, Left, ServerInfo},
    plan::{Hold, Plan, Step},
};

use super::{
    fates::due,
    outcome::{Ending, failures, reason, still_there},
    parts::{self, Source},
    plan::held_until,
    schemas,
};

/// How an apply ended as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Result {
    /// Everything was done, or there was nothing to do.
    Done,
    /// Everything that is not held was done.
    Held,
    /// Something failed.
    Failed,
    /// Somebody interrupted it.
    Interrupted,
    /// Nothing was sent: not all of it can or may be done.
    Refused,
}

/// What became of every step.
#[derive(Serialize, JsonSchema)]
struct Document<'a> {
    /// `1.0`: a minor version only adds.
    #[schemars(extend("pattern" = r"^1\.[0-9]+$"))]
    format_version: &'static str,
    result: Result,
    controller: parts::Controller<'a>,
    #[schemars(extend("pattern" = "^sha256:[0-9a-f]{64}$"))]
    digest: Option<&'a str>,
    counts: Figures,
    steps: Vec<Became<'a>>,
    bundles: Vec<parts::Run<'a>>,
}

/// How many requests ended how.
#[derive(Serialize, JsonSchema)]
struct Figures {
    done: usize,
    /// By an earlier apply of the same saved plan.
    done_before: usize,
    failed: usize,
    unknown: usize,
    held: usize,
    not_attempted: usize,
}

/// What became of one step.
#[derive(Serialize, JsonSchema)]
struct Became<'a> {
    id: usize,
    hostname: &'a str,
    #[schemars(extend("enum" = ["create", "patch", "wait"]))]
    action: &'static str,
    #[schemars(extend("enum" = ["done", "failed", "unknown", "waiting", "held", "not_attempted"]))]
    fate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<Reason<'a>>,
    source: Source<'a>,
}

/// What went wrong. The request is null where none was sent, the status where no answer came.
#[derive(Serialize, JsonSchema)]
struct Failure<'a> {
    message: String,
    method: Option<&'a str>,
    path: Option<&'a str>,
    status: Option<u16>,
    words: Option<&'a str>,
    hint: Option<&'static str>,
    /// Whether nobody knows if it was done.
    unsettled: bool,
}

/// Why a step was not attempted, or is not over.
#[derive(Serialize, JsonSchema)]
struct Reason<'a> {
    #[schemars(extend("enum" = ["still_there", "failed", "waits", "busy", "declined", "held", "forbidden", "unreachable", "fail_fast", "refused", "interrupted"]))]
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<&'a [i64]>,
}

/// One event. Whatever has more to say has it under `data`.
#[derive(Serialize)]
struct Line<'a> {
    r#type: &'static str,
    time: &'a str,
    message: &'a str,
    #[serde(flatten)]
    data: serde_json::Value,
}

/// The schema of the document.
pub(super) fn schema() -> String {
    schemas::of::<Document<'static>>("outcome", "What became of an apply of meshform")
}

/// The document of an apply that did not come to its steps.
pub fn without_steps(message: &str, hint: Option<&str>, exit: u8, result: Result) -> String {
    let error = serde_json::json!({ "message": message, "hint": hint, "exit": exit });
    parts::pretty(&serde_json::json!({ "format_version": "1.0", "result": result, "error": error, "steps": [] }))
}

/// The whole as one document, ending with a line break.
pub fn document(ending: &Ending<'_>, plan: &Plan, server: &ServerInfo, result: Result) -> String {
    parts::pretty(&report(ending, plan, server, result))
}

fn report<'a>(ending: &Ending<'a>, plan: &'a Plan, server: &'a ServerInfo, result: Result) -> Document<'a> {
    let counts = ending.outcome.counts(ending.steps);
    Document {
        format_version: "1.0",
        result,
        controller: parts::controller(server),
        digest: plan.digest.as_deref(),
        counts: Figures {
            done: counts.done,
            done_before: ending.steps.iter().filter(|step| step.action.writes() && ending.outcome.fate(step.id).is_none()).count(),
            failed: counts.failed,
            unknown: counts.unknown,
            held: counts.held,
            not_attempted: counts.not_attempted,
        },
        steps: ending.steps.iter().map(|step| became(ending, step)).collect(),
        bundles: due(ending, plan).into_iter().map(parts::run).collect(),
    }
}

fn became<'a>(ending: &Ending<'a>, step: &'a Step) -> Became<'a> {
    let (fate, error, because) = match ending.outcome.fate(step.id) {
        // What an earlier apply did is done.
        None | Some(Fate::Done) => ("done", None, None),
        Some(Fate::Failed(error)) if error.leaves_open() => ("unknown", Some(failure(error)), None),
        Some(Fate::Failed(error)) => ("failed", Some(failure(error)), None),
        Some(Fate::Unknown) => ("unknown", None, None),
        Some(Fate::Waiting(left)) => ("waiting", None, Some(waiting(left))),
        Some(Fate::NotAttempted(because)) => {
            let fate = if because.is_held() { "held" } else { "not_attempted" };
            (fate, None, Some(why(ending.holds, because)))
        }
    };
    let source = Source::new(ending.declared, step.place);
    Became { id: step.id, hostname: &step.hostname, action: parts::action(step), fate, error, because, source }
}

fn failure(error: &ControllerError) -> Failure<'_> {
    let request = error.request();
    Failure {
        message: error.to_string(),
        method: request.map(|(method, ..)| method),
        path: request.map(|(_, path, ..)| path),
        status: request.and_then(|(_, _, status, _)| status),
        words: request.and_then(|(.., words)| words),
        hint: error.hint(),
        unsettled: error.leaves_open(),
    }
}

fn waiting(left: &Left) -> Reason<'_> {
    Reason { code: "still_there", message: still_there(left), hostname: None, until: None, jobs: Some(&left.jobs) }
}

fn why<'a>(holds: &'a [Hold], because: &'a Because) -> Reason<'a> {
    let (code, hostname, until) = match because {
        Because::Failed(hostname) => ("failed", Some(hostname.as_str()), None),
        Because::Waits(hostname) => ("waits", Some(hostname.as_str()), None),
        Because::Busy(hostname) => ("busy", Some(hostname.as_str()), None),
        Because::Stopped(Stop::Declined) => ("declined", None, None),
        Because::Held(hold) => ("held", None, holds.get(*hold).map(|hold| hold.until.as_slice())),
        Because::Stopped(Stop::Forbidden) => ("forbidden", None, None),
        Because::Stopped(Stop::Unreachable) => ("unreachable", None, None),
        Because::Stopped(Stop::FailFast) => ("fail_fast", None, None),
        Because::Stopped(Stop::Refused) => ("refused", None, None),
        Because::Stopped(Stop::Interrupted) => ("interrupted", None, None),
    };
    Reason { code, message: reason(because), hostname, until, jobs: None }
}

/// An event of an apply as one line, with its time (RFC 3339) and what it is in words.
pub fn event(event: Event<'_>, time: &str, message: &str) -> String {
    let about = |step: &Step| serde_json::json!({ "step": step.id, "hostname": step.hostname, "action": parts::action(step) });
    let with = |step: &Step, key: &str, value: serde_json::Value| {
        let mut data = about(step);
        data[key] = value;
        data
    };
    let (kind, data) = match event {
        Event::Started(step) => ("step_started", about(step)),
        Event::Done(step) => ("step_done", about(step)),
        Event::Failed(step, error) => ("step_failed", with(step, "error", value(&failure(error)))),
        Event::Held(step, left) => ("step_waiting", with(step, "because", value(&waiting(left)))),
        Event::Waiting(hold) => ("waiting", serde_json::json!({ "until": hold.until })),
        Event::Unseen(error) => ("unseen", serde_json::json!({ "error": value(&failure(error)) })),
    };
    line(kind, time, message, data)
}

/// The plan that is about to be run, or that is refused.
pub fn planned(plan: &serde_json::Value, time: &str, message: &str) -> String {
    line("plan", time, message, serde_json::json!({ "plan": plan }))
}

/// The end of an apply: its figures, and what failed alike.
pub fn ended(ending: &Ending<'_>, plan: &Plan, server: &ServerInfo, result: Result, time: &str) -> String {
    let Document { format_version: _, result, controller: _, digest: _, counts, steps: _, bundles } = report(ending, plan, server, result);
    let failures: Vec<_> = failures(ending)
        .into_iter()
        .map(|(message, failed)| {
            let hostnames: Vec<&str> = failed.iter().map(|(step, _)| step.hostname.as_str()).collect();
            serde_json::json!({ "message": message, "count": failed.len(), "hostnames": hostnames })
        })
        .collect();
    let holds = ending.steps.iter().filter_map(|step| match ending.outcome.fate(step.id) {
        Some(Fate::NotAttempted(Because::Held(hold))) => Some(*hold),
        _ => None,
    });
    let holds: BTreeSet<usize> = holds.collect();
    let held: Vec<String> = holds.into_iter().filter_map(|hold| ending.holds.get(hold)).map(held_until).collect();
    let text = super::outcome::text(ending);
    let message = text.trim_end().lines().last().unwrap_or_default();
    let message = anstream::adapter::strip_str(message).to_string();
    let data = serde_json::json!({
        "result": value(&result),
        "counts": value(&counts),
        "failures": failures,
        "held": held,
        "bundles": value(&bundles),
    });
    line("outcome", time, &message, data)
}

/// What kept an apply from running at all.
pub fn error(message: &str, hint: Option<&str>, exit: u8, time: &str) -> String {
    line("error", time, message, serde_json::json!({ "hint": hint, "exit": exit }))
}

fn line(r#type: &'static str, time: &str, message: &str, data: serde_json::Value) -> String {
    let mut text = parts::quiet(&value(&Line { r#type, time, message, data }).to_string());
    text.push('\n');
    text
}

fn value(document: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(document).expect("strings, numbers and booleans are JSON")
}
