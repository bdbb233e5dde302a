//! A plan as JSON: a contract with those who read it. Its structs are its own, so that a name that changes inside changes
//! nothing here. `format_version`: a minor one only adds.

use jiff::civil::Date;
use serde::Serialize;

use crate::{
    controller::ServerInfo,
    mesh::{DeclaredMesh, OwnKeys, Peer, Place, Value},
    plan::{self, Action, Bundle, Cause, Effect, Guard, KeptInstance, LetGo, Request, Spared, SparedBy, Step, Touch, drift::Known},
};

use super::plan::View;

#[derive(Serialize)]
struct Document<'a> {
    format_version: &'static str,
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

/// Which controller it is.
#[derive(Serialize)]
pub(super) struct Controller<'a> {
    url: &'a str,
    version: &'a str,
    dialect: String,
    install_uuid: &'a str,
}

#[derive(Serialize)]
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

#[derive(Serialize)]
struct Instance<'a> {
    hostname: &'a str,
    action: &'static str,
    changes: Vec<Changed<'a>>,
    /// Who made what goes, or removed what is made, by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    reverts: Option<Hand<'a>>,
    source: Source<'a>,
    notes: &'a [String],
    /// The user's keys that begin with `x-`.
    #[serde(flatten)]
    own_keys: Option<&'a OwnKeys>,
}

#[derive(Serialize)]
struct Changed<'a> {
    field: &'static str,
    before: serde_json::Value,
    after: serde_json::Value,
    /// Whose hand is undone.
    reverts: Option<Hand<'a>>,
}

/// A change that the controller remembers.
#[derive(Serialize)]
pub(super) struct Hand<'a> {
    /// The account; null where the controller itself did it or the account is not known.
    actor: Option<&'a str>,
    /// RFC 3339.
    time: String,
    /// The value before; null also where that is not known.
    before: serde_json::Value,
}

impl<'a> Hand<'a> {
    pub(super) fn new(known: &'a Known) -> Self {
        let Known { actor, time, before } = known;
        Self { actor: actor.as_deref(), time: time.to_string(), before: before.as_ref().map_or(serde_json::Value::Null, value) }
    }
}

/// A field that differs and is left alone.
#[derive(Serialize)]
struct Alone<'a> {
    hostname: &'a str,
    /// What is not done: create, update or remove.
    action: &'static str,
    /// Null where it is about the instance itself.
    field: Option<&'static str>,
    live: serde_json::Value,
    declared: serde_json::Value,
    source: Source<'a>,
    /// The rule of `ignore` that knows of it; null where `--keep-drift` leaves it.
    ignored: Option<Rule<'a>>,
}

/// What stays as it is, and is managed no longer.
#[derive(Serialize)]
struct NoLonger<'a> {
    hostname: &'a str,
    /// Null where it is the instance itself.
    field: Option<&'static str>,
    /// What the field keeps.
    value: serde_json::Value,
}

/// A rule of `ignore`.
#[derive(Serialize)]
pub(super) struct Rule<'a> {
    until: String,
    reason: &'a str,
    source: Source<'a>,
}

impl<'a> Rule<'a> {
    pub(super) fn new(declared: &'a DeclaredMesh, until: Date, reason: &'a str, place: Place) -> Self {
        Self { until: until.to_string(), reason, source: Source::new(declared, place) }
    }
}

/// Where something stands.
#[derive(Serialize)]
pub(super) struct Source<'a> {
    file: &'a str,
    line: u32,
    column: u32,
}

impl<'a> Source<'a> {
    pub(super) fn new(declared: &'a DeclaredMesh, place: Place) -> Self {
        Self { file: declared.file(place.file), line: place.line, column: place.column }
    }
}

#[derive(Serialize)]
struct Sent<'a> {
    id: usize,
    hostname: &'a str,
    action: &'static str,
    body: serde_json::Map<String, serde_json::Value>,
    after: &'a [usize],
    why: &'a str,
    held: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<usize>,
}

/// What holds steps.
#[derive(Serialize)]
struct Holds<'a> {
    until: &'a [String],
}

#[derive(Serialize)]
struct Refused<'a> {
    hostname: &'a str,
    code: &'static str,
    message: String,
    hint: &'static str,
    source: Source<'a>,
}

#[derive(Serialize)]
struct NotAllowed<'a> {
    code: &'static str,
    message: String,
    hint: &'static str,
    hostnames: &'a [String],
}

/// What is left out because it needs something that is left out.
#[derive(Serialize)]
struct Without<'a> {
    hostname: &'a str,
    needs: &'a str,
}

/// Who has no path to the control plane for a while.
#[derive(Serialize)]
struct Away<'a> {
    by: &'a str,
    itself: bool,
    behind: &'a [String],
}

/// A link that is not declared here and is touched all the same.
#[derive(Serialize)]
struct Touched<'a> {
    hostname: &'a str,
    peer: &'a str,
    effect: &'static str,
    declared: bool,
}

/// An install bundle to run.
#[derive(Serialize)]
pub(super) struct Run<'a> {
    turn: usize,
    hostname: &'a str,
    why: &'static str,
}

#[derive(Serialize)]
struct Rules<'a> {
    open: Vec<Let<'a>>,
    close: Vec<Let<'a>>,
}

/// A connection; the source is null for the control nodes.
#[derive(Serialize)]
struct Let<'a> {
    source: Option<&'a str>,
    target: &'a str,
    port: i64,
    protocol: &'a str,
}

/// Something that deserves a look and stops nothing.
#[derive(Serialize)]
pub struct Warning<'a> {
    code: String,
    message: String,
    #[serde(skip)]
    place: Option<Place>,
    source: Option<Source<'a>>,
}

impl<'a> Warning<'a> {
    /// The same with the place as a document has it.
    pub(super) fn placed(self, declared: &'a DeclaredMesh) -> Self {
        Self { source: self.place.map(|place| Source::new(declared, place)), ..self }
    }

    /// A warning, with its place if it has one.
    pub fn new(code: String, message: String, place: Option<Place>) -> Self {
        Self { code, message, place, source: None }
    }
}

/// The plan as one document, ending with a line break.
pub fn plan<'a>(view: &View<'a>, warnings: Vec<Warning<'a>>) -> String {
    pretty(&document(view, warnings))
}

/// The same document as a value.
pub fn plan_value<'a>(view: &View<'a>, warnings: Vec<Warning<'a>>) -> serde_json::Value {
    serde_json::to_value(document(view, warnings)).expect("strings, numbers and booleans are JSON")
}

fn document<'a>(view: &View<'a>, warnings: Vec<Warning<'a>>) -> Document<'a> {
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
    let said = super::warnings::of(plan).into_iter().map(|said| Warning::new(said.code.into(), said.message, None));
    let unmatched = plan.unmatched.iter().map(|item| {
        let message = format!("`{}` in `{}` matches no instance, declared or live", item.pattern, item.key);
        Warning::new("unmatched".into(), message, item.place)
    });
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
        warnings: warnings.into_iter().chain(said).chain(unmatched).map(|w| w.placed(declared)).collect(),
    }
}

fn alone_itself<'a>(declared: &'a DeclaredMesh, kept: &'a KeptInstance) -> Alone<'a> {
    let KeptInstance { hostname, action, place } = kept;
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

pub(super) fn controller(server: &ServerInfo) -> Controller<'_> {
    Controller {
        url: &server.url,
        version: &server.version,
        dialect: server.capabilities.dialect.to_string(),
        install_uuid: &server.install_uuid,
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

pub(super) fn run(bundle: &Bundle) -> Run<'_> {
    let why = match bundle.cause {
        Cause::New => "new",
        Cause::MadeAgain => "made_again",
        Cause::Listener => "listener",
        Cause::Peers => "peers",
        Cause::Unconnected => "unconnected",
    };
    Run { turn: bundle.turn, hostname: &bundle.hostname, why }
}

fn allow(rule: &plan::Rule) -> impl Iterator<Item = Let<'_>> {
    let plan::Rule { target, port, protocol, from_control_nodes, sources } = rule;
    let control = from_control_nodes.then_some(None);
    let sources = control.into_iter().chain(sources.iter().map(|source| Some(source.as_str())));
    sources.map(move |source| Let { source, target, port: *port, protocol })
}

/// A document of one of these contracts, ending with a line break.
pub(super) fn pretty(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("strings, numbers and booleans are JSON");
    text.push('\n');
    text
}

/// The document of a run that did not come to its report.
pub fn failed(message: &str, hint: Option<&str>, exit: u8) -> String {
    pretty(&serde_json::json!({ "format_version": "1.0", "error": { "message": message, "hint": hint, "exit": exit } }))
}

/// What a step does, as this contract has it: a removal is a change of state.
pub(super) fn action(step: &Step) -> &'static str {
    match step.action {
        Request::Create => "create",
        Request::Patch | Request::Remove => "patch",
        Request::Wait | Request::Idle => "wait",
    }
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

/// A value as the API would write it, with peers as a configuration names them.
pub(super) fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::Type(node_type) => node_type.as_str().into(),
        Value::Bool(value) => (*value).into(),
        Value::Decimal(value) => format!("{value:.2}").into(),
        Value::Port(port) => (*port).into(),
        Value::Peers(peers) => peers.iter().map(Peer::declared).collect(),
    }
}
