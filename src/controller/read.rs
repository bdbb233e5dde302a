//! Reading the whole mesh.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::de::DeserializeOwned;

use super::{
    Client, ControllerError,
    address_book::AddressBook,
    client::Call,
    wire::{AddressRow, InstanceRow, Page, PeerItem},
};
use crate::mesh::{Dialect, LiveAddress, LiveInstance, LiveMesh, NodeState, NodeType, Peer};

/// AWX: what is asked for above this is cut to it without a word.
const PAGE_SIZE: usize = 200;

/// How often a list that changes under the reading is read.
const TRIES: usize = 5;

impl Client {
    /// Reads all instances. A list that changes while it is read is read again.
    pub async fn read(&self) -> Result<LiveMesh, ControllerError> {
        for _ in 0..TRIES {
            let Some(instances) = self.list::<InstanceRow>("instances/", |row| row.id).await? else { continue };
            let addresses = match self.dialect() {
                Dialect::None | Dialect::Hostnames => Some(Vec::new()),
                Dialect::Addresses => self.list::<AddressRow>("receptor_addresses/", |row| row.id).await?,
            };
            let Some(addresses) = addresses else { continue };
            if let Some(mut live) = assemble(instances, addresses) {
                if self.dialect() != Dialect::None {
                    live.established = self.topology().await?.established;
                }
                *self.addresses.lock().await = AddressBook::of(&live);
                return Ok(live);
            }
        }
        Err(ControllerError::Unstable { tries: TRIES })
    }

    /// All rows of a list, by id; `None` if rows came or went meanwhile. Each page begins behind the last id of the one before,
    /// so that a row that goes moves no other one out of sight.
    async fn list<T: DeserializeOwned>(&self, resource: &str, id: impl Fn(&T) -> i64) -> Result<Option<Vec<T>>, ControllerError> {
        let path = self.path(resource);
        let mut rows: Vec<T> = Vec::new();
        let mut wanted = None;
        loop {
            let mut query = vec![("order_by", "id".to_owned()), ("page_size", PAGE_SIZE.to_string())];
            if let Some(last) = rows.last() {
                query.push(("id__gt", id(last).to_string()));
            }
            let page: Page<T> = self.http.json(Call { query: &query, ..Call::get(&path) }).await?;
            let wanted = *wanted.get_or_insert(page.count);
            let is_last = page.next.is_none() || page.results.is_empty();
            rows.extend(page.results);
            // More than there were: rows came, or what answers ignores `id__gt` and would never end.
            if is_last || rows.len() > wanted {
                return Ok((rows.len() == wanted).then_some(rows));
            }
        }
    }
}

/// Puts the rows together; `None` if they do not fit, since one of the lists was read before a change and the other after it.
fn assemble(rows: Vec<InstanceRow>, addresses: Vec<AddressRow>) -> Option<LiveMesh> {
    let mut by_instance: HashMap<i64, Vec<LiveAddress>> = HashMap::new();
    for AddressRow { id, address, port, protocol, is_internal, canonical, instance } in addresses {
        by_instance.entry(instance).or_default().push(LiveAddress { id, host: address, port, protocol, is_internal, canonical });
    }
    let mut items: HashMap<i64, Vec<PeerItem>> = HashMap::new();
    let mut instances: BTreeMap<String, LiveInstance> = BTreeMap::new();
    for row in rows {
        let InstanceRow {
            id,
            hostname,
            node_type,
            node_state,
            enabled,
            capacity_adjustment,
            managed_by_policy,
            listener_port,
            peers_from_control_nodes,
            managed,
            jobs_running,
            peers,
        } = row;
        items.insert(id, peers.unwrap_or_default());
        let instance = LiveInstance {
            id,
            node_type: NodeType::from(node_type.as_str()),
            node_state: NodeState::from(node_state.as_str()),
            enabled,
            capacity_adjustment,
            managed_by_policy,
            listener_port,
            peers_from_control_nodes,
            managed,
            jobs_running,
            peers: BTreeSet::new(),
            addresses: by_instance.remove(&id).unwrap_or_default(),
        };
        instances.insert(hostname, instance);
    }
    // What an address is as a peer is known only once all addresses of its instance are.
    let mut by_address: HashMap<i64, Peer> = HashMap::new();
    for (hostname, instance) in &instances {
        by_address.extend(instance.addresses.iter().map(|address| (address.id, instance.as_peer(hostname, address))));
    }
    for instance in instances.values_mut() {
        let items = items.remove(&instance.id).unwrap_or_default().into_iter();
        let peers = items.map(|item| match item {
            PeerItem::Hostname(hostname) => Some(Peer::named(hostname)),
            PeerItem::Address(id) => by_address.get(&id).cloned(),
        });
        instance.peers = peers.collect::<Option<_>>()?;
    }
    Some(LiveMesh { instances, established: BTreeSet::new() })
}
