//! What the instances of a declared mesh are expected to have on the controller. Nothing rests on it but how many rows are read:
//! each row that has anything else is asked for.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::mesh::{Capabilities, Declared, DeclaredMesh, Dialect, Given, ListenerPort, NodeType};

/// What the mesh visualizer does not tell of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Values {
    pub(super) capacity_adjustment: Decimal,
    pub(super) managed_by_policy: bool,
    /// AWX 23.8 and later; before them no instance is.
    pub(super) managed: bool,
    /// AWX 23.0 to 23.7: the listener. Later it is in the receptor addresses.
    pub(super) listener: Option<Listener>,
}

/// How an instance listens, where that is in its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listener {
    pub(super) port: Option<i64>,
    pub(super) peers_from_control_nodes: bool,
}

/// Instances that are expected to have the same.
pub(super) struct Class {
    pub(super) values: Values,
    /// Their ids, ascending.
    pub(super) ids: Vec<i64>,
}

/// A class costs a request, which costs about as much as so many rows.
const ROWS_OF_A_REQUEST: usize = 20;

/// The most classes.
const CLASSES: usize = 6;

/// Divides instances, given with their hostname, id and type, into classes. What is too few for a class of its own is in the
/// largest one, whatever it is expected to have.
pub(super) fn classes<'n>(
    mesh: &DeclaredMesh,
    server: Capabilities,
    nodes: impl Iterator<Item = (&'n str, i64, &'n NodeType)>,
) -> Vec<Class> {
    let mut usual: BTreeMap<NodeType, Values> = BTreeMap::new();
    let mut by_values: BTreeMap<Values, Vec<i64>> = BTreeMap::new();
    for (hostname, id, node_type) in nodes {
        let values = match usual.get(node_type) {
            Some(values) => *values,
            None => *usual.entry(node_type.clone()).or_insert(usual_values(mesh, server, node_type)),
        };
        let values = mesh.instances.get(hostname).map_or(values, |declared| declared_values(declared, values));
        by_values.entry(values).or_default().push(id);
    }
    let mut classes: Vec<Class> = by_values.into_iter().map(|(values, ids)| Class { values, ids }).collect();
    // The sort keeps the order of equal ones, so that it is the same each time.
    classes.sort_by_key(|class| std::cmp::Reverse(class.ids.len()));
    let mut count = 0;
    let few = classes.extract_if(1.min(classes.len()).., |class| {
        count += 1;
        class.ids.len() < ROWS_OF_A_REQUEST || count >= CLASSES
    });
    let few: Vec<i64> = few.flat_map(|class| class.ids).collect();
    if let Some(largest) = classes.first_mut() {
        largest.ids.extend(few);
    }
    for class in &mut classes {
        class.ids.sort_unstable();
    }
    classes
}

/// What an instance has, as far as it is declared; else what is usual.
fn declared_values(declared: &Declared, usual: Values) -> Values {
    let listener = |usual: Listener| Listener {
        port: declared.listener_port.map_or(usual.port, number),
        peers_from_control_nodes: declared.peers_from_control_nodes.map_or(usual.peers_from_control_nodes, |given| given.value),
    };
    Values {
        capacity_adjustment: declared.capacity_adjustment.map_or(usual.capacity_adjustment, |given| two_places(given.value.decimal())),
        managed_by_policy: declared.managed_by_policy.map_or(usual.managed_by_policy, |given| given.value),
        managed: usual.managed,
        listener: usual.listener.map(listener),
    }
}

/// What is declared most often for a type; else the server's default.
fn usual_values(mesh: &DeclaredMesh, server: Capabilities, node_type: &NodeType) -> Values {
    let of_type = |declared: &&Declared| NodeType::from(declared.node_type.map(|given| given.value).unwrap_or_default()) == *node_type;
    let declared: Vec<&Declared> = mesh.instances.values().filter(of_type).collect();
    let listener = || Listener {
        port: commonest(&declared, |d| d.listener_port.map(number)).flatten(),
        peers_from_control_nodes: commonest(&declared, |d| d.peers_from_control_nodes.map(|given| given.value)).unwrap_or(false),
    };
    let capacity = commonest(&declared, |d| d.capacity_adjustment.map(|given| given.value.decimal()));
    Values {
        capacity_adjustment: two_places(capacity.unwrap_or(Decimal::ONE)),
        managed_by_policy: commonest(&declared, |d| d.managed_by_policy.map(|given| given.value)).unwrap_or(true),
        // AWX 23.8: what the installation made is, and outside Kubernetes it makes all.
        managed: server.dialect == Dialect::Addresses && (node_type.is_control_plane() || !server.kubernetes),
        listener: (server.dialect == Dialect::Hostnames).then(listener),
    }
}

fn number(given: Given<Option<ListenerPort>>) -> Option<i64> {
    given.value.map(|port| port.number().into())
}

fn commonest<T: Ord>(declared: &[&Declared], value: impl Fn(&Declared) -> Option<T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for value in declared.iter().filter_map(|declared| value(declared)) {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(value, _)| value)
}

/// As the server writes it, so that what is read is the same whether its row was listed or not.
fn two_places(mut value: Decimal) -> Decimal {
    value.rescale(2);
    value
}
