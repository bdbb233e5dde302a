//! What a controller has, in plain types: a live value outside the rules for declared ones is shown and left alone.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::{NodeState, NodeType, Peer, peer::host_port};

/// An instance of the controller.
#[expect(clippy::struct_excessive_bools, reason = "they are the API's own fields")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveInstance {
    /// The primary key; requests go by it, since a hostname of digits reads as an id.
    pub id: i64,
    /// What it is in the mesh.
    pub node_type: NodeType,
    /// Where it is in its life.
    pub node_state: NodeState,
    /// Whether jobs may run on it.
    pub enabled: bool,
    /// The share of its capacity that jobs may use.
    pub capacity_adjustment: Decimal,
    /// Whether instance group policies may assign it.
    pub managed_by_policy: bool,
    /// The port on which it listens.
    pub listener_port: Option<i64>,
    /// Whether the control nodes dial it.
    pub peers_from_control_nodes: bool,
    /// Whether the controller's own installation manages it, so that its links, listener and state cannot be changed.
    pub managed: bool,
    /// How many jobs run on it.
    pub jobs_running: i64,
    /// What it dials.
    pub peers: BTreeSet<Peer>,
    /// Its receptor addresses, by id; none where the server has no such notion.
    pub addresses: Vec<LiveAddress>,
}

/// An address on which an instance can be dialled (AWX 23.8 and later).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveAddress {
    /// The primary key, the item of `peers` on the wire.
    pub id: i64,
    /// Host part.
    pub host: String,
    /// Port.
    pub port: i64,
    /// `tcp`, `ws` or `wss`.
    pub protocol: String,
    /// Reachable inside the controller's cluster only: a node outside that dials it never connects.
    pub is_internal: bool,
    /// The address that has the hostname of its instance and comes and goes with `listener_port`.
    pub canonical: bool,
}

impl LiveAddress {
    /// `host:port`, the way a configuration chooses this address.
    pub fn host_port(&self) -> String {
        host_port(&self.host, self.port)
    }
}

impl LiveInstance {
    /// The address that the hostname alone chooses: never an internal one; the canonical one, else the only one left.
    pub fn default_address(&self) -> Option<&LiveAddress> {
        let mut outer = self.addresses.iter().filter(|a| !a.is_internal);
        if let Some(canonical) = outer.clone().find(|a| a.canonical) {
            return Some(canonical);
        }
        let first = outer.next();
        first.filter(|_| outer.next().is_none())
    }

    /// The peer that one of its addresses is; `hostname` is that of this instance.
    pub fn as_peer(&self, hostname: &str, address: &LiveAddress) -> Peer {
        let named = self.default_address().is_some_and(|chosen| chosen.id == address.id);
        Peer { hostname: hostname.to_owned(), address: (!named).then(|| address.host_port()) }
    }
}

/// All instances that a controller has, by hostname.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveMesh {
    /// The instances.
    pub instances: BTreeMap<String, LiveInstance>,
    /// The links that were seen connected: who dials whom.
    pub established: BTreeSet<(String, String)>,
}
