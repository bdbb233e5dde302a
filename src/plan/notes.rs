//! What there is to know of the changes that take something away: who is connected by it, and who loses what meanwhile.

use std::collections::{BTreeSet, HashMap};

use crate::mesh::{Field, fold};

use super::{
    Action, Disruption, InstanceChange, Step, Touch,
    nodes::{Course, Nodes},
};

/// Adds to each removal, replacement and changed port who dials it and what is away meanwhile; `holds` tells whether what must wait
/// for install bundles does so.
pub(super) fn annotate(nodes: &Nodes<'_>, changes: &mut [InstanceChange], disruptions: &[Disruption], touches: &[Touch], holds: bool) {
    let takes_away = |change: &InstanceChange| {
        let node = nodes.get(&change.hostname);
        matches!(change.action, Action::Remove | Action::Replace) || node.is_some_and(|n| n.changed_port().is_some() || n.is_made_anew())
    };
    if disruptions.is_empty() && !changes.iter().any(takes_away) {
        return;
    }
    // How many dial it, and how many of them stay.
    let mut dialled: HashMap<&str, (usize, usize)> = HashMap::new();
    for node in nodes.list.iter().filter(|node| !node.is_control_plane()) {
        for peer in node.live.iter().flat_map(|live| &live.peers) {
            let (all, stay) = dialled.entry(peer.hostname.as_str()).or_default();
            *all += 1;
            *stay += usize::from(node.after.is_some());
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
        let (count, stay) = dialled.get(name).copied().unwrap_or_default();
        let others = outside.get(name).map(|names| fold(names).join(", "));
        let mut told = Vec::new();
        match (node.course, node.reopened()) {
            (Course::Remove(_), _) if count > 0 => {
                let outside = others.map_or("none outside this configuration".to_owned(), |names| format!("not declared here: {names}"));
                told.push(format!("{} now, 0 after; {outside}", dial_it(count)));
                if stay > 0 && !holds {
                    told.push("who dials it goes on with that until its install bundle is run, and loses that path at once".to_owned());
                }
            }
            (Course::Replace, _) => told.push(format!("removed, and made again when it is gone{}", set_again(count))),
            (_, Some((_, after))) => {
                told.push(format!("listener_port: null first, which drops every link to it, then {after}{}", set_again(count)));
            }
            _ if node.is_made_anew() => {
                told.push(format!("its address goes and comes again, since nothing else takes the flag away{}", set_again(count)));
            }
            _ => {}
        }
        let jobs = node.live.map_or(0, |live| live.jobs_running);
        if node.removal().is_some() && jobs > 0 {
            let run = if jobs == 1 { "1 job runs" } else { &format!("{jobs} jobs run") };
            let then = if nodes.capabilities.removes_at_once() {
                "it goes at once, and they with it"
            } else {
                "it goes when they are done, and what waits for that waits"
            };
            told.push(format!("{run} on it: {then}"));
        }
        told.extend(disruptions.get(name).map(|disruption| away(disruption)));
        change.notes.append(&mut told);
    }
}

/// Says of each change whether it is held, or what of it.
pub(super) fn hold(changes: &mut [InstanceChange], steps: &[Step]) {
    let mut of: HashMap<&str, Vec<&Step>> = HashMap::new();
    if !steps.iter().any(|step| step.held.is_some()) {
        return;
    }
    for step in steps {
        of.entry(step.hostname.as_str()).or_default().push(step);
    }
    for change in changes {
        let own = of.get(change.hostname.as_str()).map(Vec::as_slice).unwrap_or_default();
        let Some(hold) = own.iter().find_map(|step| step.held) else { continue };
        if own.iter().all(|step| step.held.is_some()) {
            change.held = Some(hold);
            continue;
        }
        let fields: BTreeSet<Field> =
            own.iter().filter(|step| step.held.is_some()).flat_map(|step| &step.body).map(|(field, _)| *field).collect();
        let fields: Vec<&str> = fields.into_iter().map(Field::name).collect();
        change.notes.push(format!("held: {}", fields.join(", ")));
    }
}

fn dial_it(count: usize) -> String {
    if count == 1 { "1 instance dials it".to_owned() } else { format!("{count} instances dial it") }
}

fn set_again(count: usize) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    if count == 0 { String::new() } else { format!("; {} and {verb} set again", dial_it(count)) }
}

/// Who has no path meanwhile.
fn away(disruption: &Disruption) -> String {
    let Disruption { by: _, itself, behind } = disruption;
    let names = fold(&behind.iter().map(String::as_str).collect::<Vec<_>>()).join(", ");
    let behind = match behind.len() {
        0 => None,
        1 => Some(format!("{names} behind it")),
        count => Some(format!("{count} behind it: {names}")),
    };
    let who: Vec<String> = itself.then(|| "itself".to_owned()).into_iter().chain(behind).collect();
    format!("no path to the control plane until its install bundle is run: {}", who.join(", and "))
}
