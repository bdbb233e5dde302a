//! Declared and live values for tests of the planner alone.

use std::collections::BTreeSet;

use meshform::mesh::{Given, LiveAddress, LiveInstance, NodeState, NodeType, Peer, Place};

/// Where everything is declared.
pub(crate) const HERE: Place = Place { file: 0, line: 1, column: 1 };

pub(crate) fn given<T>(value: T) -> Given<T> {
    Given { value, place: HERE }
}

/// A live instance that a create would have made, but for its links.
pub(crate) fn live_instance(
    id: i64,
    name: &str,
    node_type: NodeType,
    port: Option<i64>,
    flag: bool,
    peers: BTreeSet<Peer>,
) -> LiveInstance {
    let canonical = |port| LiveAddress { id, host: name.to_owned(), port, protocol: "tcp".into(), is_internal: false, canonical: true };
    LiveInstance {
        id,
        node_type,
        node_state: NodeState::Present("ready".into()),
        enabled: true,
        capacity_adjustment: 1.into(),
        managed_by_policy: true,
        listener_port: port,
        peers_from_control_nodes: flag,
        managed: false,
        jobs_running: 0,
        peers,
        addresses: port.map(canonical).into_iter().collect(),
    }
}
