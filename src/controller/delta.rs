//! Reading a mesh at the speed of its differences.
//!
//! AWX: a row of `instances/` takes 15 to 25 ms, since the controller counts jobs for each. The mesh visualizer gives all nodes and
//! links in a fraction of a second, `receptor_addresses/` all listeners, `unified_jobs/` all running jobs. What these lack is asked
//! for only of the rows that differ from what is expected: every other row is then known to have just that.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::future::try_join_all;
use serde_json::Value as Json;

use super::{
    Client, ControllerError,
    among::{among, parts},
    classes::{Class, Listener, Values, classes},
    rows::{PAGE_SIZE, Query},
    wire::{AddressRow, InstanceRow, JobRow, NodeRow, PeerItem, Row, Topology},
};
use crate::mesh::{Dialect, Expected, NodeState, NodeType};

/// The rows of a mesh as a full list would have given them.
pub(super) struct Rows {
    pub(super) instances: Vec<InstanceRow>,
    pub(super) addresses: Vec<AddressRow>,
    pub(super) topology: Topology,
}

impl Client {
    /// All rows, of which only those are listed that differ from what is expected; `None` if what was read does not fit together,
    /// since somebody changed it meanwhile.
    pub(super) async fn delta(&self, expected: &Expected) -> Result<Option<Rows>, ControllerError> {
        let running = [("status__in", "running,waiting".to_owned())];
        let (topology, addresses, jobs) =
            tokio::try_join!(self.visualizer(), self.addresses(), self.matching::<JobRow>("unified_jobs/", &running))?;
        let (Some(addresses), Some(jobs)) = (addresses, jobs) else { return Ok(None) };
        let with_addresses = (self.dialect() == Dialect::Addresses).then_some(addresses.as_slice());
        let Some(picture) = Picture::new(&topology, with_addresses, &jobs) else { return Ok(None) };
        let types: Vec<NodeType> = topology.nodes.iter().map(|node| node.node_type.as_str().into()).collect();
        let nodes = topology.nodes.iter().zip(&types).map(|(node, node_type)| (node.hostname.as_str(), node.id, node_type));
        let classes = classes(expected, self.server.capabilities, nodes);
        let mut all: Vec<i64> = topology.nodes.iter().map(|node| node.id).collect();
        all.sort_unstable();
        let Some(listed) = self.listed(&classes, &picture.unclear, &all).await? else { return Ok(None) };
        // Afterwards: of a row that had gone before it was asked for nothing is known.
        if self.count_up_to(all.last().copied().unwrap_or(0)).await? != all.len() {
            return Ok(None);
        }
        Ok(picture.instances(&classes, listed).map(|instances| Rows { instances, addresses, topology }))
    }

    /// The rows, by id, that have anything else than their class, and those that are unclear; `None` as above.
    async fn listed(&self, classes: &[Class], unclear: &[i64], all: &[i64]) -> Result<Option<HashMap<i64, InstanceRow>>, ControllerError> {
        let mut asked = Vec::new();
        for Class { values, ids } in classes {
            asked.extend(parts(ids, all, usize::MAX).into_iter().map(|part| self.others(other_than(values), part, all)));
        }
        asked.extend(parts(unclear, all, usize::MAX).into_iter().map(|part| self.others(Query::new(), part, all)));
        let rows = try_join_all(asked).await?.into_iter().collect::<Option<Vec<_>>>();
        Ok(rows.map(|rows| rows.into_iter().flatten().map(|row| (row.id, row)).collect()))
    }

    /// How many instances there are that are no newer than this one.
    async fn count_up_to(&self, id: i64) -> Result<usize, ControllerError> {
        let page = self.page::<Json>("instances/", &[("id__lte", id.to_string()), ("page_size", "1".to_owned())]).await?;
        Ok(page.count)
    }

    /// The rows of a part of all ids that meet a filter; `None` as above.
    async fn others(&self, filter: Query, part: &[i64], all: &[i64]) -> Result<Option<Vec<InstanceRow>>, ControllerError> {
        let filters = |part: &[i64]| [among(part, all), filter.clone()].concat();
        let first = self.matching_after::<InstanceRow>("instances/", &filters(part), None).await?;
        let mut rows = first.results;
        let (true, Some(last)) = (first.next.is_some(), rows.last().map(Row::id)) else {
            return Ok((first.count == rows.len()).then_some(rows));
        };
        // So many differ that they are asked for as a full list is: pages that fit, beside each other.
        let rest = part.get(part.partition_point(|id| *id <= last)..).unwrap_or_default();
        let filters: Vec<Query> = parts(rest, all, PAGE_SIZE).into_iter().map(filters).collect();
        let pages = try_join_all(filters.iter().map(|filters| self.matching("instances/", filters))).await?;
        let Some(pages) = pages.into_iter().collect::<Option<Vec<Vec<InstanceRow>>>>() else { return Ok(None) };
        rows.extend(pages.into_iter().flatten());
        Ok(Some(rows))
    }
}

/// The filters for rows that have anything else than these values. AWX: what begins with `or__` are alternatives,
/// and the rest has to hold beside them; null is other than any port.
fn other_than(values: &Values) -> Query {
    let Values { capacity_adjustment, managed_by_policy, managed, listener } = values;
    let mut query = vec![
        ("or__not__capacity_adjustment", capacity_adjustment.to_string()),
        ("or__not__managed_by_policy", managed_by_policy.to_string()),
    ];
    match listener {
        // AWX 23.8: `managed` came with the addresses that the listeners went to.
        None => query.push(("or__not__managed", managed.to_string())),
        Some(Listener { port, peers_from_control_nodes }) => {
            query.push(("or__not__peers_from_control_nodes", peers_from_control_nodes.to_string()));
            query.push(match port {
                Some(port) => ("or__not__listener_port", port.to_string()),
                None => ("or__listener_port__isnull", "false".to_owned()),
            });
        }
    }
    query
}

/// What the quick lists tell, by instance.
struct Picture<'r> {
    nodes: &'r [NodeRow],
    /// What each dials, in the server's dialect.
    peers: HashMap<i64, BTreeSet<PeerItem>>,
    /// How each listens that does, where the addresses tell it and not the rows: by its canonical address. AWX lets there be several,
    /// of which the row shows any one.
    listeners: Option<HashMap<i64, Vec<Listener>>>,
    /// The instances of which the addresses do not tell how they listen, ascending.
    unclear: Vec<i64>,
    jobs: BTreeMap<&'r str, i64>,
}

impl<'r> Picture<'r> {
    /// Puts the lists together; `None` if they do not fit.
    fn new(topology: &'r Topology, addresses: Option<&[AddressRow]>, jobs: &'r [JobRow]) -> Option<Self> {
        let ids: HashMap<&str, i64> = topology.nodes.iter().map(|node| (node.hostname.as_str(), node.id)).collect();
        let known: BTreeSet<i64> = ids.values().copied().collect();
        let owners: HashMap<i64, i64> = addresses.unwrap_or_default().iter().map(|address| (address.id, address.instance)).collect();
        if !owners.values().all(|id| known.contains(id)) {
            return None;
        }
        let mut peers: HashMap<i64, BTreeSet<PeerItem>> = HashMap::new();
        for link in &topology.links {
            let (source, target) = (*ids.get(link.source.as_str())?, *ids.get(link.target.as_str())?);
            let item = match link.related.address() {
                Some(address) if owners.get(&address) != Some(&target) => return None,
                Some(address) => PeerItem::Address(address),
                None if addresses.is_some() => return None,
                None => PeerItem::Hostname(link.target.clone()),
            };
            peers.entry(source).or_default().insert(item);
        }
        let listeners = addresses.map(|addresses| {
            let mut listeners: HashMap<i64, Vec<Listener>> = HashMap::new();
            for address in addresses.iter().filter(|address| address.canonical) {
                let listener = Listener { port: Some(address.port), peers_from_control_nodes: address.peers_from_control_nodes };
                listeners.entry(address.instance).or_default().push(listener);
            }
            listeners
        });
        let mut running = BTreeMap::new();
        for hostname in jobs.iter().filter_map(|job| job.execution_node.as_deref()) {
            *running.entry(hostname).or_default() += 1;
        }
        let several = listeners.iter().flatten().filter(|(_, listeners)| listeners.len() > 1);
        let mut unclear: Vec<i64> = several.map(|(id, _)| *id).collect();
        unclear.sort_unstable();
        Some(Self { nodes: &topology.nodes, peers, listeners, unclear, jobs: running })
    }

    /// The rows of all instances: those that were listed, and for the others what their class is known to have. `None` if the
    /// listed ones tell another story.
    fn instances(mut self, classes: &[Class], mut listed: HashMap<i64, InstanceRow>) -> Option<Vec<InstanceRow>> {
        if !self.unclear.iter().all(|id| listed.contains_key(id)) {
            return None;
        }
        let values: HashMap<i64, Values> = classes.iter().flat_map(|class| class.ids.iter().map(|id| (*id, class.values))).collect();
        self.nodes
            .iter()
            .map(|node| {
                let peers = self.peers.remove(&node.id).unwrap_or_default();
                match listed.remove(&node.id) {
                    Some(row) => self.agrees(node, &peers, &row).then_some(row),
                    None => Some(self.row(node, peers, *values.get(&node.id)?)),
                }
            })
            .collect()
    }

    /// The row of an instance that has what was expected.
    fn row(&self, node: &NodeRow, peers: BTreeSet<PeerItem>, values: Values) -> InstanceRow {
        let NodeRow { id, hostname, node_type, node_state, enabled } = node;
        let Values { capacity_adjustment, managed_by_policy, managed, listener } = values;
        let listener = listener.or_else(|| self.listeners.as_ref()?.get(id)?.first().copied());
        InstanceRow {
            id: *id,
            hostname: hostname.clone(),
            node_type: node_type.clone(),
            node_state: node_state.clone(),
            enabled: *enabled,
            capacity_adjustment,
            managed_by_policy,
            listener_port: listener.and_then(|listener| listener.port),
            peers_from_control_nodes: listener.is_some_and(|listener| listener.peers_from_control_nodes),
            managed,
            jobs_running: self.jobs.get(hostname.as_str()).copied().unwrap_or(0),
            peers: Some(peers.into_iter().collect()),
        }
    }

    /// Whether a listed row is as the quick lists have it. The state moves by itself, but for whether it is one of leaving.
    fn agrees(&self, node: &NodeRow, peers: &BTreeSet<PeerItem>, row: &InstanceRow) -> bool {
        let is_leaving = |state: &str| NodeState::from(state).is_leaving();
        let shown = Listener { port: row.listener_port, peers_from_control_nodes: row.peers_from_control_nodes };
        let listens = |listeners: &HashMap<i64, Vec<Listener>>| match listeners.get(&node.id) {
            Some(listeners) => listeners.contains(&shown),
            None => shown == Listener::default(),
        };
        (row.hostname == node.hostname)
            && (row.node_type == node.node_type)
            && (row.enabled == node.enabled)
            && (is_leaving(&row.node_state) == is_leaving(&node.node_state))
            && row.peers.as_ref().is_some_and(|items| items.len() == peers.len() && items.iter().all(|item| peers.contains(item)))
            && self.listeners.as_ref().is_none_or(listens)
    }
}
