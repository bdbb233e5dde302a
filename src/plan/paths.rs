//! Make before break: which link must be made before which other one may be broken.
//!
//! All control and hybrid nodes are one root. A tree of live paths and a tree of declared paths hang on it, both by links that
//! stay wherever there are such. An instance is *over* once the links of its declared path are made. A link of the live tree is
//! broken only when the instance that hangs on it is over; one that will have no path holds nothing by itself, but what hangs
//! behind it does. So whoever has a path before and after has one at every moment between.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::nodes::{Node, Nodes};
use crate::mesh::Peer;

/// A link by who owns it: the instance whose request makes or breaks it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Link {
    /// Whose `peers`, or whose `peers_from_control_nodes`.
    owner: usize,
    /// What it dials; the root stands for all control nodes.
    far: usize,
}

/// What has to be done before what, over the indices of the instances.
#[derive(Default)]
pub(super) struct MakeBeforeBreak {
    /// When the path of an instance no longer depends on its link in the live tree.
    pub(super) moments: Vec<Moment>,
    /// The requests that break a link of the live tree: of whom, and the instance whose moment they wait for.
    pub(super) breaks: Vec<(usize, usize)>,
    /// The instances that have a path before and none after.
    pub(super) cut_off: Vec<usize>,
}

/// When the live link of an instance may be broken: once it is over, or, where it will have no path itself, once all that hang
/// behind it are.
pub(super) struct Moment {
    pub(super) instance: usize,
    /// Whose request makes the link of its declared path; none where the link stays or there is no such path.
    pub(super) maker: Option<usize>,
    /// The moments that have to come first.
    pub(super) after: Vec<usize>,
}

/// A tree from the root: for each instance the link it hangs on and its parent.
struct Tree {
    hangs_on: HashMap<usize, (Link, usize)>,
}

/// The constraints that keep every path.
pub(super) fn make_before_break(nodes: &Nodes<'_>) -> MakeBeforeBreak {
    let root = nodes.list.len();
    let live: BTreeSet<Link> = links(nodes, root, |node| Some((node.live?.peers_from_control_nodes, &node.live?.peers)));
    let after: BTreeSet<Link> = links(nodes, root, |node| node.after.as_ref().map(|a| (a.peers_from_control_nodes, a.peers.as_ref())));
    let mut needed = MakeBeforeBreak::default();
    if live.is_subset(&after) {
        return needed;
    }
    let live_tree = tree(root, &live, &after);
    let after_tree = tree(root, &after, &live);
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    for i in 0..root {
        let Some((link, parent)) = live_tree.hangs_on.get(&i) else { continue };
        children.entry(*parent).or_default().push(i);
        if !after.contains(link) {
            needed.breaks.push((link.owner, i));
        }
        if !after_tree.hangs_on.contains_key(&i) {
            needed.cut_off.push(i);
        }
    }
    needed.moments = moments(&needed.breaks, root, &children, &after_tree, &live);
    needed
}

/// The moments that the breaks wait for, and those that these wait for.
fn moments(
    breaks: &[(usize, usize)],
    root: usize,
    children: &HashMap<usize, Vec<usize>>,
    after_tree: &Tree,
    live: &BTreeSet<Link>,
) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut open: Vec<usize> = breaks.iter().map(|(_, instance)| *instance).collect();
    let mut seen = BTreeSet::new();
    while let Some(instance) = open.pop() {
        if !seen.insert(instance) {
            continue;
        }
        let (maker, after) = match after_tree.hangs_on.get(&instance) {
            Some((link, parent)) => ((!live.contains(link)).then_some(link.owner), vec![*parent]),
            None => (None, children.get(&instance).cloned().unwrap_or_default()),
        };
        let after: Vec<usize> = after.into_iter().filter(|i| *i != root).collect();
        open.extend(&after);
        moments.push(Moment { instance, maker, after });
    }
    moments
}

/// All links of one side. What control nodes dial is given by the flag of the other end, or stays as it is.
fn links<'n>(nodes: &'n Nodes<'_>, root: usize, side: impl Fn(&'n Node<'_>) -> Option<(bool, &'n BTreeSet<Peer>)>) -> BTreeSet<Link> {
    let control_plane = |node: &Node<'_>| node.live.is_some_and(|l| l.node_type.is_control_plane());
    let mut links = BTreeSet::new();
    for (i, node) in nodes.list.iter().enumerate() {
        // What is on its way out carries nobody.
        if node.live.is_some_and(|l| l.node_state.is_leaving()) {
            continue;
        }
        let Some((flag, peers)) = side(node) else { continue };
        let owner = if control_plane(node) { root } else { i };
        if flag && owner != root {
            links.insert(Link { owner, far: root });
        }
        for far in peers.iter().filter_map(|peer| nodes.index(&peer.hostname)) {
            let Some(other) = nodes.list.get(far) else { continue };
            let flagged = other.live.is_some_and(|l| l.peers_from_control_nodes);
            if owner != root {
                links.insert(Link { owner, far: if control_plane(other) { root } else { far } });
            } else if !flagged && !control_plane(other) {
                links.insert(Link { owner: root, far });
            }
        }
    }
    links
}

/// Paths from the root with as few links as possible that the other side lacks.
fn tree(root: usize, links: &BTreeSet<Link>, other: &BTreeSet<Link>) -> Tree {
    let mut neighbours: HashMap<usize, Vec<(usize, Link, bool)>> = HashMap::new();
    for link in links {
        let stays = other.contains(link);
        neighbours.entry(link.owner).or_default().push((link.far, *link, stays));
        neighbours.entry(link.far).or_default().push((link.owner, *link, stays));
    }
    let mut hangs_on = HashMap::new();
    let mut done = BTreeSet::new();
    let mut queue: VecDeque<(usize, Option<(Link, usize)>)> = VecDeque::from([(root, None)]);
    while let Some((at, via)) = queue.pop_front() {
        if !done.insert(at) {
            continue;
        }
        if let Some(via) = via {
            hangs_on.insert(at, via);
        }
        for (next, link, stays) in neighbours.get(&at).into_iter().flatten().filter(|(next, ..)| !done.contains(next)) {
            let reached = (*next, Some((*link, at)));
            if *stays { queue.push_front(reached) } else { queue.push_back(reached) }
        }
    }
    Tree { hangs_on }
}
