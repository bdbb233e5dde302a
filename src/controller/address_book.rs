//! Which receptor address a peer is, on servers where `peers` are ids of addresses.

use std::collections::HashMap;

use crate::mesh::{LiveMesh, Peer};

/// The ids of the addresses that are known so far.
#[derive(Default)]
pub(super) struct AddressBook {
    ids: HashMap<Peer, i64>,
}

impl AddressBook {
    /// All addresses of a live mesh.
    pub(super) fn of(live: &LiveMesh) -> Self {
        let mut ids = HashMap::new();
        for (hostname, instance) in &live.instances {
            ids.extend(instance.addresses.iter().map(|address| (instance.as_peer(hostname, address), address.id)));
        }
        Self { ids }
    }

    pub(super) fn id(&self, peer: &Peer) -> Option<i64> {
        self.ids.get(peer).copied()
    }

    /// Forgets the addresses of an instance whose row goes or, with its listener, the one that it has by its hostname.
    pub(super) fn forget(&mut self, hostname: &str, with_row: bool) {
        self.ids.retain(|peer, _| peer.hostname != hostname || !with_row && peer.address.is_some());
    }

    /// Learns the address that an instance got when it began to listen.
    pub(super) fn learn(&mut self, hostname: String, id: i64) {
        self.ids.insert(Peer::named(hostname), id);
    }
}
