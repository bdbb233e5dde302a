//! Why a step is sent, in words.

use super::{
    InstanceChange,
    acts::{Act, Kind},
    nodes::{Course, Node, Nodes, Removal},
};

/// Why these acts of an instance are sent.
pub(super) fn why(nodes: &Nodes<'_>, node: &Node<'_>, acts: &[Act<'_>], change: Option<&InstanceChange>) -> String {
    let mut words: Vec<String> = acts.iter().filter_map(|act| words(nodes, node, act.kind)).collect();
    let made = acts.iter().any(|act| matches!(act.kind, Kind::Create));
    let plain = !made && acts.iter().any(|act| words_are_plain(nodes, node, act.kind));
    let fields: Vec<&str> = change.into_iter().flat_map(|change| &change.changes).map(|c| c.field.name()).collect();
    if plain && !fields.is_empty() {
        words.push(format!("not as declared: {}", fields.join(", ")));
    }
    words.dedup();
    words.join("; ")
}

/// Whether an act needs no more words than that a field differs.
fn words_are_plain(nodes: &Nodes<'_>, node: &Node<'_>, kind: Kind<'_>) -> bool {
    !matches!(kind, Kind::Create | Kind::Remove | Kind::Gone) && words(nodes, node, kind).is_none()
}

fn words(nodes: &Nodes<'_>, node: &Node<'_>, kind: Kind<'_>) -> Option<String> {
    let ports = node.changed_port();
    let keeps_flag = node.after.as_ref().is_some_and(|after| after.peers_from_control_nodes);
    match kind {
        Kind::Create => Some(match node.course {
            Course::Replace | Course::Renew => "made again".to_owned(),
            _ => "not on the controller".to_owned(),
        }),
        Kind::Remove => Some(match node.course {
            Course::Remove(Removal::Declared(_)) => "declared deprovisioning".to_owned(),
            Course::Remove(Removal::Owned(item)) => format!("not declared, and owns has \"{}\"", item.pattern),
            Course::Remove(Removal::Replaced(new, _)) => format!("{new} takes its place"),
            Course::Renew => "its removal failed".to_owned(),
            _ => "the controller cannot change node_type".to_owned(),
        }),
        Kind::Gone => Some("until its row is gone".to_owned()),
        Kind::ListenerOff => ports.map(|(before, after)| format!("listener_port {before} -> {after}: null first, then {after}")),
        Kind::ListenerMove if node.is_made_anew() => {
            Some("nothing takes the flag from an address: it goes and comes again, and the links to it".to_owned())
        }
        Kind::ListenerMove => ports.map(|(before, after)| format!("listener_port {before} -> {after}: in place")),
        Kind::ListenerOn => ports.map(|(before, after)| format!("listener_port {before} -> {after}: it was null in between")),
        Kind::FlagOff => ports.filter(|_| keeps_flag).map(|_| "the flag goes before its listener does, and comes back".to_owned()),
        Kind::FlagOn => ports.filter(|_| node.live.is_some_and(|l| l.peers_from_control_nodes)).map(|_| "the flag comes back".to_owned()),
        Kind::Drop(peer) => nodes
            .get(&peer.hostname)
            .filter(|far| node.after.as_ref().is_some_and(|a| a.peers.contains(peer)) && far.changed_port().is_some())
            .map(|far| format!("leaves {} while its listener changes", far.name)),
        Kind::Add(peer) => {
            let again = node.live.is_some_and(|live| live.peers.contains(peer));
            let far = nodes.get(&peer.hostname).filter(|far| again && far.comes_back())?;
            Some(format!("its link to {} went away, and is set again", far.name))
        }
        Kind::Scalars | Kind::Swap(..) => None,
    }
}
