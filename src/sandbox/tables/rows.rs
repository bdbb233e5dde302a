//! The rows that the sandbox keeps, as plain as the real database's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Microseconds since 1970, as fine as the API shows them.
pub(in crate::sandbox) type Micros = i64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::sandbox) enum NodeType {
    Control,
    Execution,
    Hybrid,
    Hop,
}

impl NodeType {
    /// With the label that OPTIONS gives.
    pub(in crate::sandbox) const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Control, "control", "Control plane node"),
        (Self::Execution, "execution", "Execution plane node"),
        (Self::Hybrid, "hybrid", "Controller and execution"),
        (Self::Hop, "hop", "Message-passing node, no execution capability"),
    ];

    pub(in crate::sandbox) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(this, ..)| *this == self).map_or("", |(_, name, _)| name)
    }

    pub(in crate::sandbox) fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name, _)| *name == text).map(|(this, ..)| *this)
    }

    /// Control and hybrid nodes run the controller itself: links to flagged nodes are theirs.
    pub(in crate::sandbox) fn controls(self) -> bool {
        matches!(self, Self::Control | Self::Hybrid)
    }

    pub(in crate::sandbox) fn executes(self) -> bool {
        matches!(self, Self::Execution | Self::Hybrid)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::sandbox) enum NodeState {
    Provisioning,
    ProvisionFail,
    Installed,
    Ready,
    Unavailable,
    Deprovisioning,
    DeprovisionFail,
}

impl NodeState {
    /// With the label that OPTIONS gives.
    pub(in crate::sandbox) const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Provisioning, "provisioning", "Provisioning"),
        (Self::ProvisionFail, "provision-fail", "Provisioning Failure"),
        (Self::Installed, "installed", "Installed"),
        (Self::Ready, "ready", "Ready"),
        (Self::Unavailable, "unavailable", "Unavailable"),
        (Self::Deprovisioning, "deprovisioning", "De-provisioning"),
        (Self::DeprovisionFail, "deprovision-fail", "De-provisioning Failure"),
    ];

    pub(in crate::sandbox) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(this, ..)| *this == self).map_or("", |(_, name, _)| name)
    }

    pub(in crate::sandbox) fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name, _)| *name == text).map(|(this, ..)| *this)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::sandbox) enum LinkState {
    Adding,
    Established,
    Removing,
}

impl LinkState {
    pub(in crate::sandbox) fn name(self) -> &'static str {
        match self {
            Self::Adding => "adding",
            Self::Established => "established",
            Self::Removing => "removing",
        }
    }
}

#[expect(clippy::struct_excessive_bools, reason = "a row has the columns that the API shows")]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Instance {
    pub(in crate::sandbox) id: i64,
    pub(in crate::sandbox) hostname: String,
    pub(in crate::sandbox) node_type: NodeType,
    pub(in crate::sandbox) node_state: NodeState,
    /// In hundredths, since that is what the column holds.
    pub(in crate::sandbox) capacity_adjustment: i64,
    pub(in crate::sandbox) enabled: bool,
    pub(in crate::sandbox) managed_by_policy: bool,
    pub(in crate::sandbox) managed: bool,
    pub(in crate::sandbox) uuid: String,
    pub(in crate::sandbox) created: Micros,
    pub(in crate::sandbox) modified: Micros,
    /// When a node that is deprovisioned goes, if no jobs keep it.
    pub(in crate::sandbox) goes: Option<Micros>,
    /// What the controller last heard to be wrong with it. Not in files from before nodes could be set unavailable.
    #[serde(default)]
    pub(in crate::sandbox) errors: String,
    /// A column of the instance in the hostnames dialect alone; in the other one see [`Address`].
    pub(in crate::sandbox) listener_port: Option<i64>,
    /// As `listener_port`.
    pub(in crate::sandbox) peers_from_control_nodes: bool,
}

/// A named set of instances that jobs may run on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Group {
    pub(in crate::sandbox) id: i64,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) created: Micros,
    pub(in crate::sandbox) policy_instance_percentage: i64,
    /// Hostnames, also of instances that are gone.
    pub(in crate::sandbox) policy_instance_list: Vec<String>,
    pub(in crate::sandbox) instances: BTreeSet<i64>,
}

/// A receptor address. The hostnames dialect has none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Address {
    pub(in crate::sandbox) id: i64,
    pub(in crate::sandbox) instance: i64,
    #[expect(clippy::struct_field_names, reason = "that is what the column is called")]
    pub(in crate::sandbox) address: String,
    pub(in crate::sandbox) port: i64,
    pub(in crate::sandbox) protocol: String,
    pub(in crate::sandbox) websocket_path: String,
    pub(in crate::sandbox) is_internal: bool,
    pub(in crate::sandbox) canonical: bool,
    pub(in crate::sandbox) peers_from_control_nodes: bool,
}

impl Address {
    /// Websockets are named with their scheme, also where the certificate is not the node's own.
    pub(in crate::sandbox) fn full_address(&self) -> String {
        let Self { address, port, protocol, websocket_path, .. } = self;
        if protocol == "tcp" {
            return format!("{address}:{port}");
        }
        let slash = if websocket_path.is_empty() { "" } else { "/" };
        format!("wss://{address}:{port}{slash}{websocket_path}")
    }
}

/// A peer: `source` dials `target`, in the addresses dialect at one of its addresses.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Link {
    pub(in crate::sandbox) id: i64,
    pub(in crate::sandbox) source: i64,
    pub(in crate::sandbox) target: i64,
    pub(in crate::sandbox) address: Option<i64>,
    pub(in crate::sandbox) state: LinkState,
    pub(in crate::sandbox) created: Micros,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct User {
    pub(in crate::sandbox) id: i64,
    pub(in crate::sandbox) username: String,
    /// Salted and stretched; never the password itself.
    pub(in crate::sandbox) password: String,
    pub(in crate::sandbox) is_superuser: bool,
    pub(in crate::sandbox) is_system_auditor: bool,
    pub(in crate::sandbox) created: Micros,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Token {
    pub(in crate::sandbox) id: i64,
    pub(in crate::sandbox) user: i64,
    /// A digest: the token itself is told once, when it is made.
    pub(in crate::sandbox) digest: String,
    pub(in crate::sandbox) description: String,
    pub(in crate::sandbox) scope: String,
    pub(in crate::sandbox) created: Micros,
}
