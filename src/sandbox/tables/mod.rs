//! What the controller stores: rows by id, indexes beside them, and what happens to rows by the passing of time. It refuses
//! nothing; that is what `rules` is for.

mod activity;
mod credentials;
mod groups;
mod jobs;
mod rows;
mod states;
mod time;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(super) use activity::{Activity, Object, Operation, Stream, object};
pub(super) use jobs::Job;
pub(super) use rows::{Address, Group, Instance, Link, LinkState, Micros, NodeState, NodeType, Token, User};
use serde::{Deserialize, Serialize};
pub(super) use time::Clock;

use super::{
    paths::Paths,
    settings::{Dialect, Settings},
};

/// The last number given out in each table; numbers are never given out twice.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Sequences {
    pub(super) instances: i64,
    pub(super) addresses: i64,
    pub(super) links: i64,
    pub(super) users: i64,
    pub(super) tokens: i64,
    /// Not in files from before there were groups.
    #[serde(default)]
    pub(super) groups: i64,
    /// Not in files from before there was an activity stream.
    #[serde(default)]
    pub(super) activity: i64,
}

/// The next number of a sequence.
pub(super) fn next(sequence: &mut i64) -> i64 {
    *sequence += 1;
    *sequence
}

/// What the passing of time will do.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Ready(i64),
    Established(i64),
    Gone(i64),
}

pub(super) struct Tables {
    pub(super) dialect: Dialect,
    pub(super) paths: Paths,
    pub(super) install_uuid: String,
    pub(super) instances: BTreeMap<i64, Instance>,
    pub(super) addresses: BTreeMap<i64, Address>,
    pub(super) links: BTreeMap<i64, Link>,
    pub(super) groups: BTreeMap<i64, Group>,
    pub(super) users: BTreeMap<i64, User>,
    pub(super) tokens: BTreeMap<i64, Token>,
    pub(super) sequences: Sequences,
    pub(super) stream: Stream,
    /// Who is writing; nobody between requests.
    pub(super) actor: Option<i64>,
    /// Digests of name and password that were right, with whose they are; never kept.
    pub(super) verified: HashMap<String, i64>,
    /// Whose each session is, by its key; never kept.
    pub(super) sessions: HashMap<String, i64>,
    clock: Clock,
    link_delay: Option<Micros>,
    removal_delay: Micros,
    jobs: jobs::Queue,
    by_hostname: HashMap<String, i64>,
    addresses_of: HashMap<i64, BTreeSet<i64>>,
    links_from: HashMap<i64, BTreeSet<i64>>,
    links_to: HashMap<i64, BTreeSet<i64>>,
    due: BTreeSet<(Micros, Due)>,
    /// Set by every change, taken by whoever writes the state file.
    changed: bool,
}

impl Tables {
    pub(super) fn new(settings: &Settings, install_uuid: String) -> Self {
        let clock = Clock::start();
        Self {
            dialect: settings.dialect,
            paths: Paths::of(settings),
            install_uuid,
            instances: BTreeMap::new(),
            addresses: BTreeMap::new(),
            links: BTreeMap::new(),
            groups: BTreeMap::new(),
            users: BTreeMap::new(),
            tokens: BTreeMap::new(),
            sequences: Sequences::default(),
            stream: Stream::new(settings.without_activity_stream),
            actor: None,
            verified: HashMap::new(),
            sessions: HashMap::new(),
            jobs: jobs::Queue::new(&settings.jobs, clock.now()),
            clock,
            link_delay: settings.links.delay().map(time::micros),
            removal_delay: time::micros(settings.removal_delay),
            by_hostname: HashMap::new(),
            addresses_of: HashMap::new(),
            links_from: HashMap::new(),
            links_to: HashMap::new(),
            due: BTreeSet::new(),
            changed: false,
        }
    }

    pub(super) fn now(&self) -> Micros {
        self.clock.now()
    }

    /// Marks the rows as changed since the state file was written.
    pub(super) fn touch(&mut self) {
        self.changed = true;
    }

    /// Whether there is something to write, which the caller now does.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Lets everything happen whose time has come: nodes become ready, links established, removed nodes go.
    pub(super) fn settle(&mut self) {
        let now = self.now();
        while self.due.first().is_some_and(|(when, _)| *when <= now) {
            let Some((_, due)) = self.due.pop_first() else { return };
            self.changed = true;
            match due {
                Due::Ready(id) => {
                    if let Some(instance) = self.instances.get_mut(&id).filter(|instance| instance.node_state == NodeState::Installed) {
                        instance.node_state = NodeState::Ready;
                    }
                }
                Due::Established(id) => {
                    if let Some(link) = self.links.get_mut(&id).filter(|link| link.state == LinkState::Adding) {
                        link.state = LinkState::Established;
                    }
                }
                Due::Gone(id) => self.go(id),
            }
        }
    }

    // Reading.

    pub(super) fn id_of(&self, hostname: &str) -> Option<i64> {
        self.by_hostname.get(hostname).copied()
    }

    pub(super) fn hostname_of(&self, id: i64) -> &str {
        self.instances.get(&id).map_or("", |instance| instance.hostname.as_str())
    }

    pub(super) fn addresses_of(&self, instance: i64) -> impl Iterator<Item = &Address> {
        self.addresses_of.get(&instance).into_iter().flatten().filter_map(|id| self.addresses.get(id))
    }

    pub(super) fn canonical(&self, instance: i64) -> Option<&Address> {
        self.addresses_of(instance).find(|address| address.canonical)
    }

    pub(super) fn port_of(&self, instance: &Instance) -> Option<i64> {
        match self.dialect {
            Dialect::Addresses => self.canonical(instance.id).map(|address| address.port),
            Dialect::Hostnames => instance.listener_port,
        }
    }

    pub(super) fn flag_of(&self, instance: &Instance) -> bool {
        match self.dialect {
            Dialect::Addresses => self.canonical(instance.id).is_some_and(|address| address.peers_from_control_nodes),
            Dialect::Hostnames => instance.peers_from_control_nodes,
        }
    }

    pub(super) fn links_from(&self, instance: i64) -> impl Iterator<Item = &Link> {
        self.links_from.get(&instance).into_iter().flatten().filter_map(|id| self.links.get(id))
    }

    pub(super) fn links_to(&self, instance: i64) -> impl Iterator<Item = &Link> {
        self.links_to.get(&instance).into_iter().flatten().filter_map(|id| self.links.get(id))
    }

    /// What `peers` names: addresses in the one dialect, instances in the other.
    pub(super) fn peers_of(&self, instance: i64) -> BTreeSet<i64> {
        self.links_from(instance).map(|link| link.address.unwrap_or(link.target)).collect()
    }

    /// The control node that dispatches jobs.
    pub(super) fn own_node(&self) -> &str {
        self.instances.values().find(|instance| instance.node_type.controls()).map_or("", |instance| instance.hostname.as_str())
    }

    fn control_nodes(&self) -> Vec<i64> {
        // Nothing but the sandbox itself makes them, and it makes them first, so that they lie together.
        self.instances.values().take_while(|instance| instance.node_type.controls()).map(|instance| instance.id).collect()
    }

    // Writing.

    pub(super) fn insert_instance(&mut self, instance: Instance) {
        self.changed = true;
        self.by_hostname.insert(instance.hostname.clone(), instance.id);
        if let (NodeState::Installed, Some(delay)) = (instance.node_state, self.link_delay) {
            self.due.insert((instance.created.saturating_add(delay), Due::Ready(instance.id)));
        }
        if let Some(when) = instance.goes {
            self.due.insert((when, Due::Gone(instance.id)));
        }
        self.instances.insert(instance.id, instance);
    }

    pub(super) fn insert_address(&mut self, address: Address) {
        self.changed = true;
        self.addresses_of.entry(address.instance).or_default().insert(address.id);
        self.addresses.insert(address.id, address);
    }

    pub(super) fn insert_link(&mut self, link: Link) {
        self.changed = true;
        self.links_from.entry(link.source).or_default().insert(link.id);
        self.links_to.entry(link.target).or_default().insert(link.id);
        if let (LinkState::Adding, Some(delay)) = (link.state, self.link_delay) {
            self.due.insert((link.created.saturating_add(delay), Due::Established(link.id)));
        }
        self.links.insert(link.id, link);
    }

    /// The node is on its way out: its links say so at once, its row goes when its jobs are done.
    pub(super) fn deprovision(&mut self, id: i64) {
        let goes = self.now().saturating_add(self.removal_delay);
        let Some(instance) = self.instances.get_mut(&id) else { return };
        self.changed = true;
        instance.node_state = NodeState::Deprovisioning;
        instance.goes = Some(goes);
        self.due.insert((goes, Due::Gone(id)));
        let links: Vec<i64> = self.links_from(id).chain(self.links_to(id)).map(|link| link.id).collect();
        for link in links {
            if let Some(link) = self.links.get_mut(&link) {
                link.state = LinkState::Removing;
            }
        }
    }

    /// Makes `peers` what an instance peers to, keeping the links that are there already.
    pub(super) fn set_peers(&mut self, source: i64, peers: &BTreeSet<i64>) {
        let before = self.peers_of(source);
        let kind = match self.dialect {
            Dialect::Addresses => Object::ReceptorAddress,
            Dialect::Hostnames => Object::Instance,
        };
        for peer in before.difference(peers) {
            self.record_link(Operation::Disassociate, (Object::Instance, source), (kind, *peer));
            self.remove_link(source, *peer);
        }
        for peer in peers.difference(&before) {
            self.record_link(Operation::Associate, (Object::Instance, source), (kind, *peer));
            self.add_link(source, *peer);
        }
    }

    /// Whether every control node peers to this address (or instance, where there are no addresses).
    pub(super) fn set_control_links(&mut self, peer: i64, wanted: bool) {
        for control in self.control_nodes() {
            let there = self.links_from(control).any(|link| link.address.unwrap_or(link.target) == peer);
            if there == wanted {
                continue;
            }
            // AWX 23.7: recorded, and from the end that is dialled. AWX 24.6: not recorded.
            if self.dialect == Dialect::Hostnames {
                let operation = if wanted { Operation::Associate } else { Operation::Disassociate };
                self.record_link(operation, (Object::Instance, peer), (Object::Instance, control));
            }
            if wanted {
                self.add_link(control, peer);
            } else {
                self.remove_link(control, peer);
            }
        }
    }

    fn add_link(&mut self, source: i64, peer: i64) {
        let (target, address) = match self.dialect {
            Dialect::Addresses => match self.addresses.get(&peer) {
                Some(address) => (address.instance, Some(peer)),
                None => return,
            },
            Dialect::Hostnames => (peer, None),
        };
        let link = Link { id: next(&mut self.sequences.links), source, target, address, state: LinkState::Adding, created: self.now() };
        self.insert_link(link);
    }

    fn remove_link(&mut self, source: i64, peer: i64) {
        let found = self.links_from(source).find(|link| link.address.unwrap_or(link.target) == peer).map(|link| link.id);
        if let Some(id) = found {
            self.drop_link(id);
        }
    }

    fn drop_link(&mut self, id: i64) {
        let Some(link) = self.links.remove(&id) else { return };
        self.changed = true;
        if let Some(ids) = self.links_from.get_mut(&link.source) {
            ids.remove(&id);
        }
        if let Some(ids) = self.links_to.get_mut(&link.target) {
            ids.remove(&id);
        }
    }

    /// An address and every link to it.
    pub(super) fn remove_address(&mut self, id: i64) {
        let Some(address) = self.addresses.remove(&id) else { return };
        self.changed = true;
        if let Some(ids) = self.addresses_of.get_mut(&address.instance) {
            ids.remove(&id);
        }
        let links: Vec<i64> = self.links_to(address.instance).filter(|link| link.address == Some(id)).map(|link| link.id).collect();
        for link in links {
            self.drop_link(link);
        }
    }

    fn remove_instance(&mut self, id: i64) {
        self.record_end(id);
        let links: Vec<i64> = self.links_from(id).chain(self.links_to(id)).map(|link| link.id).collect();
        for link in links {
            self.drop_link(link);
        }
        for address in self.addresses_of.remove(&id).unwrap_or_default() {
            self.addresses.remove(&address);
        }
        self.leave_all(id);
        self.links_from.remove(&id);
        self.links_to.remove(&id);
        if let Some(instance) = self.instances.remove(&id) {
            self.by_hostname.remove(&instance.hostname);
        }
        self.changed = true;
    }
}
