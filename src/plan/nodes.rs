//! Both meshes side by side: who is there before and after, who listens, who dials whom.

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{BTreeSet, HashMap, HashSet},
    iter,
};

use crate::mesh::{
    Capabilities, Declared, DeclaredMesh, Listed, LiveAddress, LiveInstance, LiveMesh, MeshSettings, NodeState, NodeType, Peer, Place,
};

use super::{Refusal, peers, selection::names_one};

/// One instance on both sides.
pub(super) struct Node<'a> {
    /// Its hostname.
    pub(super) name: &'a str,
    /// Its declaration.
    pub(super) declared: Option<&'a Declared>,
    /// What the controller has.
    pub(super) live: Option<&'a LiveInstance>,
    /// What becomes of it.
    pub(super) course: Course<'a>,
    /// Whether this plan leaves it as it is, whatever is declared.
    pub(super) left_out: bool,
    /// What can be done to it.
    capabilities: Capabilities,
    /// Whether some of its declared peers lead nowhere.
    pub(super) unresolved: bool,
    /// How it will be; none where it neither is nor is declared to be.
    pub(super) after: Option<After<'a>>,
}

/// What becomes of an instance.
#[derive(Clone, Copy)]
pub(super) enum Course<'a> {
    /// It is not on the controller and shall not be.
    Absent,
    /// It is made.
    Create,
    /// It is there and stays, changed or not.
    Stay,
    /// It is there and goes.
    Remove(Removal<'a>),
    /// It goes and is made again, since the server cannot change its type.
    Replace,
    /// It is on its way out and is declared: it is made again when it is gone.
    Renew,
    /// It is on its way out, and nobody asks for it.
    Leaving,
}

/// Why an instance goes.
#[derive(Clone, Copy)]
pub(super) enum Removal<'a> {
    /// It is declared `deprovisioning`.
    Declared(Place),
    /// It is not declared, and `owns` has this.
    Owned(&'a Listed),
    /// This instance takes its place; where that is declared.
    Replaced(&'a str, Place),
}

impl<'a> Removal<'a> {
    /// What takes its place.
    pub(super) fn successor(self) -> Option<&'a str> {
        if let Self::Replaced(new, _) = self { Some(new) } else { None }
    }

    /// What asks for it.
    pub(super) fn place(self) -> Place {
        match self {
            Self::Declared(place) | Self::Replaced(_, place) => place,
            Self::Owned(item) => item.place,
        }
    }
}

/// How an instance will be, as far as others depend on it.
pub(super) struct After<'a> {
    /// The port on which it will listen.
    pub(super) listener_port: Option<i64>,
    /// Whether control nodes will dial it.
    pub(super) peers_from_control_nodes: bool,
    /// What it will dial.
    pub(super) peers: Cow<'a, BTreeSet<Peer>>,
}

/// All instances of both sides, by hostname.
pub(super) struct Nodes<'a> {
    pub(super) list: Vec<Node<'a>>,
    pub(super) mesh: &'a DeclaredMesh,
    pub(super) capabilities: Capabilities,
    /// The links that were seen connected: who dials whom.
    pub(super) established: &'a BTreeSet<(String, String)>,
    by_name: HashMap<&'a str, usize>,
    by_address: HashMap<(&'a str, i64), (usize, &'a LiveAddress)>,
}

impl<'a> Nodes<'a> {
    /// Joins the two sides and works out what each instance will dial; also the declared peers that lead nowhere.
    pub(super) fn join(
        declared: &'a DeclaredMesh,
        live: &'a LiveMesh,
        capabilities: Capabilities,
        left_out: &HashSet<String>,
    ) -> (Self, Vec<Refusal>) {
        // Who takes the place of whom.
        let successors: HashMap<&str, (&str, Place)> = declared
            .instances
            .iter()
            .filter(|(_, instance)| instance.shall_exist())
            .filter_map(|(name, instance)| instance.replaces.as_ref().map(|old| (old.value.as_str(), (name.as_str(), old.place))))
            .collect();
        let list: Vec<Node<'a>> = side_by_side(declared, live)
            .map(|(name, on_file, live)| {
                let left_out = left_out.contains(name);
                let course = match live {
                    _ if !left_out => course((name, on_file, live), successors.get(name).copied(), &declared.settings, capabilities),
                    Some(live) if live.node_state.is_leaving() => Course::Leaving,
                    Some(_) => Course::Stay,
                    None => Course::Absent,
                };
                let acts_on = on_file.filter(|_| !left_out);
                let exists = !matches!(course, Course::Absent | Course::Remove(_) | Course::Leaving);
                // What is made again is made of what is declared.
                let kept = live.filter(|_| matches!(course, Course::Stay));
                let after = exists.then(|| after(acts_on, kept));
                Node { name, declared: on_file, live, course, left_out, capabilities, unresolved: false, after }
            })
            .collect();
        let by_name = list.iter().enumerate().map(|(i, node)| (node.name, i)).collect();
        let mut by_address = HashMap::new();
        for (i, node) in list.iter().enumerate() {
            for address in node.live.iter().flat_map(|l| &l.addresses) {
                by_address.entry((address.host.as_str(), address.port)).or_insert((i, address));
            }
        }
        let mut nodes = Self { list, mesh: declared, capabilities, established: &live.established, by_name, by_address };
        let mut refused = nodes.resolve_peers();
        refused.append(&mut nodes.follow_removals());
        (nodes, refused)
    }

    /// Links that nobody declares end with what they lead to, or go over to what takes its place.
    fn follow_removals(&mut self) -> Vec<Refusal> {
        let mut refused = Vec::new();
        for i in 0..self.list.len() {
            let Some(peers) = self.list.get(i).and_then(|node| self.peers_without_what_goes(node, &mut refused)) else { continue };
            if let Some(after) = self.list.get_mut(i).and_then(|node| node.after.as_mut()) {
                after.peers = Cow::Owned(peers);
            }
        }
        refused
    }

    /// What an instance with undeclared peers will dial, if it dials something that goes.
    fn peers_without_what_goes(&self, node: &Node<'a>, refused: &mut Vec<Refusal>) -> Option<BTreeSet<Peer>> {
        let after = node.after.as_ref().filter(|_| !node.has_declared_peers())?;
        let goes = |peer: &&Peer| self.get(&peer.hostname).is_none_or(|far| far.after.is_none());
        let gone: Vec<&Peer> = after.peers.iter().filter(goes).collect();
        if gone.is_empty() {
            return None;
        }
        let mut peers: BTreeSet<Peer> = after.peers.iter().filter(|peer| !goes(peer)).cloned().collect();
        for peer in gone {
            let Some(Course::Remove(Removal::Replaced(new, place))) = self.get(&peer.hostname).map(|far| far.course) else { continue };
            // Control nodes dial what has the flag, and what the installation manages keeps what it dials.
            // Nor is one that is there already, in whichever direction the server allows only one.
            let back = self.capabilities.refuses_mutual_peers()
                && self.get(new).and_then(|new| new.after.as_ref()).is_some_and(|after| peers::dials(&after.peers, node.name));
            let hands_over = new != node.name && !peers::dials(&peers, new) && !back && !node.has_fixed_links();
            match peers::by_hostname(self, new).map(|peer| hands_over.then_some(peer)) {
                Ok(peer) => peers.extend(peer),
                Err(_) if !hands_over => {}
                Err(reason) => refused.push(Refusal { hostname: new.to_owned(), place, reason }),
            }
        }
        Some(peers)
    }

    /// Replaces what each instance dials now by what it is declared to dial. A name that leads nowhere refuses the plan.
    fn resolve_peers(&mut self) -> Vec<Refusal> {
        let mut refused = Vec::new();
        for i in 0..self.list.len() {
            let resolved = self.list.get(i).filter(|node| !node.left_out).and_then(|node| Some((node, node.declared?.peers.as_ref()?)));
            let Some((node, given)) = resolved else { continue };
            let mut set = BTreeSet::new();
            let mut unresolved = Vec::new();
            for name in &given.value {
                match peers::resolve(self, node, &name.value).and_then(|peer| peers::add(&mut set, peer)) {
                    Ok(()) => {}
                    Err(reason) => unresolved.push(Refusal { hostname: node.name.to_owned(), place: name.place, reason }),
                }
            }
            let Some(node) = self.list.get_mut(i) else { continue };
            node.unresolved = !unresolved.is_empty();
            refused.append(&mut unresolved);
            // Of an instance that is refused the present peers stay, so that the plan shows no change that nobody declared.
            if let Some(after) = node.after.as_mut().filter(|_| !node.unresolved) {
                after.peers = Cow::Owned(set);
            }
        }
        refused
    }

    pub(super) fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.index(name).and_then(|i| self.list.get(i))
    }

    /// The hostnames of instances by index.
    pub(super) fn names(&self, list: &[usize]) -> Vec<String> {
        list.iter().filter_map(|i| self.list.get(*i)).map(|node| node.name.to_owned()).collect()
    }

    /// Whether an instance has a name that an item names.
    pub(super) fn have(&self, item: &Listed) -> bool {
        names_one(item, |name| self.index(name).is_some(), self.list.iter().map(|node| node.name))
    }

    /// Whether no plan may remove or replace it.
    pub(super) fn is_protected(&self, name: &str) -> bool {
        self.mesh.protected(name).is_some()
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The instance that has an address, what the controller has of it, and the address.
    pub(super) fn address(&self, host: &str, port: i64) -> Option<(&Node<'a>, &'a LiveInstance, &'a LiveAddress)> {
        let (i, address) = self.by_address.get(&(host, port))?;
        let node = self.list.get(*i)?;
        Some((node, node.live?, address))
    }
}

impl Node<'_> {
    /// Whether it is declared to exist.
    pub(super) fn wanted(&self) -> Option<&Declared> {
        self.declared.filter(|d| d.shall_exist() && !self.left_out)
    }

    /// Whether it is declared what it dials; else its links are left alone.
    pub(super) fn has_declared_peers(&self) -> bool {
        self.wanted().is_some_and(|declared| declared.peers.is_some())
    }

    /// Whether it belongs to the control plane.
    pub(super) fn is_control_plane(&self) -> bool {
        self.live.is_some_and(|live| live.node_type.is_control_plane())
    }

    /// Whether it is live and its links are the installation's: nobody's to change.
    pub(super) fn has_fixed_links(&self) -> bool {
        self.live.is_some_and(|live| is_of_installation(live, self.capabilities))
    }

    /// Whether the controller sees it, so that it carries others.
    pub(super) fn is_ready(&self) -> bool {
        self.live.is_some_and(|live| live.node_state.is_ready())
    }

    /// Whether it is going already, so that its row may be gone at any moment.
    pub(super) fn is_going(&self) -> bool {
        self.live.is_some_and(|live| live.node_state == NodeState::Deprovisioning)
    }

    /// What asks for its removal.
    pub(super) fn removal(&self) -> Option<Removal<'_>> {
        if let Course::Remove(removal) = self.course { Some(removal) } else { None }
    }

    /// Its rows, links and addresses go and come again.
    pub(super) fn is_made_again(&self) -> bool {
        matches!(self.course, Course::Replace | Course::Renew)
    }

    /// Whether what leads to it goes and comes again: with its row, or with its listener.
    pub(super) fn comes_back(&self) -> bool {
        self.is_made_again() || self.reopened().is_some()
    }

    /// Whether an older version stored a port that AWX 23.0 to 23.7 no longer takes.
    pub(super) fn has_low_port(&self) -> bool {
        self.live.and_then(|live| live.listener_port).is_some_and(|port| port < 1024)
    }

    /// The ports of a listener that goes and comes again, and what dials it with it.
    pub(super) fn reopened(&self) -> Option<(i64, i64)> {
        self.changed_port().filter(|_| !self.capabilities.moves_listeners())
    }

    /// Whether its address goes and comes again within one step, since nothing else takes its flag away.
    pub(super) fn is_made_anew(&self) -> bool {
        let made_by_hand = self.live.filter(|live| live.managed && matches!(self.course, Course::Stay));
        let listens = |live: &LiveInstance, after: &After<'_>| live.listener_port.is_some() && after.listener_port.is_some();
        self.capabilities.makes_addresses_anew()
            && made_by_hand
                .zip(self.after.as_ref())
                .is_some_and(|(live, after)| listens(live, after) && live.peers_from_control_nodes && !after.peers_from_control_nodes)
    }

    /// The ports of a listener that changes.
    pub(super) fn changed_port(&self) -> Option<(i64, i64)> {
        let before = self.live.filter(|_| matches!(self.course, Course::Stay))?.listener_port?;
        let after = self.after.as_ref()?.listener_port?;
        (before != after).then_some((before, after))
    }
}

/// The instances of both sides by hostname. Both are in that order already.
fn side_by_side<'a>(
    declared: &'a DeclaredMesh,
    live: &'a LiveMesh,
) -> impl Iterator<Item = (&'a str, Option<&'a Declared>, Option<&'a LiveInstance>)> {
    let mut declared = declared.instances.iter().map(|(name, instance)| (name.as_str(), instance)).peekable();
    let mut live = live.instances.iter().map(|(name, instance)| (name.as_str(), instance)).peekable();
    iter::from_fn(move || {
        let order = match (declared.peek(), live.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        let on_file = if order.is_le() { declared.next() } else { None };
        let there = if order.is_ge() { live.next() } else { None };
        let name = on_file.map(|(name, _)| name).or(there.map(|(name, _)| name))?;
        Some((name, on_file.map(|(_, instance)| instance), there.map(|(_, instance)| instance)))
    })
}

/// What becomes of an instance, by its two sides.
fn course<'a>(
    (name, declared, live): (&str, Option<&Declared>, Option<&LiveInstance>),
    successor: Option<(&'a str, Place)>,
    settings: &'a MeshSettings,
    capabilities: Capabilities,
) -> Course<'a> {
    let wanted = declared.filter(|d| d.shall_exist());
    let Some(live) = live else {
        return if wanted.is_some() { Course::Create } else { Course::Absent };
    };
    if is_of_installation(live, capabilities) {
        return Course::Stay;
    }
    if let Some(wanted) = wanted {
        let is_retyped = wanted.node_type.is_some_and(|given| NodeType::from(given.value) != live.node_type);
        return match (live.node_state.is_leaving(), is_retyped) {
            (true, _) => Course::Renew,
            (false, true) => Course::Replace,
            (false, false) => Course::Stay,
        };
    }
    let declared = declared.map(|declared| Removal::Declared(declared.node_state.place));
    let replaced = || successor.map(|(new, place)| Removal::Replaced(new, place));
    let owned = || settings.owns.names(name).map(Removal::Owned);
    match declared.or_else(replaced).or_else(owned) {
        // A removal that failed is asked for again; one that is under way is not.
        Some(removal) if live.node_state != NodeState::Deprovisioning => Course::Remove(removal),
        _ if live.node_state.is_leaving() => Course::Leaving,
        _ => Course::Stay,
    }
}

/// Whether it is the control plane's, or what the controller's installation manages: never anybody's to remove, whatever a
/// configuration says.
pub(super) fn is_of_installation(live: &LiveInstance, capabilities: Capabilities) -> bool {
    live.managed && capabilities.refuses_managed() || !matches!(live.node_type, NodeType::Hop | NodeType::Execution)
}

/// The after of an instance before its declared peers are known.
fn after<'a>(declared: Option<&Declared>, live: Option<&'a LiveInstance>) -> After<'a> {
    let wanted = declared.filter(|d| d.shall_exist());
    let port = wanted.and_then(|d| d.listener_port).map(|given| given.value.map(|p| i64::from(p.number())));
    let listener_port = port.unwrap_or_else(|| live.and_then(|l| l.listener_port));
    let flag = wanted.and_then(|d| d.peers_from_control_nodes).map(|given| given.value);
    After {
        listener_port,
        // Where the listener goes the flag goes with it (AWX 23.8 and later).
        peers_from_control_nodes: flag.unwrap_or_else(|| listener_port.is_some() && live.is_some_and(|l| l.peers_from_control_nodes)),
        peers: live.map_or_else(Cow::default, |l| Cow::Borrowed(&l.peers)),
    }
}
