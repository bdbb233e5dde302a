//! From the rows of the API to a mesh of hostnames.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::wire::{AddressRow, InstanceRow, PeerItem};
use crate::mesh::{LiveAddress, LiveInstance, LiveMesh, NodeState, NodeType, Peer};

/// Puts the rows together; `None` if they do not fit, since one of the lists was read before a change and the other after it.
pub(super) fn assemble(rows: Vec<InstanceRow>, addresses: Vec<AddressRow>) -> Option<LiveMesh> {
    let mut by_instance: HashMap<i64, Vec<LiveAddress>> = HashMap::new();
    for AddressRow { id, address, port, protocol, is_internal, canonical, instance, peers_from_control_nodes: _ } in addresses {
        by_instance.entry(instance).or_default().push(LiveAddress { id, host: address, port, protocol, is_internal, canonical });
    }
    let mut items: HashMap<i64, Vec<PeerItem>> = HashMap::new();
    let mut instances: BTreeMap<String, LiveInstance> = BTreeMap::new();
    for row in rows {
        let InstanceRow {
            id,
            hostname,
            node_type,
            node_state,
            enabled,
            capacity_adjustment,
            managed_by_policy,
            listener_port,
            peers_from_control_nodes,
            managed,
            jobs_running,
            peers,
        } = row;
        items.insert(id, peers.unwrap_or_default());
        let instance = LiveInstance {
            id,
            node_type: NodeType::from(node_type.as_str()),
            node_state: NodeState::from(node_state.as_str()),
            enabled,
            capacity_adjustment,
            managed_by_policy,
            listener_port,
            peers_from_control_nodes,
            managed,
            jobs_running,
            peers: BTreeSet::new(),
            addresses: by_instance.remove(&id).unwrap_or_default(),
        };
        instances.insert(hostname, instance);
    }
    // What an address is as a peer is known only once all addresses of its instance are.
    let mut by_address: HashMap<i64, Peer> = HashMap::new();
    for (hostname, instance) in &instances {
        by_address.extend(instance.addresses.iter().map(|address| (address.id, instance.as_peer(hostname, address))));
    }
    for instance in instances.values_mut() {
        let items = items.remove(&instance.id).unwrap_or_default().into_iter();
        let peers = items.map(|item| match item {
            PeerItem::Hostname(hostname) => Some(Peer::named(hostname)),
            PeerItem::Address(id) => by_address.get(&id).cloned(),
        });
        instance.peers = peers.collect::<Option<_>>()?;
    }
    Some(LiveMesh { instances, established: BTreeSet::new() })
}
