//! What there is to know of the changes that take something away: who is connected by it, and who loses what meanwhile.

use std::collections::HashMap;

use crate::mesh::fold;

use super::{
    Action, Disruption, InstanceChange, Touch,
    nodes::{Course, Nodes},
};

/// Adds to each removal, replacement and changed port who dials it and what is away meanwhile.
pub(super) fn annotate(nodes: &Nodes<'_>, changes: &mut [InstanceChange], disruptions: &[Disruption], touches: &[Touch]) {
    let takes_away = |change: &InstanceChange| {
        let node = nodes.get(&change.hostname);
        matches!(change.action, Action::Remove | Action::Replace) || node.is_some_and(|n| n.changed_port().is_some())
    };
    if disruptions.is_empty() && !changes.iter().any(takes_away) {
        return;
    }
    let mut dialled: HashMap<&str, usize> = HashMap::new();
    for node in nodes.list.iter().filter(|node| !node.is_control_plane()) {
        for peer in node.live.iter().flat_map(|live| &live.peers) {
            *dialled.entry(peer.hostname.as_str()).or_default() += 1;
        }
    }
    let mut outside: HashMap<&str, Vec<&str>> = HashMap::new();
    for touch in touches {
        outside.entry(touch.peer.as_str()).or_default().push(&touch.hostname);
    }
    let disruptions: HashMap<&str, &Disruption> = disruptions.iter().map(|d| (d.by.as_str(), d)).collect();
    for change in changes {
        let name = change.hostname.as_str();
        let Some(node) = nodes.get(name) else { continue };
        let count = dialled.get(name).copied().unwrap_or_default();
        let others = outside.get(name).map(|names| fold(names).join(", "));
        let again = |count: usize| match count {
            0 => String::new(),
            1 => "; 1 instance dials it and is set again".to_owned(),
            n => format!("; {n} instances dial it and are set again"),
        };
        let mut told = Vec::new();
        match (node.course, node.changed_port()) {
            (Course::Remove(_), _) if count > 0 => {
                let outside = others.map_or("none outside this configuration".to_owned(), |names| format!("not declared here: {names}"));
                told.push(format!(
                    "{count} {} now, 0 after; {outside}",
                    if count == 1 { "instance dials it" } else { "instances dial it" }
                ));
            }
            (Course::Replace, _) => told.push(format!("removed, and made again when it is gone{}", again(count))),
            (_, Some((_, after))) => told.push(format!("listener_port: null first, then {after}{}", again(count))),
            _ => {}
        }
        if let Some(Disruption { by: _, itself, behind }) = disruptions.get(name) {
            let names: Vec<&str> = behind.iter().map(String::as_str).collect();
            let behind = match (behind.len(), fold(&names).join(", ")) {
                (0, _) => String::new(),
                (1, name) => format!("{name} behind it"),
                (n, names) => format!("{n} behind it: {names}"),
            };
            let own = if *itself { "it" } else { "" };
            let and = if *itself && !behind.is_empty() { ", and " } else { "" };
            told.push(format!("no path to the control plane until its install bundle is run: {own}{and}{behind}"));
        }
        change.notes.append(&mut told);
    }
}
