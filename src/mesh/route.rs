//! The way of a declared instance to the control plane.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Declared, DeclaredMesh, Hostname, PeerName};

/// A shortest way to the control plane over what is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The instances on it, the one that it begins at first.
    pub nodes: Vec<Hostname>,
    /// For each two neighbours whether the first dials the second, and not the other way round.
    pub dials_next: Vec<bool>,
    /// How it ends.
    pub end: RouteEnd,
}

/// How a [`Route`] ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteEnd {
    /// Control nodes dial its last instance.
    ControlNodes,
    /// Its last instance dials a peer that only the controller knows.
    External(PeerName),
}

impl DeclaredMesh {
    /// A shortest way from an instance to the control plane; none where what is declared gives none.
    pub fn route(&self, from: &Hostname) -> Option<Route> {
        let dialled_by = self.dialled_by();
        let mut reached: BTreeMap<&Hostname, Option<(&Hostname, bool)>> = BTreeMap::new();
        let (from, _) = self.instances.get_key_value(from)?;
        let mut queue = VecDeque::from([(from, None)]);
        while let Some((at, via)) = queue.pop_front() {
            let Some(instance) = self.instances.get(at).filter(|i| i.shall_exist() && !reached.contains_key(at)) else { continue };
            reached.insert(at, via);
            if let Some(end) = self.end(instance) {
                return Some(way_back(at, &reached, end));
            }
            let dialled = peers(instance).filter_map(|peer| self.instances.get_key_value(peer.host()));
            queue.extend(dialled.map(|(name, _)| (name, Some((at, true)))));
            queue.extend(dialled_by.get(at).into_iter().flatten().map(|name| (*name, Some((at, false)))));
        }
        None
    }

    /// Who dials whom, the other way round.
    pub fn dialled_by(&self) -> BTreeMap<&Hostname, BTreeSet<&Hostname>> {
        let mut dialled_by: BTreeMap<&Hostname, BTreeSet<&Hostname>> = BTreeMap::new();
        for (name, instance) in self.instances.iter().filter(|(_, instance)| instance.shall_exist()) {
            for peer in peers(instance) {
                dialled_by.entry(peer.host()).or_default().insert(name);
            }
        }
        dialled_by
    }

    fn end(&self, instance: &Declared) -> Option<RouteEnd> {
        if instance.peers_from_control_nodes.is_some_and(|flag| flag.value) {
            return Some(RouteEnd::ControlNodes);
        }
        peers(instance).find(|peer| !self.instances.contains_key(peer.host())).map(|peer| RouteEnd::External(peer.clone()))
    }
}

fn peers(instance: &Declared) -> impl Iterator<Item = &PeerName> {
    instance.peers.iter().flat_map(|given| &given.value).map(|peer| &peer.value)
}

fn way_back(last: &Hostname, reached: &BTreeMap<&Hostname, Option<(&Hostname, bool)>>, end: RouteEnd) -> Route {
    let (mut nodes, mut dials_next) = (vec![last.clone()], Vec::new());
    let mut at = last;
    while let Some(Some((before, dials))) = reached.get(at) {
        nodes.push((*before).clone());
        dials_next.push(*dials);
        at = before;
    }
    nodes.reverse();
    dials_next.reverse();
    Route { nodes, dials_next, end }
}
