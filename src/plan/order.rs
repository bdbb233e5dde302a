//! The order of the requests: a graph of what each waits for. A ring in it is refused.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
};

use petgraph::{
    Direction,
    algo::kosaraju_scc,
    graph::{DiGraph, NodeIndex},
};

use crate::mesh::{Body, Field, Place, Value, fold};

use super::{
    Action, InstanceChange, Reason, Refusal,
    nodes::Nodes,
    paths::{Moment, make_before_break},
    peers,
};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number in the plan, from 1.
    pub id: usize,
    /// The instance that it creates or changes.
    pub hostname: String,
    /// The id of an instance that is there.
    pub instance: Option<i64>,
    /// A POST or a PATCH.
    pub action: Action,
    /// What the request says.
    pub body: Body,
    /// The steps that must be done before this one.
    pub after: Vec<usize>,
    /// Where the instance is declared.
    pub place: Place,
}

/// A node of the graph (two rules may give the same edge twice, since looking for it would cost more than it does): a request (by the index of its change), or the moment in which an instance is over.
type Graph = DiGraph<Option<usize>, ()>;

/// The requests in order, and what the order showed.
pub(super) struct Ordered {
    pub(super) steps: Vec<Step>,
    /// Rings, which give no steps.
    pub(super) refused: Vec<Refusal>,
    /// The instances that have a path to the control plane before and none after.
    pub(super) cut_off: Vec<String>,
}

/// The steps for these changes.
pub(super) fn order(nodes: &Nodes<'_>, changes: &[InstanceChange]) -> Ordered {
    let (graph, cut_off) = graph(nodes, changes);
    let mut refused = Vec::new();
    let mut in_a_ring = BTreeSet::new();
    for ring in kosaraju_scc(&graph) {
        let members: BTreeSet<usize> = ring.iter().filter_map(|n| graph.node_weight(*n).copied().flatten()).collect();
        if ring.len() > 1
            && let Some(first) = members.iter().find_map(|i| changes.get(*i))
        {
            let names: Vec<&str> = members.iter().filter_map(|i| changes.get(*i)).map(|c| c.hostname.as_str()).collect();
            let place = first.of(Field::Peers).map_or(first.place, |c| c.place);
            let all_new = members.iter().filter_map(|i| changes.get(*i)).all(|c| c.action == Action::Create);
            let names = fold(&names).join(", ");
            let reason = if all_new { Reason::NewRing(names) } else { Reason::Ring(names) };
            refused.push(Refusal { hostname: first.hostname.clone(), place, reason });
            in_a_ring.extend(ring);
        }
    }
    let stays = cut_off.into_iter().filter_map(|i| nodes.list.get(i)).filter(|node| node.after.is_some());
    let cut_off = stays.map(|node| node.name.to_owned()).collect();
    Ordered { steps: numbered(changes, &graph, &in_a_ring), refused, cut_off }
}

/// Who waits for whom: one edge from what comes first for each rule. Also who will have no path any more.
fn graph(nodes: &Nodes<'_>, changes: &[InstanceChange]) -> (Graph, Vec<usize>) {
    let mut graph = Graph::with_capacity(changes.len(), changes.len());
    let requests: Vec<NodeIndex> = (0..changes.len()).map(|i| graph.add_node(Some(i))).collect();
    let by_name: HashMap<&str, (NodeIndex, &InstanceChange)> =
        changes.iter().zip(&requests).map(|(change, request)| (change.hostname.as_str(), (*request, change))).collect();
    for (change, request) in changes.iter().zip(&requests) {
        let Some(Value::Peers(peers)) = change.of(Field::Peers).map(|c| &c.after) else { continue };
        for (first, peer) in peers.iter().filter_map(|p| by_name.get(p.hostname.as_str())) {
            // AWX: a peer exists and listens before anything refers to it, whether it is new there or stays.
            let begins_to_listen =
                peer.action == Action::Create || matches!(peer.of(Field::ListenerPort).map(|c| &c.after), Some(Value::Port(Some(_))));
            // AWX 23.8 and later: of a link that turns round the old direction goes first.
            let turns_round = nodes.capabilities.refuses_mutual_peers() && dialled(peer, &change.hostname);
            if begins_to_listen || turns_round {
                graph.add_edge(*first, *request, ());
            }
        }
        // AWX 23.0 to 23.7 refuse to close a listener that is dialled, later ones would cut the link by themselves: so whoever
        // leaves it goes first.
        let left = change.of(Field::Peers).and_then(|c| c.before.as_ref());
        if let Some(Value::Peers(before)) = left {
            for (closing, peer) in before.difference(peers).filter_map(|p| by_name.get(p.hostname.as_str())) {
                if peer.of(Field::ListenerPort).is_some_and(|c| c.after == Value::Port(None)) {
                    graph.add_edge(*request, *closing, ());
                }
            }
        }
    }
    let request_of = |i: usize| nodes.list.get(i).and_then(|node| by_name.get(node.name)).map(|(request, _)| *request);
    let cut_off = keep_paths(nodes, &mut graph, request_of);
    (graph, cut_off)
}

/// Whether an instance dials another one until its change.
fn dialled(change: &InstanceChange, hostname: &str) -> bool {
    let before = change.of(Field::Peers).and_then(|c| c.before.as_ref());
    matches!(before, Some(Value::Peers(before)) if peers::dials(before, hostname))
}

/// Adds what make before break asks for, and gives who will have no path any more.
fn keep_paths(nodes: &Nodes<'_>, graph: &mut Graph, request_of: impl Fn(usize) -> Option<NodeIndex>) -> Vec<usize> {
    let needed = make_before_break(nodes);
    let moments: HashMap<usize, (NodeIndex, &Moment)> = needed.moments.iter().map(|m| (m.instance, (graph.add_node(None), m))).collect();
    let moment_of = |i: &usize| moments.get(i).map(|(node, _)| *node);
    for moment in &needed.moments {
        let Some(this) = moment_of(&moment.instance) else { continue };
        for first in moment.maker.and_then(&request_of).into_iter().chain(moment.after.iter().filter_map(moment_of)) {
            graph.add_edge(first, this, ());
        }
    }
    for (breaker, instance) in &needed.breaks {
        let (Some(request), Some((this, moment))) = (request_of(*breaker), moments.get(instance)) else { continue };
        if moment.maker == Some(*breaker) {
            // The very request that breaks the old link makes the new one: then only what it hangs on has to be over.
            for first in moment.after.iter().filter_map(moment_of) {
                graph.add_edge(first, request, ());
            }
        } else {
            graph.add_edge(*this, request, ());
        }
    }
    needed.cut_off
}

/// The requests in an order that keeps every edge, the first hostname first; moments without a request are passed through.
fn numbered(changes: &[InstanceChange], graph: &Graph, left_out: &BTreeSet<NodeIndex>) -> Vec<Step> {
    let mut waiting: HashMap<NodeIndex, usize> = HashMap::new();
    // Moments before requests, so that one that waits for nothing holds nobody up.
    let turn = |node: NodeIndex| Reverse((graph.node_weight(node).copied().flatten().is_some(), node));
    let mut ready = BinaryHeap::new();
    for node in graph.node_indices() {
        let before = graph.neighbors_directed(node, Direction::Incoming).count();
        waiting.insert(node, before);
        if before == 0 && !left_out.contains(&node) {
            ready.push(turn(node));
        }
    }
    let mut steps: Vec<Step> = Vec::with_capacity(changes.len());
    let mut done: BTreeMap<NodeIndex, BTreeSet<usize>> = BTreeMap::new();
    while let Some(Reverse((_, node))) = ready.pop() {
        let before: BTreeSet<usize> =
            graph.neighbors_directed(node, Direction::Incoming).filter_map(|n| done.get(&n)).flatten().copied().collect();
        let reached = match graph.node_weight(node).copied().flatten().and_then(|i| changes.get(i)) {
            Some(change) => {
                let id = steps.len() + 1;
                steps.push(Step {
                    id,
                    hostname: change.hostname.clone(),
                    instance: change.id,
                    action: change.action,
                    body: change.changes.iter().map(|c| (c.field, c.after.clone())).collect(),
                    after: before.into_iter().collect(),
                    place: change.place,
                });
                BTreeSet::from([id])
            }
            None => before,
        };
        done.insert(node, reached);
        for next in graph.neighbors_directed(node, Direction::Outgoing) {
            if let Some(left) = waiting.get_mut(&next) {
                *left -= 1;
                if *left == 0 && !left_out.contains(&next) {
                    ready.push(turn(next));
                }
            }
        }
    }
    steps
}
