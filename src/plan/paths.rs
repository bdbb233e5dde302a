//! Make before break: which link must be made before which other one may be broken.
//!
//! A tree of live paths and a tree of declared paths hang on the control plane (`trees`). An instance is *over* once the links of
//! its declared path are made. A link of the live tree is broken only when the instance that hangs on it is over; one that will
//! have no path holds nothing by itself, but what hangs behind it does (`holds`). So whoever has a path before and after has one at
//! every moment between.
//!
//! Where that is a ring (the path hangs on a listener that closes and opens again, on an instance that is made again or, AWX 23.8
//! and later, on a link that turns round) the instance is taken over a bridge: links of either mesh that are there meanwhile. Where
//! there is none the path is given up, and whoever loses it is named.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    acts::{Acts, Graph, act_of},
    guard::Permissions,
    holds::Holds,
    nodes::Nodes,
    trees::{Bridges, Tree, Trees},
    wire::{Held, Ways, held},
};

/// What was found out about paths.
pub(super) struct Kept<'a> {
    /// The acts with all that they wait for.
    pub(super) graph: Graph<'a>,
    /// The instances that have a path before and none after, each with those whose acts break it.
    pub(super) cut_off: Vec<(usize, BTreeSet<usize>)>,
    /// The instances that will be there and have no path, neither before nor after.
    pub(super) unconnected: Vec<usize>,
    /// Whose change takes away for a while the only path of whom.
    pub(super) disruptions: BTreeMap<usize, BTreeSet<usize>>,
    /// What waits until nodes are connected.
    pub(super) held: Held,
}

/// How often it is looked for the next one that is lost before all behind it are given up.
const ROUNDS: usize = 10;

/// Adds to the acts what keeps every path that can be kept.
pub(super) fn keep_paths<'a>(nodes: &Nodes<'_>, mut acts: Acts<'a>, permissions: &Permissions) -> Kept<'a> {
    let trees = Trees::of(nodes, &acts);
    let has = |tree: &Tree, i: usize| tree.get(i).is_some();
    let stays = |i: &usize| nodes.list.get(*i).is_some_and(|node| node.after.is_some() && !node.is_control_plane());
    let pathless: Vec<usize> = (0..trees.root).filter(stays).filter(|i| !has(&trees.after_tree, *i)).collect();
    let (lost, unconnected): (Vec<usize>, Vec<usize>) = pathless.into_iter().partition(|i| has(&trees.live_tree, *i));
    let by = |i: usize| {
        trees.broken_on_the_way(i).into_iter().flat_map(|way| &way.acts).filter_map(|act| act_of(&acts.graph, *act)).map(|act| act.instance)
    };
    let cut_off = lost.into_iter().map(|i| (i, by(i).collect())).collect();
    let mut unsaved = BTreeSet::new();
    let mut bridges = Bridges::new();
    let mut without_bridge = BTreeSet::new();
    let mut rounds = 0;
    // Only who hangs on what goes and comes again can be in a ring.
    let at_risk = (0..trees.root).any(|i| trees.after_tree.is_late(i) && has(&trees.live_tree, i));
    let graph = loop {
        let mut graph = if at_risk { acts.graph.clone() } else { std::mem::take(&mut acts.graph) };
        let holds = Holds::add(&trees, &unsaved, &bridges, &mut graph);
        let lost = if at_risk { holds.in_rings(&graph) } else { Vec::new() };
        if lost.is_empty() {
            break graph;
        }
        without_bridge.extend(lost.iter().copied().filter(|i| bridges.contains_key(i)));
        // Each round goes one step further from the control plane; nobody waits for a thousand.
        rounds += 1;
        trees.give_up(lost, rounds > ROUNDS, &mut unsaved);
        bridges = trees.bridges(&unsaved.difference(&without_bridge).copied().collect());
    };
    let unsaved: BTreeSet<usize> = unsaved.into_iter().filter(|i| !bridges.contains_key(i)).collect();
    let disruptions = trees.disruptions(&unsaved, &graph);
    let held = if permissions.no_hold {
        Held::default()
    } else {
        held(nodes, &acts.of, &trees, &Ways { unsaved: &unsaved, bridges: &bridges, graph: &graph })
    };
    Kept { graph, cut_off, unconnected, disruptions, held }
}
