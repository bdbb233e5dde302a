//! What is to do on the nodes after an apply. A row of the controller is no connection: a node dials what its own receptor
//! configuration says, and that changes only when its install bundle is run. Control nodes change at once.

use std::collections::{BTreeMap, HashMap};

use petgraph::{algo::kosaraju_scc, graph::DiGraph};

use crate::mesh::Field;

use super::{Action, InstanceChange, nodes::Nodes};

/// Why a node needs its install bundle run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// It is new.
    New,
    /// It is made again.
    MadeAgain,
    /// Its listener changed.
    Listener,
    /// What it dials changed, or the port of that.
    Peers,
}

/// A node whose install bundle is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Its turn, from 1: what is dialled comes before what dials it.
    pub turn: usize,
    /// Why.
    pub cause: Cause,
    /// Which node.
    pub hostname: String,
}

/// The nodes in the order in which their bundles are to be run.
pub(super) fn bundles(nodes: &Nodes<'_>, changes: &[InstanceChange]) -> Vec<Bundle> {
    let own = changes.iter().filter_map(|change| Some((nodes.index(&change.hostname)?, cause(change)?)));
    let mut causes: BTreeMap<usize, Cause> = own.collect();
    for (i, node) in nodes.list.iter().enumerate().filter(|(_, node)| !node.is_control_plane()) {
        let dialled = node.after.iter().flat_map(|after| after.peers.iter()).filter(|peer| peer.address.is_none());
        if dialled.filter_map(|peer| nodes.get(&peer.hostname)).any(|far| far.changed_port().is_some()) {
            causes.entry(i).or_insert(Cause::Peers);
        }
    }
    let mut graph: DiGraph<usize, ()> = DiGraph::with_capacity(causes.len(), causes.len());
    let vertices: HashMap<usize, _> = causes.keys().map(|i| (*i, graph.add_node(*i))).collect();
    for i in causes.keys() {
        let dialled = nodes.list.get(*i).and_then(|node| node.after.as_ref()).into_iter().flat_map(|after| after.peers.iter());
        for far in dialled.filter_map(|peer| nodes.index(&peer.hostname)) {
            if let (Some(from), Some(to)) = (vertices.get(i), vertices.get(&far)) {
                graph.add_edge(*from, *to, ());
            }
        }
    }
    // Rings come in one turn; what is dialled comes first out of this.
    let mut turns: HashMap<usize, usize> = HashMap::new();
    for ring in kosaraju_scc(&graph) {
        let far = ring.iter().flat_map(|v| graph.neighbors(*v)).filter_map(|v| turns.get(graph.node_weight(v)?));
        let turn = 1 + far.max().copied().unwrap_or_default();
        turns.extend(ring.iter().filter_map(|v| Some((*graph.node_weight(*v)?, turn))));
    }
    let mut bundles: Vec<Bundle> = causes
        .into_iter()
        .filter_map(|(i, cause)| Some(Bundle { turn: *turns.get(&i)?, cause, hostname: nodes.list.get(i)?.name.to_owned() }))
        .collect();
    bundles.sort_by(|a, b| (a.turn, a.cause, &a.hostname).cmp(&(b.turn, b.cause, &b.hostname)));
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
