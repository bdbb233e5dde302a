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

/// The mesh that a configuration makes, beside what the controller alone knows.
pub fn as_live(mesh: &DeclaredMesh, external: &[PeerName], dialect: Dialect) -> LiveMesh {
    let mut instances: BTreeMap<String, LiveInstance> = BTreeMap::new();
    let mut id = 0;
    let mut add = |hostname: &str, make: &dyn Fn(i64) -> LiveInstance| {
        id += 1;
        instances.entry(hostname.to_owned()).or_insert_with(|| make(id));
    };
    add(CONTROL_NODE, &|id| LiveInstance { node_type: NodeType::Control, ..instance(id) });
    for (hostname, declared) in mesh.instances.iter().filter(|(_, declared)| declared.shall_exist()) {
        add(hostname.as_str(), &|id| LiveInstance { addresses: Vec::new(), ..of_declared(id, declared) });
    }
    for name in external {
        let port = match name {
            PeerName::Instance(_) => USUAL_PORT,
            PeerName::Address { port, .. } => i64::from(*port),
        };
        add(name.host().as_str(), &|id| LiveInstance {
            node_type: NodeType::Hop,
            listener_port: Some(port),
            // Whatever it is, it is there for others to reach the control plane by.
            peers_from_control_nodes: true,
            managed: true,
            ..instance(id)
        });
    }
    if dialect == Dialect::Addresses {
        for (hostname, instance) in &mut instances {
            let address = |port| LiveAddress {
                id: instance.id,
                host: hostname.clone(),
                port,
                protocol: "tcp".to_owned(),
                is_internal: false,
                canonical: true,
            };
            instance.addresses = instance.listener_port.map(address).into_iter().collect();
        }
    }
    LiveMesh { instances, ..LiveMesh::default() }
}

/// No hostname that anybody could declare: it has a space.
const CONTROL_NODE: &str = "control node";

/// What a create makes where nothing is given.
fn instance(id: i64) -> LiveInstance {
    LiveInstance {
        id,
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

fn of_declared(id: i64, declared: &Declared) -> LiveInstance {
    let usual = instance(id);
    LiveInstance {
        node_type: declared.node_type.map_or(usual.node_type, |given| given.value.into()),
        enabled: declared.enabled.map_or(usual.enabled, |given| given.value),
        capacity_adjustment: declared.capacity_adjustment.map_or(usual.capacity_adjustment, |given| given.value.decimal()),
        managed_by_policy: declared.managed_by_policy.map_or(usual.managed_by_policy, |given| given.value),
        listener_port: declared.listener_port.and_then(|given| given.value).map(|port| i64::from(port.number())),
        peers_from_control_nodes: declared.peers_from_control_nodes.is_some_and(|given| given.value),
        peers: declared.peers.iter().flat_map(|given| &given.value).map(|name| Peer::named(name.value.host().as_str())).collect(),
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
