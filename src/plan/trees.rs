//! The trees of live and of declared paths that hang on the control plane, and which acts break or make each of their links.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use petgraph::{Direction, graph::NodeIndex};

use super::{
    acts::{Act, Acts, Graph, Kind, act_of},
    links::{Link, after_links, live_links, neighbours, root},
    nodes::Nodes,
};
use crate::mesh::Peer;

/// A link, and the acts that break it (of a live one) or make it (of a declared one).
pub(super) struct Way {
    pub(super) link: Link,
    pub(super) acts: Vec<NodeIndex>,
    pub(super) class: usize,
    /// Whether a live link is there again afterwards, in one direction or the other.
    comes_again: bool,
}

/// Ways that stay; those that come or go; those that come only after something was broken, or go and come turned round; those that
/// go and come again.
const CLASSES: usize = 4;

/// From this class on a way comes after something was broken.
const LATE: usize = 2;

impl Way {
    /// An established link, with the acts that break it on the wire, whether its row stays as it is, and whether somebody's new path
    /// needs those acts.
    pub(super) fn on_the_wire(link: Link, acts: Vec<NodeIndex>, stays: bool, is_needed: bool) -> Self {
        let class = match (acts.is_empty(), is_needed) {
            (true, _) if stays => 0,
            (false, true) => CLASSES - 1,
            _ => LATE,
        };
        Self { link, acts, class, comes_again: false }
    }
}

/// A tree from the root: for each instance the way it hangs on, its parent, and whether its path needs a late way.
pub(super) struct Tree {
    at: Vec<Option<(usize, usize)>>,
    late: Vec<bool>,
}

impl Tree {
    /// As many ways of the better classes as possible.
    pub(super) fn of(root: usize, ways: &[Way]) -> Self {
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
        let comes_late = ways.get(way).is_some_and(|way| way.class >= LATE);
        let late = comes_late || self.is_late(parent);
        if let (Some(slot), Some(flag)) = (self.at.get_mut(at), self.late.get_mut(at)) {
            (*slot, *flag) = (via, late);
        }
    }

    pub(super) fn get(&self, i: usize) -> Option<(usize, usize)> {
        self.at.get(i).copied().flatten()
    }

    pub(super) fn is_late(&self, i: usize) -> bool {
        self.late.get(i).copied().unwrap_or_default()
    }

    pub(super) fn children(&self) -> HashMap<usize, Vec<usize>> {
        let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
        for (i, (_, parent)) in self.at.iter().enumerate().filter_map(|(i, at)| Some((i, (*at)?))) {
            children.entry(parent).or_default().push(i);
        }
        children
    }
}

/// A link that carries an instance while its own path is away.
#[derive(Clone, Copy)]
pub(super) enum Bridge {
    /// One that is there, by its index.
    Live(usize),
    /// One that is made before anything is broken.
    New(usize),
}

/// For each instance its bridge, and on whom it hangs by that.
pub(super) type Bridges = BTreeMap<usize, (Bridge, usize)>;

/// Both trees.
pub(super) struct Trees {
    pub(super) root: usize,
    pub(super) live: Vec<Way>,
    pub(super) after: Vec<Way>,
    pub(super) live_tree: Tree,
    pub(super) after_tree: Tree,
    /// Who hangs on whom now.
    children: HashMap<usize, Vec<usize>>,
}

impl Trees {
    pub(super) fn of(nodes: &Nodes<'_>, acts: &Acts<'_>) -> Self {
        let (live_before, after) = (live_links(nodes), after_links(nodes));
        let root = root(nodes);
        let in_both = |link: &Link| after.binary_search(link).is_ok();
        let live: Vec<Way> = live_before
            .iter()
            .map(|link| {
                let acts = breakers(nodes, acts, root, *link);
                let turns = in_both(&Link { owner: link.far, far: link.owner });
                let class = match () {
                    () if acts.is_empty() => 0,
                    () if in_both(link) => 3,
                    () if turns => 2,
                    () => 1,
                };
                let comes_again = in_both(link) || turns;
                Way { link: *link, acts, class, comes_again }
            })
            .collect();
        let was = |link: &Link| live_before.binary_search(link).is_ok();
        let after: Vec<Way> = after
            .iter()
            .map(|link| {
                let maker = maker(nodes, acts, root, *link);
                let class = match maker {
                    None => 0,
                    Some(_) if was(link) => 3,
                    Some(act) => 1 + usize::from(is_late(&acts.graph, act)),
                };
                Way { link: *link, acts: maker.into_iter().collect(), class, comes_again: false }
            })
            .collect();
        let (live_tree, after_tree) = (Tree::of(root, &live), Tree::of(root, &after));
        let children = live_tree.children();
        Self { root, live, after, live_tree, after_tree, children }
    }

    /// What hangs on an instance now.
    pub(super) fn hang_on(&self, i: usize) -> &[usize] {
        self.children.get(&i).map(Vec::as_slice).unwrap_or_default()
    }

    /// Marks instances whose path cannot be kept, with `deep` also those behind them that have no firm one.
    pub(super) fn give_up(&self, lost: Vec<usize>, deep: bool, unsaved: &mut BTreeSet<usize>) {
        let mut open = lost;
        while let Some(i) = open.pop() {
            if unsaved.insert(i) && deep {
                open.extend(self.hang_on(i).iter().filter(|child| self.after_tree.is_late(**child)));
            }
        }
    }

    /// A tree that instances without a path meanwhile can hang on: links that are there before anything is broken, and that stay at
    /// least until the instance is over. It hangs on the control plane and on every instance whose declared path needs nothing late.
    pub(super) fn bridges(&self, unsaved: &BTreeSet<usize>) -> Bridges {
        let is_firm = |i: usize| i == self.root || self.after_tree.get(i).is_some() && !self.after_tree.is_late(i);
        let there = self.live.iter().enumerate().filter(|(_, way)| way.class < CLASSES - 1).map(|(i, way)| (way, Bridge::Live(i)));
        let new = self.after.iter().enumerate().filter(|(_, way)| way.class == 1).map(|(i, way)| (way, Bridge::New(i)));
        let mut at: HashMap<usize, Vec<(usize, Bridge)>> = HashMap::new();
        for (Link { owner, far }, bridge) in there.chain(new).map(|(way, bridge)| (way.link, bridge)) {
            for (from, to) in [(owner, far), (far, owner)] {
                if unsaved.contains(&to) && (is_firm(from) || unsaved.contains(&from)) {
                    at.entry(from).or_default().push((to, bridge));
                }
            }
        }
        let mut bridges = Bridges::new();
        let mut firm: Vec<usize> = at.keys().copied().filter(|i| is_firm(*i)).collect();
        firm.sort_unstable();
        let mut queue = VecDeque::from(firm);
        while let Some(from) = queue.pop_front() {
            for (to, bridge) in at.get(&from).into_iter().flatten() {
                if !bridges.contains_key(to) && !is_firm(*to) {
                    bridges.insert(*to, (*bridge, from));
                    queue.push_back(*to);
                }
            }
        }
        bridges
    }

    /// Whose act is behind each path that is given up: what goes and comes again on the way to the control plane.
    pub(super) fn disruptions(&self, unsaved: &BTreeSet<usize>, graph: &Graph<'_>) -> BTreeMap<usize, BTreeSet<usize>> {
        let mut disruptions: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for i in unsaved {
            let broken = self.broken_on_the_way(*i);
            let comes_again = broken.iter().filter(|way| way.comes_again).copied();
            let mut causes: Vec<&Way> = comes_again.collect();
            if causes.is_empty() {
                causes = broken.into_iter().take(1).collect();
            }
            for way in causes {
                let acts: Vec<Act<'_>> = way.acts.iter().filter_map(|act| act_of(graph, *act)).collect();
                // Who is away by its own doing is not behind anybody.
                let own = acts.iter().any(|act| act.instance == *i);
                for act in acts.into_iter().filter(|act| !own || act.instance == *i) {
                    // Who drops a link that it sets again makes room for a listener that closes.
                    let makes_room = matches!(act.kind, Kind::Drop(_)) && way.class == CLASSES - 1;
                    disruptions.entry(if makes_room { way.link.far } else { act.instance }).or_default().insert(*i);
                }
            }
        }
        disruptions
    }

    /// The links on the live path of an instance that are broken.
    pub(super) fn broken_on_the_way(&self, i: usize) -> Vec<&Way> {
        let mut broken = Vec::new();
        let mut at = i;
        while let Some((way, parent)) = self.live_tree.get(at) {
            broken.extend(self.live.get(way).filter(|way| !way.acts.is_empty()));
            at = parent;
        }
        broken
    }
}

impl Act<'_> {
    /// Whether one request can do both: not where one is of the row that goes and the other of the row that comes, nor where what
    /// breaks a path is what makes it again.
    pub(super) fn goes_with(&self, other: &Act<'_>) -> bool {
        let is_of_the_old = |act: &Act<'_>| matches!(act.kind, Kind::Remove);
        let moves = |act: &Act<'_>| matches!(act.kind, Kind::ListenerMove);
        self.instance == other.instance && is_of_the_old(self) == is_of_the_old(other) && !(moves(self) && moves(other))
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

pub(super) fn is_canonical(nodes: &Nodes<'_>, owner: usize, far: usize) -> bool {
    let names = nodes.list.get(owner).and_then(|node| node.live).zip(nodes.list.get(far));
    names.is_some_and(|(live, far)| live.peers.contains(&Peer::named(far.name)))
}

/// The act that makes a declared link; none where it is there all the time.
fn maker(nodes: &Nodes<'_>, acts: &Acts<'_>, root: usize, Link { owner, far }: Link) -> Option<NodeIndex> {
    let (own, other) = (acts.of.get(owner), acts.of.get(far));
    // What dials a listener that moves has its row all the time, and nobody there meanwhile.
    let moves = || other.filter(|far| far.listener_on.is_some() && far.listener_on == far.listener_off).and_then(|far| far.listener_on);
    if owner == root {
        return other.and_then(|far| far.flag_on.or(far.create)).or_else(moves);
    }
    own.and_then(|own| own.link(far).add.or(own.create)).or_else(|| moves().filter(|_| is_canonical(nodes, owner, far)))
}

/// Whether an act can come only after something was broken.
fn is_late(graph: &Graph<'_>, act: NodeIndex) -> bool {
    graph.neighbors_directed(act, Direction::Incoming).any(|first| match act_of(graph, first).map(|act| act.kind) {
        Some(Kind::Create | Kind::ListenerOn | Kind::Add(_) | Kind::FlagOn | Kind::Scalars) => is_late(graph, first),
        Some(Kind::Remove | Kind::Gone | Kind::FlagOff | Kind::ListenerOff | Kind::ListenerMove | Kind::Drop(_) | Kind::Swap(..)) => true,
        None => false,
    })
}
