//! A plan as annotations: what cannot or may not be done is an error, what takes something away a warning, the rest a notice.

use crate::{
    mesh::Place,
    plan::{Action, saved::Warned},
    render::{blocks::told, grouped::let_go, plan::View, warnings, who::who},
};

use super::{Level, Notes, Paths, at, shown};

/// The plan as annotations, a line each.
pub fn plan(view: &View<'_>, warned: &[Warned], paths: Paths<'_>) -> String {
    let plan = view.plan;
    let mut notes = Notes::default();
    let at = |place: Place| at(view.declared, paths, place);
    for refusal in &plan.refused {
        let message = format!("{}\nhint: {}", refusal.reason, refusal.reason.hint());
        notes.add(Level::Error, at(refusal.place), "refused", Some(&refusal.hostname), message);
    }
    let place_of = |hostname: &str| {
        let change = plan.changes.iter().find(|change| change.hostname == hostname).map(|change| change.place);
        change.or_else(|| view.declared.instances.get(hostname).map(|instance| instance.place))
    };
    for guard in &plan.guards {
        let names: Vec<&str> = guard.hostnames().iter().map(String::as_str).collect();
        let about = if names.is_empty() { String::new() } else { format!("{}: ", shown(&names)) };
        let place = names.iter().find_map(|name| place_of(name));
        notes.add(Level::Error, place.and_then(at), "not allowed", None, format!("{about}{guard}\nhint: {}", guard.hint()));
    }
    for disruption in &plan.disruptions {
        let itself = disruption.itself.then_some(disruption.by.as_str());
        let names: Vec<&str> = itself.into_iter().chain(disruption.behind.iter().map(String::as_str)).collect();
        let message = format!("{} without a path to the control plane until install bundles are run", shown(&names));
        notes.add(Level::Warning, place_of(&disruption.by).and_then(at), "disruption", Some(&disruption.by), message);
    }
    for change in &plan.changes {
        let (level, title) = match change.action {
            Action::Create => (Level::Notice, "create"),
            Action::Update => (Level::Notice, "update"),
            Action::Replace => (Level::Warning, "remove and make again"),
            Action::Remove => (Level::Warning, "remove"),
        };
        let mut message: Vec<String> = told(change);
        message.extend(change.notes.iter().cloned());
        message.extend(change.reverts.iter().map(|known| format!("reverts {}", who(known))));
        notes.add(level, at(change.place), title, Some(&change.hostname), message.join("; "));
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
