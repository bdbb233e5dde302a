//! Both meshes side by side: who is there before and after, who listens, who dials whom.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use crate::mesh::{Capabilities, Declared, DeclaredMesh, Listed, LiveAddress, LiveInstance, LiveMesh, MeshSettings, NodeType, Peer, Place};

use super::{Refusal, peers};

/// One instance on both sides.
pub(super) struct Node<'a> {
    /// Its hostname.
    pub(super) name: &'a str,
    /// Its declaration.
    pub(super) declared: Option<&'a Declared>,
    /// What the controller has.
    pub(super) live: Option<&'a LiveInstance>,
    /// What asks for its removal, where it is there to be removed.
    pub(super) removal: Option<Removal<'a>>,
    /// Whether some of its declared peers lead nowhere.
    pub(super) unresolved: bool,
    /// How it will be; none where it neither is nor is declared to be.
    pub(super) after: Option<After<'a>>,
}

/// Why an instance goes.
#[derive(Clone, Copy)]
pub(super) enum Removal<'a> {
    /// It is declared `deprovisioning`.
    Declared(Place),
    /// It is not declared, and `owns` has this.
    Owned(&'a Listed),
}

impl Removal<'_> {
    /// What asks for it.
    pub(super) fn place(self) -> Place {
        match self {
            Self::Declared(place) => place,
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
    by_name: HashMap<&'a str, usize>,
    by_address: HashMap<(&'a str, i64), (usize, &'a LiveAddress)>,
}

impl<'a> Nodes<'a> {
    /// Joins the two sides and works out what each instance will dial; also the declared peers that lead nowhere.
    pub(super) fn join(declared: &'a DeclaredMesh, live: &'a LiveMesh, capabilities: Capabilities) -> (Self, Vec<Refusal>) {
        let mut sides: BTreeMap<&str, (Option<&Declared>, Option<&LiveInstance>)> = BTreeMap::new();
        for (name, instance) in &live.instances {
            sides.entry(name).or_default().1 = Some(instance);
        }
        for (name, instance) in &declared.instances {
            sides.entry(name.as_str()).or_default().0 = Some(instance);
        }
        let list: Vec<Node<'a>> = sides
            .into_iter()
            .map(|(name, (on_file, live))| {
                let removal = live.and_then(|live| removal(name, on_file, live, &declared.settings));
                Node {
                    name,
                    declared: on_file,
                    live,
                    removal,
                    unresolved: false,
                    after: after(on_file, live).filter(|_| removal.is_none()),
                }
            })
            .collect();
        let by_name = list.iter().enumerate().map(|(i, node)| (node.name, i)).collect();
        let mut by_address = HashMap::new();
        for (i, node) in list.iter().enumerate() {
            for address in node.live.iter().flat_map(|l| &l.addresses) {
                by_address.entry((address.host.as_str(), address.port)).or_insert((i, address));
            }
        }
        let mut nodes = Self { list, mesh: declared, capabilities, by_name, by_address };
        let unresolved = nodes.resolve_peers();
        (nodes, unresolved)
    }

    /// Replaces what each instance dials now by what it is declared to dial. A name that leads nowhere refuses the plan.
    fn resolve_peers(&mut self) -> Vec<Refusal> {
        let mut refused = Vec::new();
        for i in 0..self.list.len() {
            let resolved = self.list.get(i).and_then(|node| Some((node, node.declared?.peers.as_ref()?)));
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
        self.declared.filter(|d| d.shall_exist())
    }
}

/// What asks for the removal of a live instance, if anything does.
fn removal<'a>(name: &str, declared: Option<&Declared>, live: &LiveInstance, settings: &'a MeshSettings) -> Option<Removal<'a>> {
    if live.node_state.is_leaving() || is_of_installation(live) {
        return None;
    }
    match declared {
        Some(declared) => (!declared.shall_exist()).then_some(Removal::Declared(declared.node_state.place)),
        None => settings.owns.names(name).map(Removal::Owned),
    }
}

/// Whether it is the control plane's, or what the controller's installation manages: never anybody's to remove, whatever a
/// configuration says.
pub(super) fn is_of_installation(live: &LiveInstance) -> bool {
    live.managed || !matches!(live.node_type, NodeType::Hop | NodeType::Execution)
}

/// The after of an instance before its declared peers are known.
fn after<'a>(declared: Option<&Declared>, live: Option<&'a LiveInstance>) -> Option<After<'a>> {
    let wanted = declared.filter(|d| d.shall_exist());
    if wanted.is_none() && (declared.is_some() || live.is_none()) {
        return None;
    }
    let port = wanted.and_then(|d| d.listener_port).map(|given| given.value.map(|p| i64::from(p.number())));
    let listener_port = port.unwrap_or_else(|| live.and_then(|l| l.listener_port));
    let flag = wanted.and_then(|d| d.peers_from_control_nodes).map(|given| given.value);
    Some(After {
        listener_port,
        // Where the listener goes the flag goes with it (AWX 23.8 and later).
        peers_from_control_nodes: flag.unwrap_or_else(|| listener_port.is_some() && live.is_some_and(|l| l.peers_from_control_nodes)),
        peers: live.map_or_else(Cow::default, |l| Cow::Borrowed(&l.peers)),
    })
}
