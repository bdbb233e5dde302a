//! The requests of a plan: what each says, and what it waits for beyond its own acts. A `peers` body is the whole set, so it
//! waits for all that it names, and for everything whose going it presumes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use petgraph::{Direction, graph::NodeIndex};

use super::{
    InstanceChange, Request, Step,
    acts::{Act, Graph, Kind, Vertex},
    diff,
    links::goes,
    nodes::{Node, Nodes},
    peers::dials,
    schedule::{Turn, schedule},
    why::why,
};
use crate::mesh::{Body, Dialect, Field, Peer, Place, Value};

/// The steps for these acts, each after all that it waits for; else the instances for whose acts no order was found.
pub(super) fn steps<'n>(nodes: &'n Nodes<'n>, changes: &'n [InstanceChange], graph: &'n Graph<'_>) -> Result<Vec<Step>, BTreeSet<usize>> {
    let mut writer = Writer::new(nodes, changes, graph);
    for turn in schedule(graph)? {
        match turn {
            Turn::Moment(moment) => writer.moment(moment),
            Turn::Request(acts) => writer.request(&acts),
        }
    }
    Ok(writer.steps)
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
    changes: HashMap<&'n str, &'n InstanceChange>,
    steps: Vec<Step>,
    /// The step of each act, and the steps behind each moment.
    step_of: HashMap<NodeIndex, usize>,
    behind: HashMap<NodeIndex, BTreeSet<usize>>,
    last_of: HashMap<usize, usize>,
    /// What the instances with acts on their links dial at the moment.
    dials: HashMap<usize, BTreeSet<Peer>>,
    /// By far end, then by owner.
    fading: HashMap<usize, BTreeMap<usize, Fading>>,
    fades_for: HashMap<usize, Vec<usize>>,
    /// The links that have an act of their own.
    adds: HashMap<usize, BTreeSet<&'a Peer>>,
}

impl<'n, 'a> Writer<'n, 'a> {
    fn new(nodes: &'n Nodes<'n>, changes: &'n [InstanceChange], graph: &'n Graph<'a>) -> Self {
        let mut adds: HashMap<usize, BTreeSet<&'a Peer>> = HashMap::new();
        for vertex in graph.node_weights() {
            if let Vertex::Act(Act { instance, kind: Kind::Add(peer) }) = vertex {
                adds.entry(*instance).or_default().insert(*peer);
            }
        }
        let mut writer = Self {
            nodes,
            graph,
            changes: changes.iter().map(|change| (change.hostname.as_str(), change)).collect(),
            steps: Vec::new(),
            step_of: HashMap::new(),
            behind: HashMap::new(),
            last_of: HashMap::new(),
            dials: HashMap::new(),
            fading: HashMap::new(),
            fades_for: HashMap::new(),
            adds,
        };
        writer.find_fading();
        writer
    }

    fn find_fading(&mut self) {
        let closes = |node: &Node<'_>| node.changed_port().is_some() && self.nodes.capabilities.dialect == Dialect::Addresses;
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
            all.extend(self.step_of.get(&first));
            all.extend(self.behind.get(&first).into_iter().flatten());
        }
        self.behind.insert(moment, all);
    }

    fn request(&mut self, acts: &[NodeIndex]) {
        let id = self.steps.len() + 1;
        let kinds: Vec<Act<'a>> = acts.iter().filter_map(|act| self.act(*act)).collect();
        let Some(i) = kinds.first().map(|act| act.instance) else { return };
        let Some(node) = self.nodes.list.get(i) else { return };
        let mut after: BTreeSet<usize> = self.last_of.insert(i, id).into_iter().collect();
        for act in acts {
            for first in self.graph.neighbors_directed(*act, Direction::Incoming) {
                after.extend(self.step_of.get(&first));
                after.extend(self.behind.get(&first).into_iter().flatten());
            }
            self.step_of.insert(*act, id);
        }
        after.remove(&id);
        let mut ends_links = None;
        let mut body = Body::new();
        let mut links = false;
        let mut action = Request::Patch;
        for act in &kinds {
            match act.kind {
                Kind::Create => {
                    action = Request::Create;
                    body.extend(diff::body(node));
                    self.first_peers(i, node);
                    links |= body.iter().any(|(field, _)| *field == Field::Peers);
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
                Kind::Scalars => body.extend(self.scalars(node)),
                Kind::FlagOff => body.push((Field::PeersFromControlNodes, Value::Bool(false))),
                Kind::FlagOn => body.push((Field::PeersFromControlNodes, Value::Bool(true))),
                Kind::ListenerOff => {
                    ends_links = (self.nodes.capabilities.dialect == Dialect::Addresses).then_some(false);
                    body.push((Field::ListenerPort, Value::Port(None)));
                }
                Kind::ListenerOn => {
                    body.push((Field::ListenerPort, Value::Port(node.after.as_ref().and_then(|after| after.listener_port))));
                }
                Kind::Drop(old) => links |= self.redial(i, node, Some(old), None),
                Kind::Add(new) => links |= self.redial(i, node, None, Some(new)),
                Kind::Swap(old, new) => links |= self.redial(i, node, Some(old), Some(new)),
            }
        }
        body.retain(|(field, _)| *field != Field::Peers);
        if links {
            self.names(i, id, &mut after);
            body.push((Field::Peers, Value::Peers(self.dials.get(&i).cloned().unwrap_or_default())));
        }
        body.sort_by_key(|(field, _)| *field);
        if let Some(with_row) = ends_links {
            self.ends(i, with_row, id, &mut after);
        }
        let instance = node.live.map(|live| live.id).filter(|_| !is_of_the_new(&kinds, node));
        let place = self.place(node);
        let why = why(self.nodes, node, &kinds, self.changes.get(node.name).copied());
        self.steps.push(Step {
            id,
            hostname: node.name.to_owned(),
            instance,
            action,
            body,
            after: after.into_iter().collect(),
            place,
            why,
        });
    }

    fn act(&self, vertex: NodeIndex) -> Option<Act<'a>> {
        match self.graph.node_weight(vertex)? {
            Vertex::Act(act) => Some(*act),
            Vertex::Moment => None,
        }
    }

    fn scalars(&self, node: &Node<'_>) -> Body {
        let changes = self.changes.get(node.name).into_iter().flat_map(|change| &change.changes);
        let scalar = |field| matches!(field, Field::Enabled | Field::CapacityAdjustment | Field::ManagedByPolicy);
        changes.filter(|c| scalar(c.field)).map(|c| (c.field, c.after.clone())).collect()
    }

    /// What a create names by itself: all that needs no act.
    fn first_peers(&mut self, i: usize, node: &Node<'_>) {
        let after = node.after.iter().flat_map(|after| after.peers.iter());
        let later = self.adds.get(&i);
        self.dials.insert(i, after.filter(|peer| later.is_none_or(|later| !later.contains(*peer))).cloned().collect());
    }

    /// Changes what an instance dials.
    fn redial(&mut self, i: usize, node: &Node<'_>, old: Option<&Peer>, new: Option<&Peer>) -> bool {
        let set = self.dials.entry(i).or_insert_with(|| node.live.map(|live| live.peers.clone()).unwrap_or_default());
        if let Some(old) = old {
            set.remove(old);
        }
        set.extend(new.cloned());
        true
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
            let set = self.dials.entry(*owner).or_insert_with(|| node.live.map(|live| live.peers.clone()).unwrap_or_default());
            // Other addresses than that of the listener go with the row alone.
            set.retain(|peer| peer.hostname != name || !with_row && peer.address.is_some());
        }
    }

    /// Where the change is declared; of an instance that is only touched, where what makes it necessary is.
    fn place(&self, node: &Node<'_>) -> Place {
        let own = self.changes.get(node.name);
        let far = || node.live.iter().flat_map(|live| &live.peers).find_map(|peer| self.changes.get(peer.hostname.as_str()));
        own.or_else(far).map_or(Place { file: 0, line: 1, column: 1 }, |change| change.place)
    }
}

/// Whether these acts are of the row that comes, not of the one that goes.
fn is_of_the_new(acts: &[Act<'_>], node: &Node<'_>) -> bool {
    node.is_made_again() && !acts.iter().any(|act| matches!(act.kind, Kind::Remove | Kind::Gone))
}
