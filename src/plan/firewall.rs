//! Which connections a firewall has to let through after an apply, and which no longer.

use std::collections::BTreeSet;

use super::nodes::{Course, Node, Nodes};
use crate::mesh::{LiveAddress, Peer};

/// A connection that one node opens to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// What is dialled: a hostname or an address.
    pub target: String,
    /// On which port.
    pub port: i64,
    /// `tcp`, `ws` or `wss`; all of them run over TCP.
    pub protocol: String,
    /// Who dials; none for the control nodes.
    pub source: Option<String>,
}

/// What is to be opened, and what can be closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firewall {
    /// New connections.
    pub open: Vec<Rule>,
    /// Connections that end.
    pub close: Vec<Rule>,
}

/// The difference between the connections of the two meshes.
pub(super) fn firewall(nodes: &Nodes<'_>, changed: impl Fn(&str) -> bool) -> Firewall {
    // Only of what changes, and of what dials that: the rest is the same on both sides.
    let concerns = |node: &Node<'_>, peer: &Peer| changed(node.name) || changed(&peer.hostname);
    let mut before = BTreeSet::new();
    let mut after = BTreeSet::new();
    for node in nodes.list.iter().filter(|node| !node.is_control_plane()) {
        let live = node.live.filter(|_| !matches!(node.course, Course::Leaving));
        for peer in live.iter().flat_map(|live| &live.peers).filter(|peer| concerns(node, peer)) {
            before.extend(rule(nodes, node.name, peer, |far| far.live?.listener_port));
        }
        for peer in node.after.iter().flat_map(|after| after.peers.iter()).filter(|peer| concerns(node, peer)) {
            after.extend(rule(nodes, node.name, peer, |far| far.after.as_ref()?.listener_port));
        }
        if !changed(node.name) {
            continue;
        }
        let control = |port| Rule { target: node.name.to_owned(), port, protocol: "tcp".to_owned(), source: None };
        before.extend(live.filter(|live| live.peers_from_control_nodes).and_then(|live| live.listener_port).map(control));
        after.extend(node.after.as_ref().filter(|after| after.peers_from_control_nodes).and_then(|a| a.listener_port).map(control));
    }
    Firewall { open: after.difference(&before).cloned().collect(), close: before.difference(&after).cloned().collect() }
}

/// The connection to a peer, on one of the two sides.
fn rule(nodes: &Nodes<'_>, source: &str, peer: &Peer, port: impl Fn(&Node<'_>) -> Option<i64>) -> Option<Rule> {
    let far = nodes.get(&peer.hostname)?;
    let source = Some(source.to_owned());
    let other = |address: &LiveAddress| Rule {
        target: address.host.clone(),
        port: address.port,
        protocol: address.protocol.clone(),
        source: source.clone(),
    };
    let mut addresses = far.live.iter().flat_map(|live| &live.addresses);
    match &peer.address {
        Some(chosen) => addresses.find(|address| address.host_port() == *chosen).map(other),
        // The canonical address moves with the listener; one that stands in for it does not.
        None => match far.live.and_then(|live| live.default_address()).filter(|address| !address.canonical) {
            Some(address) => Some(other(address)),
            None => Some(Rule { target: far.name.to_owned(), port: port(far)?, protocol: "tcp".to_owned(), source }),
        },
    }
}
