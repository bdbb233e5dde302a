//! What of a plan is told together, whichever form tells it. The words are fit for a terminal.

use std::collections::{BTreeMap, HashMap};

use crate::{
    mesh::Place,
    plan::{Action, KeptInstance, LeftOut, LetGo, Plan, Refusal, Spared, SparedBy, drift::Known},
};

use super::{
    drift::{shown, told},
    who::who,
    words::escape,
};

/// What cannot be done, equal reasons together, in the order of the first of each.
pub(super) fn refusals(plan: &Plan) -> Vec<(String, Vec<&Refusal>)> {
    let mut grouped: Vec<(String, Vec<&Refusal>)> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for refusal in &plan.refused {
        let reason = refusal.reason.to_string();
        let i = *index.entry(reason.clone()).or_insert(grouped.len());
        match grouped.get_mut(i) {
            Some((_, known)) => known.push(refusal),
            None => grouped.push((reason, vec![refusal])),
        }
    }
    grouped
}

/// What a change of the configuration no longer cares for, and who is concerned.
pub(super) fn let_go(plan: &Plan) -> BTreeMap<String, Vec<&str>> {
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for LetGo { hostname, field } in &plan.lets_go {
        let what = match field {
            None => "no longer declared, and not owned: stays live as it is".to_owned(),
            Some((field, value)) => format!("{field} no longer managed: stays {}", shown(value)),
        };
        alike.entry(what).or_default().push(hostname);
    }
    alike
}

/// What is left out, by what it needs.
pub(super) fn left_out(plan: &Plan) -> BTreeMap<&str, Vec<&str>> {
    let mut by_need: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for LeftOut { hostname, needs } in &plan.left_out {
        by_need.entry(needs).or_default().push(hostname);
    }
    by_need
}

/// Why a difference stays with `--keep-drift`.
fn kept(known: Option<&Known>) -> String {
    known.map_or_else(
        || "nobody knows whether somebody changed it, so --keep-drift leaves it".to_owned(),
        |known| format!("{}; --keep-drift leaves it", who(known)),
    )
}

/// By what differs and why it stays so: who, and where that stands.
pub(super) type Alone<'p> = BTreeMap<(String, String), (Vec<&'p str>, Vec<Place>)>;

/// What differs and stays so.
pub(super) fn left_alone(plan: &Plan) -> Alone<'_> {
    let mut alike = Alone::new();
    for Spared { hostname, change, by } in &plan.spared {
        let what = told(change.field, &change.after, change.before.as_ref());
        let why = match by {
            SparedBy::Rule { until, reason, place: _ } => format!("known until {until}: {}", escape(reason)),
            SparedBy::Hand => kept(change.reverts.as_ref()),
        };
        let (names, at) = alike.entry((what, why)).or_default();
        names.push(hostname);
        at.push(if let SparedBy::Rule { place, .. } = by { *place } else { change.place });
    }
    for KeptInstance { hostname, action, place, reverts } in &plan.kept {
        let what = if *action == Action::Remove { "there, and shall not be there" } else { "declared, and not there" };
        let (names, at) = alike.entry((what.to_owned(), kept(reverts.as_ref()))).or_default();
        names.push(hostname);
        at.push(*place);
    }
    alike
}
