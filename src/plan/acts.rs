//! The acts: the smallest changes there are, and what the server's rules make each wait for. Each rule stands here once, with its
//! source. Acts of one instance become few requests in `schedule`.

use std::collections::BTreeSet;

use petgraph::graph::{DiGraph, NodeIndex};

use crate::mesh::Peer;

use super::{
    InstanceChange,
    links::{depths, goes},
    nodes::{Course, Node, Nodes, Removal},
    peers::{dials, peer_of},
};

/// What waits for what.
pub(super) type Graph<'a> = DiGraph<Vertex<'a>, Bond>;

/// A vertex of the graph.
#[derive(Clone, Copy)]
pub(super) enum Vertex<'a> {
    /// A part of a request.
    Act(Act<'a>),
    /// A moment in which something holds; it costs nothing.
    Moment,
}

/// How one act waits for another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bond {
    /// The other one is done by an earlier request.
    Earlier,
    /// The other one is done by an earlier request or by the same one; both are of one instance.
    Together,
}

/// The smallest change.
#[derive(Clone, Copy)]
pub(super) struct Act<'a> {
    /// Of which instance.
    pub(super) instance: usize,
    /// What it does.
    pub(super) kind: Kind<'a>,
}

/// What an act does.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    /// The instance is made, with its listener, its flag, and those of its peers that have no act of their own.
    Create,
    /// Its removal is asked for.
    Remove,
    /// It is gone.
    Gone,
    /// enabled, `capacity_adjustment`, `managed_by_policy`.
    Scalars,
    /// `peers_from_control_nodes: false`.
    FlagOff,
    /// `listener_port: null`.
    ListenerOff,
    /// `listener_port`.
    ListenerOn,
    /// `listener_port`, from one port to another: what dials it goes on with that. Or the address made anew without its flag, and
    /// perhaps with another port: what dials it is set again with that.
    ListenerMove,
    /// `peers_from_control_nodes: true`.
    FlagOn,
    /// It no longer dials this.
    Drop(&'a Peer),
    /// It dials this.
    Add(&'a Peer),
    /// It dials another address of the same instance.
    Swap(&'a Peer, &'a Peer),
}

/// The acts that one link has.
#[derive(Clone, Copy, Default)]
pub(super) struct LinkActs {
    pub(super) drop: Option<NodeIndex>,
    pub(super) add: Option<NodeIndex>,
    pub(super) swap: Option<NodeIndex>,
}

/// The acts of one instance.
#[derive(Default)]
pub(super) struct Own {
    pub(super) create: Option<NodeIndex>,
    pub(super) remove: Option<NodeIndex>,
    pub(super) gone: Option<NodeIndex>,
    pub(super) flag_off: Option<NodeIndex>,
    pub(super) listener_off: Option<NodeIndex>,
    pub(super) listener_on: Option<NodeIndex>,
    pub(super) flag_on: Option<NodeIndex>,
    /// Of its links, by the index of the far instance.
    links: Vec<(usize, LinkActs)>,
}

impl Own {
    /// The acts of its link to an instance.
    pub(super) fn link(&self, far: usize) -> LinkActs {
        let found = self.links.binary_search_by_key(&far, |(known, _)| *known);
        found.ok().and_then(|i| self.links.get(i)).map(|(_, acts)| *acts).unwrap_or_default()
    }

    /// The acts of each of its links.
    pub(super) fn links(&self) -> impl Iterator<Item = LinkActs> {
        self.links.iter().map(|(_, acts)| *acts)
    }

    /// What makes it listen.
    fn opens(&self) -> Option<NodeIndex> {
        self.create.or(self.listener_on)
    }
}

/// All acts of a plan, and what each waits for by the server's rules.
pub(super) struct Acts<'a> {
    pub(super) graph: Graph<'a>,
    pub(super) of: Vec<Own>,
}

impl<'a> Acts<'a> {
    /// The acts that lead from one mesh to the other.
    pub(super) fn of(nodes: &'a Nodes<'a>, changes: &[InstanceChange]) -> Self {
        let scalars: BTreeSet<usize> =
            changes.iter().filter(|c| c.changes.iter().any(|c| c.field.is_scalar())).filter_map(|c| nodes.index(&c.hostname)).collect();
        let count = nodes.list.len();
        let mut acts = Self { graph: Graph::with_capacity(count, count), of: Vec::with_capacity(count) };
        for (i, node) in nodes.list.iter().enumerate() {
            let own = acts.own(nodes, i, node, scalars.contains(&i));
            acts.of.push(own);
        }
        for (i, node) in nodes.list.iter().enumerate() {
            acts.links(nodes, i, node);
        }
        if nodes.capabilities.refuses_mutual_peers() {
            acts.turns(nodes);
        }
        if nodes.capabilities.refuses_to_close_what_is_dialled() {
            acts.leavers(nodes);
        }
        acts.removals(nodes);
        acts
    }

    fn act(&mut self, instance: usize, kind: Kind<'a>) -> NodeIndex {
        self.graph.add_node(Vertex::Act(Act { instance, kind }))
    }

    fn earlier(&mut self, first: Option<NodeIndex>, then: Option<NodeIndex>) {
        if let (Some(first), Some(then)) = (first, then) {
            self.graph.add_edge(first, then, Bond::Earlier);
        }
    }

    fn together(&mut self, first: Option<NodeIndex>, then: Option<NodeIndex>) {
        if let (Some(first), Some(then)) = (first, then) {
            self.graph.add_edge(first, then, Bond::Together);
        }
    }

    /// What happens to an instance itself.
    fn own(&mut self, nodes: &Nodes<'_>, i: usize, node: &Node<'a>, has_scalars: bool) -> Own {
        let mut own = Own::default();
        match node.course {
            Course::Absent | Course::Leaving => {}
            Course::Create => own.create = Some(self.act(i, Kind::Create)),
            Course::Remove(_) => {
                own.remove = Some(self.act(i, Kind::Remove));
            }
            Course::Replace | Course::Renew => {
                // What is on its way out by itself is not asked again, unless that failed.
                own.remove = (!node.is_going()).then(|| self.act(i, Kind::Remove));
                own.gone = Some(self.act(i, Kind::Gone));
                own.create = Some(self.act(i, Kind::Create));
                self.earlier(own.remove, own.gone);
                self.earlier(own.gone, own.create);
            }
            Course::Stay => {
                self.listener(nodes, i, node, &mut own);
                if has_scalars {
                    let scalars = self.act(i, Kind::Scalars);
                    self.low_port_first(nodes, node, own.listener_off, scalars);
                }
            }
        }
        own
    }

    /// How its listener and its flag change.
    fn listener(&mut self, nodes: &Nodes<'_>, i: usize, node: &Node<'a>, own: &mut Own) {
        let (Some(live), Some(after)) = (node.live, &node.after) else { return };
        let (before, flag) = (live.listener_port, live.peers_from_control_nodes);
        let anew = node.is_made_anew();
        let moves = anew || node.changed_port().is_some() && node.reopened().is_none();
        let closes = before.is_some() && before != after.listener_port && !moves;
        if moves {
            // To those who dial it on the wire it is both.
            own.listener_off = Some(self.act(i, Kind::ListenerMove));
            own.listener_on = own.listener_off;
        } else {
            own.listener_off = closes.then(|| self.act(i, Kind::ListenerOff));
            own.listener_on = after.listener_port.filter(|_| before != after.listener_port).map(|_| self.act(i, Kind::ListenerOn));
            // AWX: null to a port and a port to null, never a port to another port.
            self.earlier(own.listener_off, own.listener_on);
        }
        if anew {
            own.flag_off = own.listener_off;
        } else if nodes.capabilities.refuses_listener_and_flag_off_at_once() {
            // AWX 23.0 to 23.7: an instance that control nodes dial keeps its listener, also in the very request that ends that.
            own.flag_off = (flag && (closes || !after.peers_from_control_nodes)).then(|| self.act(i, Kind::FlagOff));
            self.earlier(own.flag_off, own.listener_off);
        } else {
            // AWX 23.8 and later: where the listener goes the flag goes with it.
            own.flag_off = (flag && !closes && !after.peers_from_control_nodes).then(|| self.act(i, Kind::FlagOff));
        }
        let comes = after.peers_from_control_nodes && (closes || !flag);
        own.flag_on = comes.then(|| self.act(i, Kind::FlagOn));
        self.together(own.listener_on, own.flag_on);
    }

    /// AWX 23.0 to 23.7: while the stored port is below 1024 no request passes but one that sets it to null.
    fn low_port_first(&mut self, nodes: &Nodes<'_>, node: &Node<'_>, closes: Option<NodeIndex>, act: NodeIndex) {
        if nodes.capabilities.refuses_low_ports() && node.has_low_port() {
            self.together(closes, Some(act));
        }
    }

    /// How what an instance dials changes.
    fn links(&mut self, nodes: &'a Nodes<'a>, i: usize, node: &'a Node<'a>) {
        let Some(after) = node.after.as_ref().filter(|_| !node.has_fixed_links()) else { return };
        let mut links = Vec::new();
        match node.course {
            Course::Create | Course::Replace | Course::Renew => {
                for new in after.peers.iter() {
                    links.extend(self.first_link(nodes, i, new));
                }
            }
            Course::Stay => {
                let Some(live) = node.live else { return };
                for peer in live.peers.iter().filter(|peer| !dials(&after.peers, &peer.hostname)) {
                    links.extend(self.left(nodes, i, node, peer));
                }
                for peer in after.peers.iter() {
                    links.extend(self.link(nodes, i, peer_of(&live.peers, &peer.hostname), peer));
                }
            }
            Course::Absent | Course::Remove(_) | Course::Leaving => {}
        }
        links.sort_by_key(|(far, _)| *far);
        if let Some(own) = self.of.get_mut(i) {
            own.links = links;
        }
        let closes = self.of.get(i).and_then(|own| own.listener_off);
        for act in self.link_acts(i) {
            self.low_port_first(nodes, node, closes, act);
        }
    }

    /// All acts of the links of an instance.
    fn link_acts(&self, i: usize) -> Vec<NodeIndex> {
        self.of.get(i).into_iter().flat_map(|own| &own.links).flat_map(|(_, l)| [l.drop, l.add, l.swap]).flatten().collect()
    }

    /// A link of an instance that is made. What listens all the time is dialled by the create itself.
    fn first_link(&mut self, nodes: &Nodes<'_>, i: usize, new: &'a Peer) -> Option<(usize, LinkActs)> {
        let far = nodes.index(&new.hostname)?;
        let opens = self.opens(far, new)?;
        let add = self.act(i, Kind::Add(new));
        self.together(self.of.get(i).and_then(|own| own.create), Some(add));
        self.earlier(Some(opens), Some(add));
        Some((far, LinkActs { add: Some(add), ..LinkActs::default() }))
    }

    /// A link that nobody wants any more. One that ends with its far instance and that nobody declares needs no act.
    fn left(&mut self, nodes: &Nodes<'_>, i: usize, node: &Node<'_>, old: &'a Peer) -> Option<(usize, LinkActs)> {
        let far = nodes.index(&old.hostname)?;
        let taken_over = matches!(nodes.list.get(far)?.removal(), Some(Removal::Replaced(..)));
        let vanishes = nodes.list.get(far)?.after.is_none();
        if vanishes && !node.has_declared_peers() && !taken_over {
            return None;
        }
        let drop = self.act(i, Kind::Drop(old));
        self.leaves(Some(drop), far, old);
        Some((far, LinkActs { drop: Some(drop), ..LinkActs::default() }))
    }

    /// A link that is wanted.
    fn link(&mut self, nodes: &Nodes<'_>, i: usize, old: Option<&'a Peer>, new: &'a Peer) -> Option<(usize, LinkActs)> {
        let far = nodes.index(&new.hostname)?;
        let node = nodes.list.get(far)?;
        let mut acts = LinkActs::default();
        match old {
            // It goes with its far instance, and comes when that is back.
            Some(_) if node.is_made_again() => acts.add = Some(self.act(i, Kind::Add(new))),
            Some(old) if old == new => {
                if new.address.is_some() || node.reopened().is_none() {
                    return None;
                }
                // AWX 23.0 to 23.7 refuse to close a listener that is dialled; later ones cut the link by themselves.
                if nodes.capabilities.refuses_to_close_what_is_dialled() {
                    let drop = self.act(i, Kind::Drop(new));
                    self.leaves(Some(drop), far, new);
                    acts.drop = Some(drop);
                }
                acts.add = Some(self.act(i, Kind::Add(new)));
                self.earlier(acts.drop, acts.add);
            }
            Some(old) => {
                let swap = self.act(i, Kind::Swap(old, new));
                self.leaves(Some(swap), far, old);
                acts.swap = Some(swap);
            }
            None => acts.add = Some(self.act(i, Kind::Add(new))),
        }
        // AWX: a peer exists and listens before anything refers to it.
        let opens = self.opens(far, new);
        self.earlier(opens, acts.add.or(acts.swap));
        Some((far, acts))
    }

    /// What makes an address dialable; nothing where it is so all the time.
    fn opens(&self, far: usize, peer: &Peer) -> Option<NodeIndex> {
        let own = self.of.get(far)?;
        if peer.address.is_some() { own.create } else { own.opens() }
    }

    /// AWX 23.0 to 23.7 refuse to close a listener that is dialled, later ones would cut the link by themselves; and so does a
    /// removal: whoever leaves goes first.
    fn leaves(&mut self, leaver: Option<NodeIndex>, far: usize, old: &Peer) {
        let Some(own) = self.of.get(far) else { return };
        let (remove, closes) = (own.remove, own.listener_off.filter(|_| old.address.is_none()));
        self.earlier(leaver, remove);
        self.earlier(leaver, closes);
    }

    /// AWX 23.8 and later refuse two instances that dial each other: of a link that turns round the old direction goes first. And
    /// of two that do so since before, the one whose `peers` are sent names the other only when that has let go.
    fn turns(&mut self, nodes: &Nodes<'_>) {
        for (i, node) in nodes.list.iter().enumerate() {
            let (Some(after), Some(own)) = (&node.after, self.of.get(i)) else { continue };
            if own.links.is_empty() && own.create.is_none() {
                continue;
            }
            let (acts, create) = (self.link_acts(i), own.create);
            let mut pairs = Vec::new();
            for far in after.peers.iter().filter_map(|peer| nodes.index(&peer.hostname)) {
                let Some(turned) = self.of.get(far).and_then(|own| own.link(i).drop) else { continue };
                match own.link(far).add.or(create) {
                    Some(add) => pairs.push((turned, add)),
                    None => pairs.extend(acts.iter().map(|act| (turned, *act))),
                }
            }
            for (turned, act) in pairs {
                self.earlier(Some(turned), Some(act));
            }
        }
    }

    /// AWX 23.0 to 23.7: what an instance dials that goes keeps its listener until that is gone.
    fn leavers(&mut self, nodes: &Nodes<'_>) {
        for (i, node) in nodes.list.iter().enumerate() {
            if !matches!(node.course, Course::Remove(_) | Course::Replace | Course::Renew | Course::Leaving) {
                continue;
            }
            let dialled = node.live.into_iter().flat_map(|l| &l.peers).filter_map(|peer| nodes.index(&peer.hostname));
            // A stored low port goes to null with the removal.
            let closes = |far: usize| {
                let own = self.of.get(far)?;
                own.listener_off.or(own.remove.filter(|_| nodes.list.get(far).is_some_and(Node::has_low_port)))
            };
            let closing: Vec<NodeIndex> = dialled.filter_map(closes).collect();
            for closes in closing {
                let gone = self.gone(i);
                self.earlier(gone, Some(closes));
            }
        }
    }

    /// A hop goes after every instance behind it is gone that goes, too, for good or to be made again: its jobs may still be running.
    fn removals(&mut self, nodes: &Nodes<'_>) {
        if !nodes.list.iter().any(|node| node.removal().is_some()) {
            return;
        }
        let depth = depths(nodes);
        let depth_of = |i: usize| depth.get(i).copied().flatten();
        let goes = |i: usize| nodes.list.get(i).is_some_and(|node| goes(node) || matches!(node.course, Course::Leaving));
        let mut pairs = Vec::new();
        for (i, node) in nodes.list.iter().enumerate().filter(|(i, _)| goes(*i)) {
            for far in node.live.iter().flat_map(|live| &live.peers).filter_map(|peer| nodes.index(&peer.hostname)) {
                let (Some(own), Some(other)) = (depth_of(i), depth_of(far)) else { continue };
                let (behind, before) = if own > other { (i, far) } else { (far, i) };
                if own != other && goes(far) && nodes.list.get(before).is_some_and(|node| node.removal().is_some()) {
                    pairs.push((behind, before));
                }
            }
        }
        for (behind, before) in pairs {
            let gone = self.gone(behind);
            self.earlier(gone, self.of.get(before).and_then(|own| own.remove));
        }
    }

    /// The moment at which an instance is gone.
    fn gone(&mut self, i: usize) -> Option<NodeIndex> {
        let own = self.of.get(i)?;
        if own.gone.is_some() {
            return own.gone;
        }
        let remove = own.remove;
        let gone = Some(self.act(i, Kind::Gone));
        self.earlier(remove, gone);
        self.of.get_mut(i)?.gone = gone;
        gone
    }
}

/// The act that a vertex is, if it is one.
pub(super) fn act_of<'a>(graph: &Graph<'a>, vertex: NodeIndex) -> Option<Act<'a>> {
    match graph.node_weight(vertex)? {
        Vertex::Act(act) => Some(*act),
        Vertex::Moment => None,
    }
}
