//! The requests of a plan: what each says, and what it waits for beyond its own acts. A `peers` body is the whole set, so it
//! waits for all that it names, and for everything whose going it presumes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use petgraph::{Direction, graph::NodeIndex};

use super::{
    InstanceChange, Request, Step,
    acts::{Act, Graph, Kind, Vertex, act_of},
    diff,
    links::goes,
    nodes::{Node, Nodes},
    paths::Kept,
    peers::dials,
    schedule::{Turn, schedule},
    why::why,
};
use crate::mesh::{Body, Dialect, Field, Peer, Place, Value};

/// Steps, each after all that it waits for, and the instances of each of their holds.
#[derive(Default)]
pub(super) struct Written {
    pub(super) steps: Vec<Step>,
    pub(super) holds: Vec<Vec<usize>>,
}

/// The steps for these acts; else the instances for whose acts no order was found.
pub(super) fn steps<'n>(nodes: &'n Nodes<'n>, changes: &'n [InstanceChange], kept: &'n Kept<'_>) -> Result<Written, BTreeSet<usize>> {
    let mut writer = Writer::new(nodes, changes, kept);
    for turn in schedule(&kept.graph, &kept.held.acts)? {
        match turn {
            Turn::Moment(moment) => writer.moment(moment),
            Turn::Request(acts) => writer.request(&acts),
        }
    }
    Ok(Written { steps: writer.steps, holds: writer.holds })
}

/// A link that goes by itself with the listener or the row of its far end, and is perhaps set again.
#[derive(Clone, Copy)]
struct Fading {
    /// The step that ends it, once there is one.
    ended: Option<usize>,
    /// The last body of its owner that names it before that.
    named: Option<usize>,
}

struct Writer<'n, 'a> {
    nodes: &'n Nodes<'n>,
    graph: &'n Graph<'a>,
    held: &'n BTreeMap<NodeIndex, usize>,
    /// Who has to be connected first, for each hold.
    holds: Vec<Vec<usize>>,
    /// The holds that several holds of one request became.
    merged: HashMap<BTreeSet<usize>, usize>,
    /// What changes of each instance.
    changes: Vec<Option<&'n InstanceChange>>,
    steps: Vec<Step>,
    /// The step of each act, from 1, and the steps behind each moment.
    step_of: Vec<usize>,
    behind: HashMap<NodeIndex, BTreeSet<usize>>,
    /// The last step of each instance so far.
    last_of: Vec<usize>,
    /// What the instances with acts on their links dial at the moment.
    dials: HashMap<usize, BTreeSet<Peer>>,
    /// By far end, then by owner.
    fading: HashMap<usize, BTreeMap<usize, Fading>>,
    fades_for: HashMap<usize, Vec<usize>>,
    /// The links of each instance that is made and that have an act of their own: where they begin, and how many there are.
    adds: Vec<(usize, usize)>,
}

impl<'n, 'a> Writer<'n, 'a> {
    fn new(nodes: &'n Nodes<'n>, changes: &'n [InstanceChange], kept: &'n Kept<'a>) -> Self {
        let graph = &kept.graph;
        let count = nodes.list.len();
        let mut adds: Vec<(usize, usize)> = vec![(0, 0); count];
        for (vertex, weight) in graph.node_weights().enumerate() {
            if let Vertex::Act(Act { instance, kind: Kind::Add(_) }) = weight
                && let Some((from, count)) = adds.get_mut(*instance)
            {
                if *count == 0 {
                    *from = vertex;
                }
                *count += 1;
            }
        }
        let mut by_instance = vec![None; count];
        for change in changes {
            if let Some(slot) = nodes.index(&change.hostname).and_then(|i| by_instance.get_mut(i)) {
                *slot = Some(change);
            }
        }
        let mut writer = Self {
            nodes,
            graph,
            held: &kept.held.acts,
            holds: kept.held.holds.clone(),
            merged: HashMap::new(),
            changes: by_instance,
            steps: Vec::new(),
            step_of: vec![0; graph.node_count()],
            behind: HashMap::new(),
            last_of: vec![0; count],
            dials: HashMap::new(),
            fading: HashMap::new(),
            fades_for: HashMap::new(),
            adds,
        };
        writer.find_fading();
        writer
    }

    fn find_fading(&mut self) {
        let closes = |node: &Node<'_>| node.reopened().is_some() && self.nodes.capabilities.dialect == Dialect::Addresses;
        let fades = |node: &Node<'_>| goes(node) || closes(node);
        let far: Vec<usize> = self.nodes.list.iter().enumerate().filter(|(_, node)| fades(node)).map(|(i, _)| i).collect();
        if far.is_empty() {
            return;
        }
        let fading: BTreeSet<usize> = far.into_iter().collect();
        for (owner, node) in self.nodes.list.iter().enumerate() {
            for peer in node.live.into_iter().flat_map(|live| &live.peers) {
                let Some(far) = self.nodes.index(&peer.hostname).filter(|far| fading.contains(far)) else { continue };
                self.fading.entry(far).or_default().insert(owner, Fading { ended: None, named: None });
                self.fades_for.entry(owner).or_default().push(far);
            }
        }
    }

    fn moment(&mut self, moment: NodeIndex) {
        let mut all: BTreeSet<usize> = BTreeSet::new();
        for first in self.graph.neighbors_directed(moment, Direction::Incoming) {
            self.wait_for(first, &mut all);
        }
        self.behind.insert(moment, all);
    }

    /// Adds the steps that an act or a moment stands for.
    fn wait_for(&self, first: NodeIndex, after: &mut BTreeSet<usize>) {
        after.extend(self.step_of.get(first.index()).filter(|step| **step > 0));
        after.extend(self.behind.get(&first).into_iter().flatten());
    }

    fn request(&mut self, acts: &[NodeIndex]) {
        let id = self.steps.len() + 1;
        let kinds: Vec<Act<'a>> = acts.iter().filter_map(|act| act_of(self.graph, *act)).collect();
        let Some(i) = kinds.first().map(|act| act.instance) else { return };
        let Some(node) = self.nodes.list.get(i) else { return };
        let mut after: BTreeSet<usize> = BTreeSet::new();
        if let Some(last) = self.last_of.get_mut(i) {
            after.extend((*last > 0).then_some(*last));
            *last = id;
        }
        for act in acts {
            for first in self.graph.neighbors_directed(*act, Direction::Incoming) {
                self.wait_for(first, &mut after);
            }
        }
        for act in acts {
            if let Some(step) = self.step_of.get_mut(act.index()) {
                *step = id;
            }
        }
        let mut ends_links = None;
        let mut body = Body::new();
        let mut links = false;
        let mut is_whole = false;
        let mut action = Request::Patch;
        let port = node.after.as_ref().and_then(|after| after.listener_port);
        for act in &kinds {
            match act.kind {
                Kind::Create => {
                    action = Request::Create;
                    body.extend(diff::body(node));
                    // Where all is said at once nothing has to be kept in mind.
                    let whole = self.adds.get(i).is_some_and(|(_, count)| count + 1 == kinds.len());
                    if !whole {
                        self.first_peers(i, node);
                        links |= body.iter().any(|(field, _)| *field == Field::Peers);
                    }
                    is_whole = whole;
                }
                Kind::Remove => {
                    action = Request::Remove;
                    ends_links = Some(true);
                    // AWX 23.0 to 23.7 take no other request while an older version's port is stored.
                    if self.nodes.capabilities.refuses_low_ports() && node.has_low_port() {
                        body.push((Field::ListenerPort, Value::Port(None)));
                    }
                }
                Kind::Gone => action = Request::Wait,
                Kind::Scalars => body.extend(scalars(self.changes.get(i).copied().flatten())),
                Kind::FlagOff => body.push((Field::PeersFromControlNodes, Value::Bool(false))),
                Kind::FlagOn => body.push((Field::PeersFromControlNodes, Value::Bool(true))),
                Kind::ListenerOff => {
                    ends_links = (self.nodes.capabilities.dialect == Dialect::Addresses).then_some(false);
                    body.push((Field::ListenerPort, Value::Port(None)));
                }
                Kind::ListenerOn => body.push((Field::ListenerPort, Value::Port(port))),
                Kind::ListenerMove => {
                    body.extend(node.changed_port().map(|_| (Field::ListenerPort, Value::Port(port))));
                    body.extend(node.is_made_anew().then_some((Field::PeersFromControlNodes, Value::Bool(false))));
                }
                Kind::Add(_) if is_whole => {}
                Kind::Drop(old) => self.redial(i, node, Some(old), None),
                Kind::Add(new) => self.redial(i, node, None, Some(new)),
                Kind::Swap(old, new) => self.redial(i, node, Some(old), Some(new)),
            }
        }
        links |= !is_whole && kinds.iter().any(|act| matches!(act.kind, Kind::Drop(_) | Kind::Add(_) | Kind::Swap(..)));
        if links {
            body.retain(|(field, _)| *field != Field::Peers);
            self.names(i, id, &mut after);
            body.push((Field::Peers, Value::Peers(self.dials.get(&i).cloned().unwrap_or_default())));
        }
        if !self.nodes.capabilities.has_peers() {
            body.retain(|(field, _)| !matches!(field, Field::Peers | Field::PeersFromControlNodes));
        }
        body.sort_by_key(|(field, _)| *field);
        if let Some(with_row) = ends_links {
            self.ends(i, with_row, id, &mut after);
        }
        let instance = node.live.map(|live| live.id).filter(|_| !is_of_the_new(&kinds, node));
        let change = self.changes.get(i).copied().flatten();
        let place = self.place(node, change);
        let why = why(self.nodes, node, &kinds, change);
        let held = self.hold(acts);
        self.steps.push(Step {
            id,
            hostname: node.name.to_owned(),
            instance,
            action,
            body,
            after: after.into_iter().collect(),
            place,
            why,
            held,
        });
    }

    /// What holds a request: all that holds one of its acts.
    fn hold(&mut self, acts: &[NodeIndex]) -> Option<usize> {
        let all: BTreeSet<usize> = acts.iter().filter_map(|act| self.held.get(act).copied()).collect();
        if all.len() < 2 {
            return all.first().copied();
        }
        let (holds, next) = (&self.holds, self.holds.len());
        let who: BTreeSet<usize> = all.iter().filter_map(|hold| holds.get(*hold)).flatten().copied().collect();
        let hold = *self.merged.entry(all).or_insert(next);
        if hold == next {
            self.holds.push(who.into_iter().collect());
        }
        Some(hold)
    }

    /// What a create names by itself: all that needs no act.
    fn first_peers(&mut self, i: usize, node: &Node<'_>) {
        let (from, count) = self.adds.get(i).copied().unwrap_or_default();
        let adds = (from..from + count).filter_map(|vertex| act_of(self.graph, NodeIndex::new(vertex)));
        let later: BTreeSet<&Peer> = adds.filter_map(|act| if let Kind::Add(peer) = act.kind { Some(peer) } else { None }).collect();
        let after = node.after.iter().flat_map(|after| after.peers.iter());
        self.dials.insert(i, after.filter(|peer| !later.contains(peer)).cloned().collect());
    }

    /// Changes what an instance dials.
    fn redial(&mut self, i: usize, node: &Node<'_>, old: Option<&Peer>, new: Option<&Peer>) {
        let set = self.dials.entry(i).or_insert_with(|| dialled_now(self.nodes, node));
        if let Some(old) = old {
            set.remove(old);
        }
        set.extend(new.cloned());
    }

    /// A body that is sent before a link goes by itself names it; one that is sent after does not, and waits for its going.
    fn names(&mut self, i: usize, id: usize, after: &mut BTreeSet<usize>) {
        let set = self.dials.get(&i);
        for far in self.fades_for.get(&i).into_iter().flatten() {
            let Some(link) = self.fading.get_mut(far).and_then(|owners| owners.get_mut(&i)) else { continue };
            let name = self.nodes.list.get(*far).map(|node| node.name).unwrap_or_default();
            match link.ended {
                Some(step) => after.extend([step]),
                None if set.is_some_and(|set| dials(set, name)) => link.named = Some(id),
                None => {}
            }
        }
    }

    /// Links end by themselves: who named them in a body did so before this.
    fn ends(&mut self, far: usize, with_row: bool, id: usize, after: &mut BTreeSet<usize>) {
        let name = self.nodes.list.get(far).map(|node| node.name).unwrap_or_default();
        for (owner, link) in self.fading.get_mut(&far).into_iter().flatten() {
            link.ended = link.ended.or(Some(id));
            after.extend(link.named);
            let Some(node) = self.nodes.list.get(*owner) else { continue };
            let set = self.dials.entry(*owner).or_insert_with(|| dialled_now(self.nodes, node));
            // Other addresses than that of the listener go with the row alone.
            set.retain(|peer| peer.hostname != name || !with_row && peer.address.is_some());
        }
    }

    /// Where the change is declared; of an instance that is only touched, where what makes it necessary is.
    fn place(&self, node: &Node<'_>, own: Option<&InstanceChange>) -> Place {
        let change = |peer: &Peer| self.changes.get(self.nodes.index(&peer.hostname)?).copied().flatten();
        let far = || node.live.iter().flat_map(|live| &live.peers).find_map(change);
        own.or_else(far).map_or(Place { file: 0, line: 1, column: 1 }, |change| change.place)
    }
}

fn scalars(change: Option<&InstanceChange>) -> Body {
    change.into_iter().flat_map(|change| &change.changes).filter(|c| c.field.is_scalar()).map(|c| (c.field, c.after.clone())).collect()
}

/// Whether these acts are of the row that comes, not of the one that goes.
fn is_of_the_new(acts: &[Act<'_>], node: &Node<'_>) -> bool {
    node.is_made_again() && !acts.iter().any(|act| matches!(act.kind, Kind::Remove | Kind::Gone))
}

/// What an instance dials now and can still be named: what is going already may be gone when a request arrives.
fn dialled_now(nodes: &Nodes<'_>, node: &Node<'_>) -> BTreeSet<Peer> {
    let stays = |peer: &&Peer| nodes.get(&peer.hostname).is_none_or(|far| !far.is_going());
    node.live.iter().flat_map(|live| &live.peers).filter(stays).cloned().collect()
}
