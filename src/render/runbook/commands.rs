//! From steps to the commands that do them: a plan says how an instance shall be, a command what changes. So the rows are kept in
//! mind as the commands leave them.

use std::{
    collections::{BTreeMap, BTreeSet},
    slice,
};

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};

use crate::{
    mesh::{Body, Dialect, Field, LiveAddress, LiveInstance, LiveMesh, NodeState, NodeType, Peer, Value},
    plan::{Plan, Request, Step},
};

/// What one step comes to.
pub(super) struct Part<'a> {
    pub(super) step: &'a Step,
    pub(super) commands: Vec<Command>,
}

/// One command.
pub(super) enum Command {
    /// `awx-manage` with these words.
    Manage(Vec<String>),
    /// A PATCH of the instance that the step is about.
    Patch(Map<String, Json>),
    /// Waiting until no job runs on it.
    Idle,
}

/// All commands, and what they lose.
#[derive(Default)]
pub(super) struct Commands<'a> {
    pub(super) parts: Vec<Part<'a>>,
    /// The instances whose `peers_from_control_nodes` cannot be switched on.
    pub(super) flags: BTreeSet<&'a str>,
    /// The first name that awx-manage would take for an option.
    pub(super) odd: Option<String>,
    /// Websocket addresses that are made anew, without the path that they may have.
    pub(super) pathless: BTreeSet<String>,
}

impl<'a> Commands<'a> {
    /// The commands of all steps that are not held.
    pub(super) fn of(plan: &'a Plan, live: &LiveMesh, dialect: Dialect) -> Self {
        let mut writer = Writer::new(live, dialect);
        let mut commands = Self::default();
        for step in plan.steps.iter().filter(|step| step.held.is_none()) {
            let part = Part { step, commands: writer.step(step) };
            if dialect == Dialect::Hostnames && bool_of(&step.body, Field::PeersFromControlNodes) == Some(true) {
                commands.flags.insert(&step.hostname);
            }
            // What an earlier step removed is gone at once.
            if step.action != Request::Wait || !part.commands.is_empty() {
                commands.parts.push(part);
            }
        }
        (commands.pathless, commands.odd) = (writer.pathless, writer.odd);
        commands
    }
}

struct Writer {
    dialect: Dialect,
    rows: BTreeMap<String, LiveInstance>,
    /// Who dials each instance.
    dialers: BTreeMap<String, BTreeSet<String>>,
    /// The commands of the step at hand.
    commands: Vec<Command>,
    pathless: BTreeSet<String>,
    odd: Option<String>,
}

impl Writer {
    fn new(live: &LiveMesh, dialect: Dialect) -> Self {
        let mut dialers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, row) in &live.instances {
            for peer in &row.peers {
                dialers.entry(peer.hostname.clone()).or_default().insert(name.clone());
            }
        }
        Self { dialect, rows: live.instances.clone(), dialers, commands: Vec::new(), pathless: BTreeSet::new(), odd: None }
    }

    fn step(&mut self, step: &Step) -> Vec<Command> {
        let name = step.hostname.as_str();
        match step.action {
            Request::Create => self.create(name, &step.body),
            Request::Patch => self.update(name, &step.body),
            Request::Remove | Request::Wait if !self.rows.contains_key(name) => {}
            Request::Remove | Request::Wait => self.remove(name),
            Request::Idle => self.commands.push(Command::Idle),
        }
        std::mem::take(&mut self.commands)
    }

    fn manage<'w>(&mut self, words: impl IntoIterator<Item = &'w str>) {
        self.commands.push(Command::Manage(words.into_iter().map(str::to_owned).collect()));
    }

    /// Notes a name that awx-manage would take for an option.
    fn check(&mut self, name: &str) {
        if name.starts_with('-') {
            self.odd.get_or_insert_with(|| name.to_owned());
        }
    }

    fn create(&mut self, name: &str, body: &Body) {
        let node_type = body.iter().find_map(|(_, value)| if let Value::Type(given) = value { Some(given.clone()) } else { None });
        let row = LiveInstance {
            id: 0,
            node_type: node_type.unwrap_or(NodeType::Execution),
            node_state: NodeState::from("installed"),
            enabled: true,
            capacity_adjustment: Decimal::ONE,
            managed_by_policy: true,
            listener_port: None,
            peers_from_control_nodes: false,
            managed: true,
            jobs_running: 0,
            peers: BTreeSet::new(),
            addresses: Vec::new(),
        };
        let port = port_of(body, None);
        self.provision(name, &row.node_type, port.filter(|_| self.dialect == Dialect::Hostnames));
        self.rows.insert(name.to_owned(), row);
        self.update_row(name, body, true);
    }

    fn update(&mut self, name: &str, body: &Body) {
        self.update_row(name, body, false);
    }

    /// Everything that a body says; of a new row the listener port was said by its making where that takes it.
    fn update_row(&mut self, name: &str, body: &Body, is_new: bool) {
        let Some(row) = self.rows.get(name).cloned() else { return };
        let port = port_of(body, row.listener_port);
        let wants = bool_of(body, Field::PeersFromControlNodes).unwrap_or(row.peers_from_control_nodes);
        let mut fields = Map::new();
        if self.dialect == Dialect::Hostnames {
            if port != row.listener_port && !is_new {
                // Whatever is not said again is lost.
                self.provision(name, &row.node_type, port);
            }
            // It cannot be switched on; off is the API's business.
            if row.peers_from_control_nodes && !wants {
                fields.insert(Field::PeersFromControlNodes.name().to_owned(), Json::Bool(false));
            }
        } else if self.listen(name, &row, port, wants && port.is_some()) {
            fields.insert(Field::PeersFromControlNodes.name().to_owned(), Json::Bool(false));
        }
        if let Some(row) = self.rows.get_mut(name) {
            let on = wants && (self.dialect == Dialect::Addresses || row.peers_from_control_nodes);
            (row.listener_port, row.peers_from_control_nodes) = (port, on && port.is_some());
        }
        for (field, value) in body {
            match (field, value) {
                (Field::Peers, Value::Peers(peers)) => self.dial(name, peers),
                (Field::Enabled | Field::ManagedByPolicy, Value::Bool(value)) if !is_new || !*value => {
                    fields.insert(field.name().to_owned(), Json::Bool(*value));
                }
                (Field::CapacityAdjustment, Value::Decimal(value)) if !is_new || *value != Decimal::ONE => {
                    fields.insert(field.name().to_owned(), Json::String(format!("{value:.2}")));
                }
                _ => {}
            }
        }
        if !fields.is_empty() {
            self.commands.push(Command::Patch(fields));
        }
    }

    fn provision(&mut self, name: &str, node_type: &NodeType, port: Option<i64>) {
        self.check(name);
        let port = port.map(|port| port.to_string());
        let listener = port.iter().flat_map(|port| ["--listener_port", port.as_str()]);
        self.manage(["provision_instance", "--hostname", name, "--node_type", node_type.as_str()].into_iter().chain(listener));
    }

    fn remove(&mut self, name: &str) {
        self.check(name);
        self.manage(["deprovision_instance", "--hostname", name]);
        for peer in self.rows.remove(name).into_iter().flat_map(|row| row.peers) {
            self.dialers.get_mut(&peer.hostname).into_iter().for_each(|names| _ = names.remove(name));
        }
        for dialer in self.dialers.remove(name).unwrap_or_default() {
            self.rows.get_mut(&dialer).into_iter().for_each(|row| row.peers.retain(|peer| peer.hostname != name));
        }
    }

    /// The canonical address becomes as the listener shall be. Says whether the flag is to be switched off through the API.
    fn listen(&mut self, name: &str, row: &LiveInstance, port: Option<i64>, flag: bool) -> bool {
        let old = row.addresses.iter().find(|address| address.canonical).cloned();
        // Without an address there is the hostname.
        let before = row.listener_port.map(|port| old.unwrap_or_else(|| canonical(name, port)));
        match (before, port) {
            (None, None) => {}
            (None, Some(port)) => self.add_address(name, canonical(name, port), flag),
            (Some(old), None) => {
                self.remove_address(name, &old);
                // What dials it by that address goes with it.
                for (dialer, peer) in self.dialers_of(name, &old) {
                    self.forget(&dialer, &peer);
                }
            }
            (Some(old), Some(port)) => {
                let loses_flag = row.peers_from_control_nodes && !flag;
                if loses_flag && !row.managed {
                    // The API takes it away; until then an address that is saved keeps it.
                    if old.port != port {
                        self.add_address(name, LiveAddress { port, ..old }, false);
                    }
                    return true;
                }
                let controls =
                    |rows: &BTreeMap<String, LiveInstance>, name: &str| rows.get(name).is_some_and(|row| row.node_type.is_control_plane());
                let dialers = self.dialers_of(name, &old);
                let lost: Vec<(String, Peer)> = if loses_flag {
                    // No command takes the flag from an address; of an instance that awx-manage made neither does the API.
                    self.remove_address(name, &old);
                    if old.protocol != "tcp" {
                        self.pathless.insert(old.host.clone());
                    }
                    dialers.into_iter().filter(|(dialer, _)| !controls(&self.rows, dialer)).collect()
                } else if old.port == port && row.peers_from_control_nodes == flag {
                    return false;
                } else if flag {
                    Vec::new()
                } else {
                    // AWX: whenever an address without the flag is saved, control nodes let go of it, whoever made them dial it.
                    dialers.into_iter().filter(|(dialer, _)| controls(&self.rows, dialer)).collect()
                };
                self.add_address(name, LiveAddress { port, ..old.clone() }, flag);
                for (dialer, _) in lost {
                    let peers = self.rows.get(&dialer).map(|row| row.peers.clone()).unwrap_or_default();
                    let all: Vec<String> = peers.iter().map(|peer| self.address(peer)).collect();
                    self.add(&dialer, slice::from_ref(&old.host), &all);
                }
            }
        }
        false
    }

    fn add_address(&mut self, name: &str, address: LiveAddress, flag: bool) {
        self.check(name);
        self.check(&address.host);
        let port = address.port.to_string();
        let mut words = vec!["add_receptor_address", "--instance", name, "--address", &address.host, "--port", &port, "--canonical"];
        words.extend(flag.then_some("--peers_from_control_nodes"));
        words.extend((address.protocol != "tcp").then_some(["--protocol", &address.protocol]).into_iter().flatten());
        words.extend(address.is_internal.then_some("--is_internal"));
        self.manage(words);
        if let Some(row) = self.rows.get_mut(name) {
            row.addresses.retain(|known| !known.canonical);
            row.addresses.push(address);
        }
    }

    fn remove_address(&mut self, name: &str, address: &LiveAddress) {
        self.check(&address.host);
        self.manage(["remove_receptor_address", "--address", &address.host]);
        self.rows.get_mut(name).into_iter().for_each(|row| row.addresses.retain(|known| !known.canonical));
    }

    /// Who dials an address of an instance, and as what.
    fn dialers_of(&self, name: &str, address: &LiveAddress) -> Vec<(String, Peer)> {
        let peer_of = |dialer: &String| {
            let peers = &self.rows.get(dialer)?.peers;
            let peer = peers.range(Peer::named(name)..).next().filter(|peer| peer.hostname == name)?;
            let is_it = peer.address.as_ref().is_none_or(|given| *given == address.host_port());
            is_it.then(|| (dialer.clone(), peer.clone()))
        };
        self.dialers.get(name).into_iter().flatten().filter_map(peer_of).collect()
    }

    fn forget(&mut self, dialer: &str, peer: &Peer) {
        self.rows.get_mut(dialer).into_iter().for_each(|row| _ = row.peers.remove(peer));
        self.dialers.get_mut(&peer.hostname).into_iter().for_each(|names| _ = names.remove(dialer));
    }

    /// An instance dials exactly these. What is new comes first: make before break.
    fn dial(&mut self, name: &str, peers: &BTreeSet<Peer>) {
        let now = self.rows.get(name).map(|row| row.peers.clone()).unwrap_or_default();
        let added: Vec<String> = peers.difference(&now).map(|peer| self.address(peer)).collect();
        let dropped: Vec<String> = now.difference(peers).map(|peer| self.address(peer)).collect();
        if !added.is_empty() {
            let all: Vec<String> = now.union(peers).map(|peer| self.address(peer)).collect();
            self.add(name, &added, &all);
        }
        if !dropped.is_empty() {
            self.register(name, "--disconnect", dropped.iter().map(String::as_str));
        }
        for peer in now.difference(peers) {
            self.dialers.get_mut(&peer.hostname).into_iter().for_each(|names| _ = names.remove(name));
        }
        for peer in peers {
            self.dialers.entry(peer.hostname.clone()).or_default().insert(name.to_owned());
        }
        self.rows.get_mut(name).into_iter().for_each(|row| row.peers.clone_from(peers));
    }

    /// An instance dials these addresses as well; with them it dials all of those.
    fn add(&mut self, name: &str, added: &[String], all: &[String]) {
        // AWX: `--peers` takes an address only if an instance is called so, `--exact` any.
        if added.iter().all(|address| self.rows.contains_key(address)) {
            self.register(name, "--peers", added.iter().map(String::as_str));
        } else {
            self.register(name, "--exact", all.iter().map(String::as_str));
        }
    }

    fn register<'w>(&mut self, name: &'w str, option: &'w str, peers: impl IntoIterator<Item = &'w str>) {
        let words: Vec<&str> = [name, option].into_iter().chain(peers).collect();
        for word in words.iter().filter(|word| **word != option) {
            self.check(word);
        }
        self.manage(["register_peers"].into_iter().chain(words));
    }

    /// What `register_peers` calls a peer: its hostname, since AWX 23.8 its address without the port.
    fn address(&self, peer: &Peer) -> String {
        let row = self.rows.get(&peer.hostname).filter(|_| self.dialect == Dialect::Addresses);
        let address = row.and_then(|row| match &peer.address {
            Some(given) => row.addresses.iter().find(|address| address.host_port() == *given),
            None => row.default_address(),
        });
        address.map_or_else(|| peer.hostname.clone(), |address| address.host.clone())
    }
}

/// The address that a listener brings along.
fn canonical(name: &str, port: i64) -> LiveAddress {
    LiveAddress { id: 0, host: name.to_owned(), port, protocol: "tcp".to_owned(), is_internal: false, canonical: true }
}

/// The port that a body gives, else that of before.
fn port_of(body: &Body, before: Option<i64>) -> Option<i64> {
    body.iter().find_map(|(_, value)| if let Value::Port(port) = value { Some(*port) } else { None }).unwrap_or(before)
}

fn bool_of(body: &Body, wanted: Field) -> Option<bool> {
    body.iter().find_map(|(field, value)| match value {
        Value::Bool(value) if *field == wanted => Some(*value),
        _ => None,
    })
}
