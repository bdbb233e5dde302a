//! The managed fields of an instance, of defaults or of an override, and which of them wins.

use crate::mesh::{CapacityAdjustment, DeclaredState, DeclaredType, Field, ListenerPort};

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

    /// Which managed fields are given, and the values' places.
    pub(super) fn given(&self) -> Vec<(Field, Span)> {
        let Self {
            node_type,
            node_state: _,
            enabled,
            capacity_adjustment,
            managed_by_policy,
            listener_port,
            peers_from_control_nodes,
            peers,
        } = self;
        [
            node_type.map(|at| (Field::NodeType, at.span)),
            enabled.map(|at| (Field::Enabled, at.span)),
            capacity_adjustment.map(|at| (Field::CapacityAdjustment, at.span)),
            managed_by_policy.map(|at| (Field::ManagedByPolicy, at.span)),
            listener_port.map(|at| (Field::ListenerPort, at.span)),
            peers_from_control_nodes.map(|at| (Field::PeersFromControlNodes, at.span)),
            peers.as_ref().map(|at| (Field::Peers, at.span)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Where the value of a field stands.
    pub(super) fn span(&self, field: Field) -> Option<Span> {
        match field {
            Field::NodeType => self.node_type.map(|at| at.span),
            Field::Enabled => self.enabled.map(|at| at.span),
            Field::CapacityAdjustment => self.capacity_adjustment.map(|at| at.span),
            Field::ManagedByPolicy => self.managed_by_policy.map(|at| at.span),
            Field::ListenerPort => self.listener_port.map(|at| at.span),
            Field::PeersFromControlNodes => self.peers_from_control_nodes.map(|at| at.span),
            Field::Peers => self.peers.as_ref().map(|at| at.span),
        }
    }
}

/// Which managed fields a mapping gives, small enough to stand in every block.
#[derive(Clone, Copy, Default)]
pub(super) struct FieldSet(u8);

impl FieldSet {
    pub(super) fn of(fields: &Fields) -> Self {
        Self(fields.given().iter().fold(0, |bits, (field, _)| bits | Self::bit(*field)))
    }

    pub(super) fn has(self, field: Field) -> bool {
        self.0 & Self::bit(field) != 0
    }

    fn bit(field: Field) -> u8 {
        1 << field as u8
    }
}

/// The defaults of a file, or of the mesh.
#[derive(Clone, Default)]
pub(super) struct Defaults {
    pub(super) plain: Fields,
    pub(super) hop: Fields,
    pub(super) execution: Fields,
}

impl Defaults {
    pub(super) fn of(&self, node_type: DeclaredType) -> &Fields {
        match node_type {
            DeclaredType::Hop => &self.hop,
            DeclaredType::Execution => &self.execution,
        }
    }
}

/// The fields of an instance with the defaults below them: those of its file, then those of the mesh, each for its node type
/// first. What is given no type takes the defaults of execution nodes, and is then declared to be one: a hop must not take
/// them unseen.
pub(super) fn with_defaults(own: Fields, hostname: Option<Span>, file: &Defaults, mesh: &Defaults) -> Fields {
    let node_type = own.node_type.or(file.plain.node_type).or(mesh.plain.node_type);
    let of = node_type.map(|at| at.value).unwrap_or_default();
    let (of_file, of_mesh) = (file.of(of), mesh.of(of));
    let takes = !of_file.given().is_empty() || !of_mesh.given().is_empty();
    let assumed = hostname.filter(|_| node_type.is_none() && takes);
    let fields = own.or(of_file).or(&file.plain).or(of_mesh).or(&mesh.plain);
    Fields { node_type: fields.node_type.or(assumed.map(|span| At { value: DeclaredType::Execution, span })), ..fields }
}
