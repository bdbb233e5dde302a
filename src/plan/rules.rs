//! What the server refuses whatever the order, and what has no way through its API. Each rule stands here once, with its source.

use std::collections::{BTreeMap, BTreeSet};

use crate::mesh::{Field, LiveInstance, NodeType, Peer, Place, Value, fold};

use super::{
    Change, InstanceChange, Reason, Refusal,
    diff::unmanaged_fields,
    nodes::{Course, Node, Nodes, is_of_installation},
    peers::dials,
};

/// Everything that stands in the way of these changes.
pub(super) fn check(nodes: &Nodes<'_>, changes: &[InstanceChange]) -> Vec<Refusal> {
    let mut refused = Vec::new();
    let mut refuse = |hostname: &str, place, reason| refused.push(Refusal { hostname: hostname.to_owned(), place, reason });
    for node in &nodes.list {
        for (place, reason) in of_existence(nodes, node) {
            refuse(node.name, place, reason);
        }
    }
    for (node, place, peer) in mutual_bodies(nodes, changes) {
        refuse(node, place, Reason::MutualPeers(peer));
    }
    let in_use = in_use(nodes);
    for change in changes {
        let Some(node) = nodes.get(&change.hostname) else { continue };
        let mut reasons = of_change(nodes, node, change, changes);
        if let Some(names) = in_use.get(change.hostname.as_str()) {
            reasons.push((change.of(Field::ListenerPort).map(|c| c.place), Reason::ListenerInUse(fold(names).join(", "))));
        }
        for (place, reason) in reasons {
            refuse(&change.hostname, place.unwrap_or(change.place), reason);
        }
    }
    refused
}

/// AWX 23.8 and later: a link that is set again takes the whole set of its owner along, and with it one that is dialled back since
/// before. Found for owners whose own peers do not change.
fn mutual_bodies<'n>(nodes: &'n Nodes<'_>, changes: &[InstanceChange]) -> Vec<(&'n str, Place, String)> {
    if !nodes.capabilities.refuses_mutual_peers() || !nodes.list.iter().any(Node::comes_back) {
        return Vec::new();
    }
    let own: BTreeSet<&str> = changes.iter().filter(|c| c.of(Field::Peers).is_some()).map(|c| c.hostname.as_str()).collect();
    let places: BTreeMap<&str, Place> = changes.iter().map(|c| (c.hostname.as_str(), c.place)).collect();
    let mut found = Vec::new();
    for node in nodes.list.iter().filter(|node| !node.has_fixed_links() && !node.comes_back() && !own.contains(node.name)) {
        let peers = || node.after.iter().flat_map(|after| after.peers.iter());
        let again = peers().find(|peer| nodes.get(&peer.hostname).is_some_and(Node::comes_back));
        let back =
            |peer: &&Peer| nodes.get(&peer.hostname).and_then(|far| far.after.as_ref()).is_some_and(|far| dials(&far.peers, node.name));
        if let (Some(again), Some(mutual)) = (again, peers().find(back)) {
            let place = places.get(again.hostname.as_str()).copied();
            found.extend(place.map(|place| (node.name, place, mutual.hostname.clone())));
        }
    }
    found
}

/// What must not go.
fn of_existence(nodes: &Nodes<'_>, node: &Node<'_>) -> Vec<(Place, Reason)> {
    let mut found = Vec::new();
    if let Some(removal) = node.removal() {
        if nodes.is_protected(node.name) {
            found.push((removal.place(), Reason::Protected));
        }
        if nodes.capabilities.refuses_installing() {
            // AWX: states are changed by whoever installs it unless the controller runs on Kubernetes.
            found.push((removal.place(), Reason::NotKubernetes("remove instances")));
        }
    }
    let belongs = |live: &&LiveInstance| is_of_installation(live, nodes.capabilities);
    if let (Some(declared), Some(live)) = (node.declared, node.live.filter(belongs))
        && !declared.shall_exist()
        && !node.left_out
    {
        found.push((declared.node_state.place, Reason::NotRemovable(live.node_type.to_string())));
    }
    if let Some(old) = node.wanted().and_then(|declared| declared.replaces.as_ref())
        && let Some(live) = nodes.get(old.value.as_str()).and_then(|n| n.live).filter(belongs)
    {
        found.push((old.place, Reason::NotRemovable(live.node_type.to_string())));
    }
    found
}

/// Why an instance cannot become what it shall be.
fn of_change(nodes: &Nodes<'_>, node: &Node<'_>, change: &InstanceChange, changes: &[InstanceChange]) -> Vec<(Option<Place>, Reason)> {
    let mut found: Vec<(Option<Place>, Reason)> = Vec::new();
    let capabilities = nodes.capabilities;
    if let Some(live) = node.live {
        found.extend(of_live(nodes, node, live, change));
    }
    if matches!(node.course, Course::Create | Course::Replace | Course::Renew) && capabilities.refuses_installing() {
        // AWX: creates are for controllers on Kubernetes alone.
        found.push((None, Reason::NotKubernetes("create instances")));
    }
    if !capabilities.has_peers() {
        found.extend(change.changes.iter().filter_map(not_in_api));
        found.extend(node.changed_port().map(|_| (change.of(Field::ListenerPort).map(|c| c.place), Reason::AlwaysListens)));
    }
    let port = change.of(Field::ListenerPort);
    if let Some(Value::Port(Some(number))) = port.map(|c| &c.after)
        && capabilities.refuses_low_ports()
        && *number < 1024
    {
        found.push((port.map(|c| c.place), Reason::LowPort(*number)));
    }
    if let Some(after) = &node.after
        && after.peers_from_control_nodes
        && after.listener_port.is_none()
    {
        let place = change.of(Field::PeersFromControlNodes).or(port).map(|c| c.place);
        found.push((place, Reason::FlagWithoutListener));
    }
    if capabilities.refuses_mutual_peers()
        && let Some(peers) = change.of(Field::Peers)
        && let Value::Peers(set) = &peers.after
    {
        let back = |name: &str| nodes.get(name).and_then(|n| n.after.as_ref()).is_some_and(|a| dials(&a.peers, node.name));
        // Of two that would both have to change it is said once.
        let said = |name: &str| name < node.name && changes.iter().any(|c| c.hostname == name && c.of(Field::Peers).is_some());
        let mutual = set.iter().filter(|p| back(&p.hostname) && !said(&p.hostname));
        found.extend(mutual.map(|p| (Some(peers.place), Reason::MutualPeers(p.hostname.clone()))));
    }
    found
}

/// What AWX before 23.0 cannot be told.
fn not_in_api(change: &Change) -> Option<(Option<Place>, Reason)> {
    let reason = match &change.after {
        Value::Peers(peers) if !peers.is_empty() => Reason::NotInApi(Field::Peers),
        Value::Bool(true) if change.field == Field::PeersFromControlNodes => Reason::NotInApi(change.field),
        Value::Port(None) => Reason::AlwaysListens,
        _ => return None,
    };
    Some((Some(change.place), reason))
}

/// What cannot be changed of an instance that is there.
fn of_live(nodes: &Nodes<'_>, node: &Node<'_>, live: &LiveInstance, change: &InstanceChange) -> Vec<(Option<Place>, Reason)> {
    let capabilities = nodes.capabilities;
    let mut found = Vec::new();
    if capabilities.refuses_low_ports() && node.has_low_port() {
        let keeps_port = matches!(node.course, Course::Stay) && node.after.as_ref().is_some_and(|a| a.listener_port == live.listener_port);
        let dialled = !matches!(node.course, Course::Stay) && nodes.list.iter().any(|other| keeps_dialling(other, node));
        let is_refused = if capabilities.changes_low_ports() {
            keeps_port && change.changes.iter().any(|c| c.field.is_scalar())
        } else {
            // The only change that is accepted sets the port to null, where neither control nodes nor others dial it.
            keeps_port || live.peers_from_control_nodes || dialled
        };
        if is_refused {
            found.push((None, Reason::StoredLowPort(live.listener_port.unwrap_or_default())));
        }
    }
    if capabilities.refuses_installing() && node.changed_port().is_some() && nodes.list.iter().any(|other| keeps_dialling(other, node)) {
        found.push((change.of(Field::ListenerPort).map(|c| c.place), Reason::NotKubernetes("set the links to it again")));
    }
    if capabilities.refuses_installing() && node.changed_port().is_some() && live.peers_from_control_nodes && capabilities.refuses_flag_on()
    {
        let place = change.of(Field::ListenerPort).map(|c| c.place);
        found.push((place, Reason::NotKubernetes("switch peers_from_control_nodes on")));
    }
    if capabilities.refuses_mutual_peers() && (node.comes_back() || node.is_made_anew()) {
        // Of two that dial each other since before AWX 23.8 neither link can be set again.
        let back = |name: &str| nodes.get(name).and_then(|n| n.after.as_ref()).is_some_and(|after| dials(&after.peers, node.name));
        // Within one step it is set again before anything is let go.
        let now = node.is_made_anew().then_some(&live.peers).into_iter().flatten();
        let dialled: BTreeSet<&Peer> = node.after.iter().flat_map(|after| after.peers.iter()).chain(now).collect();
        let mutual = dialled.into_iter().filter(|peer| back(&peer.hostname));
        found.extend(mutual.map(|peer| (None, Reason::MutualPeers(peer.hostname.clone()))));
    }
    let undeclared = unmanaged_fields(node);
    if node.is_made_again() && !node.is_going() && !undeclared.is_empty() {
        let names: Vec<&str> = undeclared.into_iter().map(Field::name).collect();
        found.push((change.of(Field::NodeType).map(|c| c.place), Reason::Undeclared(names.join(", "))));
    }
    for c in &change.changes {
        let reason = match (c.field, &c.after) {
            (Field::Enabled | Field::CapacityAdjustment | Field::ManagedByPolicy, _) => None,
            (field, _) if !matches!(live.node_type, NodeType::Hop | NodeType::Execution) => {
                Some(Reason::ControlPlane { node_type: live.node_type.to_string(), field })
            }
            (field, _) if live.managed && capabilities.refuses_managed() => Some(Reason::Managed(field)),
            (Field::NodeType, _) if nodes.is_protected(&change.hostname) && matches!(node.course, Course::Replace) => {
                Some(Reason::Protected)
            }
            // AWX: links are the installer's business unless the controller runs on Kubernetes.
            (Field::Peers, _) if capabilities.refuses_installing() => Some(Reason::NotKubernetes("change peers")),
            (Field::PeersFromControlNodes, Value::Bool(true)) if capabilities.refuses_flag_on() => {
                Some(Reason::NotKubernetes("switch peers_from_control_nodes on"))
            }
            _ => None,
        };
        found.extend(reason.map(|reason| (Some(c.place), reason)));
    }
    found
}

/// Whether an instance dials another one now, and goes on with it until that closes or goes.
fn keeps_dialling(other: &Node<'_>, node: &Node<'_>) -> bool {
    let now = other.live.is_some_and(|live| dials(&live.peers, node.name));
    now && other.after.is_some()
        && (!other.has_declared_peers() || other.after.as_ref().is_some_and(|after| dials(&after.peers, node.name)))
}

/// Who dials an instance whose listener goes, and cannot be changed or is not declared to let go. (What is declared to dial what
/// does not listen is refused by itself.)
fn in_use<'n>(nodes: &'n Nodes<'_>) -> BTreeMap<&'n str, Vec<&'n str>> {
    let closes = |node: &Node<'_>| {
        let listened = node.live.is_some_and(|live| live.listener_port.is_some());
        let stays = matches!(node.course, Course::Stay) || node.is_made_again();
        stays && listened && node.after.as_ref().is_some_and(|after| after.listener_port.is_none())
    };
    let mut dialers: BTreeMap<&str, Vec<&str>> =
        nodes.list.iter().filter(|node| closes(node) || node.comes_back()).map(|node| (node.name, Vec::new())).collect();
    if dialers.is_empty() {
        return dialers;
    }
    for node in nodes.list.iter().filter(|node| !node.has_declared_peers()) {
        for peer in node.after.iter().flat_map(|after| after.peers.iter()) {
            let Some(far) = nodes.get(&peer.hostname) else { continue };
            // What control nodes dial because of the flag goes and comes with it; what an installer made them dial does not.
            let by_flag = node.is_control_plane() && far.live.is_some_and(|l| l.peers_from_control_nodes);
            // A link to another address of it does not need the canonical listener.
            let other_address = peer.address.is_some() && !far.is_made_again();
            let stays = closes(far) || node.has_fixed_links();
            if let Some(names) = dialers.get_mut(far.name).filter(|_| stays && !by_flag && !other_address) {
                names.push(node.name);
            }
        }
    }
    dialers.retain(|_, names| !names.is_empty());
    dialers
}
