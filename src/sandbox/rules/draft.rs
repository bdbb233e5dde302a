//! A write that passed every rule, and what it does to the rows.

use std::collections::BTreeSet;

use crate::sandbox::{
    settings::Dialect,
    tables::{Address, Instance, NodeState, NodeType, Tables, next},
};

/// How a body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Intent {
    /// POST: what is left out gets its default.
    Create,
    /// PATCH: what is left out stays.
    Patch,
    /// PUT: what is left out goes back to its default.
    Put,
}

/// What a body says of the listener: null, or its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listener {
    Off,
    On(i64),
}

impl From<Option<i64>> for Listener {
    fn from(port: Option<i64>) -> Self {
        port.map_or(Self::Off, Self::On)
    }
}

impl Listener {
    pub(super) fn port(self) -> Option<i64> {
        match self {
            Self::Off => None,
            Self::On(port) => Some(port),
        }
    }
}

/// The fields to set; nothing where a field stays as it is.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Draft {
    pub(super) hostname: Option<String>,
    pub(super) node_type: Option<NodeType>,
    pub(super) node_state: Option<NodeState>,
    pub(super) capacity_adjustment: Option<i64>,
    /// Whether it was in the body, and is no default.
    pub(super) capacity_given: bool,
    pub(super) enabled: Option<bool>,
    pub(super) managed_by_policy: Option<bool>,
    pub(super) listener_port: Option<Listener>,
    pub(super) peers_from_control_nodes: Option<bool>,
    /// Addresses or instances, by the dialect.
    pub(super) peers: Option<BTreeSet<i64>>,
}

impl Draft {
    /// Makes a new instance and gives its id.
    pub(in crate::sandbox) fn create(self, tables: &mut Tables) -> i64 {
        let now = tables.now();
        let id = next(&mut tables.sequences.instances);
        tables.insert_instance(Instance {
            id,
            hostname: self.hostname.clone().unwrap_or_default(),
            node_type: self.node_type.unwrap_or(NodeType::Execution),
            node_state: NodeState::Installed,
            capacity_adjustment: 100,
            enabled: true,
            managed_by_policy: true,
            managed: false,
            uuid: "00000000-0000-0000-0000-000000000000".to_owned(),
            created: now,
            modified: now,
            goes: None,
            errors: String::new(),
            listener_port: None,
            peers_from_control_nodes: false,
        });
        self.write(tables, id, None);
        id
    }

    /// Changes an instance.
    pub(in crate::sandbox) fn update(self, tables: &mut Tables, id: i64) {
        let now = tables.now();
        let Some(instance) = tables.instances.get_mut(&id) else { return };
        let before = instance.clone();
        instance.modified = now;
        self.write(tables, id, Some(&before));
    }

    /// In the server's order, which is that of the entries in its activity stream. Without a `before` it is a create.
    fn write(&self, tables: &mut Tables, id: i64, before: Option<&Instance>) {
        // A listener that goes takes its address along before anything else is set.
        if tables.dialect == Dialect::Addresses && self.listener_port == Some(Listener::Off) {
            let own = tables.canonical(id).map(|address| address.id);
            if let Some(address) = own {
                tables.remove_address(address);
            }
        }
        let Some(instance) = tables.instances.get_mut(&id) else { return };
        instance.capacity_adjustment = self.capacity_adjustment.unwrap_or(instance.capacity_adjustment);
        instance.enabled = self.enabled.unwrap_or(instance.enabled);
        instance.managed_by_policy = self.managed_by_policy.unwrap_or(instance.managed_by_policy);
        let leaves = self.node_state == Some(NodeState::Deprovisioning) && instance.node_state != NodeState::Deprovisioning;
        let controls = instance.node_type.controls();
        let columns = tables.dialect == Dialect::Hostnames;
        if columns {
            // AWX 23.7: port and flag are columns of the instance.
            instance.listener_port = self.listener_port.map_or(instance.listener_port, Listener::port);
            instance.peers_from_control_nodes = self.peers_from_control_nodes.unwrap_or(instance.peers_from_control_nodes);
        }
        tables.touch();
        if let Some(before) = before {
            self.record_update(tables, before);
        }
        if let (true, Some(flag)) = (columns, self.peers_from_control_nodes) {
            tables.set_control_links(id, flag);
        }
        if before.is_none() {
            // AWX 23.7: told after the links that the flag made, of an instance that nobody has heard of yet.
            self.record_create(tables, id);
        }
        if let Some(peers) = &self.peers {
            // What control nodes peer to is their own business: only the present set gets here.
            if !controls {
                tables.set_peers(id, peers);
            }
        }
        if !columns {
            self.write_address(tables, id);
        }
        if leaves {
            tables.deprovision(id);
        }
    }

    /// AWX 24.6: port and flag live on the canonical address, which they make or change. A port of -1 counts as none given.
    fn write_address(&self, tables: &mut Tables, id: i64) {
        let port = self.listener_port.and_then(Listener::port).filter(|port| *port != -1);
        let own = tables.canonical(id).map(|address| address.id);
        let address = match (own, port) {
            (Some(address), _) => address,
            (None, Some(port)) => {
                let address = next(&mut tables.sequences.addresses);
                let hostname = tables.hostname_of(id).to_owned();
                tables.insert_address(Address {
                    id: address,
                    instance: id,
                    address: hostname,
                    port,
                    protocol: "tcp".to_owned(),
                    websocket_path: String::new(),
                    is_internal: false,
                    canonical: true,
                    peers_from_control_nodes: false,
                });
                address
            }
            (None, None) => return,
        };
        if let Some(row) = tables.addresses.get_mut(&address) {
            row.port = port.unwrap_or(row.port);
            if let Some(flag) = self.peers_from_control_nodes {
                row.peers_from_control_nodes = flag;
                tables.set_control_links(address, flag);
            }
        }
    }
}
