//! Who dials whom, on either side. All control and hybrid nodes are one root; every node relays, and a link carries both ways.

use std::collections::{BTreeSet, VecDeque};

use super::nodes::{Course, Node, Nodes};
use crate::mesh::Peer;

/// A link by the indices of its ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Link {
    /// Who dials: an instance, or the root.
    pub(super) owner: usize,
    /// What it dials.
    pub(super) far: usize,
}

/// The index that stands for all control nodes.
pub(super) fn root(nodes: &Nodes<'_>) -> usize {
    nodes.list.len()
}

/// The links of the live mesh, in order.
pub(super) fn live_links(nodes: &Nodes<'_>) -> Vec<Link> {
    links(nodes, |node| {
        // What is on its way out carries nobody.
        let live = node.live.filter(|live| !live.node_state.is_leaving())?;
        Some((live.peers_from_control_nodes, &live.peers))
    })
}

/// The links as they will be, in order.
pub(super) fn after_links(nodes: &Nodes<'_>) -> Vec<Link> {
    links(nodes, |node| node.after.as_ref().map(|after| (after.peers_from_control_nodes, after.peers.as_ref())))
}

/// All links of one side. What control nodes dial is given by the flag of the far end, or is an installer's and stays.
fn links<'n>(nodes: &'n Nodes<'_>, side: impl Fn(&'n Node<'_>) -> Option<(bool, &'n BTreeSet<Peer>)>) -> Vec<Link> {
    let root = root(nodes);
    let mut links = Vec::new();
    for (i, node) in nodes.list.iter().enumerate() {
        let Some((flag, peers)) = side(node) else { continue };
        let controls = node.is_control_plane();
        if flag && !controls {
            links.push(Link { owner: root, far: i });
        }
        for far in peers.iter().filter_map(|peer| nodes.index(&peer.hostname)) {
            let Some((other, there)) = nodes.list.get(far).map(|other| (other, side(other).is_some())) else { continue };
            match (controls, other.is_control_plane()) {
                _ if !there => {}
                (false, false) => links.push(Link { owner: i, far }),
                (false, true) => links.push(Link { owner: i, far: root }),
                // A link that the flag made goes with the flag.
                (true, false) if other.live.is_some_and(|l| l.peers_from_control_nodes) => {}
                (true, false) => links.push(Link { owner: root, far }),
                (true, true) => {}
            }
        }
    }
    links.sort_unstable();
    links.dedup();
    links
}

/// For each instance its neighbours by these links, with the index of the link; the root's come last.
pub(super) fn neighbours(count: usize, links: &[Link]) -> Vec<Vec<(usize, usize)>> {
    let mut neighbours: Vec<Vec<(usize, usize)>> = vec![Vec::new(); count + 1];
    for (i, Link { owner, far }) in links.iter().enumerate() {
        for (from, to) in [(*owner, *far), (*far, *owner)] {
            if let Some(list) = neighbours.get_mut(from) {
                list.push((to, i));
            }
        }
    }
    neighbours
}

/// How many links each instance is away from the control plane now; none without a path.
pub(super) fn depths(nodes: &Nodes<'_>) -> Vec<Option<usize>> {
    let root = root(nodes);
    // What is on its way out still stands where it stood.
    let links = links(nodes, |node| node.live.map(|live| (live.peers_from_control_nodes, &live.peers)));
    let neighbours = neighbours(root, &links);
    let mut depths: Vec<Option<usize>> = vec![None; root + 1];
    let mut queue = VecDeque::from([(root, 0)]);
    while let Some((at, depth)) = queue.pop_front() {
        match depths.get_mut(at) {
            Some(known @ None) => *known = Some(depth),
            _ => continue,
        }
        queue.extend(neighbours.get(at).into_iter().flatten().map(|(next, _)| (*next, depth + 1)));
    }
    depths
}

/// Whether an instance's links go away with it in this plan.
pub(super) fn goes(node: &Node<'_>) -> bool {
    matches!(node.course, Course::Remove(_) | Course::Replace | Course::Renew)
}
