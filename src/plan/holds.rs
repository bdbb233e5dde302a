//! The moments in which paths no longer need a link, and the acts that wait for them.

use std::collections::{BTreeSet, HashMap};

use petgraph::{algo::kosaraju_scc, graph::NodeIndex};

use super::{
    acts::{Bond, Graph, Vertex, act_of},
    trees::{Bridge, Bridges, Trees},
};

/// The moments that were added, for looking at rings.
#[derive(Default)]
pub(super) struct Holds {
    over: HashMap<usize, NodeIndex>,
    released: HashMap<usize, Option<NodeIndex>>,
    /// Acts that break a link in the very request that makes the new one, each with what it waits for, and the instance that hangs
    /// on it.
    at_once: Vec<(NodeIndex, NodeIndex, usize)>,
    /// The instances whose being over lets a link be broken.
    waited_for: BTreeSet<usize>,
}

impl Holds {
    /// Adds the moments and what waits for them.
    pub(super) fn add(trees: &Trees, unsaved: &BTreeSet<usize>, bridges: &Bridges, graph: &mut Graph<'_>) -> Self {
        let mut holds = Self::default();
        for i in 0..trees.root {
            let Some((way, _)) = trees.live_tree.get(i) else { continue };
            for breaker in trees.live.get(way).map(|way| way.acts.as_slice()).unwrap_or_default() {
                holds.hold(trees, unsaved, bridges, graph, *breaker, i);
            }
        }
        // A bridge stays until who hangs on it is over.
        for (i, (bridge, _)) in bridges {
            let broken = if let Bridge::Live(way) = bridge { trees.live.get(*way) } else { None };
            for breaker in broken.map(|way| way.acts.as_slice()).unwrap_or_default() {
                let maker = trees.after_tree.get(*i).and_then(|(way, _)| trees.after.get(way)?.acts.first());
                let at_once =
                    maker.and_then(|maker| act_of(graph, *maker)).zip(act_of(graph, *breaker)).is_some_and(|(a, b)| a.goes_with(&b));
                if at_once {
                    holds.at_once(trees, graph, *breaker, *i);
                } else if let Some(moment) = holds.over(trees, graph, *i) {
                    holds.waited_for.insert(*i);
                    graph.add_edge(moment, *breaker, Bond::Earlier);
                }
            }
        }
        holds
    }

    /// The very request that breaks the old link makes the new one: then only what it hangs on has to be over.
    fn at_once(&mut self, trees: &Trees, graph: &mut Graph<'_>, breaker: NodeIndex, i: usize) {
        let Some((way, parent)) = trees.after_tree.get(i) else { return };
        let Some(maker) = trees.after.get(way).and_then(|way| way.acts.first()).copied() else { return };
        graph.add_edge(maker, breaker, Bond::Together);
        self.at_once.push((maker, breaker, i));
        if let Some(moment) = self.over(trees, graph, parent) {
            graph.add_edge(moment, breaker, Bond::Earlier);
            self.at_once.push((moment, breaker, i));
        }
    }

    /// Lets an act that breaks a link wait until nobody needs it.
    fn hold(&mut self, trees: &Trees, unsaved: &BTreeSet<usize>, bridges: &Bridges, graph: &mut Graph<'_>, breaker: NodeIndex, i: usize) {
        let saved = trees.after_tree.get(i).filter(|_| !unsaved.contains(&i));
        let maker = saved.and_then(|(way, _)| trees.after.get(way)?.acts.first());
        let both = maker.and_then(|maker| act_of(graph, *maker)).zip(act_of(graph, breaker));
        if both.is_some_and(|(new, old)| new.goes_with(&old)) {
            self.at_once(trees, graph, breaker, i);
        } else if let Some(moment) = self.released(trees, unsaved, bridges, graph, i) {
            graph.add_edge(moment, breaker, Bond::Earlier);
        }
    }

    /// When the live link of an instance may be broken: once it is over or, where it will have no path, once all that hang on it
    /// may lose it.
    fn released(
        &mut self,
        trees: &Trees,
        unsaved: &BTreeSet<usize>,
        bridges: &Bridges,
        graph: &mut Graph<'_>,
        first: usize,
    ) -> Option<NodeIndex> {
        let mut open = vec![first];
        while let Some(i) = open.pop() {
            if self.released.contains_key(&i) {
                continue;
            }
            if trees.after_tree.get(i).is_some() && !unsaved.contains(&i) {
                let moment = self.over(trees, graph, i);
                self.waited_for.insert(i);
                self.released.insert(i, moment);
                continue;
            }
            if bridges.contains_key(&i) {
                let moment = self.bridged(trees, bridges, graph, i);
                self.released.insert(i, moment);
                continue;
            }
            let children = trees.hang_on(i);
            let unknown: Vec<usize> = children.iter().copied().filter(|child| !self.released.contains_key(child)).collect();
            if !unknown.is_empty() {
                open.push(i);
                open.extend(unknown);
                continue;
            }
            let moments: Vec<NodeIndex> = children.iter().filter_map(|child| self.released.get(child).copied().flatten()).collect();
            let moment = (!moments.is_empty()).then(|| graph.add_node(Vertex::Moment));
            for (first, then) in moments.into_iter().zip(moment.into_iter().cycle()) {
                graph.add_edge(first, then, Bond::Earlier);
            }
            self.released.insert(i, moment);
        }
        self.released.get(&first).copied().flatten()
    }

    /// When the bridge of an instance carries it.
    fn bridged(&mut self, trees: &Trees, bridges: &Bridges, graph: &mut Graph<'_>, i: usize) -> Option<NodeIndex> {
        let mut firsts = Vec::new();
        let mut at = i;
        while let Some((bridge, parent)) = bridges.get(&at) {
            if let Bridge::New(way) = bridge {
                firsts.extend(trees.after.get(*way).and_then(|way| way.acts.first()).copied());
            }
            at = *parent;
        }
        firsts.extend(self.over(trees, graph, at));
        let moment = (!firsts.is_empty()).then(|| graph.add_node(Vertex::Moment))?;
        for first in firsts {
            graph.add_edge(first, moment, Bond::Earlier);
        }
        Some(moment)
    }

    /// When the declared path of an instance is made: none where it is the control plane itself.
    fn over(&mut self, trees: &Trees, graph: &mut Graph<'_>, i: usize) -> Option<NodeIndex> {
        let mut at = i;
        let mut below: Option<NodeIndex> = None;
        loop {
            let (way, parent) = trees.after_tree.get(at)?;
            let (moment, known) = match self.over.get(&at) {
                Some(moment) => (*moment, true),
                None => (graph.add_node(Vertex::Moment), false),
            };
            if let Some(below) = below {
                graph.add_edge(moment, below, Bond::Earlier);
            }
            if known {
                break;
            }
            self.over.insert(at, moment);
            for maker in trees.after.get(way).map(|way| way.acts.as_slice()).unwrap_or_default() {
                graph.add_edge(*maker, moment, Bond::Earlier);
            }
            if parent == trees.root {
                break;
            }
            (at, below) = (parent, Some(moment));
        }
        self.over.get(&i).copied()
    }

    /// The instances whose path is in a ring with an act that would break it.
    pub(super) fn in_rings(&self, graph: &Graph<'_>) -> Vec<usize> {
        let mut ring_of: HashMap<NodeIndex, usize> = HashMap::new();
        for (number, ring) in kosaraju_scc(graph).into_iter().enumerate().filter(|(_, ring)| ring.len() > 1) {
            ring_of.extend(ring.into_iter().map(|vertex| (vertex, number)));
        }
        let ring = |vertex: &NodeIndex| ring_of.get(vertex);
        let at_once = self.at_once.iter().filter(|(first, breaker, _)| ring(first).is_some() && ring(first) == ring(breaker));
        let waited_for = self.waited_for.iter().filter(|i| self.over.get(i).is_some_and(|moment| ring(moment).is_some()));
        at_once.map(|(_, _, i)| *i).chain(waited_for.copied()).collect()
    }
}
