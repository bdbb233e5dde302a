//! From acts to requests: the acts of an instance are sent together when all that remain of it are ready. Where instances wait
//! for each other in a ring, one of them is taken in two requests: the one that is in most rings, as far as counting its edges
//! tells, then by hostname, so that it is always the same one.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
};

use petgraph::{
    Direction,
    algo::kosaraju_scc,
    graph::{DiGraph, NodeIndex},
    visit::EdgeRef,
};

use super::acts::{Act, Bond, Graph, Kind, act_of};

/// What came next.
pub(super) enum Turn {
    /// The acts of one instance that one request does.
    Request(Vec<NodeIndex>),
    /// A moment.
    Moment(NodeIndex),
}

/// The acts that are sent together if they can be: those of the row that is there, of its being gone, of the row that comes.
type Carrier = usize;

fn carrier(act: &Act<'_>) -> Carrier {
    let part = match act.kind {
        Kind::Remove => 0,
        Kind::Gone => 1,
        _ => 2,
    };
    act.instance * 3 + part
}

#[derive(Default)]
struct Load {
    all: Vec<NodeIndex>,
    ready: Vec<NodeIndex>,
    left: usize,
    /// Acts that go first, without the rest: those that the rest must not go along with, or that break a ring.
    first: Vec<NodeIndex>,
}

struct Scheduler<'g, 'a> {
    graph: &'g Graph<'a>,
    waits_for: Vec<usize>,
    done: Vec<bool>,
    ready: Vec<bool>,
    /// What does not count before all the rest is done.
    held: Vec<bool>,
    /// By carrier; most instances have one of their three.
    loads: Vec<Load>,
    queue: BinaryHeap<Reverse<Carrier>>,
    turns: Vec<Turn>,
    left: usize,
}

/// All requests, each after what it waits for; else the instances for whose acts no order was found. What is held comes last and
/// goes with nothing that is not: all before it is a resting place.
pub(super) fn schedule(graph: &Graph<'_>, held: &BTreeMap<NodeIndex, usize>) -> Result<Vec<Turn>, BTreeSet<usize>> {
    let mut scheduler = Scheduler::new(graph, held);
    loop {
        scheduler.run();
        if scheduler.left == 0 {
            if scheduler.held.iter().any(|held| *held) {
                scheduler.release();
                continue;
            }
            return Ok(scheduler.turns);
        }
        if !scheduler.open_rings() {
            return Err(scheduler.loads.iter().enumerate().filter(|(_, load)| load.left > 0).map(|(carrier, _)| carrier / 3).collect());
        }
    }
}

impl<'g, 'a> Scheduler<'g, 'a> {
    fn new(graph: &'g Graph<'a>, held: &BTreeMap<NodeIndex, usize>) -> Self {
        let count = graph.node_count();
        let waits_for = graph.node_indices().map(|v| graph.edges_directed(v, Direction::Incoming).count()).collect();
        let mut scheduler = Self {
            graph,
            waits_for,
            done: vec![false; count],
            ready: vec![false; count],
            held: vec![false; count],
            loads: Vec::new(),
            queue: BinaryHeap::new(),
            turns: Vec::new(),
            left: 0,
        };
        for vertex in held.keys() {
            Self::set(&mut scheduler.held, *vertex);
        }
        scheduler.load(|scheduler, vertex| !Self::is(&scheduler.held, vertex));
        scheduler
    }

    /// Lets go what was held.
    fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.load(|_, vertex| Self::is(&held, vertex));
    }

    /// Takes in some of the acts and moments.
    fn load(&mut self, wanted: impl Fn(&Self, NodeIndex) -> bool) {
        let new: Vec<NodeIndex> = self.graph.node_indices().filter(|v| wanted(self, *v)).collect();
        for vertex in &new {
            let Some(carrier) = self.carrier(*vertex) else { continue };
            if self.loads.len() <= carrier {
                self.loads.resize_with(carrier + 1, Load::default);
            }
            if let Some(load) = self.loads.get_mut(carrier) {
                load.all.push(*vertex);
                load.left += 1;
            }
            self.left += 1;
        }
        let phased: BTreeSet<Carrier> = self
            .graph
            .edge_references()
            .filter(|edge| *edge.weight() == Bond::Earlier)
            .filter_map(|edge| self.carrier(edge.source()).filter(|c| self.carrier(edge.target()) == Some(*c)))
            .collect();
        for carrier in phased {
            self.find_first(carrier);
        }
        for vertex in new {
            if self.waits_for(vertex) == 0 {
                self.make_ready(vertex);
            }
        }
    }

    fn carrier(&self, vertex: NodeIndex) -> Option<Carrier> {
        act_of(self.graph, vertex).map(|act| carrier(&act))
    }

    fn waits_for(&self, vertex: NodeIndex) -> usize {
        self.waits_for.get(vertex.index()).copied().unwrap_or_default()
    }

    fn is(flags: &[bool], vertex: NodeIndex) -> bool {
        flags.get(vertex.index()).copied().unwrap_or_default()
    }

    fn set(flags: &mut [bool], vertex: NodeIndex) {
        if let Some(flag) = flags.get_mut(vertex.index()) {
            *flag = true;
        }
    }

    /// Of acts that must not be sent together those that come first now.
    fn find_first(&mut self, carrier: Carrier) {
        let Some(load) = self.loads.get(carrier) else { return };
        let open = |v: &NodeIndex| !Self::is(&self.done, *v);
        let inner = |v: NodeIndex, direction| {
            let edges = self.graph.edges_directed(v, direction).filter(|edge| *edge.weight() == Bond::Earlier);
            edges.map(|edge| if direction == Direction::Incoming { edge.source() } else { edge.target() }).collect::<Vec<_>>()
        };
        let within = |v: NodeIndex| self.carrier(v) == Some(carrier) && open(&v) && !Self::is(&self.held, v);
        let first: Vec<NodeIndex> = load
            .all
            .iter()
            .copied()
            .filter(open)
            .filter(|v| inner(*v, Direction::Outgoing).into_iter().any(within) && !inner(*v, Direction::Incoming).into_iter().any(within))
            .collect();
        if let Some(load) = self.loads.get_mut(carrier) {
            load.first = first;
        }
    }

    /// Marks what waits for nothing any more, and whatever that makes ready in turn.
    fn make_ready(&mut self, vertex: NodeIndex) {
        let mut open = vec![vertex];
        while let Some(vertex) = open.pop() {
            if Self::is(&self.ready, vertex) || Self::is(&self.held, vertex) {
                continue;
            }
            Self::set(&mut self.ready, vertex);
            match self.carrier(vertex) {
                None => {
                    self.turns.push(Turn::Moment(vertex));
                    open.extend(self.let_go(vertex, Bond::Earlier));
                }
                Some(carrier) => {
                    open.extend(self.let_go(vertex, Bond::Together));
                    if let Some(load) = self.loads.get_mut(carrier) {
                        load.ready.push(vertex);
                    }
                    self.queue_if_ready(carrier);
                }
            }
        }
    }

    /// Counts a vertex off where it is waited for by this bond, and gives what is ready then.
    fn let_go(&mut self, vertex: NodeIndex, bond: Bond) -> Vec<NodeIndex> {
        let mut ready = Vec::new();
        for edge in self.graph.edges(vertex).filter(|edge| *edge.weight() == bond) {
            if let Some(left) = self.waits_for.get_mut(edge.target().index()) {
                *left -= 1;
                if *left == 0 {
                    ready.push(edge.target());
                }
            }
        }
        ready
    }

    fn is_ready(&self, carrier: Carrier) -> bool {
        self.loads.get(carrier).is_some_and(|load| {
            let first_go = !load.first.is_empty() && load.first.iter().all(|v| Self::is(&self.ready, *v));
            load.left > 0 && (load.ready.len() == load.left || first_go)
        })
    }

    fn queue_if_ready(&mut self, carrier: Carrier) {
        if self.is_ready(carrier) {
            self.queue.push(Reverse(carrier));
        }
    }

    /// Sends whatever can be sent.
    fn run(&mut self) {
        while let Some(Reverse(carrier)) = self.queue.pop() {
            if !self.is_ready(carrier) {
                continue;
            }
            let Some(load) = self.loads.get_mut(carrier) else { continue };
            let mut acts = std::mem::take(&mut load.ready);
            acts.sort_unstable();
            load.left -= acts.len();
            self.left -= acts.len();
            let was_split = !std::mem::take(&mut load.first).is_empty();
            for act in &acts {
                Self::set(&mut self.done, *act);
            }
            self.turns.push(Turn::Request(acts.clone()));
            if was_split {
                self.find_first(carrier);
            }
            for act in acts {
                for ready in self.let_go(act, Bond::Earlier) {
                    self.make_ready(ready);
                }
            }
            self.queue_if_ready(carrier);
        }
    }

    /// Looks at the rings that are left, and chooses in each who goes in two requests; false if there is none.
    fn open_rings(&mut self) -> bool {
        // What is left, by carriers and moments.
        let mut rest: DiGraph<(), ()> = DiGraph::new();
        let mut vertices: HashMap<(bool, usize), NodeIndex> = HashMap::new();
        let key = |v: NodeIndex| self.carrier(v).map_or((true, v.index()), |carrier| (false, carrier));
        let open: Vec<NodeIndex> = self.graph.node_indices().filter(|v| self.is_left(*v)).collect();
        for v in &open {
            vertices.entry(key(*v)).or_insert_with(|| rest.add_node(()));
        }
        for v in &open {
            for next in self.graph.neighbors(*v).filter(|next| key(*next) != key(*v)) {
                if let (Some(from), Some(to)) = (vertices.get(&key(*v)), vertices.get(&key(next))) {
                    rest.add_edge(*from, *to, ());
                }
            }
        }
        let mut ring_of: HashMap<NodeIndex, usize> = HashMap::new();
        for (number, ring) in kosaraju_scc(&rest).into_iter().enumerate().filter(|(_, ring)| ring.len() > 1) {
            ring_of.extend(ring.into_iter().map(|v| (v, number)));
        }
        let ring = |v: NodeIndex| vertices.get(&key(v)).and_then(|v| ring_of.get(v)).copied();
        // By ring: the best so far, as how many acts it frees, whether it goes in several requests anyway, and who it is.
        let mut best: HashMap<usize, (bool, usize, Reverse<Carrier>, Vec<NodeIndex>)> = HashMap::new();
        for (carrier, load) in self.loads.iter().enumerate().filter(|(_, load)| load.left > 0) {
            let Some(number) = load.all.iter().find(|v| self.is_left(**v)).and_then(|v| ring(*v)) else { continue };
            let free = self.free_of_ring(load, |v| ring(v) == Some(number));
            // What must not go along in the same request is freed, too.
            let after = free.iter().flat_map(|v| self.graph.edges(*v)).filter(|edge| *edge.weight() == Bond::Earlier);
            let frees = after.filter(|edge| ring(edge.target()) == Some(number)).count();
            if frees == 0 {
                continue;
            }
            // What waits much and frees much is in many rings.
            let waits = load.all.iter().flat_map(|v| self.graph.neighbors_directed(*v, Direction::Incoming));
            let waits = waits.filter(|first| self.is_left(*first) && ring(*first) == Some(number)).count();
            let offer = (!load.first.is_empty(), frees * waits, Reverse(carrier), free);
            if best.get(&number).is_none_or(|known| (known.0, known.1, known.2) < (offer.0, offer.1, offer.2)) {
                best.insert(number, offer);
            }
        }
        let mut chosen: Vec<(Carrier, Vec<NodeIndex>)> = best.into_values().map(|(_, _, Reverse(carrier), free)| (carrier, free)).collect();
        chosen.sort_unstable();
        for (carrier, free) in &chosen {
            if let Some(load) = self.loads.get_mut(*carrier) {
                load.first.clone_from(free);
            }
            self.queue_if_ready(*carrier);
        }
        !chosen.is_empty()
    }

    fn is_left(&self, vertex: NodeIndex) -> bool {
        match self.carrier(vertex) {
            _ if Self::is(&self.held, vertex) => false,
            Some(_) => !Self::is(&self.done, vertex),
            None => !Self::is(&self.ready, vertex),
        }
    }

    /// The acts of an instance that wait for nobody in its ring.
    fn free_of_ring(&self, load: &Load, in_ring: impl Fn(NodeIndex) -> bool) -> Vec<NodeIndex> {
        let open: Vec<NodeIndex> = load.all.iter().copied().filter(|v| self.is_left(*v)).collect();
        let mut bound: BTreeSet<NodeIndex> = BTreeSet::new();
        loop {
            let waits = |v: &NodeIndex| {
                self.graph.edges_directed(*v, Direction::Incoming).any(|edge| {
                    let first = edge.source();
                    if open.contains(&first) {
                        *edge.weight() == Bond::Earlier || bound.contains(&first)
                    } else {
                        self.is_left(first) && in_ring(first)
                    }
                })
            };
            let more: Vec<NodeIndex> = open.iter().copied().filter(|v| !bound.contains(v) && waits(v)).collect();
            if more.is_empty() {
                return open.into_iter().filter(|v| !bound.contains(v)).collect();
            }
            bound.extend(more);
        }
    }
}
