//! The differences, field by field.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use crate::mesh::{Declared, DeclaredType, Field, Given, LiveInstance, Value};

use super::{
    Action, Change, InstanceChange, Refusal, Summary,
    nodes::{Node, Nodes, Removal},
};

/// The instances that are not as declared. A field that is not declared is never among their changes.
pub(super) fn changes(nodes: &Nodes<'_>) -> Vec<InstanceChange> {
    nodes.list.iter().filter_map(change).collect()
}

/// The instances that go.
pub(super) fn removals(nodes: &Nodes<'_>) -> Vec<InstanceChange> {
    let removal = |node: &Node<'_>| {
        let why = node.removal?;
        let owned = match why {
            Removal::Declared(_) => None,
            Removal::Owned(item) => Some(format!("not declared, and owns has \"{}\"", item.pattern)),
        };
        Some(InstanceChange {
            hostname: node.name.to_owned(),
            id: node.live.map(|l| l.id),
            action: Action::Remove,
            changes: Vec::new(),
            place: why.place(),
            notes: owned.into_iter().collect(),
        })
    };
    nodes.list.iter().filter_map(removal).collect()
}

fn change(node: &Node<'_>) -> Option<InstanceChange> {
    let declared = node.wanted()?;
    let wanted = wanted(node, declared);
    let (action, changes): (_, Vec<Change>) = match node.live {
        None => (Action::Create, wanted),
        Some(live) => {
            let differing = wanted.into_iter().map(|c| Change { before: Some(live_value(live, c.field)), ..c });
            (Action::Update, differing.filter(|c| c.before.as_ref() != Some(&c.after)).collect())
        }
    };
    if changes.is_empty() {
        return None;
    }
    let mut notes = Vec::new();
    let flag_goes_along = declared.peers_from_control_nodes.is_none()
        && node.live.is_some_and(|l| l.peers_from_control_nodes)
        && node.after.as_ref().is_some_and(|a| !a.peers_from_control_nodes);
    if flag_goes_along {
        notes.push("peers_from_control_nodes goes with the listener".to_owned());
    }
    Some(InstanceChange { hostname: node.name.to_owned(), id: node.live.map(|l| l.id), action, changes, place: declared.place, notes })
}

/// What the declaration gives, as changes without a before. Destructured in full, so that a new field cannot be forgotten.
fn wanted(node: &Node<'_>, declared: &Declared) -> Vec<Change> {
    let Declared {
        place,
        node_type,
        node_state: _,
        enabled,
        capacity_adjustment,
        managed_by_policy,
        listener_port,
        peers_from_control_nodes,
        peers,
        protect: _,
        replaces: _,
        own_keys: _,
    } = declared;
    // A create says what it makes, also where the type is left to the server's default.
    let made = || node.live.is_none().then_some(Given { value: DeclaredType::default(), place: *place });
    let resolved = node.after.as_ref().filter(|_| !node.unresolved);
    let set = resolved.zip(peers.as_ref()).map(|(after, given)| (after.peers.clone().into_owned(), given.place));
    [
        given(Field::NodeType, node_type.or_else(made), |t| Value::Type(t.into())),
        given(Field::Enabled, *enabled, Value::Bool),
        given(Field::CapacityAdjustment, *capacity_adjustment, |c| Value::Decimal(c.decimal())),
        given(Field::ManagedByPolicy, *managed_by_policy, Value::Bool),
        given(Field::ListenerPort, *listener_port, |p| Value::Port(p.map(|p| i64::from(p.number())))),
        given(Field::PeersFromControlNodes, *peers_from_control_nodes, Value::Bool),
        set.map(|(set, place)| Change { field: Field::Peers, before: None, after: Value::Peers(set), place }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn given<T>(field: Field, given: Option<Given<T>>, value: impl Fn(T) -> Value) -> Option<Change> {
    given.map(|Given { value: after, place }| Change { field, before: None, after: value(after), place })
}

fn live_value(live: &LiveInstance, field: Field) -> Value {
    match field {
        Field::NodeType => Value::Type(live.node_type.clone()),
        Field::Enabled => Value::Bool(live.enabled),
        Field::CapacityAdjustment => Value::Decimal(live.capacity_adjustment),
        Field::ManagedByPolicy => Value::Bool(live.managed_by_policy),
        Field::ListenerPort => Value::Port(live.listener_port),
        Field::PeersFromControlNodes => Value::Bool(live.peers_from_control_nodes),
        Field::Peers => Value::Peers(live.peers.clone()),
    }
}

/// The figures of the summary.
pub(super) fn summary(nodes: &Nodes<'_>, changes: &[InstanceChange], refused: &[Refusal]) -> Summary {
    let outside_control_plane = |node: &&Node<'_>| node.live.is_some_and(|l| !l.node_type.is_control_plane());
    let live = nodes.list.iter().filter(|n| outside_control_plane(n) || n.live.is_some() && n.declared.is_some()).count();
    let not_as_declared: BTreeSet<&str> =
        changes.iter().map(|c| c.hostname.as_str()).chain(refused.iter().map(|r| r.hostname.as_str())).collect();
    let declared = || nodes.list.iter().filter(|n| n.declared.is_some());
    let doing = |action| changes.iter().filter(|c| c.action == action).count();
    Summary {
        declared: declared().count(),
        live,
        create: doing(Action::Create),
        update: doing(Action::Update),
        remove: doing(Action::Remove),
        unchanged: declared().filter(|n| !not_as_declared.contains(n.name)).count(),
        unmanaged: nodes.list.iter().filter(outside_control_plane).filter(|n| n.declared.is_none() && n.removal.is_none()).count(),
        unmanaged_fields: nodes.list.iter().map(unmanaged_fields).sum(),
    }
}

/// How many fields of a declared instance are not managed although somebody gave them another value than a create does.
fn unmanaged_fields(node: &Node<'_>) -> usize {
    let (Some(declared), Some(live)) = (node.wanted(), node.live) else { return 0 };
    [
        declared.enabled.is_none() && !live.enabled,
        declared.capacity_adjustment.is_none() && live.capacity_adjustment != Decimal::ONE,
        declared.managed_by_policy.is_none() && !live.managed_by_policy,
        declared.listener_port.is_none() && live.listener_port.is_some(),
        declared.peers_from_control_nodes.is_none() && live.peers_from_control_nodes,
        declared.peers.is_none() && !live.peers.is_empty(),
    ]
    .into_iter()
    .filter(|odd| *odd)
    .count()
}
