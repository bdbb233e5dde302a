//! What the planner says about a pair, in the words of the model.

use std::collections::BTreeSet;

use meshform::{
    mesh::{
        Capabilities, Declared, DeclaredMesh, DeclaredState, DeclaredType, Dialect, Field, ListenerPort, LiveMesh, NodeType, Peer, Value,
    },
    plan::{Permissions, Plan, Request, Step, plan},
};

use super::{
    super::harness::{HERE, given, live_instance},
    model::{COUNT, Call, Listen, NAMES, Port, Rows, Set, Verb, bit, members, show_call},
    pairs::Pair,
};

/// The plan of a pair.
pub(super) fn plan_of(dialect: Dialect, before: &Rows, pair: &Pair) -> Plan {
    let capabilities = Capabilities::new(dialect, true);
    plan(&declare(&pair.before, &pair.after), &live(before), capabilities, &Permissions::default())
}

/// Declares every field; what was there and shall not be is declared to go.
fn declare(before: &Rows, after: &Rows) -> DeclaredMesh {
    let mut mesh = DeclaredMesh::default();
    for i in (0..COUNT).filter(|i| before[*i].is_some() || after[*i].is_some()) {
        let mut instance = Declared::new(HERE);
        if let Some(row) = after[i] {
            instance.node_type = Some(given(if row.hop { DeclaredType::Hop } else { DeclaredType::Execution }));
            instance.listener_port = Some(given(row.port.map(|port| ListenerPort::try_from(port.number()).expect("a port"))));
            instance.peers_from_control_nodes = Some(given(row.flag));
            instance.peers = Some(given(members(row.peers).map(|far| given(NAMES[far].parse().expect("a peer"))).collect()));
        } else {
            instance.node_state = given(DeclaredState::Deprovisioning);
        }
        mesh.instances.insert(NAMES[i].parse().expect("a hostname"), instance);
    }
    mesh
}

/// The mesh and the control node that dials what has the flag.
fn live(rows: &Rows) -> LiveMesh {
    let there = || (0..COUNT).filter_map(|i| Some((i, rows[i]?)));
    let instances = there().map(|(i, row)| {
        let node_type = if row.hop { NodeType::Hop } else { NodeType::Execution };
        let peers = members(row.peers).map(|far| Peer::named(NAMES[far])).collect();
        (NAMES[i].to_owned(), live_instance(id(i), NAMES[i], node_type, row.port.map(Port::number), row.flag, peers))
    });
    let dialled = there().filter(|(_, row)| row.flag).map(|(i, _)| Peer::named(NAMES[i])).collect();
    let control = live_instance(1, "control", NodeType::Control, None, false, dialled);
    LiveMesh { instances: instances.chain([("control".to_owned(), control)]).collect(), ..LiveMesh::default() }
}

/// The id of a row that is there from the start.
fn id(i: usize) -> i64 {
    i64::try_from(i).expect("a small number") + 10
}

/// A step of a plan.
pub(super) struct Planned {
    pub(super) call: Call,
    /// Whether it names the row that was there from the start.
    pub(super) names_first_row: bool,
    /// The steps that come first, a bit each.
    pub(super) after: u32,
}

/// The steps of a plan in its own order; else what is odd about one.
pub(super) fn steps(plan: &Plan) -> Result<Vec<Planned>, String> {
    let place = |id: &usize| plan.steps.iter().position(|step| step.id == *id).ok_or("a step waits for one that there is not");
    let planned = |step: &Step| {
        let call = call(step)?;
        let after = step.after.iter().map(place).try_fold(0, |set, place| place.map(|place| set | 1 << place))?;
        match step.instance {
            Some(instance) if instance != id(call.at) => Err("a step has the id of another instance".to_owned()),
            instance => Ok(Planned { call, names_first_row: instance.is_some(), after }),
        }
    };
    plan.steps.iter().map(planned).collect()
}

fn call(step: &Step) -> Result<Call, String> {
    let verb = match step.action {
        Request::Create => Verb::Create,
        Request::Patch => Verb::Patch,
        Request::Remove => Verb::Remove,
        Request::Wait | Request::Idle => Verb::Wait,
    };
    let mut call = Call::new(verb, place(&step.hostname)?);
    for (field, value) in &step.body {
        match (field, value) {
            (Field::NodeType, Value::Type(node_type)) => call.hop = Some(*node_type == NodeType::Hop),
            (Field::ListenerPort, Value::Port(number)) => call.listen = listen(*number)?,
            (Field::PeersFromControlNodes, Value::Bool(flag)) => call.flag = Some(*flag),
            (Field::Peers, Value::Peers(peers)) => call.peers = Some(set(peers.iter().map(|peer| peer.hostname.as_str()))?),
            _ => return Err(format!("a step says {}, which nobody declared", Field::name(*field))),
        }
    }
    Ok(call)
}

fn listen(number: Option<i64>) -> Result<Listen, String> {
    match number {
        None => Ok(Listen::Null),
        Some(number) => {
            let port = Port::ALL.into_iter().find(|port| port.number() == number);
            port.map(Listen::On).ok_or(format!("a step says port {number}, which nobody declared"))
        }
    }
}

fn place(hostname: &str) -> Result<usize, String> {
    NAMES.iter().position(|name| *name == hostname).ok_or(format!("a step speaks of {hostname}, which there is not"))
}

fn set<'h>(hostnames: impl Iterator<Item = &'h str>) -> Result<Set, String> {
    hostnames.map(place).try_fold(0, |set, place| place.map(|i| set | bit(i)))
}

/// Who loses its path for a while, as the plan says.
pub(super) fn disrupted(plan: &Plan) -> Result<Set, String> {
    let names: BTreeSet<&str> = plan.disrupted();
    set(names.into_iter())
}

/// `1 patch a port null; 2 patch b peers [c] after 1`.
pub(super) fn show_steps(steps: &[Planned]) -> String {
    let show = |(i, step): (usize, &Planned)| {
        let after: Vec<String> = (0..steps.len()).filter(|j| step.after >> j & 1 == 1).map(|j| (j + 1).to_string()).collect();
        let after = if after.is_empty() { String::new() } else { format!(" after {}", after.join(" ")) };
        format!("{} {}{after}", i + 1, show_call(&step.call))
    };
    steps.iter().enumerate().map(show).collect::<Vec<_>>().join("; ")
}
