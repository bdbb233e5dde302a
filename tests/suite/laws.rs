//! The planner's laws over random pairs of meshes, against a small model of the server's rules: whatever order the plan's edges
//! allow, no request is refused, whoever has a path before and after has one meanwhile, and the end is as declared.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use meshform::{
    mesh::{
        Capabilities, Declared, DeclaredMesh, DeclaredType, Dialect, Field, ListenerPort, LiveInstance, LiveMesh, NodeType, Peer, Value,
    },
    plan::{Reason, Step, plan},
};
use proptest::{prelude::*, sample, test_runner::TestRunner};

use super::harness::{HERE, given, live_instance};

const PORT: i64 = 27199;

/// An instance as far as links go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    listens: bool,
    flag: bool,
    /// Whether a control node dials it without the flag, as an installer's command makes it.
    linked: bool,
    peers: BTreeSet<String>,
}

/// How an instance is declared.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each field that can be left out")]
struct Style {
    /// Fields that are left out.
    no_port: bool,
    no_flag: bool,
    no_peers: bool,
    /// Whether peers are written as `host:port`.
    by_address: bool,
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
        for (i, (_, listens, flag, peers)) in nodes.iter().enumerate().filter(|(_, (there, ..))| *there) {
            let back = |j: usize| mesh.get(&name(j)).is_some_and(|other: &Node| other.peers.contains(&name(i)));
            let mutual = |j: usize| dialect == Dialect::Addresses && back(j);
            let peers = peers.iter().filter(|j| **j != i && listening.contains(j) && !mutual(**j)).map(|j| name(*j)).collect();
            mesh.insert(name(i), Node { listens: *listens, flag: *flag && *listens, linked: false, peers });
        }
        mesh
    })
}

/// Declares everything.
pub(crate) fn declare(mesh: &Mesh) -> DeclaredMesh {
    declare_so(mesh, &[])
}

/// The style of an instance by its number, over and over.
fn style<'s>(name: &str, styles: &'s [Style]) -> Option<&'s Style> {
    styles.get(name.trim_start_matches('n').parse::<usize>().ok()?)
}

fn declare_so(mesh: &Mesh, styles: &[Style]) -> DeclaredMesh {
    let mut declared = DeclaredMesh::default();
    for (name, node) in mesh {
        let style = style(name, styles).cloned().unwrap_or_default();
        let mut instance = Declared::new(HERE);
        instance.node_type = Some(given(DeclaredType::Hop));
        let port = given(node.listens.then(|| ListenerPort::try_from(PORT).expect("a port")));
        instance.listener_port = (!style.no_port).then_some(port);
        instance.peers_from_control_nodes = (!style.no_flag).then_some(given(node.flag));
        let written = |peer: &String| if style.by_address { format!("{peer}:{PORT}") } else { peer.clone() };
        let peers = node.peers.iter().map(|p| given(written(p).parse().expect("a peer"))).collect();
        instance.peers = (!style.no_peers).then_some(given(peers));
        declared.instances.insert(name.parse().expect("a hostname"), instance);
    }
    declared
}

/// What a declaration in these styles asks for: what is left out stays as it is, and the flag goes with its listener.
fn target(before: &Mesh, declared: &Mesh, styles: &[Style]) -> Mesh {
    let mut target = before.clone();
    for (name, node) in declared {
        let style = style(name, styles).cloned().unwrap_or_default();
        let live = before.get(name).cloned().unwrap_or_default();
        let listens = if style.no_port { live.listens } else { node.listens };
        let flag = if style.no_flag { live.flag && listens } else { node.flag };
        let peers = if style.no_peers { live.peers } else { node.peers.clone() };
        target.insert(name.clone(), Node { listens, flag, linked: live.linked, peers });
    }
    target
}

fn instance(id: i64, name: &str, node: &Node, node_type: NodeType) -> LiveInstance {
    let peers = node.peers.iter().map(Peer::named).collect();
    live_instance(id, name, node_type, node.listens.then_some(PORT), node.flag, peers)
}

/// The mesh and the control node that dials some of it.
fn live(mesh: &Mesh) -> LiveMesh {
    let instances = (2..).zip(mesh).map(|(id, (name, node))| (name.clone(), instance(id, name, node, NodeType::Hop)));
    let peers = mesh.iter().filter(|(_, n)| n.flag || n.linked).map(|(name, _)| name.clone()).collect();
    let control = Node { peers, ..Node::default() };
    let control = ("control".to_owned(), instance(1, "control", &control, NodeType::Control));
    LiveMesh { instances: instances.chain([control]).collect() }
}

/// Who has a path to the control plane; every node relays, and a link carries both ways.
fn reachable(mesh: &Mesh) -> BTreeSet<String> {
    let mut reached: BTreeSet<String> = mesh.iter().filter(|(_, n)| n.flag || n.linked).map(|(name, _)| name.clone()).collect();
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
    let dialled = node.linked || mesh.values().any(|other| other.peers.contains(&step.hostname));
    let flagged = before.is_some_and(|b| b.flag);
    if closes && (dialled || dialect == Dialect::Hostnames && flagged) {
        return Err(format!("the listener of {} goes while it is dialled", step.hostname));
    }
    // AWX 23.8 and later: the flag goes with its listener.
    let names_flag = step.body.iter().any(|(field, _)| *field == Field::PeersFromControlNodes);
    node.flag &= node.listens || names_flag;
    if node.flag && !node.listens {
        return Err(format!("{} has the flag and no listener", step.hostname));
    }
    mesh.insert(step.hostname.clone(), node);
    Ok(())
}

/// The mesh before and after, how it is declared and what control nodes dial by themselves, and the order that is drawn.
type Case = (Mesh, Mesh, (Vec<Style>, Vec<bool>), Vec<sample::Index>);

fn every_order_is_safe(dialect: Dialect) {
    let (planned, refused) = (Cell::new(0), Cell::new(0));
    let capabilities = Capabilities { dialect, kubernetes: true };
    let mut runner = TestRunner::new(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() });
    let style = (prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.1), any::<bool>());
    let style = style.prop_map(|(no_port, no_flag, no_peers, by_address)| Style { no_port, no_flag, no_peers, by_address });
    let extra = (prop::collection::vec(style, 8), prop::collection::vec(prop::bool::weighted(0.1), 8));
    let cases = (mesh(dialect), mesh(dialect), extra, prop::collection::vec(any::<sample::Index>(), 16));
    let law = |(mut before, mut after, (styles, linked), choices): Case| {
        for (node, linked) in before.values_mut().zip(linked) {
            node.linked = linked && node.listens && !node.flag;
        }
        // What is live and not declared stays, and with it whatever it dials.
        for (name, node) in &before {
            if !after.contains_key(name) && node.peers.iter().all(|p| after.get(p).is_some_and(|n| n.listens && !n.peers.contains(name))) {
                after.insert(name.clone(), node.clone());
            }
        }
        let plan_of = |live_mesh: &Mesh| plan(&declare_so(&after, &styles), &live(live_mesh), capabilities);
        let plan = plan_of(&before);
        if !plan.refused.is_empty() {
            let by_name = plan.refused.iter().all(|r| {
                matches!(
                    r.reason,
                    Reason::Ring(_)
                        | Reason::NewRing(_)
                        | Reason::FlagAndListener
                        | Reason::FlagWithoutListener
                        | Reason::ListenerInUse(_)
                        | Reason::PeerDoesNotListen(_)
                        | Reason::MutualPeers(_)
                )
            });
            prop_assert!(by_name, "{:?}", plan.refused);
            refused.set(refused.get() + 1);
            return Ok(());
        }
        planned.set(planned.get() + 1);
        let mut now = before.clone();
        let target = target(&before, &after, &styles);
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
