//! A drift report as JSON: a contract, as that of a plan.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    mesh::OwnKeys,
    plan::{
        drift::{Difference, Seen, Stream, Verdict, What},
        saved::Warned,
    },
};

use super::{
    drift::{View, why},
    parts::{Controller, Hand, Rule, Source, Warning, controller, pretty, value},
    schemas::{self, Shown},
};

/// What is not as declared, and why.
#[derive(Serialize, JsonSchema)]
struct Document<'a> {
    /// `1.0`: a minor version only adds.
    #[schemars(extend("pattern" = r"^1\.[0-9]+$"))]
    format_version: &'static str,
    controller: Controller<'a>,
    summary: Figures,
    /// Whether who changed what could be asked for: asked, off, skipped, refused.
    #[schemars(extend("enum" = ["asked", "off", "skipped", "refused"]))]
    activity_stream: &'static str,
    findings: Vec<Finding<'a>>,
    /// What needs somebody's eye and is no drift.
    states: Vec<State<'a>>,
    /// The live instances that the configuration does not know, where they were to be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    unmanaged: Option<&'a [String]>,
    warnings: Vec<Warning<'a>>,
}

/// Findings by kind, then instances.
#[derive(Serialize, JsonSchema)]
struct Figures {
    drift: usize,
    unknown: usize,
    pending: usize,
    ignored: usize,
    as_declared: usize,
    declared: usize,
    live: usize,
    unreachable: usize,
    unmanaged: usize,
    /// Declared instances that `--only` and `--exclude` leave out.
    not_looked_at: usize,
}

#[derive(Serialize, JsonSchema)]
struct Finding<'a> {
    hostname: &'a str,
    #[schemars(extend("enum" = ["drift", "unknown", "pending", "ignored"]))]
    kind: &'static str,
    /// A managed field; `node_state` where it is about existence.
    #[schemars(extend("enum" = ["node_type", "enabled", "capacity_adjustment", "managed_by_policy", "listener_port", "peers_from_control_nodes", "peers", "node_state"]))]
    field: &'static str,
    /// Null where the instance shall not be there.
    #[schemars(with = "Option<Shown>")]
    declared: serde_json::Value,
    /// Null where it is not there.
    #[schemars(with = "Option<Shown>")]
    live: serde_json::Value,
    /// Where the declared value stands, or what asks for a removal.
    source: Source<'a>,
    /// The newest change that is known.
    change: Option<Hand<'a>>,
    /// Whether that was somebody's hand: an apply would undo it, and `--keep-drift` leaves it.
    by_hand: bool,
    /// The controllers' web form sends this whenever somebody saves an instance.
    web_form: bool,
    /// The rule that knows of it.
    ignored: Option<Rule<'a>>,
    /// Who did it, or why nobody can tell, in words.
    why: String,
    /// The user's keys that begin with `x-`.
    #[serde(flatten)]
    #[schemars(skip)]
    own_keys: Option<&'a OwnKeys>,
}

#[derive(Serialize, JsonSchema)]
struct State<'a> {
    hostname: &'a str,
    #[serde(rename = "state")]
    word: &'a str,
    jobs_running: i64,
}

/// The schema of the document.
pub(super) fn schema() -> String {
    schemas::of::<Document<'static>>("drift", "A drift report of meshform")
}

/// The report as one document, ending with a line break.
pub fn document(view: &View<'_>, warnings: &[Warned]) -> String {
    let summary = view.drift.summary;
    pretty(&Document {
        format_version: "1.0",
        controller: controller(view.server),
        summary: Figures {
            drift: summary.drift,
            unknown: summary.unknown,
            pending: summary.pending,
            ignored: summary.ignored,
            as_declared: summary.as_declared,
            declared: summary.declared,
            live: summary.live,
            unreachable: summary.unreachable,
            unmanaged: summary.unmanaged,
            not_looked_at: summary.not_looked_at,
        },
        activity_stream: match view.drift.stream {
            Stream::Asked => "asked",
            Stream::Off => "off",
            Stream::Skipped => "skipped",
            Stream::Refused => "refused",
        },
        findings: view.drift.findings.iter().map(|finding| found(view, finding)).collect(),
        states: view.drift.states.iter().map(state).collect(),
        unmanaged: view.shows_unmanaged.then_some(view.drift.unmanaged.as_slice()),
        warnings: warnings.iter().map(|warned| Warning::of(view.declared, warned)).collect(),
    })
}

fn state(seen: &Seen) -> State<'_> {
    State { hostname: &seen.hostname, word: &seen.state, jobs_running: seen.jobs_running }
}

fn found<'a>(view: &View<'a>, finding: &'a Difference) -> Finding<'a> {
    let Difference { hostname, what, verdict, place, change, by_hand } = finding;
    let state = |state: &str| serde_json::Value::from(state);
    let (declared, live) = match what {
        What::Field { declared, live, .. } => (value(declared), value(live)),
        What::Missing(live) => (state("installed"), live.as_deref().map_or(serde_json::Value::Null, state)),
        What::Extra(live) => (serde_json::Value::Null, state(live)),
    };
    let ignored = match verdict {
        Verdict::Ignored { until, reason, place } => Some(Rule::new(view.declared, *until, reason, *place)),
        _ => None,
    };
    Finding {
        hostname,
        kind: verdict.code(),
        field: what.field(),
        declared,
        live,
        source: Source::new(view.declared, *place),
        change: change.as_ref().map(Hand::new),
        by_hand: *by_hand,
        web_form: matches!(verdict, Verdict::Drift { web_form: true }),
        ignored,
        why: why(view, finding),
        own_keys: view.declared.instances.get(hostname.as_str()).map(|instance| &*instance.own_keys).filter(|keys| !keys.is_empty()),
    }
}
