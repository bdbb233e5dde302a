//! A configuration in the place of a controller: the mesh that there is once it was applied, as far as that can be known without one.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::mesh::{
    Declared, DeclaredMesh, Dialect, Field, LiveAddress, LiveInstance, LiveMesh, NodeState, NodeType, Peer, PeerName, Value,
};

use super::{Action, InstanceChange, spare::manages};

/// AWX: where a controller's own installation listens.
const USUAL_PORT: i64 = 27199;

/// What a change of the configuration stops caring for: it stays as it is on the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetGo {
    /// Which instance.
    pub hostname: String,
    /// The field that is no longer managed, with the value that it keeps; none where nobody declares the instance any more, and
    /// nobody owns it.
    pub field: Option<(Field, Value)>,
}

/// The mesh that a configuration makes, beside what the controller alone knows. What it does not say is as `after` has it: whatever a
/// change does not touch is no change.
pub fn as_live(mesh: &DeclaredMesh, after: &DeclaredMesh, external: &[PeerName], dialect: Dialect) -> LiveMesh {
    let mut instances: BTreeMap<String, LiveInstance> = BTreeMap::new();
    instances.insert(CONTROL_NODE.to_owned(), LiveInstance { node_type: NodeType::Control, ..instance() });
    for (hostname, declared) in mesh.instances.iter().filter(|(_, declared)| declared.shall_exist()) {
        let mut made = of_declared(declared);
        if declared.node_type.is_none() {
            let later = after.instances.get(hostname).and_then(|after| after.node_type);
            made.node_type = later.map_or(made.node_type, |given| given.value.into());
        }
        if declared.listener_port.is_none() {
            let later = after.instances.get(hostname).and_then(|after| after.listener_port).and_then(|given| given.value);
            made.listener_port = later.map(|port| i64::from(port.number()));
        }
        instances.insert(hostname.as_str().to_owned(), made);
    }
    // Whatever is external is there for others to reach the control plane by.
    for name in external {
        let there = LiveInstance { node_type: NodeType::Hop, peers_from_control_nodes: true, managed: true, ..instance() };
        instances.entry(name.host().as_str().to_owned()).or_insert(there);
    }
    let peers = [mesh, after].into_iter().flat_map(|mesh| mesh.instances.values()).flat_map(|declared| &declared.peers);
    let dialled: BTreeSet<&PeerName> = peers.flat_map(|given| &given.value).map(|name| &name.value).chain(external).collect();
    for name in dialled {
        if let Some(instance) = instances.get_mut(name.host().as_str()) {
            listen(instance, mesh.instances.get(name.host()), name);
        }
    }
    number(&mut instances, dialect);
    link(&mut instances, mesh);
    LiveMesh { instances, ..LiveMesh::default() }
}

/// Gives rows their ids, and addresses where the dialect has them.
fn number(instances: &mut BTreeMap<String, LiveInstance>, dialect: Dialect) {
    for (id, (hostname, instance)) in (1..).zip(instances) {
        instance.id = id;
        if dialect == Dialect::Addresses {
            let canonical = instance.listener_port.filter(|port| instance.addresses.iter().all(|known| known.port != *port));
            instance.addresses.extend(canonical.map(|port| address(port, true)));
        }
        for (number, address) in (1..).zip(&mut instance.addresses) {
            address.id = id * MOST_ADDRESSES + number;
            address.host.clone_from(hostname);
            address.canonical = instance.listener_port == Some(address.port);
        }
        if dialect != Dialect::Addresses {
            instance.addresses.clear();
        }
    }
}

/// Lets each instance dial what it is declared to, by the addresses that there are.
fn link(instances: &mut BTreeMap<String, LiveInstance>, mesh: &DeclaredMesh) {
    let peer = |instances: &BTreeMap<String, LiveInstance>, name: &PeerName| {
        let host = name.host().as_str();
        let far = instances.get(host);
        let address = match name {
            PeerName::Instance(_) => None,
            PeerName::Address { port, .. } => far.and_then(|far| far.addresses.iter().find(|known| known.port == i64::from(*port))),
        };
        far.zip(address).map_or_else(|| Peer::named(host), |(far, address)| far.as_peer(host, address))
    };
    for (hostname, given) in mesh.instances.iter().filter_map(|(hostname, declared)| Some((hostname, declared.peers.as_ref()?))) {
        let peers = given.value.iter().map(|name| peer(instances, &name.value)).collect();
        if let Some(instance) = instances.get_mut(hostname.as_str()) {
            instance.peers = peers;
        }
    }
}

/// Nobody lists more ports of one host.
const MOST_ADDRESSES: i64 = 70_000;

/// What is dialled listens, unless it is declared not to: at the port that is named, or as usual.
fn listen(instance: &mut LiveInstance, declared: Option<&Declared>, name: &PeerName) {
    let is_declared = declared.is_some_and(|declared| declared.listener_port.is_some());
    match name {
        PeerName::Instance(_) if is_declared || instance.listener_port.is_some() || !instance.addresses.is_empty() => {}
        PeerName::Instance(_) => instance.listener_port = Some(USUAL_PORT),
        PeerName::Address { port, .. } => {
            let port = i64::from(*port);
            if !is_declared && instance.listener_port.is_none() && instance.managed {
                instance.listener_port = Some(port);
            }
            instance.addresses.push(address(port, false));
        }
    }
}

fn address(port: i64, canonical: bool) -> LiveAddress {
    LiveAddress { id: 0, host: String::new(), port, protocol: "tcp".to_owned(), is_internal: false, canonical }
}

/// No hostname that anybody could declare: it has a space.
const CONTROL_NODE: &str = "control node";

/// What a create makes where nothing is given.
fn instance() -> LiveInstance {
    LiveInstance {
        id: 0,
        node_type: NodeType::Execution,
        node_state: NodeState::from("installed"),
        enabled: true,
        capacity_adjustment: Decimal::new(100, 2),
        managed_by_policy: true,
        listener_port: None,
        peers_from_control_nodes: false,
        managed: false,
        jobs_running: 0,
        peers: BTreeSet::new(),
        addresses: Vec::new(),
    }
}

fn of_declared(declared: &Declared) -> LiveInstance {
    let usual = instance();
    LiveInstance {
        node_type: declared.node_type.map_or(usual.node_type, |given| given.value.into()),
        enabled: declared.enabled.map_or(usual.enabled, |given| given.value),
        capacity_adjustment: declared.capacity_adjustment.map_or(usual.capacity_adjustment, |given| given.value.decimal()),
        managed_by_policy: declared.managed_by_policy.map_or(usual.managed_by_policy, |given| given.value),
        listener_port: declared.listener_port.and_then(|given| given.value).map(|port| i64::from(port.number())),
        peers_from_control_nodes: declared.peers_from_control_nodes.is_some_and(|given| given.value),
        ..usual
    }
}

/// What a change of a configuration lets go of, provided that these are all of its changes.
pub fn lets_go(before: &DeclaredMesh, after: &DeclaredMesh, changes: &[InstanceChange], live: &LiveMesh) -> Vec<LetGo> {
    let goes: HashSet<&str> = changes.iter().filter(|c| c.action == Action::Remove).map(|c| c.hostname.as_str()).collect();
    let mut found = Vec::new();
    for (hostname, declared) in before.instances.iter().filter(|(_, declared)| declared.shall_exist()) {
        let (name, there) = (hostname.as_str(), live.instances.get(hostname.as_str()));
        let let_go = |field| LetGo { hostname: name.to_owned(), field };
        match after.instances.get(name) {
            None if !goes.contains(name) => found.push(let_go(None)),
            None => {}
            Some(now) => {
                let dropped = Field::ALL.iter().copied().filter(|field| manages(declared, *field) && !manages(now, *field));
                let kept = dropped.filter_map(|field| Some(let_go(Some((field, super::diff::live_value(there?, field))))));
                found.extend(kept.filter(|_| now.shall_exist()));
            }
        }
    }
    found
}
