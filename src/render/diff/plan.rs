//! A plan as differences.

use std::collections::BTreeMap;

use crate::{
    mesh::{Field, Place},
    plan::{Action, InstanceChange},
    render::{
        grouped::let_go,
        plan::{View, heading, held_until, summary},
        who::who,
    },
};

use super::{Sides, remark, write};

/// What an apply would change, ending with a line break.
pub fn plan(view: &View<'_>) -> String {
    let mut text = String::new();
    remark(&mut text, heading(view).trim_end());
    for line in summary(view.plan).lines() {
        remark(&mut text, line);
    }
    for refusal in &view.plan.refused {
        remark(&mut text, &format!("refused: {}: {}", refusal.hostname, refusal.reason));
    }
    for guard in &view.plan.guards {
        remark(&mut text, &format!("not allowed: {guard}"));
    }
    for (what, names) in let_go(view.plan) {
        remark(&mut text, &format!("let go of: {}: {what}", names.join(", ")));
    }
    let mut spared: BTreeMap<&str, Vec<Field>> = BTreeMap::new();
    for alone in &view.plan.spared {
        spared.entry(&alone.hostname).or_default().push(alone.change.field);
    }
    for change in &view.plan.changes {
        if change.action == Action::Replace {
            remark(&mut text, &format!("{} is removed and made again", change.hostname));
        }
        for known in change.reverts.iter().chain(change.changes.iter().filter_map(|change| change.reverts.as_ref())) {
            remark(&mut text, &format!("{}: reverts {}", change.hostname, who(known)));
        }
        if let Some(hold) = change.held.and_then(|hold| view.plan.holds.get(hold)) {
            remark(&mut text, &format!("{}: {}", change.hostname, held_until(hold)));
        }
        let sides = Sides {
            hostname: &change.hostname,
            live: change.action != Action::Create,
            declared: change.action != Action::Remove,
            fields: change.changes.iter().map(|change| (change.field, change.before.as_ref(), &change.after)).collect(),
            left_alone: spared.get(change.hostname.as_str()).cloned().unwrap_or_default(),
            at: places(change),
            before: if view.from.is_some() { "base" } else { "live" },
        };
        write(&mut text, view.declared, &sides);
    }
    text
}

/// Where what changes stands: of an update the values.
fn places(change: &InstanceChange) -> Vec<Place> {
    match change.action {
        Action::Update => change.changes.iter().map(|field| field.place).collect(),
        Action::Create | Action::Replace | Action::Remove => vec![change.place],
    }
}
