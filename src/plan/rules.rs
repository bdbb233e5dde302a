//! The server's rules for one request, and what one request an instance cannot do. Each rule stands here once, with its source.

use std::collections::BTreeMap;

use crate::mesh::{Field, LiveInstance, NodeType, Place, Value, fold};

use super::{
    Action, InstanceChange, Reason, Refusal,
    nodes::{Node, Nodes, is_of_installation},
    peers::dials,
};

/// Everything that stands in the way of these changes.
pub(super) fn check(nodes: &Nodes<'_>, changes: &[InstanceChange]) -> Vec<Refusal> {
    let mut refused = Vec::new();
    let mut refuse = |hostname: &str, place, reason| refused.push(Refusal { hostname: hostname.to_owned(), place, reason });
    for node in &nodes.list {
        if let Some(removal) = node.removal {
            let reason = if nodes.is_protected(node.name) { Reason::Protected } else { Reason::Removal };
            refuse(node.name, removal.place(), reason);
        }
        if let (Some(declared), Some(live)) = (node.declared, node.live)
            && !declared.shall_exist()
            && is_of_installation(live)
        {
            refuse(node.name, declared.node_state.place, Reason::NotRemovable(live.node_type.to_string()));
        }
        if let (Some(declared), Some(live)) = (node.wanted(), node.live)
            && live.node_state.is_leaving()
        {
            refuse(node.name, declared.place, Reason::Leaving(live.node_state.as_str().to_owned()));
        }
        if let Some(old) = node.wanted().and_then(|declared| declared.replaces.as_ref())
            && let Some(live) = nodes.get(old.value.as_str()).and_then(|n| n.live).filter(|l| !l.node_state.is_leaving())
        {
            let reason = if is_of_installation(live) {
                Reason::NotRemovable(live.node_type.to_string())
            } else {
                Reason::Rename(old.value.to_string())
            };
            refuse(node.name, old.place, reason);
            // One that goes anyway is refused as such.
            if nodes.is_protected(old.value.as_str()) && nodes.get(old.value.as_str()).is_some_and(|n| n.removal.is_none()) {
                refuse(old.value.as_str(), old.place, Reason::Protected);
            }
        }
    }
    let dialers = dialers_of_closing(nodes, changes);
    for change in changes {
        let Some(node) = nodes.get(&change.hostname) else { continue };
        let mut reasons = one_request(nodes, node, change);
        if let Some(names) = dialers.get(change.hostname.as_str()) {
            reasons.push((change.of(Field::ListenerPort).map(|c| c.place), Reason::ListenerInUse(fold(names).join(", "))));
        }
        for (place, reason) in reasons {
            refuse(&change.hostname, place.unwrap_or(change.place), reason);
        }
    }
    refused
}

/// Why the one request for this instance would not do.
fn one_request(nodes: &Nodes<'_>, node: &Node<'_>, change: &InstanceChange) -> Vec<(Option<Place>, Reason)> {
    let mut found: Vec<(Option<Place>, Reason)> = Vec::new();
    let capabilities = nodes.capabilities;
    if let Some(live) = node.live {
        found.extend(of_live(nodes, live, change));
        found.extend(change.changes.iter().filter_map(|c| {
            let rule = nodes.mesh.settings.ignore.iter().find(|rule| rule.field == c.field && rule.hostname.names(node.name).is_some())?;
            Some((Some(rule.place), Reason::Ignored { field: c.field, until: rule.until.to_string() }))
        }));
    } else if !capabilities.kubernetes {
        // AWX: creates are for controllers on Kubernetes alone.
        found.push((None, Reason::NotKubernetes("create instances")));
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
        found.extend(set.iter().filter(|p| back(&p.hostname)).map(|p| (Some(peers.place), Reason::MutualPeers(p.hostname.clone()))));
    }
    found
}

/// What cannot be changed of an instance that is there.
fn of_live(nodes: &Nodes<'_>, live: &LiveInstance, change: &InstanceChange) -> Vec<(Option<Place>, Reason)> {
    let capabilities = nodes.capabilities;
    let mut found = Vec::new();
    if let Some(port) = live.listener_port
        && capabilities.refuses_low_ports()
        && port < 1024
        // The one change that is accepted, where nobody dials it.
        && change.of(Field::ListenerPort).is_none_or(|c| c.after != Value::Port(None))
    {
        found.push((None, Reason::StoredLowPort(port)));
    }
    for c in &change.changes {
        let reason = match (c.field, &c.after) {
            (Field::Enabled | Field::CapacityAdjustment | Field::ManagedByPolicy, _) => None,
            (field, _) if !matches!(live.node_type, NodeType::Hop | NodeType::Execution) => {
                Some(Reason::ControlPlane { node_type: live.node_type.to_string(), field })
            }
            (field, _) if live.managed => Some(Reason::Managed(field)),
            (Field::NodeType, _) if nodes.is_protected(&change.hostname) => Some(Reason::Protected),
            (Field::NodeType, Value::Type(declared)) => {
                Some(Reason::Replacement { live: live.node_type.to_string(), declared: declared.to_string() })
            }
            (Field::ListenerPort, Value::Port(Some(after))) => {
                // AWX: null to a port and a port to null, never a port to another port.
                live.listener_port.map(|before| Reason::PortChange { before, after: *after })
            }
            (Field::ListenerPort, Value::Port(None)) => {
                // Whether the flag goes with it or stays.
                (capabilities.refuses_listener_and_flag_off_at_once() && live.peers_from_control_nodes).then_some(Reason::FlagAndListener)
            }
            // AWX: links are the installer's business unless the controller runs on Kubernetes.
            (Field::Peers, _) if !capabilities.kubernetes => Some(Reason::NotKubernetes("change peers")),
            (Field::PeersFromControlNodes, Value::Bool(true)) if capabilities.refuses_flag_on() => {
                Some(Reason::NotKubernetes("switch peers_from_control_nodes on"))
            }
            _ => None,
        };
        found.extend(reason.map(|reason| (Some(c.place), reason)));
    }
    found
}

/// Who will still dial an instance whose listener goes, other than by its own declared `peers` (which are refused by themselves).
fn dialers_of_closing<'n>(nodes: &'n Nodes<'_>, changes: &'n [InstanceChange]) -> BTreeMap<&'n str, Vec<&'n str>> {
    let closing =
        |c: &&InstanceChange| c.action == Action::Update && c.of(Field::ListenerPort).is_some_and(|p| p.after == Value::Port(None));
    let mut dialers: BTreeMap<&str, Vec<&str>> = changes.iter().filter(closing).map(|c| (c.hostname.as_str(), Vec::new())).collect();
    if dialers.is_empty() {
        return dialers;
    }
    for node in &nodes.list {
        let control_plane = node.live.is_some_and(|l| l.node_type.is_control_plane());
        let peers_are_declared = node.wanted().is_some_and(|d| d.peers.is_some());
        for peer in node.after.iter().filter(|_| !peers_are_declared).flat_map(|a| a.peers.iter()) {
            // What control nodes dial because of the flag goes with it; what an installer made them dial does not.
            let by_flag = control_plane && nodes.get(&peer.hostname).and_then(|n| n.live).is_some_and(|l| l.peers_from_control_nodes);
            // A link to another address of it does not need the canonical listener.
            let other_address = peer.address.is_some();
            if let Some(names) = dialers.get_mut(peer.hostname.as_str()).filter(|_| !by_flag && !other_address) {
                names.push(node.name);
            }
        }
    }
    dialers.retain(|_, names| !names.is_empty());
    dialers
}
