//! The types and the life cycle of an instance.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an instance is in the mesh, as a controller tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum NodeType {
    /// Runs the control plane.
    Control,
    /// Runs the control plane and jobs.
    Hybrid,
    /// Relays and runs nothing.
    Hop,
    /// Runs jobs.
    Execution,
    /// A type that this program does not know: its links, listener and type are left alone.
    Other(String),
}

impl NodeType {
    /// Whether nodes of this type belong to the control plane.
    pub fn is_control_plane(&self) -> bool {
        matches!(self, Self::Control | Self::Hybrid)
    }

    /// The word of the API.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Control => "control",
            Self::Hybrid => "hybrid",
            Self::Hop => "hop",
            Self::Execution => "execution",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for NodeType {
    fn from(word: &str) -> Self {
        match word {
            "control" => Self::Control,
            "hybrid" => Self::Hybrid,
            "hop" => Self::Hop,
            "execution" => Self::Execution,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl From<String> for NodeType {
    fn from(word: String) -> Self {
        word.as_str().into()
    }
}

impl From<NodeType> for String {
    fn from(node_type: NodeType) -> Self {
        node_type.as_str().to_owned()
    }
}

impl fmt::Display for NodeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The node types that can be declared: control and hybrid nodes are the installer's to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeclaredType {
    /// Relays and runs nothing.
    Hop,
    /// Runs jobs. What the server makes where no type is given.
    #[default]
    Execution,
}

impl From<DeclaredType> for NodeType {
    fn from(declared: DeclaredType) -> Self {
        match declared {
            DeclaredType::Hop => Self::Hop,
            DeclaredType::Execution => Self::Execution,
        }
    }
}

/// Whether a declared instance shall exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeclaredState {
    /// It shall exist.
    #[default]
    Installed,
    /// It shall not: the removal of an instance is this state.
    Deprovisioning,
}

/// Where a live instance is in its life; all but the two of leaving are moved by the controller alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeState {
    /// On its way out: the controller waits for its jobs, then deletes the row.
    Deprovisioning,
    /// The removal failed; it is still on its way out.
    DeprovisionFail,
    /// Any other: installed, ready, unavailable, provisioning, provision-fail. None of them is ever a difference.
    Present(String),
}

impl NodeState {
    /// Whether the instance is on its way out, so that its row may be gone at any moment.
    pub fn is_leaving(&self) -> bool {
        !matches!(self, Self::Present(_))
    }

    /// Whether the controller sees the node and may run jobs on it.
    pub fn is_ready(&self) -> bool {
        self.as_str() == "ready"
    }

    /// The word of the API.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Deprovisioning => "deprovisioning",
            Self::DeprovisionFail => "deprovision-fail",
            Self::Present(word) => word,
        }
    }
}

impl From<&str> for NodeState {
    fn from(word: &str) -> Self {
        match word {
            "deprovisioning" => Self::Deprovisioning,
            "deprovision-fail" => Self::DeprovisionFail,
            other => Self::Present(other.to_owned()),
        }
    }
}
