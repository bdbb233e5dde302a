//! Links that nobody here declares and that a plan touches all the same: of instances that are not declared, and of declared ones
//! without `peers`.

use serde::{Deserialize, Serialize};

use super::{
    nodes::{Course, Node, Nodes, Removal},
    peers::dials,
};

/// What becomes of such a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It goes with the listener or the row that it leads to, and is set again.
    SetAgain,
    /// It goes over to what takes the place of what it leads to.
    Moved,
    /// It ends with what it leads to.
    Cut,
}

/// A link that nobody here declares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Touch {
    /// What becomes of it.
    pub effect: Effect,
    /// What it leads to.
    pub peer: String,
    /// Whose link it is.
    pub hostname: String,
    /// Whether that instance is declared here at all.
    pub is_declared: bool,
    /// Whether it had no other peer, so that it will have none.
    pub was_the_last: bool,
}

/// All links that are touched, in order. Those of control nodes are made by the flag, and come and go with it.
pub(super) fn touches(nodes: &Nodes<'_>) -> Vec<Touch> {
    let mut touches = Vec::new();
    if !nodes.list.iter().any(|node| effect(node).is_some()) {
        return touches;
    }
    for node in nodes.list.iter().filter(|node| matches!(node.course, Course::Stay) && !node.has_declared_peers()) {
        let (Some(live), Some(after)) = (node.live, &node.after) else { continue };
        for peer in &live.peers {
            let Some(effect) = nodes.get(&peer.hostname).and_then(effect) else { continue };
            // What control nodes dial because of the flag comes and goes with it.
            if node.is_control_plane() && nodes.get(&peer.hostname).and_then(|far| far.live).is_some_and(|far| far.peers_from_control_nodes)
            {
                continue;
            }
            // It is not handed over where the successor is dialled already, or dials back, or the installation manages it.
            let successor = nodes.get(&peer.hostname).and_then(|far| far.removal()?.successor());
            let moves = successor.is_some_and(|new| dials(&after.peers, new)) && !node.has_fixed_links();
            let effect = if effect == Effect::Moved && !moves { Effect::Cut } else { effect };
            // Another address than that of the listener stays.
            let is_spared = effect == Effect::SetAgain && peer.address.is_some();
            if is_spared {
                continue;
            }
            touches.push(Touch {
                effect,
                peer: peer.hostname.clone(),
                hostname: node.name.to_owned(),
                is_declared: node.declared.is_some(),
                was_the_last: after.peers.is_empty(),
            });
        }
    }
    touches.sort();
    touches
}

/// What becomes of the links that lead to an instance.
fn effect(far: &Node<'_>) -> Option<Effect> {
    match far.course {
        Course::Remove(Removal::Replaced(..)) => Some(Effect::Moved),
        Course::Remove(_) => Some(Effect::Cut),
        Course::Replace | Course::Renew => Some(Effect::SetAgain),
        Course::Stay => (far.reopened().is_some() || far.is_made_anew()).then_some(Effect::SetAgain),
        Course::Absent | Course::Create | Course::Leaving => None,
    }
}
