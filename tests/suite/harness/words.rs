//! Meshes in a few words, and what is planned from one to the other in a few lines. A mesh is
//! `name [hop] [:PORT] [flag] [off] [gone] [> PEER PEER]`, instances divided by `;`; `gone` is one that shall not be there, or is on
//! its way out.

use std::collections::BTreeSet;

use meshform::{
    mesh::{
        Capabilities, Declared, DeclaredMesh, DeclaredState, DeclaredType, Dialect, Field, ListenerPort, LiveInstance, LiveMesh, NodeState,
        NodeType, Peer, Value,
    },
    plan::{Permissions, Plan, Request, plan},
};

use super::{HERE, given, live_instance};

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each word")]
struct Words<'a> {
    name: &'a str,
    hop: bool,
    port: Option<i64>,
    flag: bool,
    off: bool,
    gone: bool,
    peers: Option<Vec<&'a str>>,
}

fn words(mesh: &str) -> impl Iterator<Item = Words<'_>> {
    mesh.split(';').map(str::trim).filter(|text| !text.is_empty()).map(|text| {
        let (head, peers) = text.split_once('>').map_or((text, None), |(head, peers)| (head, Some(peers.split_whitespace().collect())));
        let mut parts = head.split_whitespace();
        let mut words = Words { name: parts.next().expect("a name"), peers, ..Words::default() };
        for part in parts {
            match part {
                "hop" => words.hop = true,
                "flag" => words.flag = true,
                "off" => words.off = true,
                "gone" => words.gone = true,
                port => words.port = Some(port.trim_start_matches(':').parse().expect("a port")),
            }
        }
        words
    })
}

/// Everything that the words say is managed, `peers` only where there is a `>`.
pub(crate) fn declared(mesh: &str) -> DeclaredMesh {
    let mut declared = DeclaredMesh { files: vec!["mesh.yaml".into()], ..DeclaredMesh::default() };
    for Words { name, hop, port, flag, off, gone, peers } in words(mesh) {
        let mut instance = Declared::new(HERE);
        let node_type = given(if hop { DeclaredType::Hop } else { DeclaredType::Execution });
        // That of a control node cannot be declared.
        instance.node_type = (!name.starts_with("control")).then_some(node_type);
        instance.enabled = Some(given(!off));
        instance.listener_port = Some(given(port.map(|p| ListenerPort::try_from(p).expect("a port"))));
        instance.peers_from_control_nodes = Some(given(flag));
        instance.peers = peers.map(|names| given(names.iter().map(|n| given(n.parse().expect("a peer"))).collect()));
        if gone {
            instance = Declared::new(HERE);
            instance.node_state = given(DeclaredState::Deprovisioning);
        }
        declared.instances.insert(name.parse().expect("a hostname"), instance);
    }
    declared
}

pub(crate) fn live(mesh: &str) -> LiveMesh {
    let mut live = LiveMesh::default();
    for (id, Words { name, hop, port, flag, off, gone, peers }) in (1..).zip(words(mesh)) {
        let node_type = match (name, hop) {
            (name, _) if name.starts_with("control") => NodeType::Control,
            (_, true) => NodeType::Hop,
            (_, false) => NodeType::Execution,
        };
        let peers = peers.unwrap_or_default().into_iter().map(Peer::named).collect();
        let node_state = NodeState::from(if gone { "deprovisioning" } else { "ready" });
        let instance = LiveInstance { enabled: !off, node_state, ..live_instance(id, name, node_type, port, flag, peers) };
        live.instances.insert(name.to_owned(), instance);
    }
    live
}

/// The same mesh with all its links established: every node is ready, and one called `control` dials those with the flag.
pub(crate) fn connected(mesh: &str) -> LiveMesh {
    let mut live = live(mesh);
    let rows = live.instances.iter();
    let dialled = rows.clone().flat_map(|(name, row)| row.peers.iter().map(|peer| (name.clone(), peer.hostname.clone())));
    let flagged = rows.filter(|(_, row)| row.peers_from_control_nodes).map(|(name, _)| ("control".to_owned(), name.clone()));
    live.established = dialled.chain(flagged).collect();
    let control = live_instance(99, "control", NodeType::Control, None, false, BTreeSet::new());
    live.instances.insert("control".to_owned(), control);
    live
}

pub(crate) fn on(dialect: Dialect) -> Capabilities {
    Capabilities::new(dialect, true)
}

pub(crate) fn planned(dialect: Dialect, before: &str, after: &str) -> String {
    shown(&plan(&declared(after), &live(before), on(dialect), &Permissions::default()))
}

pub(crate) fn shown(plan: &Plan) -> String {
    let value = |value: &Value| match value {
        Value::Type(node_type) => node_type.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
        Value::Port(port) => port.map_or("null".to_owned(), |p| p.to_string()),
        Value::Peers(peers) => peers.iter().map(Peer::declared).collect::<Vec<_>>().join(","),
    };
    let mut lines = Vec::new();
    for step in &plan.steps {
        let verb = match step.action {
            Request::Create => "POST",
            Request::Patch => "PATCH",
            Request::Remove => "REMOVE",
            Request::Wait => "WAIT",
            Request::Idle => "IDLE",
        };
        let fields = step.body.iter().filter(|(field, v)| !(step.action == Request::Create && is_default(*field, v)));
        let fields: Vec<String> = fields.map(|(field, v)| format!("{field}={}", value(v))).collect();
        let after = if step.after.is_empty() { String::new() } else { format!(" after {:?}", step.after) };
        let words = [&[step.id.to_string(), verb.to_owned(), step.hostname.clone()], fields.as_slice()].concat();
        let held = step.held.and_then(|hold| plan.holds.get(hold));
        let held = held.map(|hold| format!(" held until {}", hold.until.join(" "))).unwrap_or_default();
        lines.push(format!("{}{after}{held}", words.join(" ")));
    }
    lines.extend(plan.refused.iter().map(|r| format!("refused {}: {}", r.hostname, r.reason)));
    lines.extend(
        (!plan.disrupted().is_empty())
            .then(|| format!("without a path meanwhile: {}", plan.disrupted().into_iter().collect::<Vec<_>>().join(" "))),
    );
    lines.extend(plan.guards.iter().map(|guard| format!("not allowed {}: {}", guard.code(), guard.hostnames().join(" "))));
    if lines.is_empty() { "nothing".into() } else { lines.join("\n") }
}

fn is_default(field: Field, value: &Value) -> bool {
    match field {
        Field::Enabled | Field::ManagedByPolicy => *value == Value::Bool(true),
        Field::PeersFromControlNodes => *value == Value::Bool(false),
        Field::ListenerPort => *value == Value::Port(None),
        Field::NodeType | Field::CapacityAdjustment | Field::Peers => false,
    }
}
