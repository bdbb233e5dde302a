//! Instances that are expected to have the same, so that one question finds those that have not.

use std::{cmp::Reverse, collections::BTreeMap};

use rust_decimal::Decimal;

use crate::mesh::{Capabilities, Dialect, Expected, NodeType, Traits};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listener {
    pub(super) port: Option<i64>,
    pub(super) peers_from_control_nodes: bool,
}

impl Values {
    fn new(traits: Traits, server: Capabilities, node_type: &NodeType) -> Self {
        let Traits { capacity_adjustment, managed_by_policy, listener_port, peers_from_control_nodes } = traits;
        let listener = Listener { port: listener_port, peers_from_control_nodes };
        Self {
            capacity_adjustment,
            managed_by_policy,
            // AWX 23.8: what the installation made is, and outside Kubernetes it makes all.
            managed: server.dialect == Dialect::Addresses && (node_type.is_control_plane() || !server.kubernetes),
            listener: (server.dialect == Dialect::Hostnames).then_some(listener),
        }
    }
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
    expected: &Expected,
    server: Capabilities,
    nodes: impl Iterator<Item = (&'n str, i64, &'n NodeType)>,
) -> Vec<Class> {
    let mut by_values: BTreeMap<Values, Vec<i64>> = BTreeMap::new();
    for (hostname, id, node_type) in nodes {
        by_values.entry(Values::new(expected.of(hostname, node_type), server, node_type)).or_default().push(id);
    }
    let mut classes: Vec<Class> = by_values.into_iter().map(|(values, ids)| Class { values, ids }).collect();
    // The sort keeps the order of equal ones, so that it is the same each time.
    classes.sort_by_key(|class| Reverse(class.ids.len()));
    let own = classes.iter().take(CLASSES).take_while(|class| class.ids.len() >= ROWS_OF_A_REQUEST).count().max(1);
    let few: Vec<i64> = classes.split_off(own.min(classes.len())).into_iter().flat_map(|class| class.ids).collect();
    if let Some(largest) = classes.first_mut() {
        largest.ids.extend(few);
    }
    for class in &mut classes {
        class.ids.sort_unstable();
    }
    classes
}
