//! Make before break: which link must be made before which other one may be broken.
//!
//! All control and hybrid nodes are one root. A tree of live paths and a tree of declared paths hang on it, both by links that
//! stay wherever there are such. An instance is *over* once the links of its declared path are made. A link of the live tree is
//! broken only when the instance that hangs on it is over; one that will have no path holds nothing by itself, but what hangs
//! behind it does. So whoever has a path before and after has one at every moment between.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::nodes::{Node, Nodes};

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
    /// The instance is over once the request of this one is done and that one is over.
    pub(super) over: Vec<Over>,
    /// The request of `breaker` waits until `waits_for` is over.
    pub(super) breaks: Vec<Break>,
}

/// When an instance is over.
pub(super) struct Over {
    pub(super) instance: usize,
    /// Whose request makes its link; none where the link stays.
    pub(super) maker: Option<usize>,
    /// What it hangs on, where that is not over from the start.
    pub(super) parent: Option<usize>,
}

/// A request that breaks a link of the live tree.
pub(super) struct Break {
    pub(super) breaker: usize,
    pub(super) waits_for: usize,
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
    let mut hanging: Vec<(usize, Link)> = Vec::new();
    for i in 0..root {
        if let Some((link, parent)) = live_tree.hangs_on.get(&i) {
            children.entry(*parent).or_default().push(i);
            hanging.push((i, *link));
        }
    }
    let mut wanted: Vec<usize> = Vec::new();
    for (instance, link) in hanging.into_iter().filter(|(_, link)| !after.contains(link)) {
        for waits_for in first_with_a_path(instance, &children, &after_tree) {
            needed.breaks.push(Break { breaker: link.owner, waits_for });
            wanted.push(waits_for);
        }
    }
    needed.over = overs(wanted, root, &after_tree, &live);
    needed
}

/// The instance itself if it has a declared path, else the nearest ones behind it that have.
fn first_with_a_path(instance: usize, children: &HashMap<usize, Vec<usize>>, after: &Tree) -> Vec<usize> {
    let mut found = Vec::new();
    let mut open = vec![instance];
    while let Some(i) = open.pop() {
        if after.hangs_on.contains_key(&i) {
            found.push(i);
        } else {
            open.extend(children.get(&i).into_iter().flatten());
        }
    }
    found
}

/// When each of these is over, and each that they hang on.
fn overs(wanted: Vec<usize>, root: usize, after: &Tree, live: &BTreeSet<Link>) -> Vec<Over> {
    let mut overs = Vec::new();
    let mut open = wanted;
    let mut seen = BTreeSet::new();
    while let Some(instance) = open.pop() {
        let Some((link, parent)) = after.hangs_on.get(&instance).filter(|_| seen.insert(instance)) else { continue };
        let parent = Some(*parent).filter(|p| *p != root);
        overs.push(Over { instance, maker: (!live.contains(link)).then_some(link.owner), parent });
        open.extend(parent);
    }
    overs
}

/// All links of one side. What control nodes dial is given by the flag of the other end, or stays as it is.
fn links<'n>(
    nodes: &'n Nodes<'_>,
    root: usize,
    side: impl Fn(&'n Node<'_>) -> Option<(bool, &'n BTreeSet<crate::mesh::Peer>)>,
) -> BTreeSet<Link> {
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
