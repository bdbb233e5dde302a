//! What is to do on the nodes after an apply. A row of the controller is no connection: a node dials what its own receptor
//! configuration says, and that changes only when its install bundle is run. Control nodes change at once.

use std::collections::BTreeSet;

use petgraph::{
    algo::kosaraju_scc,
    graph::{DiGraph, NodeIndex},
};

use serde::{Deserialize, Serialize};

use crate::mesh::Field;

use super::{Action, InstanceChange, nodes::Nodes};

/// Why a node needs its install bundle run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It is new.
    New,
    /// It is made again.
    MadeAgain,
    /// Its listener changed.
    Listener,
    /// What it dials changed, or the port of that.
    Peers,
    /// It changed before this plan, and is not connected as it should be yet.
    Unconnected,
}

/// A node whose install bundle is to be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Its turn, from 1: what is dialled comes before what dials it.
    pub turn: usize,
    /// Why.
    pub cause: Cause,
    /// Which node.
    pub hostname: String,
}

/// The nodes in the order in which their bundles are to be run; `due` are those that were not run after an earlier apply.
pub(super) fn bundles(nodes: &Nodes<'_>, changes: &[InstanceChange], due: &BTreeSet<usize>) -> Vec<Bundle> {
    let mut causes: Vec<Option<Cause>> = vec![None; nodes.list.len()];
    for (i, cause) in changes.iter().filter_map(|change| Some((nodes.index(&change.hostname)?, cause(change)?))) {
        if let Some(slot) = causes.get_mut(i) {
            *slot = Some(cause);
        }
    }
    let has_changed_ports = nodes.list.iter().any(|node| node.changed_port().is_some());
    for (node, slot) in
        nodes.list.iter().zip(&mut causes).filter(|(node, slot)| has_changed_ports && slot.is_none() && !node.is_control_plane())
    {
        let dialled = node.after.iter().flat_map(|after| after.peers.iter()).filter(|peer| peer.address.is_none());
        if dialled.filter_map(|peer| nodes.get(&peer.hostname)).any(|far| far.changed_port().is_some()) {
            *slot = Some(Cause::Peers);
        }
    }
    for i in due {
        if let Some(slot @ None) = causes.get_mut(*i) {
            *slot = Some(Cause::Unconnected);
        }
    }
    let mut graph: DiGraph<usize, ()> = DiGraph::new();
    let vertices: Vec<Option<NodeIndex>> = causes.iter().enumerate().map(|(i, cause)| cause.map(|_| graph.add_node(i))).collect();
    let vertex = |i: usize| vertices.get(i).copied().flatten();
    for (i, node) in nodes.list.iter().enumerate() {
        let Some(from) = vertex(i) else { continue };
        let dialled = node.after.iter().flat_map(|after| after.peers.iter());
        for to in dialled.filter_map(|peer| vertex(nodes.index(&peer.hostname)?)) {
            graph.add_edge(from, to, ());
        }
    }
    // Rings come in one turn; what is dialled comes first out of this.
    let mut turns: Vec<usize> = vec![0; nodes.list.len()];
    let turn_of = |turns: &[usize], v: NodeIndex| graph.node_weight(v).and_then(|i| turns.get(*i)).copied().unwrap_or_default();
    for ring in kosaraju_scc(&graph) {
        let turn = 1 + ring.iter().flat_map(|v| graph.neighbors(*v)).map(|far| turn_of(&turns, far)).max().unwrap_or_default();
        for i in ring.iter().filter_map(|v| graph.node_weight(*v)) {
            if let Some(slot) = turns.get_mut(*i) {
                *slot = turn;
            }
        }
    }
    let all = nodes.list.iter().zip(causes).zip(turns);
    let mut bundles: Vec<Bundle> =
        all.filter_map(|((node, cause), turn)| Some(Bundle { turn, cause: cause?, hostname: node.name.to_owned() })).collect();
    // By hostname they are already.
    bundles.sort_by_key(|bundle| (bundle.turn, bundle.cause));
    bundles
}

fn cause(change: &InstanceChange) -> Option<Cause> {
    match change.action {
        Action::Create => Some(Cause::New),
        Action::Replace => Some(Cause::MadeAgain),
        Action::Update if change.of(Field::ListenerPort).is_some() => Some(Cause::Listener),
        Action::Update if change.of(Field::Peers).is_some() => Some(Cause::Peers),
        Action::Update | Action::Remove => None,
    }
}
