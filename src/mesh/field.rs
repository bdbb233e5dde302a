//! The names of the managed fields: one name in YAML, JSON, flags, messages and the API.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A field of an instance that a configuration can manage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// hop or execution; the server cannot change it.
    NodeType,
    /// Whether jobs may run on it.
    Enabled,
    /// The share of its capacity that jobs may use.
    CapacityAdjustment,
    /// Whether instance group policies may assign it.
    ManagedByPolicy,
    /// The port on which its receptor listens, or none.
    ListenerPort,
    /// Whether the control nodes dial it.
    PeersFromControlNodes,
    /// What it dials.
    Peers,
}

impl Field {
    /// All of them, in the order of reports.
    pub const ALL: &[Self] = &[
        Self::NodeType,
        Self::Enabled,
        Self::CapacityAdjustment,
        Self::ManagedByPolicy,
        Self::ListenerPort,
        Self::PeersFromControlNodes,
        Self::Peers,
    ];

    /// Whether it is a matter of the instance alone; the others decide what it is in the mesh and how it is connected.
    pub fn is_scalar(self) -> bool {
        matches!(self, Self::Enabled | Self::CapacityAdjustment | Self::ManagedByPolicy)
    }

    /// The API's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NodeType => "node_type",
            Self::Enabled => "enabled",
            Self::CapacityAdjustment => "capacity_adjustment",
            Self::ManagedByPolicy => "managed_by_policy",
            Self::ListenerPort => "listener_port",
            Self::PeersFromControlNodes => "peers_from_control_nodes",
            Self::Peers => "peers",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
