//! What must wait for people. A row of the controller is no connection: a node goes on dialling what its own configuration says
//! until its install bundle is run, while control nodes change at once. So an act that breaks something on the wire (a removal, a
//! listener or a control node's link that goes) is held as long as a ready node that stays would be left without a path of
//! established links.
//!
//! Of a node whose established path is known, what breaks that path is held. Of one that is ready and has none, its rows were
//! changed and its bundle was not run yet: nobody knows what it hangs on, so that whatever it may hang on is held.

use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry};

use petgraph::{Direction, graph::NodeIndex};

use super::{
    acts::{Graph, Own},
    links::Link,
    nodes::{Course, Node, Nodes},
    trees::{Bridge, Bridges, Tree, Trees, Way, is_canonical},
};

/// What is held.
#[derive(Default)]
pub(super) struct Held {
    /// Who has to be connected first: the instances of each hold.
    pub(super) holds: Vec<Vec<usize>>,
    /// The acts that are held, by their hold: those that break something, and what waits for them.
    pub(super) acts: BTreeMap<NodeIndex, usize>,
    /// Whose install bundle is still to be run, as far as that is what is waited for.
    pub(super) due: BTreeSet<usize>,
    /// The ready nodes of which nobody knows what they hang on, and which cannot be waited for.
    pub(super) exposed: Vec<usize>,
}

/// How the rows keep their paths.
pub(super) struct Ways<'k, 'a> {
    /// Who loses its path for a while anyhow, which was allowed.
    pub(super) unsaved: &'k BTreeSet<usize>,
    /// Who hangs on what meanwhile.
    pub(super) bridges: &'k Bridges,
    /// All acts with what they wait for.
    pub(super) graph: &'k Graph<'a>,
}

/// Works out what is held.
pub(super) fn held(nodes: &Nodes<'_>, acts: &[Own], trees: &Trees, kept: &Ways<'_, '_>) -> Held {
    let breaks = |own: &Own| own.remove.or(own.listener_off).or(own.flag_off).is_some();
    // Where no link was ever established there is nothing to lose.
    if nodes.established.is_empty() || !acts.iter().any(breaks) {
        return Held::default();
    }
    let stays = |(i, node): &(usize, &Node<'_>)| {
        matches!(node.course, Course::Stay) && node.is_ready() && trees.after_tree.get(*i).is_some() && !kept.unsaved.contains(i)
    };
    let staying: Vec<usize> = nodes.list.iter().enumerate().filter(stays).map(|(i, _)| i).collect();
    let needed = needed(trees, kept.graph, staying.iter().copied().filter(|i| trees.after_tree.is_late(*i)));
    let ways = established(nodes, acts, trees, &needed);
    let tree = Tree::of(trees.root, &ways);
    let mut search =
        Search { nodes, acts, trees, bridges: kept.bridges, needed, ways, tree, needs: BTreeMap::new(), exposed: BTreeSet::new() };
    let waiting: Vec<usize> = staying.into_iter().filter(|i| !search.is_connected(*i)).collect();
    let (known, hidden): (Vec<usize>, Vec<usize>) = waiting.iter().partition(|i| search.tree.get(**i).is_some());
    search.known(&known);
    search.hidden(&hidden);
    let mut held = Held { due: due(nodes, trees, &waiting), exposed: search.exposed.into_iter().collect(), ..Held::default() };
    let mut known_holds: HashMap<(Vec<usize>, bool), usize> = HashMap::new();
    for (act, (set, all_hidden)) in search.needs {
        let key = (set.iter().copied().collect(), all_hidden);
        let index = *known_holds.entry(key).or_insert_with(|| {
            let all: BTreeSet<usize> = set.into_iter().chain(hidden.iter().copied().filter(|_| all_hidden)).collect();
            held.holds.push(all.into_iter().collect());
            held.holds.len() - 1
        });
        held.acts.insert(act, index);
    }
    held.spread(acts, kept.graph);
    held
}

/// Looks for the acts that nodes cannot do without.
struct Search<'s> {
    nodes: &'s Nodes<'s>,
    acts: &'s [Own],
    trees: &'s Trees,
    bridges: &'s Bridges,
    /// What new paths need that come only after something was broken.
    needed: BTreeSet<NodeIndex>,
    /// The established links, and the tree that they make.
    ways: Vec<Way>,
    tree: Tree,
    /// For each act that is held who needs what it breaks; whether all whose paths are not known do.
    needs: BTreeMap<NodeIndex, (BTreeSet<usize>, bool)>,
    exposed: BTreeSet<usize>,
}

impl Search<'_> {
    /// Whether an instance has a path of established links that nothing breaks.
    fn is_connected(&self, i: usize) -> bool {
        i == self.trees.root || self.tree.get(i).is_some() && !self.tree.is_late(i)
    }

    /// Those whose path of established links is broken: what breaks it is held.
    fn known(&mut self, known: &[usize]) {
        let broken = Broken::on(&self.tree, &self.ways, self.trees.root, |i| self.is_connected(i));
        for i in known.iter().copied() {
            let mut at = broken.nearest(i);
            while let Some(end) = at {
                let breakers = self.tree.get(end).and_then(|(way, _)| self.ways.get(way)).map(|way| way.acts.as_slice());
                for act in breakers.unwrap_or_default() {
                    // What its new path needs cannot wait for that path, unless another one is on its way.
                    let needs_it = self.trees.after_tree.is_late(i) && self.needed.contains(act);
                    if needs_it && is_bridged_already(self.nodes, self.trees, self.bridges, i) {
                        self.exposed.insert(i);
                    } else {
                        self.needs.entry(*act).or_default().0.insert(i);
                    }
                }
                at = broken.above(end);
            }
        }
    }

    /// Those of which nobody knows what they hang on: whatever that may be is held.
    fn hidden(&mut self, hidden: &[usize]) {
        if hidden.is_empty() {
            return;
        }
        let listens = |node: &Node<'_>| node.live.is_some_and(|live| live.listener_port.is_some());
        let (late, firm): (Vec<usize>, Vec<usize>) = hidden.iter().partition(|i| self.trees.after_tree.is_late(**i));
        let one_listens = hidden.iter().filter_map(|i| self.nodes.list.get(*i)).any(listens);
        for (i, (node, own)) in self.nodes.list.iter().zip(self.acts).enumerate().filter(|(_, (node, _))| node.is_ready()) {
            // What does not listen and dials none of them carries none of them.
            let carries = if listens(node) || one_listens { [own.remove, own.listener_off] } else { [None; 2] };
            let flag = own.flag_off.filter(|_| !self.is_connected(i));
            for act in carries.into_iter().chain([flag]).flatten() {
                if self.needed.contains(&act) {
                    // Whose new path needs it cannot wait for that path; the others can.
                    self.exposed.extend(late.iter().copied());
                    if !firm.is_empty() {
                        self.needs.entry(act).or_default().0.extend(firm.iter().copied());
                    }
                } else {
                    self.needs.entry(act).or_default().1 = true;
                }
            }
        }
    }
}

impl Held {
    /// What waits for a held act is held, and so is what only makes room for it and comes back after it.
    fn spread(&mut self, acts: &[Own], graph: &Graph<'_>) {
        let mut open: Vec<NodeIndex> = self.acts.keys().copied().collect();
        while !open.is_empty() {
            while let Some(first) = open.pop() {
                let Some(hold) = self.acts.get(&first).copied() else { continue };
                for then in graph.neighbors(first) {
                    if let Entry::Vacant(slot) = self.acts.entry(then) {
                        slot.insert(hold);
                        open.push(then);
                    }
                }
            }
            let flags = acts.iter().map(|own| (own.flag_off, own.flag_on));
            let links = acts.iter().flat_map(Own::links).map(|link| (link.drop, link.add));
            for (goes, comes) in flags.chain(links) {
                let Some((goes, hold)) = goes.zip(comes.and_then(|comes| self.acts.get(&comes).copied())) else { continue };
                if let Entry::Vacant(slot) = self.acts.entry(goes) {
                    slot.insert(hold);
                    open.push(goes);
                }
            }
        }
    }
}

/// All that the new paths of these instances need.
fn needed(trees: &Trees, graph: &Graph<'_>, late: impl Iterator<Item = usize>) -> BTreeSet<NodeIndex> {
    let mut open: Vec<NodeIndex> = Vec::new();
    let mut seen = BTreeSet::new();
    for i in late {
        let mut at = i;
        while seen.insert(at)
            && let Some((way, parent)) = trees.after_tree.get(at)
        {
            open.extend(trees.after.get(way).map(|way| way.acts.as_slice()).unwrap_or_default());
            at = parent;
        }
    }
    let mut needed = BTreeSet::new();
    while let Some(act) = open.pop() {
        if needed.insert(act) {
            open.extend(graph.neighbors_directed(act, Direction::Incoming));
        }
    }
    needed
}

/// Whether everything that carries an instance meanwhile is established, so that waiting would bring nothing.
fn is_bridged_already(nodes: &Nodes<'_>, trees: &Trees, bridges: &Bridges, i: usize) -> bool {
    let mut at = i;
    while let Some((bridge, parent)) = bridges.get(&at) {
        let link = match bridge {
            Bridge::Live(way) => trees.live.get(*way).map(|way| way.link),
            Bridge::New(_) => None,
        };
        if !link.is_some_and(|link| is_established(nodes, link)) {
            return false;
        }
        at = *parent;
    }
    true
}

/// The established links between nodes that carry, each with the acts that break it on the wire. Those that are broken by what
/// somebody's new path needs are the last that one would wait for.
fn established(nodes: &Nodes<'_>, acts: &[Own], trees: &Trees, needed: &BTreeSet<NodeIndex>) -> Vec<Way> {
    let root = trees.root;
    let carrier = |name: &str| {
        let i = nodes.index(name)?;
        let node = nodes.list.get(i)?;
        if node.is_control_plane() { Some(root) } else { node.is_ready().then_some(i) }
    };
    let ends = nodes.established.iter().filter_map(|(owner, far)| Some(Link { owner: carrier(owner)?, far: carrier(far)? }));
    let mut links: Vec<Link> = ends.filter(|link| link.owner != link.far).collect();
    links.sort_unstable();
    links.dedup();
    let stays = |link: &Link| {
        let known = trees.live.binary_search_by_key(link, |way| way.link).ok().and_then(|i| trees.live.get(i));
        let swaps = acts.get(link.owner).is_some_and(|own| own.link(link.far).swap.is_some());
        known.is_some_and(|way| way.acts.is_empty()) && !swaps
    };
    let way = |link: Link| {
        let breakers = breakers(nodes, acts, root, link);
        let is_needed = breakers.iter().any(|act| needed.contains(act));
        Way::on_the_wire(link, breakers, stays(&link), is_needed)
    };
    links.into_iter().map(way).collect()
}

/// The acts that break a connection, whatever becomes of its row.
fn breakers(nodes: &Nodes<'_>, acts: &[Own], root: usize, Link { owner, far }: Link) -> Vec<NodeIndex> {
    let (own, other) = (acts.get(owner), acts.get(far));
    let flag_off = other.filter(|_| owner == root).and_then(|other| other.flag_off);
    let closes = other.filter(|_| owner == root || is_canonical(nodes, owner, far)).and_then(|other| other.listener_off);
    [own.and_then(|own| own.remove), other.and_then(|other| other.remove), flag_off, closes].into_iter().flatten().collect()
}

/// Which links of a tree are broken, from each node towards the control plane.
struct Broken {
    /// For each node the nearest one, itself or before it, whose link is broken.
    nearest: Vec<Option<usize>>,
    /// For each node the next such one before it.
    above: Vec<Option<usize>>,
}

impl Broken {
    fn on(tree: &Tree, ways: &[Way], root: usize, is_connected: impl Fn(usize) -> bool) -> Self {
        let children = tree.children();
        let mut broken = Self { nearest: vec![None; root + 1], above: vec![None; root + 1] };
        let mut open = vec![root];
        while let Some(parent) = open.pop() {
            let before = if is_connected(parent) { None } else { broken.nearest(parent) };
            for i in children.get(&parent).into_iter().flatten().copied() {
                let breaks = tree.get(i).and_then(|(way, _)| ways.get(way)).is_some_and(|way| !way.acts.is_empty());
                if let (Some(nearest), Some(above)) = (broken.nearest.get_mut(i), broken.above.get_mut(i)) {
                    (*nearest, *above) = (if breaks { Some(i) } else { before }, before);
                }
                open.push(i);
            }
        }
        broken
    }

    fn nearest(&self, i: usize) -> Option<usize> {
        self.nearest.get(i).copied().flatten()
    }

    fn above(&self, i: usize) -> Option<usize> {
        self.above.get(i).copied().flatten()
    }
}

/// Whose bundle makes the links that are waited for: who dials; where that is a control node, who is dialled.
fn due(nodes: &Nodes<'_>, trees: &Trees, waiting: &[usize]) -> BTreeSet<usize> {
    let mut due = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for i in waiting {
        let mut at = *i;
        while seen.insert(at)
            && let Some((way, parent)) = trees.after_tree.get(at)
        {
            if let Some(link) = trees.after.get(way).map(|way| way.link).filter(|link| !is_established(nodes, *link)) {
                due.insert(if link.owner == trees.root { link.far } else { link.owner });
            }
            at = parent;
        }
    }
    due
}

fn is_established(nodes: &Nodes<'_>, link: Link) -> bool {
    let name = |i: usize| nodes.list.get(i).map(|node| node.name);
    match (name(link.owner), name(link.far)) {
        (Some(owner), Some(far)) => nodes.established.contains(&(owner.to_owned(), far.to_owned())),
        // Which control node it is does not matter.
        (None, Some(far)) => {
            let mut controls = nodes.list.iter().filter(|node| node.is_control_plane());
            controls.any(|node| nodes.established.contains(&(node.name.to_owned(), far.to_owned())))
        }
        _ => false,
    }
}
