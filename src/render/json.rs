//! A plan as JSON: a contract with those who read it. Its structs are its own, so that a name that changes inside changes
//! nothing here. `format_version`: a minor one only adds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    mesh::{DeclaredMesh, OwnKeys, Place},
    plan::{self, Action, Effect, Guard, KeptInstance, LetGo, Request, Spared, SparedBy, Step, Touch, saved::Warned},
};

use super::{
    parts::{Controller, Hand, Rule, Run, Source, Warning, action, controller, pretty, run, value},
    plan::View,
    schemas::{self, Shown},
};

pub use super::parts::failed;

/// What an apply would do.
#[derive(Serialize, JsonSchema)]
struct Document<'a> {
    /// `1.0`: a minor version only adds.
    #[schemars(extend("pattern" = r"^1\.[0-9]+$"))]
    format_version: &'static str,
    /// What the plan does: `sha256:` and 64 hexadecimal digits; null where anything is refused.
    #[schemars(extend("pattern" = "^sha256:[0-9a-f]{64}$"))]
    digest: Option<&'a str>,
    /// Null where no controller was asked.
    controller: Option<Controller<'a>>,
    /// The paths of the configuration that stands in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    summary: Figures,
    instances: Vec<Instance<'a>>,
    steps: Vec<Sent<'a>>,
    /// What holds steps, each until these nodes are connected; a step names it by its place in this list.
    holds: Vec<Holds<'a>>,
    refused: Vec<Refused<'a>>,
    /// What a change of the configuration alone no longer cares for.
    lets_go: Vec<NoLonger<'a>>,
    not_allowed: Vec<NotAllowed<'a>>,
    left_out: Vec<Without<'a>>,
    left_alone: Vec<Alone<'a>>,
    disruptions: Vec<Away<'a>>,
    touches: Vec<Touched<'a>>,
    bundles: Vec<Run<'a>>,
    firewall: Rules<'a>,
    warnings: Vec<Warning<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct Figures {
    create: usize,
    update: usize,
    remove: usize,
    replace: usize,
    unchanged: usize,
    left_out: usize,
    left_alone: usize,
    unmanaged: usize,
    unmanaged_fields: usize,
    refused: usize,
    held: usize,
}

#[derive(Serialize, JsonSchema)]
struct Instance<'a> {
    hostname: &'a str,
    #[schemars(extend("enum" = ["create", "update", "replace", "remove"]))]
    action: &'static str,
    /// The fields that will differ; none on a removal.
    changes: Vec<Changed<'a>>,
    /// Who made what goes, or removed what is made, by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    reverts: Option<Hand<'a>>,
    source: Source<'a>,
    notes: &'a [String],
    /// The user's keys that begin with `x-`.
    #[serde(flatten)]
    #[schemars(skip)]
    own_keys: Option<&'a OwnKeys>,
}

#[derive(Serialize, JsonSchema)]
struct Changed<'a> {
    #[schemars(extend("enum" = ["node_type", "enabled", "capacity_adjustment", "managed_by_policy", "listener_port", "peers_from_control_nodes", "peers"]))]
    field: &'static str,
    /// Null on a create.
    #[schemars(with = "Option<Shown>")]
    before: serde_json::Value,
    #[schemars(with = "Option<Shown>")]
    after: serde_json::Value,
    /// Whose hand is undone.
    reverts: Option<Hand<'a>>,
}

/// A field that differs and is left alone.
#[derive(Serialize, JsonSchema)]
struct Alone<'a> {
    hostname: &'a str,
    /// What is not done.
    #[schemars(extend("enum" = ["create", "update", "remove"]))]
    action: &'static str,
    /// Null where it is about the instance itself.
    field: Option<&'static str>,
    #[schemars(with = "Option<Shown>")]
    live: serde_json::Value,
    #[schemars(with = "Option<Shown>")]
    declared: serde_json::Value,
    source: Source<'a>,
    /// The rule of `ignore` that knows of it; null where `--keep-drift` leaves it.
    ignored: Option<Rule<'a>>,
}

/// What stays as it is, and is managed no longer.
#[derive(Serialize, JsonSchema)]
struct NoLonger<'a> {
    hostname: &'a str,
    /// Null where it is the instance itself.
    field: Option<&'static str>,
    /// What the field keeps.
    #[schemars(with = "Option<Shown>")]
    value: serde_json::Value,
}

#[derive(Serialize, JsonSchema)]
struct Sent<'a> {
    id: usize,
    hostname: &'a str,
    #[schemars(extend("enum" = ["create", "patch", "wait"]))]
    action: &'static str,
    /// What the request says, with peers as hostnames.
    #[schemars(with = "BTreeMap<String, Option<Shown>>")]
    body: serde_json::Map<String, serde_json::Value>,
    /// The steps that must be done before this one.
    after: &'a [usize],
    why: &'a str,
    held: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<usize>,
}

/// What holds steps.
#[derive(Serialize, JsonSchema)]
struct Holds<'a> {
    until: &'a [String],
}

#[derive(Serialize, JsonSchema)]
struct Refused<'a> {
    hostname: &'a str,
    code: &'static str,
    message: String,
    hint: &'static str,
    source: Source<'a>,
}

#[derive(Serialize, JsonSchema)]
struct NotAllowed<'a> {
    #[schemars(extend("enum" = ["replace", "disrupt", "jobs", "drain", "foreign", "removals", "empty"]))]
    code: &'static str,
    message: String,
    hint: &'static str,
    hostnames: &'a [String],
}

/// What is left out because it needs something that is left out.
#[derive(Serialize, JsonSchema)]
struct Without<'a> {
    hostname: &'a str,
    needs: &'a str,
}

/// Who has no path to the control plane for a while.
#[derive(Serialize, JsonSchema)]
struct Away<'a> {
    by: &'a str,
    itself: bool,
    behind: &'a [String],
}

/// A link that is not declared here and is touched all the same.
#[derive(Serialize, JsonSchema)]
struct Touched<'a> {
    hostname: &'a str,
    peer: &'a str,
    #[schemars(extend("enum" = ["set_again", "moved", "cut"]))]
    effect: &'static str,
    declared: bool,
}

#[derive(Serialize, JsonSchema)]
struct Rules<'a> {
    open: Vec<Let<'a>>,
    close: Vec<Let<'a>>,
}

/// A connection; the source is null for the control nodes.
#[derive(Serialize, JsonSchema)]
struct Let<'a> {
    source: Option<&'a str>,
    target: &'a str,
    port: i64,
    protocol: &'a str,
}

/// The plan as one document, ending with a line break.
pub fn plan(view: &View<'_>, warnings: &[Warned]) -> String {
    pretty(&document(view, warnings))
}

/// The same document as a value.
pub fn plan_value(view: &View<'_>, warnings: &[Warned]) -> serde_json::Value {
    serde_json::to_value(document(view, warnings)).expect("strings, numbers and booleans are JSON")
}

fn document<'a>(view: &View<'a>, warnings: &[Warned]) -> Document<'a> {
    let View { plan, declared, server, from, paths: _, unfolded: _ } = *view;
    let source = |place: Place| Source::new(declared, place);
    let instances = plan.changes.iter().map(|change| Instance {
        hostname: &change.hostname,
        action: doing(change.action),
        changes: change
            .changes
            .iter()
            .map(|c| Changed {
                field: c.field.name(),
                before: c.before.as_ref().map_or(serde_json::Value::Null, value),
                after: value(&c.after),
                reverts: c.reverts.as_ref().map(Hand::new),
            })
            .collect(),
        reverts: change.reverts.as_ref().map(Hand::new),
        source: source(change.place),
        notes: &change.notes,
        own_keys: declared.instances.get(change.hostname.as_str()).map(|instance| &*instance.own_keys).filter(|keys| !keys.is_empty()),
    });
    let refused = plan.refused.iter().map(|refusal| Refused {
        hostname: &refusal.hostname,
        code: refusal.reason.code(),
        message: refusal.reason.to_string(),
        hint: refusal.reason.hint(),
        source: source(refusal.place),
    });
    let configured = warnings.iter().map(|warned| Warning::of(declared, warned));
    let said = super::warnings::of(plan).into_iter().map(|said| Warning::new(declared, said.code, said.message, None));
    let unmatched = plan.unmatched.iter().map(|item| Warning::new(declared, "unmatched", item.to_string(), item.place));
    let summary = plan.summary;
    Document {
        format_version: "1.0",
        digest: plan.digest.as_deref(),
        controller: from.is_none().then(|| controller(server)),
        from,
        summary: Figures {
            create: summary.create,
            update: summary.update,
            remove: summary.remove,
            replace: summary.replace,
            unchanged: summary.unchanged,
            left_out: summary.left_out,
            left_alone: summary.spared,
            unmanaged: summary.unmanaged,
            unmanaged_fields: summary.unmanaged_fields,
            refused: plan.refused.len(),
            held: plan.held(),
        },
        instances: instances.collect(),
        steps: plan.steps.iter().map(request).collect(),
        holds: plan.holds.iter().map(|hold| Holds { until: &hold.until }).collect(),
        refused: refused.collect(),
        left_out: plan.left_out.iter().map(|out| Without { hostname: &out.hostname, needs: &out.needs }).collect(),
        left_alone: plan
            .kept
            .iter()
            .map(|kept| alone_itself(declared, kept))
            .chain(plan.spared.iter().map(|spared| alone(declared, spared)))
            .collect(),
        lets_go: plan.lets_go.iter().map(no_longer).collect(),
        not_allowed: plan.guards.iter().map(not_allowed).collect(),
        disruptions: plan.disruptions.iter().map(|d| Away { by: &d.by, itself: d.itself, behind: &d.behind }).collect(),
        touches: plan.touches.iter().map(touched).collect(),
        bundles: plan.bundles.iter().map(run).collect(),
        firewall: Rules {
            open: plan.firewall.open.iter().flat_map(allow).collect(),
            close: plan.firewall.close.iter().flat_map(allow).collect(),
        },
        warnings: configured.chain(said).chain(unmatched).collect(),
    }
}

fn alone_itself<'a>(declared: &'a DeclaredMesh, kept: &'a KeptInstance) -> Alone<'a> {
    let KeptInstance { hostname, action, place, reverts: _ } = kept;
    Alone {
        hostname,
        action: doing(*action),
        field: None,
        live: serde_json::Value::Null,
        declared: serde_json::Value::Null,
        source: Source::new(declared, *place),
        ignored: None,
    }
}

fn no_longer(let_go: &LetGo) -> NoLonger<'_> {
    let LetGo { hostname, field } = let_go;
    let kept = field.as_ref().map_or(serde_json::Value::Null, |(_, kept)| value(kept));
    NoLonger { hostname, field: field.as_ref().map(|(field, _)| field.name()), value: kept }
}

fn doing(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Remove => "remove",
    }
}

fn alone<'a>(declared: &'a DeclaredMesh, spared: &'a Spared) -> Alone<'a> {
    let Spared { hostname, change, by } = spared;
    let ignored = match by {
        SparedBy::Rule { until, reason, place } => Some(Rule::new(declared, *until, reason, *place)),
        SparedBy::Hand => None,
    };
    Alone {
        hostname,
        action: "update",
        field: Some(change.field.name()),
        live: change.before.as_ref().map_or(serde_json::Value::Null, value),
        declared: value(&change.after),
        source: Source::new(declared, change.place),
        ignored,
    }
}

fn not_allowed(guard: &Guard) -> NotAllowed<'_> {
    NotAllowed { code: guard.code(), message: guard.to_string(), hint: guard.hint(), hostnames: guard.hostnames() }
}

fn touched(touch: &Touch) -> Touched<'_> {
    let Touch { effect, peer, hostname, is_declared, was_the_last: _ } = touch;
    let effect = match effect {
        Effect::SetAgain => "set_again",
        Effect::Moved => "moved",
        Effect::Cut => "cut",
    };
    Touched { hostname, peer, effect, declared: *is_declared }
}

fn allow(rule: &plan::Rule) -> impl Iterator<Item = Let<'_>> {
    let plan::Rule { target, port, protocol, from_control_nodes, sources } = rule;
    let control = from_control_nodes.then_some(None);
    let sources = control.into_iter().chain(sources.iter().map(|source| Some(source.as_str())));
    sources.map(move |source| Let { source, target, port: *port, protocol })
}

/// The schema of the document.
pub(super) fn schema() -> String {
    schemas::of::<Document<'static>>("plan", "A plan of meshform")
}

fn request(step: &Step) -> Sent<'_> {
    let action = action(step);
    let body = step.body.iter().map(|(field, v)| (field.name().to_owned(), value(v)));
    let state = (step.action == Request::Remove).then(|| ("node_state".to_owned(), "deprovisioning".into()));
    let body = state.into_iter().chain(body).collect();
    Sent {
        id: step.id,
        hostname: &step.hostname,
        action,
        body,
        after: &step.after,
        why: &step.why,
        held: step.held.is_some(),
        held_by: step.held,
    }
}
