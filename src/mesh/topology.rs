//! Who is connected, as the controller saw it. A row of a link is no connection: a link is `established` once the controller has
//! seen both ends connected, and stays so; whether a node is there now its state tells.

use std::collections::{BTreeMap, BTreeSet};

use super::{NodeState, NodeType};

/// All nodes and the links that were seen connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// Type and state of each node, by hostname.
    pub nodes: BTreeMap<String, (NodeType, NodeState)>,
    /// The established links: who dials whom.
    pub established: BTreeSet<(String, String)>,
    /// The links that were made and not seen connected yet.
    pub adding: BTreeSet<(String, String)>,
}

impl Topology {
    /// Whether a node is there and ready.
    pub fn is_ready(&self, hostname: &str) -> bool {
        self.nodes.get(hostname).is_some_and(|(_, state)| state.is_ready())
    }

    /// Whether a node belongs to the control plane.
    pub fn is_control_plane(&self, hostname: &str) -> bool {
        self.nodes.get(hostname).is_some_and(|(node_type, _)| node_type.is_control_plane())
    }

    /// The nodes with a path to the control plane over ready nodes and established links, leaving out some of them. A link carries
    /// both ways.
    pub fn connected(&self, without: impl Fn(&str, &str) -> bool) -> BTreeSet<&str> {
        let carries = |name: &str| self.is_ready(name) || self.is_control_plane(name);
        let mut neighbours: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (source, target) in &self.established {
            if carries(source) && carries(target) && !without(source, target) {
                neighbours.entry(source).or_default().push(target);
                neighbours.entry(target).or_default().push(source);
            }
        }
        let mut open: Vec<&str> = self.nodes.keys().map(String::as_str).filter(|name| self.is_control_plane(name)).collect();
        let mut connected = BTreeSet::new();
        while let Some(name) = open.pop() {
            if connected.insert(name) {
                open.extend(neighbours.get(name).into_iter().flatten());
            }
        }
        connected
    }
}
