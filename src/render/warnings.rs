//! What a plan warns of: each with a name for programs and a sentence for people.

use std::collections::BTreeMap;

use crate::{
    mesh::fold,
    plan::{Effect, Plan},
};

use super::words::plural;

/// Something that deserves a look and stops nothing.
pub(super) struct Said {
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// All warnings of a plan, but for those about patterns, which have places.
pub(super) fn of(plan: &Plan) -> Vec<Said> {
    let mut said = Vec::new();
    let mut say = |code, message| said.push(Said { code, message });
    let names = |list: &[String]| fold(&list.iter().map(String::as_str).collect::<Vec<_>>()).join(", ");
    if !plan.cut_off.is_empty() {
        let who = plural(plan.cut_off.len(), "instance");
        say(
            "no_path",
            format!(
                "{who} will have no path to the control plane: {}",
                names(&plan.cut_off.iter().map(|lost| lost.hostname.clone()).collect::<Vec<_>>())
            ),
        );
    }
    if !plan.unconnected.is_empty() {
        let who = plural(plan.unconnected.len(), "instance");
        say("unconnected", format!("{who} will be there without a path to the control plane: {}", names(&plan.unconnected)));
    }
    if !plan.exposed.is_empty() {
        let who = plural(plan.exposed.len(), "ready node");
        let message = format!("{who} may hang on what this plan takes away, and cannot be waited for: {}", names(&plan.exposed));
        say("exposed", message);
    }
    let peerless = plan.touches.iter().filter(|touch| touch.effect == Effect::Cut && touch.was_the_last);
    let mut peerless: Vec<String> = peerless.map(|touch| touch.hostname.clone()).collect();
    peerless.dedup();
    if !peerless.is_empty() {
        say("last_peer", format!("the last peer of what is not declared here goes: {}", names(&peerless)));
    }
    for group in &plan.empty_groups {
        say("empty_group", format!("instance group {group} will have no enabled instance"));
    }
    let mut states: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (hostname, state) in &plan.states {
        states.entry(state).or_default().push(hostname.clone());
    }
    for (state, list) in states {
        say("state", format!("{state} on the controller: {}", names(&list)));
    }
    for (new, old) in &plan.nothing_to_replace {
        say("nothing_to_replace", format!("{new} replaces {old}, which is not on the controller"));
    }
    if plan.unblamed {
        say("unblamed", "the controller does not tell whose changes this undoes".to_owned());
    }
    if let Some(budget) = &plan.budget
        && let Some(before) = budget.raised_from
    {
        say("budget_raised", format!("--max-removals raises the budget of removals from {before} to {}", budget.removals));
    }
    said
}
