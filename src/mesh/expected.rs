//! What the instances of a controller are expected to have. Nothing rests on it but how many rows have to be read: each that has
//! anything else is asked for.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Declared, DeclaredMesh, Given, ListenerPort, LiveInstance, LiveMesh, NodeType};

/// What is expected of an instance, as far as it takes its row to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Traits {
    /// `capacity_adjustment`, with the two places that a server gives it.
    pub capacity_adjustment: Decimal,
    /// `managed_by_policy`.
    pub managed_by_policy: bool,
    /// `listener_port`.
    pub listener_port: Option<i64>,
    /// `peers_from_control_nodes`.
    pub peers_from_control_nodes: bool,
}

/// What a server makes where nothing is given.
impl Default for Traits {
    fn default() -> Self {
        Self { capacity_adjustment: Decimal::new(100, 2), managed_by_policy: true, listener_port: None, peers_from_control_nodes: false }
    }
}

/// What is expected of all instances of a controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// What is usual, by type.
    usual: BTreeMap<NodeType, Traits>,
    /// What else some of them have, by hostname.
    others: BTreeMap<String, Traits>,
}

impl Expected {
    /// What is declared; of a field that is not, the commonest value for the type. Of an instance that is not declared at all, what a
    /// server makes where nothing is given.
    pub fn declared(mesh: &DeclaredMesh) -> Self {
        let node_type = |declared: &Declared| NodeType::from(declared.node_type.map(|given| given.value).unwrap_or_default());
        let mut by_type: BTreeMap<NodeType, Vec<&Declared>> = BTreeMap::new();
        for declared in mesh.instances.values() {
            by_type.entry(node_type(declared)).or_default().push(declared);
        }
        let usual: BTreeMap<NodeType, Traits> = by_type.into_iter().map(|(node_type, declared)| (node_type, usual_of(&declared))).collect();
        let own = |declared: &Declared| declared_traits(declared, usual.get(&node_type(declared)).copied().unwrap_or_default());
        let others = mesh.instances.iter().map(|(name, declared)| (name.as_str().to_owned(), own(declared)));
        Self { usual: BTreeMap::new(), others: others.filter(|(_, own)| *own != Traits::default()).collect() }
    }

    /// What was there before.
    pub fn seen(live: &LiveMesh) -> Self {
        let mut by_type: BTreeMap<&NodeType, Vec<Traits>> = BTreeMap::new();
        for instance in live.instances.values() {
            by_type.entry(&instance.node_type).or_default().push(traits(instance));
        }
        let usual: BTreeMap<NodeType, Traits> =
            by_type.into_iter().filter_map(|(node_type, all)| Some((node_type.clone(), commonest(all.into_iter())?))).collect();
        let others = live.instances.iter().filter(|(_, instance)| usual.get(&instance.node_type) != Some(&traits(instance)));
        let others = others.map(|(name, instance)| (name.clone(), traits(instance))).collect();
        Self { usual, others }
    }

    /// What is expected of an instance.
    pub fn of(&self, hostname: &str, node_type: &NodeType) -> Traits {
        self.others.get(hostname).or_else(|| self.usual.get(node_type)).copied().unwrap_or_default()
    }
}

fn traits(instance: &LiveInstance) -> Traits {
    Traits {
        capacity_adjustment: two_places(instance.capacity_adjustment),
        managed_by_policy: instance.managed_by_policy,
        listener_port: instance.listener_port,
        peers_from_control_nodes: instance.peers_from_control_nodes,
    }
}

/// What an instance has, as far as it is declared; else what is usual.
fn declared_traits(declared: &Declared, usual: Traits) -> Traits {
    Traits {
        capacity_adjustment: declared.capacity_adjustment.map_or(usual.capacity_adjustment, |given| two_places(given.value.decimal())),
        managed_by_policy: declared.managed_by_policy.map_or(usual.managed_by_policy, |given| given.value),
        listener_port: declared.listener_port.map_or(usual.listener_port, number),
        peers_from_control_nodes: declared.peers_from_control_nodes.map_or(usual.peers_from_control_nodes, |given| given.value),
    }
}

/// What is declared most often, field by field.
fn usual_of(declared: &[&Declared]) -> Traits {
    let default = Traits::default();
    let all = || declared.iter();
    Traits {
        capacity_adjustment: commonest(all().filter_map(|d| d.capacity_adjustment.map(|given| two_places(given.value.decimal()))))
            .unwrap_or(default.capacity_adjustment),
        managed_by_policy: commonest(all().filter_map(|d| d.managed_by_policy.map(|given| given.value)))
            .unwrap_or(default.managed_by_policy),
        listener_port: commonest(all().filter_map(|d| d.listener_port.map(number))).flatten(),
        peers_from_control_nodes: commonest(all().filter_map(|d| d.peers_from_control_nodes.map(|given| given.value)))
            .unwrap_or(default.peers_from_control_nodes),
    }
}

fn number(given: Given<Option<ListenerPort>>) -> Option<i64> {
    given.value.map(|port| port.number().into())
}

/// As the server writes it, so that what is read is the same whether its row was listed or not.
fn two_places(mut value: Decimal) -> Decimal {
    value.rescale(2);
    value
}

fn commonest<T: Ord>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(value, _)| value)
}
