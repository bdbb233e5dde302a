//! The differences, field by field.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use crate::mesh::{Body, Declared, DeclaredType, Field, Given, LiveInstance, Value};

use super::{
    Action, Change, InstanceChange, Refusal, Summary,
    nodes::{Course, Node, Nodes, Removal},
    spare::manages,
};

/// The instances that are not as declared, by hostname. A field that is not declared is never among their changes, but for the
/// `peers` of an instance whose peer goes over to another one.
pub(super) fn changes(nodes: &Nodes<'_>) -> Vec<InstanceChange> {
    nodes.list.iter().filter_map(|node| change(nodes, node)).collect()
}

fn change(nodes: &Nodes<'_>, node: &Node<'_>) -> Option<InstanceChange> {
    match node.course {
        Course::Absent | Course::Leaving => None,
        Course::Remove(removal) => Some(removed(node, removal)),
        Course::Create => created(node),
        Course::Replace | Course::Renew => made_again(node),
        Course::Stay if node.has_declared_peers() => updated(node),
        Course::Stay => moved(nodes, node).or_else(|| updated(node)),
    }
}

fn removed(node: &Node<'_>, removal: Removal<'_>) -> InstanceChange {
    let why = match removal {
        Removal::Declared(_) => Some("declared with node_state deprovisioning".to_owned()),
        Removal::Owned(item) => Some(format!("not declared, and owns has \"{}\"", item.pattern)),
        Removal::Replaced(new, _) => Some(format!("{new} takes its place")),
    };
    let id = node.live.map(|l| l.id);
    let notes = why.into_iter().collect();
    InstanceChange {
        hostname: node.name.to_owned(),
        id,
        action: Action::Remove,
        changes: Vec::new(),
        place: removal.place(),
        notes,
        held: None,
        reverts: None,
    }
}

fn created(node: &Node<'_>) -> Option<InstanceChange> {
    let declared = node.wanted()?;
    let changes = wanted(node, declared);
    Some(InstanceChange {
        hostname: node.name.to_owned(),
        id: None,
        action: Action::Create,
        changes,
        place: declared.place,
        notes: Vec::new(),
        held: None,
        reverts: None,
    })
}

/// Of one that goes and comes: what will differ.
fn made_again(node: &Node<'_>) -> Option<InstanceChange> {
    let (declared, live) = (node.wanted()?, node.live?);
    let (action, changes, notes) = match node.course {
        Course::Renew => {
            let when = format!("when the one that is {} now is gone", live.node_state.as_str());
            (Action::Create, wanted(node, declared), vec![when])
        }
        _ => (Action::Replace, differing(node, declared, live), Vec::new()),
    };
    Some(InstanceChange {
        hostname: node.name.to_owned(),
        id: Some(live.id),
        action,
        changes,
        place: declared.place,
        notes,
        held: None,
        reverts: None,
    })
}

fn updated(node: &Node<'_>) -> Option<InstanceChange> {
    let (declared, live) = (node.wanted()?, node.live?);
    let changes = differing(node, declared, live);
    if changes.is_empty() {
        return None;
    }
    let mut notes = Vec::new();
    let flag_goes_along = declared.peers_from_control_nodes.is_none()
        && live.peers_from_control_nodes
        && node.after.as_ref().is_some_and(|a| !a.peers_from_control_nodes);
    if flag_goes_along {
        notes.push("peers_from_control_nodes goes with the listener".to_owned());
    }
    let id = Some(live.id);
    Some(InstanceChange {
        hostname: node.name.to_owned(),
        id,
        action: Action::Update,
        changes,
        place: declared.place,
        notes,
        held: None,
        reverts: None,
    })
}

/// An instance whose links nobody declares: one of its peers goes over to what takes its place.
fn moved(nodes: &Nodes<'_>, node: &Node<'_>) -> Option<InstanceChange> {
    let (live, after) = (node.live?, node.after.as_ref()?);
    let taken = live.peers.difference(&after.peers).find_map(|peer| match nodes.get(&peer.hostname)?.removal()? {
        Removal::Replaced(new, place) => Some((new.to_owned(), peer.hostname.clone(), place)),
        Removal::Declared(_) | Removal::Owned(_) => None,
    });
    let (new, old, place) = taken.filter(|_| !node.has_fixed_links())?;
    let peers = Change {
        field: Field::Peers,
        before: Some(Value::Peers(live.peers.clone())),
        after: Value::Peers(after.peers.clone().into_owned()),
        place,
        reverts: None,
    };
    let mut change = updated(node).unwrap_or_else(|| InstanceChange {
        hostname: node.name.to_owned(),
        id: Some(live.id),
        action: Action::Update,
        changes: Vec::new(),
        place,
        notes: Vec::new(),
        held: None,
        reverts: None,
    });
    change.changes.push(peers);
    change.notes.push(format!("{new} takes the place of {old}"));
    Some(change)
}

fn differing(node: &Node<'_>, declared: &Declared, live: &LiveInstance) -> Vec<Change> {
    let differing = wanted(node, declared).into_iter().map(|c| Change { before: Some(live_value(live, c.field)), ..c });
    differing.filter(|c| c.before.as_ref() != Some(&c.after)).collect()
}

/// The fields of a POST.
pub(super) fn body(node: &Node<'_>) -> Body {
    node.wanted().map(|declared| wanted(node, declared)).into_iter().flatten().map(|c| (c.field, c.after)).collect()
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
    let made =
        || (node.live.is_none() || matches!(node.course, Course::Renew)).then_some(Given { value: DeclaredType::default(), place: *place });
    let resolved = node.after.as_ref().filter(|_| !node.unresolved);
    let set = resolved.zip(peers.as_ref()).map(|(after, given)| (after.peers.clone().into_owned(), given.place));
    [
        given(Field::NodeType, node_type.or_else(made), |t| Value::Type(t.into())),
        given(Field::Enabled, *enabled, Value::Bool),
        given(Field::CapacityAdjustment, *capacity_adjustment, |c| Value::Decimal(c.decimal())),
        given(Field::ManagedByPolicy, *managed_by_policy, Value::Bool),
        given(Field::ListenerPort, *listener_port, |p| Value::Port(p.map(|p| i64::from(p.number())))),
        given(Field::PeersFromControlNodes, *peers_from_control_nodes, Value::Bool),
        set.map(|(set, place)| Change { field: Field::Peers, before: None, after: Value::Peers(set), place, reverts: None }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn given<T>(field: Field, given: Option<Given<T>>, value: impl Fn(T) -> Value) -> Option<Change> {
    given.map(|Given { value: after, place }| Change { field, before: None, after: value(after), place, reverts: None })
}

/// What the controller has.
pub(super) fn live_value(live: &LiveInstance, field: Field) -> Value {
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
        replace: doing(Action::Replace),
        left_out: 0,
        spared: 0,
        remove: doing(Action::Remove),
        unchanged: declared().filter(|n| !not_as_declared.contains(n.name)).count(),
        unmanaged: nodes
            .list
            .iter()
            .filter(outside_control_plane)
            .filter(|n| n.declared.is_none() && matches!(n.course, Course::Stay) && !n.left_out)
            .count(),
        unmanaged_fields: nodes.list.iter().map(|node| unmanaged_fields(node).len()).sum(),
    }
}

/// The fields of a declared instance that are not managed although somebody gave them another value than a create does.
pub(super) fn unmanaged_fields(node: &Node<'_>) -> Vec<Field> {
    let (Some(declared), Some(live)) = (node.wanted(), node.live) else { return Vec::new() };
    let fields = Field::ALL.iter().copied().filter(|field| !manages(declared, *field));
    fields.filter(|field| is_odd(&live_value(live, *field), *field)).collect()
}

/// Whether a value is another one than a create gives where nothing is said; of the type nobody would say so.
pub(super) fn is_odd(value: &Value, field: Field) -> bool {
    match value {
        Value::Type(_) | Value::Port(None) => false,
        Value::Bool(value) => *value == (field == Field::PeersFromControlNodes),
        Value::Decimal(value) => *value != Decimal::ONE,
        Value::Port(Some(_)) => true,
        Value::Peers(peers) => !peers.is_empty(),
    }
}
