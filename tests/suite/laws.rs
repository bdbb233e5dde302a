//! The planner's laws over random pairs of meshes, against a small model of the server's rules: whatever order the plan's edges
//! allow, no request is refused, whoever has a path before and after has one meanwhile, and the end is as declared.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use meshform::{
    mesh::{
        Capabilities, Declared, DeclaredMesh, DeclaredType, Dialect, Field, Given, ListenerPort, LiveAddress, LiveInstance, LiveMesh,
        NodeState, NodeType, Peer, Place, Value,
    },
    plan::{Reason, Step, plan},
};
use proptest::{prelude::*, sample, test_runner::TestRunner};

const HERE: Place = Place { file: 0, line: 1, column: 1 };
const PORT: i64 = 27199;

/// An instance as far as links go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    listens: bool,
    flag: bool,
    peers: BTreeSet<String>,
}

pub(crate) type Mesh = BTreeMap<String, Node>;

/// A mesh of up to eight instances that the server would hold, each there or not.
pub(crate) fn mesh(dialect: Dialect) -> impl Strategy<Value = Mesh> {
    let node = (
        prop::bool::weighted(0.85),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.35),
        sample::subsequence((0..8usize).collect::<Vec<_>>(), 0..=2),
    );
    prop::collection::vec(node, 1..=8).prop_map(move |nodes| {
        let name = |i: usize| format!("n{i}");
        let listening: BTreeSet<usize> =
            nodes.iter().enumerate().filter(|(_, (there, listens, ..))| *there && *listens).map(|(i, _)| i).collect();
        let mut mesh = Mesh::new();
        for (i, (there, listens, flag, peers)) in nodes.iter().enumerate().filter(|(_, (there, ..))| *there) {
            let back = |j: usize| mesh.get(&name(j)).is_some_and(|other: &Node| other.peers.contains(&name(i)));
            let mutual = |j: usize| dialect == Dialect::Addresses && back(j);
            let peers = peers.iter().filter(|j| **j != i && listening.contains(j) && !mutual(**j)).map(|j| name(*j)).collect();
            mesh.insert(name(i), Node { listens: *there && *listens, flag: *flag && *listens, peers });
        }
        mesh
    })
}

fn given<T>(value: T) -> Given<T> {
    Given { value, place: HERE }
}

pub(crate) fn declare(mesh: &Mesh) -> DeclaredMesh {
    let mut declared = DeclaredMesh::default();
    for (name, node) in mesh {
        let mut instance = Declared::new(HERE);
        instance.node_type = Some(given(DeclaredType::Hop));
        instance.listener_port = Some(given(node.listens.then(|| ListenerPort::try_from(PORT).expect("a port"))));
        instance.peers_from_control_nodes = Some(given(node.flag));
        instance.peers = Some(given(node.peers.iter().map(|p| given(p.parse().expect("a peer"))).collect()));
        declared.instances.insert(name.parse().expect("a hostname"), instance);
    }
    declared
}

fn live(mesh: &Mesh) -> LiveMesh {
    let mut live = LiveMesh::default();
    for (id, (name, node)) in (1..).zip(mesh) {
        let address = LiveAddress { id, host: name.clone(), port: PORT, is_internal: false, canonical: true };
        let instance = LiveInstance {
            id,
            node_type: NodeType::Hop,
            node_state: NodeState::Present("ready".into()),
            enabled: true,
            capacity_adjustment: 1.into(),
            managed_by_policy: true,
            listener_port: node.listens.then_some(PORT),
            peers_from_control_nodes: node.flag,
            managed: false,
            peers: node.peers.iter().map(Peer::named).collect(),
            addresses: if node.listens { vec![address] } else { Vec::new() },
        };
        live.instances.insert(name.clone(), instance);
    }
    live
}

/// Who has a path to the control plane; every node relays, and a link carries both ways.
fn reachable(mesh: &Mesh) -> BTreeSet<String> {
    let mut reached: BTreeSet<String> = mesh.iter().filter(|(_, n)| n.flag).map(|(name, _)| name.clone()).collect();
    let mut open: Vec<String> = reached.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let dialled = mesh.get(&name).into_iter().flat_map(|n| n.peers.iter().cloned());
        let dialling = mesh.iter().filter(|(_, n)| n.peers.contains(&name)).map(|(other, _)| other.clone());
        for next in dialled.chain(dialling).collect::<Vec<_>>() {
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}

/// What a server does with one request, or why it refuses.
fn send(mesh: &mut Mesh, dialect: Dialect, step: &Step) -> Result<(), String> {
    let before = mesh.get(&step.hostname).cloned();
    let mut node = before.clone().unwrap_or_default();
    let mut names_peers = false;
    for (field, value) in &step.body {
        match (field, value) {
            (Field::ListenerPort, Value::Port(port)) => node.listens = port.is_some(),
            (Field::PeersFromControlNodes, Value::Bool(flag)) => node.flag = *flag,
            (Field::Peers, Value::Peers(peers)) => {
                node.peers = peers.iter().map(|p| p.hostname.clone()).collect();
                names_peers = true;
            }
            _ => {}
        }
    }
    for peer in node.peers.iter().filter(|_| names_peers) {
        let other = mesh.get(peer).ok_or_else(|| format!("{} peers to {peer}, which is not there", step.hostname))?;
        if !other.listens {
            return Err(format!("{} peers to {peer}, which does not listen", step.hostname));
        }
        if dialect == Dialect::Addresses && other.peers.contains(&step.hostname) {
            return Err(format!("{} and {peer} peer to each other", step.hostname));
        }
    }
    let closes = before.as_ref().is_some_and(|b| b.listens) && !node.listens;
    let dialled = mesh.values().any(|other| other.peers.contains(&step.hostname));
    let flagged = before.is_some_and(|b| b.flag);
    if closes && (dialled || dialect == Dialect::Hostnames && flagged) {
        return Err(format!("the listener of {} goes while it is dialled", step.hostname));
    }
    if node.flag && !node.listens {
        return Err(format!("{} has the flag and no listener", step.hostname));
    }
    mesh.insert(step.hostname.clone(), node);
    Ok(())
}

fn every_order_is_safe(dialect: Dialect) {
    let (planned, refused) = (Cell::new(0), Cell::new(0));
    let capabilities = Capabilities { dialect, kubernetes: true };
    let mut runner = TestRunner::new(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() });
    let cases = (mesh(dialect), mesh(dialect), prop::collection::vec(any::<sample::Index>(), 16));
    let law = |(before, mut after, choices): (Mesh, Mesh, Vec<sample::Index>)| {
        // What is live and not declared stays, and with it whatever it dials.
        for (name, node) in &before {
            if !after.contains_key(name) && node.peers.iter().all(|p| after.get(p).is_some_and(|n| n.listens && !n.peers.contains(name))) {
                after.insert(name.clone(), node.clone());
            }
        }
        let plan_of = |live_mesh: &Mesh| plan(&declare(&after), &live(live_mesh), capabilities);
        let plan = plan_of(&before);
        if !plan.refused.is_empty() {
            let by_name = plan
                .refused
                .iter()
                .all(|r| matches!(r.reason, Reason::Ring(_) | Reason::FlagAndListener | Reason::ListenerInUse(_) | Reason::MutualPeers(_)));
            prop_assert!(by_name, "{:?}", plan.refused);
            refused.set(refused.get() + 1);
            return Ok(());
        }
        planned.set(planned.get() + 1);
        let mut now = before.clone();
        let mut target = before.clone();
        target.extend(after.clone());
        let keep: BTreeSet<String> = reachable(&before).intersection(&reachable(&target)).cloned().collect();
        let mut waiting: Vec<&Step> = plan.steps.iter().collect();
        let mut done: BTreeSet<usize> = BTreeSet::new();
        let mut choices = choices.iter().cycle();
        while !waiting.is_empty() {
            let ready: Vec<usize> = (0..waiting.len()).filter(|i| waiting[*i].after.iter().all(|id| done.contains(id))).collect();
            prop_assert!(!ready.is_empty(), "a ring among {waiting:?}");
            let step = waiting.remove(ready[choices.next().expect("it cycles").index(ready.len())]);
            let answer = send(&mut now, dialect, step);
            prop_assert!(answer.is_ok(), "{answer:?} in {plan:#?}");
            let reached = reachable(&now);
            let lost: Vec<&String> = keep.difference(&reached).collect();
            prop_assert!(lost.is_empty(), "{lost:?} lost after {} in {plan:#?}", step.hostname);
            done.insert(step.id);
        }
        prop_assert_eq!(&now, &target);
        prop_assert!(plan_of(&now).is_empty());
        Ok(())
    };
    runner.run(&cases, law).unwrap_or_else(|error| panic!("{error}"));
    // Otherwise the law would hold of next to nothing.
    assert!(planned.get() > refused.get(), "{} planned, {} refused", planned.get(), refused.get());
}

#[test]
fn every_order_is_safe_with_addresses() {
    every_order_is_safe(Dialect::Addresses);
}

#[test]
fn every_order_is_safe_with_hostnames() {
    every_order_is_safe(Dialect::Hostnames);
}
