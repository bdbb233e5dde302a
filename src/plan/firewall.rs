//! Which connections a firewall has to let through after an apply, and which no longer.

use serde::{Deserialize, Serialize};

use super::nodes::{Course, Node, Nodes};
use crate::mesh::{LiveAddress, Peer};

/// Connections to one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What is dialled: a hostname or an address.
    pub target: String,
    /// On which port.
    pub port: i64,
    /// `tcp`, `ws` or `wss`; all of them run over TCP.
    pub protocol: String,
    /// Whether the control nodes dial it.
    pub from_control_nodes: bool,
    /// Which instances dial it.
    pub sources: Vec<String>,
}

/// What is to be opened, and what can be closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firewall {
    /// New connections.
    pub open: Vec<Rule>,
    /// Connections that end.
    pub close: Vec<Rule>,
}

/// One connection: target, port, protocol, and who dials; nobody for the control nodes.
type Connection<'n> = (&'n str, i64, &'n str, Option<&'n str>);

/// The difference between the connections of the two meshes.
pub(super) fn firewall(nodes: &Nodes<'_>, changed: &[bool]) -> Firewall {
    if !changed.contains(&true) {
        return Firewall::default();
    }
    let is_changed = |i: usize| changed.get(i).copied().unwrap_or_default();
    // Only of what changes, and of what dials that: the rest is the same on both sides.
    let concerns = |i: usize, peer: &Peer| is_changed(i) || nodes.index(&peer.hostname).is_some_and(is_changed);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (i, node) in nodes.list.iter().enumerate().filter(|(_, node)| !node.is_control_plane()) {
        let live = node.live.filter(|_| !matches!(node.course, Course::Leaving));
        for peer in live.iter().flat_map(|live| &live.peers).filter(|peer| concerns(i, peer)) {
            before.extend(connection(nodes, node.name, peer, |far| far.live?.listener_port));
        }
        for peer in node.after.iter().flat_map(|after| after.peers.iter()).filter(|peer| concerns(i, peer)) {
            after.extend(connection(nodes, node.name, peer, |far| far.after.as_ref()?.listener_port));
        }
        if is_changed(i) {
            let control = |port| (node.name, port, "tcp", None);
            before.extend(live.filter(|live| live.peers_from_control_nodes).and_then(|live| live.listener_port).map(control));
            after.extend(node.after.as_ref().filter(|after| after.peers_from_control_nodes).and_then(|a| a.listener_port).map(control));
        }
    }
    for side in [&mut before, &mut after] {
        side.sort_unstable();
        side.dedup();
    }
    Firewall { open: rules(&after, &before), close: rules(&before, &after) }
}

/// The connections of one side that the other lacks, those to one address together.
fn rules(these: &[Connection<'_>], others: &[Connection<'_>]) -> Vec<Rule> {
    let new: Vec<&Connection<'_>> = these.iter().filter(|this| others.binary_search(this).is_err()).collect();
    let to_one = |a: &&Connection<'_>, b: &&Connection<'_>| (a.0, a.1, a.2) == (b.0, b.1, b.2);
    let rule = |group: &[&Connection<'_>]| {
        let (target, port, protocol, _) = group.first()?;
        Some(Rule {
            target: (*target).to_owned(),
            port: *port,
            protocol: (*protocol).to_owned(),
            from_control_nodes: group.iter().any(|(.., source)| source.is_none()),
            sources: group.iter().filter_map(|(.., source)| source.map(str::to_owned)).collect(),
        })
    };
    new.chunk_by(to_one).filter_map(rule).collect()
}

/// The connection to a peer, on one of the two sides.
fn connection<'n>(nodes: &'n Nodes<'_>, source: &'n str, peer: &Peer, port: impl Fn(&Node<'_>) -> Option<i64>) -> Option<Connection<'n>> {
    let far = nodes.get(&peer.hostname)?;
    let other = |address: &'n LiveAddress| (address.host.as_str(), address.port, address.protocol.as_str(), Some(source));
    let mut addresses = far.live.iter().flat_map(|live| &live.addresses);
    match &peer.address {
        Some(chosen) => addresses.find(|address| address.host_port() == *chosen).map(other),
        // The canonical address moves with the listener; one that stands in for it does not.
        None => match far.live.and_then(|live| live.default_address()).filter(|address| !address.canonical) {
            Some(address) => Some(other(address)),
            None => Some((far.name, port(far)?, "tcp", Some(source))),
        },
    }
}
