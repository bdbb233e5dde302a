//! A plan as annotations: what cannot or may not be done is an error, what takes something away a warning, the rest a notice.

use std::collections::HashMap;

use crate::{
    mesh::Place,
    plan::{Action, Disruption, InstanceChange, saved::Warned},
    render::{
        blocks::{told, told_field},
        grouped::let_go,
        place::Paths,
        plan::{View, held_until},
        warnings,
        who::who,
    },
};

use super::{At, Level, Notes, at, shown};

/// The plan as annotations, a line each.
pub fn plan(view: &View<'_>, warned: &[Warned], paths: Paths<'_>) -> String {
    let plan = view.plan;
    let mut notes = Notes::default();
    let at = |place: Place| at(view.declared, paths, place);
    for refusal in &plan.refused {
        let message = format!("{}\nhint: {}", refusal.reason, refusal.reason.hint());
        notes.add(Level::Error, at(refusal.place), "refused", Some(&refusal.hostname), message);
    }
    let changed: HashMap<&str, Place> = plan.changes.iter().map(|change| (change.hostname.as_str(), change.place)).collect();
    let place_of = |hostname: &str| {
        let change = changed.get(hostname).copied();
        change.or_else(|| view.declared.instances.get(hostname).map(|instance| instance.place))
    };
    for guard in &plan.guards {
        let names: Vec<&str> = guard.hostnames().iter().map(String::as_str).collect();
        let about = if names.is_empty() { String::new() } else { format!("{}: ", shown(&names)) };
        let place = names.iter().find_map(|name| place_of(name));
        notes.add(Level::Error, place.and_then(at), "not allowed", None, format!("{about}{guard}\nhint: {}", guard.hint()));
    }
    for disruption in &plan.disruptions {
        let place = place_of(&disruption.by).and_then(at);
        notes.add(Level::Warning, place, "disruption", Some(&disruption.by), disrupted(disruption));
    }
    for change in &plan.changes {
        tell(&mut notes, view, change, at);
    }
    for (what, names) in let_go(plan) {
        for name in names {
            notes.add(Level::Notice, None, "let go of", Some(name), what.clone());
        }
    }
    for warned in warned {
        notes.add(Level::Warning, warned.place.and_then(at), &warned.code, None, warned.message.clone());
    }
    for said in warnings::of(plan) {
        notes.add(Level::Warning, None, said.code, None, said.message);
    }
    for unmatched in &plan.unmatched {
        notes.add(Level::Warning, unmatched.place.and_then(at), "unmatched", None, unmatched.to_string());
    }
    notes.finish()
}

/// Whom a disruption is about; whose it is stands before it.
fn disrupted(disruption: &Disruption) -> String {
    let behind: Vec<&str> = disruption.behind.iter().map(String::as_str).collect();
    let what = "no path to the control plane until install bundles are run";
    match (disruption.itself, behind.is_empty()) {
        (true, true) => what.to_owned(),
        (true, false) => format!("{what}, nor for {}", shown(&behind)),
        (false, _) => format!("{what} for {}", shown(&behind)),
    }
}

/// A change: of an update each field where its value stands.
fn tell(notes: &mut Notes, view: &View<'_>, change: &InstanceChange, at: impl Fn(Place) -> At) {
    let hostname = change.hostname.as_str();
    let held = change.held.and_then(|hold| view.plan.holds.get(hold)).map(held_until);
    let whole = |parts: Vec<String>| {
        let parts = Some(parts.join("; ")).filter(|text| !text.is_empty());
        parts.into_iter().chain(held.clone()).collect::<Vec<_>>().join("\n")
    };
    let reverts = change.reverts.iter().map(|known| format!("reverts {}", who(known)));
    let more: Vec<String> = change.notes.iter().cloned().chain(reverts).collect();
    let all = || whole(told(change).into_iter().chain(more.iter().cloned()).collect());
    match change.action {
        Action::Create => notes.add(Level::Notice, at(change.place), "create", Some(hostname), all()),
        Action::Update => {
            for field in &change.changes {
                notes.add(Level::Notice, at(field.place), "update", Some(hostname), whole(told_field(field)));
            }
            if !more.is_empty() {
                notes.add(Level::Notice, at(change.place), "update", Some(hostname), more.join("; "));
            }
        }
        Action::Replace => notes.add_first(Level::Warning, at(change.place), "remove and make again", hostname, all()),
        Action::Remove => notes.add_first(Level::Warning, at(change.place), "remove", hostname, all()),
    }
}
