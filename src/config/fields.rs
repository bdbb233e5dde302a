//! The managed fields of an instance or of defaults, and which of them wins.

use crate::mesh::{CapacityAdjustment, DeclaredState, DeclaredType, ListenerPort};

use super::{
    Span,
    reader::{At, Entry, Peers, Reader},
};

/// What one mapping says about the managed fields.
#[derive(Clone, Default)]
pub(super) struct Fields {
    pub(super) node_type: Option<At<DeclaredType>>,
    pub(super) node_state: Option<At<DeclaredState>>,
    pub(super) enabled: Option<At<bool>>,
    pub(super) capacity_adjustment: Option<At<CapacityAdjustment>>,
    pub(super) managed_by_policy: Option<At<bool>>,
    pub(super) listener_port: Option<At<Option<ListenerPort>>>,
    pub(super) peers_from_control_nodes: Option<At<bool>>,
    pub(super) peers: Option<At<Peers>>,
}

impl Fields {
    /// Takes a key if it is a managed field.
    pub(super) fn take(&mut self, reader: &mut Reader<'_, '_>, entry: Entry<'_>) -> bool {
        match entry.name {
            "node_type" => self.node_type = reader.node_type(entry),
            "node_state" => self.node_state = reader.node_state(entry),
            "enabled" => self.enabled = reader.boolean(entry),
            "capacity_adjustment" => self.capacity_adjustment = reader.capacity(entry),
            "managed_by_policy" => self.managed_by_policy = reader.boolean(entry),
            "listener_port" => self.listener_port = reader.port(entry),
            "peers_from_control_nodes" => self.peers_from_control_nodes = reader.boolean(entry),
            "peers" => self.peers = reader.peers(entry),
            _ => return false,
        }
        true
    }

    /// These values, and where there is none the given ones.
    pub(super) fn or(self, below: &Self) -> Self {
        let Self { node_type, node_state, enabled, capacity_adjustment, managed_by_policy, listener_port, peers_from_control_nodes, peers } =
            self;
        Self {
            node_type: node_type.or(below.node_type),
            node_state: node_state.or(below.node_state),
            enabled: enabled.or(below.enabled),
            capacity_adjustment: capacity_adjustment.or(below.capacity_adjustment),
            managed_by_policy: managed_by_policy.or(below.managed_by_policy),
            listener_port: listener_port.or(below.listener_port),
            peers_from_control_nodes: peers_from_control_nodes.or(below.peers_from_control_nodes),
            peers: peers.or_else(|| below.peers.clone()),
        }
    }
}

/// The defaults of a file.
#[derive(Clone, Default)]
pub(super) struct Defaults {
    pub(super) plain: Fields,
    pub(super) hop: Fields,
    pub(super) execution: Fields,
}

impl Fields {
    fn is_empty(&self) -> bool {
        let Self { node_type, node_state, enabled, capacity_adjustment, managed_by_policy, listener_port, peers_from_control_nodes, peers } =
            self;
        node_type.is_none()
            && node_state.is_none()
            && enabled.is_none()
            && capacity_adjustment.is_none()
            && managed_by_policy.is_none()
            && listener_port.is_none()
            && peers_from_control_nodes.is_none()
            && peers.is_none()
    }
}

impl Defaults {
    /// The fields of an instance with the defaults below them: those for its node type, then the plain ones. What is given no
    /// type takes the defaults of execution nodes, and is then declared to be one: a hop must not take them unseen.
    pub(super) fn below(&self, own: Fields, hostname: Option<Span>) -> Fields {
        let node_type = own.node_type.or(self.plain.node_type);
        let of_type = match node_type.map(|at| at.value).unwrap_or_default() {
            DeclaredType::Hop => &self.hop,
            DeclaredType::Execution => &self.execution,
        };
        let assumed = hostname.filter(|_| node_type.is_none() && !of_type.is_empty());
        let fields = own.or(of_type).or(&self.plain);
        Fields { node_type: fields.node_type.or(assumed.map(|span| At { value: DeclaredType::Execution, span })), ..fields }
    }
}
