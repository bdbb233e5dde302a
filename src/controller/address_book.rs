//! Which receptor address a peer is, on servers where `peers` are ids of addresses.

use std::collections::{BTreeSet, HashMap};

use crate::mesh::{LiveMesh, Peer};

/// The ids of the addresses that are known so far.
#[derive(Default)]
pub(super) struct AddressBook {
    /// By hostname, then by the address where it is not the one that the hostname chooses.
    ids: HashMap<String, HashMap<Option<String>, i64>>,
    /// The instances that began to listen and were not looked up yet.
    new: BTreeSet<String>,
}

impl AddressBook {
    /// All addresses of a live mesh.
    pub(super) fn of(live: &LiveMesh) -> Self {
        let mut ids: HashMap<String, HashMap<Option<String>, i64>> = HashMap::new();
        for (hostname, instance) in &live.instances {
            for address in &instance.addresses {
                ids.entry(hostname.clone()).or_default().insert(instance.as_peer(hostname, address).address, address.id);
            }
        }
        Self { ids, new: BTreeSet::new() }
    }

    pub(super) fn id(&self, peer: &Peer) -> Option<i64> {
        self.ids.get(&peer.hostname)?.get(&peer.address).copied()
    }

    /// Forgets the addresses of an instance whose row goes or, with its listener, the one that it has by its hostname.
    pub(super) fn forget(&mut self, hostname: &str, with_row: bool) {
        if with_row {
            self.ids.remove(hostname);
        } else if let Some(ids) = self.ids.get_mut(hostname) {
            ids.remove(&None);
        }
        self.new.remove(hostname);
    }

    /// An instance began to listen: it has an address whose id is not known yet.
    pub(super) fn began_to_listen(&mut self, hostname: &str) {
        self.new.insert(hostname.to_owned());
    }

    /// What to look up for somebody who needs the addresses of these instances: they first, then all that began to listen, for those
    /// who will ask next.
    pub(super) fn to_look_up(&self, unknown: &BTreeSet<String>) -> Vec<String> {
        unknown.iter().chain(self.new.difference(unknown)).cloned().collect()
    }

    /// Learns the address that an instance got when it began to listen.
    pub(super) fn learn(&mut self, hostname: String, id: i64) {
        self.new.remove(&hostname);
        self.ids.entry(hostname).or_default().insert(None, id);
    }
}
