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
                Dialect::Hostnames => Some(Vec::new()),
                Dialect::Addresses => self.list::<AddressRow>("receptor_addresses/", |row| row.id).await?,
            };
            let Some(addresses) = addresses else { continue };
            if instances.iter().any(|row| row.peers.is_none()) {
                return Err(ControllerError::NoPeers { version: self.server.version.clone() });
            }
            if let Some(live) = assemble(instances, addresses) {
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
    let hostnames: HashMap<i64, String> = rows.iter().map(|row| (row.id, row.hostname.clone())).collect();
    let mut by_instance: HashMap<i64, Vec<LiveAddress>> = HashMap::new();
    let mut owners: HashMap<i64, i64> = HashMap::new();
    for AddressRow { id, address, port, is_internal, canonical, instance } in addresses {
        owners.insert(id, instance);
        by_instance.entry(instance).or_default().push(LiveAddress { id, host: address, port, is_internal, canonical });
    }
    let mut items: HashMap<i64, Vec<PeerItem>> = HashMap::new();
    let mut instances = BTreeMap::new();
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
            peers: BTreeSet::new(),
            addresses: by_instance.remove(&id).unwrap_or_default(),
        };
        instances.insert(hostname, instance);
    }
    let live = LiveMesh { instances };
    let mut peers_of: HashMap<i64, BTreeSet<Peer>> = HashMap::new();
    for instance in live.instances.values() {
        let named = items.remove(&instance.id).unwrap_or_default().into_iter();
        let peers: Option<BTreeSet<Peer>> = named
            .map(|item| match item {
                PeerItem::Hostname(hostname) => Some(Peer::named(hostname)),
                PeerItem::Address(id) => peer_at(&live, hostnames.get(owners.get(&id)?)?, id),
            })
            .collect();
        peers_of.insert(instance.id, peers?);
    }
    let mut live = live;
    for instance in live.instances.values_mut() {
        instance.peers = peers_of.remove(&instance.id).unwrap_or_default();
    }
    Some(live)
}

/// The peer that an address is.
fn peer_at(live: &LiveMesh, hostname: &str, id: i64) -> Option<Peer> {
    let instance = live.instances.get(hostname)?;
    let address = instance.addresses.iter().find(|a| a.id == id)?;
    let named = instance.default_address().is_some_and(|a| a.id == id);
    Some(Peer { hostname: hostname.to_owned(), address: (!named).then(|| address.host_port()) })
}
