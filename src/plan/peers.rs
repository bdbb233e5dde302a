//! From the name of a peer to the peer: which instance, and which of its addresses.

use std::collections::BTreeSet;

use crate::mesh::{Dialect, LiveAddress, Peer, PeerName};

use super::{
    Reason,
    nodes::{After, Node, Nodes},
};

/// The peer that a declaration names, or why it cannot be one.
pub(super) fn resolve(nodes: &Nodes<'_>, from: &Node<'_>, name: &PeerName) -> Result<Peer, Reason> {
    let peer = match name {
        PeerName::Instance(hostname) => by_hostname(nodes, hostname.as_str())?,
        PeerName::Address { host, port } => by_address(nodes, host.as_str(), i64::from(*port), &name.to_string())?,
    };
    if peer.hostname == from.name { Err(Reason::PeerSelf) } else { Ok(peer) }
}

/// Adds a peer to a set that must not name an instance twice.
pub(super) fn add(set: &mut BTreeSet<Peer>, peer: Peer) -> Result<(), Reason> {
    if dials(set, &peer.hostname) {
        return Err(Reason::PeerTwice(peer.hostname));
    }
    set.insert(peer);
    Ok(())
}

/// Whether a set of peers has an address of this instance.
pub(super) fn dials(set: &BTreeSet<Peer>, hostname: &str) -> bool {
    peer_of(set, hostname).is_some()
}

/// The peer of a set that is an address of this instance.
pub(super) fn peer_of<'s>(set: &'s BTreeSet<Peer>, hostname: &str) -> Option<&'s Peer> {
    set.range(Peer::named(hostname)..).next().filter(|peer| peer.hostname == hostname)
}

/// Never an internal address; the canonical one, else the only one that is left.
pub(super) fn by_hostname(nodes: &Nodes<'_>, hostname: &str) -> Result<Peer, Reason> {
    let node = nodes.get(hostname).ok_or_else(|| Reason::PeerUnknown(hostname.to_owned()))?;
    let after = there(node, hostname)?;
    // An instance that is made again has none of its old addresses any more.
    let addresses = node.live.filter(|_| !node.is_made_again()).map(|l| l.addresses.as_slice()).unwrap_or_default();
    // The canonical address comes and goes with the listener, so it is judged by what will be.
    let canonical_is_internal = addresses.iter().any(|a| a.canonical && a.is_internal);
    let others: Vec<&LiveAddress> = addresses.iter().filter(|a| !a.canonical && !a.is_internal).collect();
    if after.listener_port.is_some() && !canonical_is_internal {
        // Until its listener is open the hostname alone still means that other address.
        if !others.is_empty() && !addresses.iter().any(|a| a.canonical) {
            return Err(Reason::PeerOpens { peer: hostname.to_owned(), addresses: list(others.into_iter()) });
        }
        return Ok(Peer::named(hostname));
    }
    // And while its listener still closes the hostname alone means that.
    if !others.is_empty() && addresses.iter().any(|a| a.canonical && !a.is_internal) {
        return Err(Reason::PeerCloses { peer: hostname.to_owned(), addresses: list(others.into_iter()) });
    }
    match others.as_slice() {
        [_] => Ok(Peer::named(hostname)),
        [] if addresses.iter().any(|a| a.is_internal) => {
            Err(Reason::PeerInternal { peer: hostname.to_owned(), addresses: list(addresses.iter()) })
        }
        [] => Err(Reason::PeerDoesNotListen(hostname.to_owned())),
        several => Err(Reason::PeerAmbiguous { peer: hostname.to_owned(), addresses: list(several.iter().copied()) }),
    }
}

/// An address that the controller has, or the one that an instance will have.
fn by_address(nodes: &Nodes<'_>, host: &str, port: i64, name: &str) -> Result<Peer, Reason> {
    if nodes.capabilities.dialect == Dialect::Addresses
        && let Some((node, live, address)) = nodes.address(host, port)
    {
        let after = there(node, name)?;
        if address.canonical && after.listener_port != Some(port) {
            return Err(Reason::PeerDoesNotListen(name.to_owned()));
        }
        if !address.canonical && node.is_made_again() {
            return Err(Reason::AddressGoes { address: address.host_port(), hostname: node.name.to_owned() });
        }
        if address.is_internal {
            return Err(Reason::PeerInternal { peer: name.to_owned(), addresses: address.host_port() });
        }
        return Ok(live.as_peer(node.name, address));
    }
    let node = nodes.get(host).ok_or_else(|| Reason::AddressUnknown(name.to_owned()))?;
    match there(node, name)?.listener_port {
        Some(listening) if listening == port => by_hostname(nodes, host),
        Some(_) => Err(Reason::AddressUnknown(name.to_owned())),
        None => Err(Reason::PeerDoesNotListen(name.to_owned())),
    }
}

/// How a peer will be, provided that it will be there.
fn there<'n>(node: &'n Node<'_>, name: &str) -> Result<&'n After<'n>, Reason> {
    if node.after.is_none() && (node.live.is_some() || node.declared.is_some()) {
        return Err(Reason::PeerLeaving(name.to_owned()));
    }
    node.after.as_ref().ok_or_else(|| Reason::PeerUnknown(name.to_owned()))
}

fn list<'a>(addresses: impl Iterator<Item = &'a LiveAddress>) -> String {
    addresses.map(LiveAddress::host_port).collect::<Vec<_>>().join(", ")
}
