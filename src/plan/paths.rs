//! Make before break: which link must be made before which other one may be broken.
//!
//! A tree of live paths and a tree of declared paths hang on the control plane. An instance is *over* once the links of its
//! declared path are made. A link of the live tree is broken only when the instance that hangs on it is over; one that will have
//! no path holds nothing by itself, but what hangs behind it does. So whoever has a path before and after has one at every moment
//! between. Where that is a ring (the only path hangs on a listener that closes and opens again, on an instance that is made again
//! or, AWX 23.8 and later, on a link that turns round) the path is given up, and whoever loses it is named.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use petgraph::{Direction, algo::kosaraju_scc, graph::NodeIndex};

use super::{
    acts::{Act, Acts, Bond, Graph, Kind, Vertex},
    links::{Link, after_links, live_links, neighbours, root},
    nodes::Nodes,
};
use crate::mesh::Peer;

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
}

/// A link, and the acts that break it (of a live one) or make it (of a declared one).
struct Way {
    link: Link,
    acts: Vec<NodeIndex>,
    class: usize,
    /// Whether a live link is there again afterwards, in one direction or the other.
    comes_again: bool,
}

/// Ways of the three classes: those that stay, those that come or go, those that go and come again.
const CLASSES: usize = 3;

/// A tree from the root: for each instance the way it hangs on, its parent, and whether its path needs a way of the last class.
struct Tree {
    at: Vec<Option<(usize, usize)>>,
    late: Vec<bool>,
}

impl Tree {
    /// As many ways of the better classes as possible.
    fn of(root: usize, ways: &[Way]) -> Self {
        let links: Vec<Link> = ways.iter().map(|way| way.link).collect();
        let neighbours = neighbours(root, &links);
        let mut tree = Self { at: vec![None; root + 1], late: vec![false; root + 1] };
        let mut queues: [VecDeque<(usize, usize, usize)>; CLASSES] = Default::default();
        let mut open = Some((root, None));
        let mut seen = vec![false; root + 1];
        while let Some((at, via)) = open.take() {
            if let Some(seen) = seen.get_mut(at).filter(|seen| !**seen) {
                *seen = true;
                tree.hang(at, via, ways);
                for (next, way) in neighbours.get(at).into_iter().flatten() {
                    let class = ways.get(*way).map_or(0, |way| way.class);
                    if let Some(queue) = queues.get_mut(class) {
                        queue.push_back((*next, *way, at));
                    }
                }
            }
            open = queues.iter_mut().find_map(VecDeque::pop_front).map(|(next, way, from)| (next, Some((way, from))));
        }
        tree
    }

    fn hang(&mut self, at: usize, via: Option<(usize, usize)>, ways: &[Way]) {
        let Some((way, parent)) = via else { return };
        let by_last = ways.get(way).is_some_and(|way| way.class == CLASSES - 1);
        let late = by_last || self.is_late(parent);
        if let (Some(slot), Some(flag)) = (self.at.get_mut(at), self.late.get_mut(at)) {
            (*slot, *flag) = (via, late);
        }
    }

    fn get(&self, i: usize) -> Option<(usize, usize)> {
        self.at.get(i).copied().flatten()
    }

    fn is_late(&self, i: usize) -> bool {
        self.late.get(i).copied().unwrap_or_default()
    }

    fn children(&self) -> HashMap<usize, Vec<usize>> {
        let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
        for (i, (_, parent)) in self.at.iter().enumerate().filter_map(|(i, at)| Some((i, (*at)?))) {
            children.entry(parent).or_default().push(i);
        }
        children
    }
}

/// Both trees.
struct Trees {
    root: usize,
    live: Vec<Way>,
    after: Vec<Way>,
    live_tree: Tree,
    after_tree: Tree,
    /// Who hangs on whom now.
    children: HashMap<usize, Vec<usize>>,
}

/// Adds to the acts what keeps every path that can be kept.
pub(super) fn keep_paths<'a>(nodes: &Nodes<'_>, mut acts: Acts<'a>) -> Kept<'a> {
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
    // Only who hangs on what goes and comes again can be in a ring.
    let at_risk = (0..trees.root).any(|i| trees.after_tree.is_late(i) && has(&trees.live_tree, i));
    let graph = loop {
        let mut graph = if at_risk { acts.graph.clone() } else { std::mem::take(&mut acts.graph) };
        let holds = Holds::add(&trees, &unsaved, &mut graph);
        let lost = if at_risk { holds.in_rings(&graph) } else { Vec::new() };
        if lost.is_empty() {
            break graph;
        }
        trees.give_up(lost, &mut unsaved);
    };
    let disruptions = trees.disruptions(&unsaved, &graph);
    Kept { graph, cut_off, unconnected, disruptions }
}

impl Trees {
    fn of(nodes: &Nodes<'_>, acts: &Acts<'_>) -> Self {
        let (live, after) = (live_links(nodes), after_links(nodes));
        let root = root(nodes);
        let in_both = |link: &Link| after.binary_search(link).is_ok();
        let live: Vec<Way> = live
            .iter()
            .map(|link| {
                let acts = breakers(nodes, acts, root, *link);
                let class = if acts.is_empty() { 0 } else { 1 + usize::from(in_both(link)) };
                let comes_again = in_both(link) || in_both(&Link { owner: link.far, far: link.owner });
                Way { link: *link, acts, class, comes_again }
            })
            .collect();
        let after: Vec<Way> = after
            .iter()
            .map(|link| {
                let maker = maker(acts, root, *link);
                let class = maker.map_or(0, |act| 1 + usize::from(is_late(&acts.graph, act)));
                Way { link: *link, acts: maker.into_iter().collect(), class, comes_again: false }
            })
            .collect();
        let (live_tree, after_tree) = (Tree::of(root, &live), Tree::of(root, &after));
        let children = live_tree.children();
        Self { root, live, after, live_tree, after_tree, children }
    }

    /// What hangs on an instance now.
    fn hang_on(&self, i: usize) -> &[usize] {
        self.children.get(&i).map(Vec::as_slice).unwrap_or_default()
    }

    /// Marks instances whose path cannot be kept, and those behind them that have no other.
    fn give_up(&self, lost: Vec<usize>, unsaved: &mut BTreeSet<usize>) {
        let mut open = lost;
        while let Some(i) = open.pop() {
            if unsaved.insert(i) {
                open.extend(self.hang_on(i).iter().filter(|child| self.after_tree.is_late(**child)));
            }
        }
    }

    /// Whose act is behind each path that is given up: what goes and comes again on the way to the control plane.
    fn disruptions(&self, unsaved: &BTreeSet<usize>, graph: &Graph<'_>) -> BTreeMap<usize, BTreeSet<usize>> {
        let mut disruptions: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for i in unsaved {
            let broken = self.broken_on_the_way(*i);
            let comes_again = broken.iter().filter(|way| way.comes_again).copied();
            let mut causes: Vec<&Way> = comes_again.collect();
            if causes.is_empty() {
                causes = broken;
            }
            for way in causes {
                for act in way.acts.iter().filter_map(|act| act_of(graph, *act)) {
                    // Who drops a link that it sets again makes room for a listener that closes.
                    let makes_room = matches!(act.kind, Kind::Drop(_)) && way.class == CLASSES - 1;
                    disruptions.entry(if makes_room { way.link.far } else { act.instance }).or_default().insert(*i);
                }
            }
        }
        disruptions
    }

    /// The links on the live path of an instance that are broken.
    fn broken_on_the_way(&self, i: usize) -> Vec<&Way> {
        let mut broken = Vec::new();
        let mut at = i;
        while let Some((way, parent)) = self.live_tree.get(at) {
            broken.extend(self.live.get(way).filter(|way| !way.acts.is_empty()));
            at = parent;
        }
        broken
    }
}

/// The moments that were added, for looking at rings.
#[derive(Default)]
struct Holds {
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
    fn add(trees: &Trees, unsaved: &BTreeSet<usize>, graph: &mut Graph<'_>) -> Self {
        let mut holds = Self::default();
        for i in 0..trees.root {
            let Some((way, _)) = trees.live_tree.get(i) else { continue };
            for breaker in trees.live.get(way).map(|way| way.acts.as_slice()).unwrap_or_default() {
                holds.hold(trees, unsaved, graph, *breaker, i);
            }
        }
        holds
    }

    /// Lets an act that breaks a link wait until nobody needs it.
    fn hold(&mut self, trees: &Trees, unsaved: &BTreeSet<usize>, graph: &mut Graph<'_>, breaker: NodeIndex, i: usize) {
        let saved = trees.after_tree.get(i).filter(|_| !unsaved.contains(&i));
        let maker = saved.and_then(|(way, _)| trees.after.get(way)?.acts.first()).copied();
        if let (Some(maker), Some((_, parent))) = (maker, saved)
            && let (Some(old), Some(new)) = (act_of(graph, breaker), act_of(graph, maker))
            && old.instance == new.instance
            && old.is_of_the_old() == new.is_of_the_old()
        {
            // The very request that breaks the old link makes the new one: then only what it hangs on has to be over.
            graph.add_edge(maker, breaker, Bond::Together);
            self.at_once.push((maker, breaker, i));
            if let Some(moment) = self.over(trees, graph, parent) {
                graph.add_edge(moment, breaker, Bond::Earlier);
                self.at_once.push((moment, breaker, i));
            }
        } else if let Some(moment) = self.released(trees, unsaved, graph, i) {
            graph.add_edge(moment, breaker, Bond::Earlier);
        }
    }

    /// When the live link of an instance may be broken: once it is over or, where it will have no path, once all that hang on it
    /// may lose it.
    fn released(&mut self, trees: &Trees, unsaved: &BTreeSet<usize>, graph: &mut Graph<'_>, first: usize) -> Option<NodeIndex> {
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
    fn in_rings(&self, graph: &Graph<'_>) -> Vec<usize> {
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

impl Act<'_> {
    /// Whether it belongs to the row that is there now, of an instance that is made again.
    pub(super) fn is_of_the_old(&self) -> bool {
        matches!(self.kind, Kind::Remove)
    }
}

fn act_of<'a>(graph: &Graph<'a>, vertex: NodeIndex) -> Option<Act<'a>> {
    match graph.node_weight(vertex)? {
        Vertex::Act(act) => Some(*act),
        Vertex::Moment => None,
    }
}

/// The acts that break a live link.
fn breakers(nodes: &Nodes<'_>, acts: &Acts<'_>, root: usize, Link { owner, far }: Link) -> Vec<NodeIndex> {
    let own = acts.of.get(owner);
    let other = acts.of.get(far);
    let removed = |i: usize| acts.of.get(i).and_then(|own| own.remove);
    let link = own.map(|own| own.link(far)).unwrap_or_default();
    if let Some(drop) = link.drop {
        return [Some(drop), removed(owner)].into_iter().flatten().collect();
    }
    let closes = other.and_then(|other| other.listener_off).filter(|_| link.swap.is_none());
    // Another address of an instance stays when its listener goes.
    let canonical = owner == root || is_canonical(nodes, owner, far);
    let flag_off = other.filter(|_| owner == root).and_then(|other| other.flag_off);
    [flag_off, closes.filter(|_| canonical), removed(owner), removed(far)].into_iter().flatten().collect()
}

fn is_canonical(nodes: &Nodes<'_>, owner: usize, far: usize) -> bool {
    let names = nodes.list.get(owner).and_then(|node| node.live).zip(nodes.list.get(far));
    names.is_some_and(|(live, far)| live.peers.contains(&Peer::named(far.name)))
}

/// The act that makes a declared link; none where it is there all the time.
fn maker(acts: &Acts<'_>, root: usize, Link { owner, far }: Link) -> Option<NodeIndex> {
    if owner == root {
        return acts.of.get(far).and_then(|own| own.flag_on.or(own.create));
    }
    acts.of.get(owner).and_then(|own| own.link(far).add.or(own.create))
}

/// Whether an act can come only after something was broken.
fn is_late(graph: &Graph<'_>, act: NodeIndex) -> bool {
    graph.neighbors_directed(act, Direction::Incoming).any(|first| match act_of(graph, first).map(|act| act.kind) {
        Some(Kind::Create | Kind::ListenerOn | Kind::Add(_) | Kind::FlagOn | Kind::Scalars) => is_late(graph, first),
        Some(Kind::Remove | Kind::Gone | Kind::FlagOff | Kind::ListenerOff | Kind::Drop(_) | Kind::Swap(..)) => true,
        None => false,
    })
}
