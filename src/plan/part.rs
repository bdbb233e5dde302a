//! A plan for a part of what is declared: some instances alone, and without what is left alone although it differs.

use std::collections::HashSet;

use crate::mesh::{Capabilities, DeclaredMesh, LiveMesh};

use super::{
    CutOff, InstanceChange, Permissions, Plan, Refusal, Selection, Spared, Summary, acts::Acts, diff, nodes::Nodes, paths::keep_paths,
    plan_without, rules, selection::Closure, spare, steps,
};

/// Plans the way for some instances alone. A step that needs one that is left out is left out, too.
pub fn plan_selected(
    declared: &DeclaredMesh,
    live: &LiveMesh,
    capabilities: Capabilities,
    permissions: &Permissions,
    selection: &Selection,
) -> Plan {
    let (mut spared, mut kept, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    if !declared.settings.ignore.is_empty() || !selection.kept.is_empty() {
        let (nodes, unresolved) = Nodes::join(declared, live, capabilities, &HashSet::new());
        let changes = diff::changes(&nodes);
        spared = spare::spared(declared, &changes, &selection.kept);
        spared.extend(spare::unresolved(declared, live, &unresolved, &selection.kept));
        spared.retain(|spared| selection.has(&spared.hostname));
        kept = spare::kept(&changes, selection);
        // What is refused as it is declared is not refused because something is left alone.
        refused = unresolved;
        refused.extend(rules::check(&nodes, &changes));
    }
    let mesh = spare::without(declared, &spared);
    let leaves_alone = !selection.kept.is_empty() || !spared.is_empty();
    let plan = if selection.is_all() && !leaves_alone {
        plan_without(&mesh, live, capabilities, permissions, &HashSet::new())
    } else {
        plan_part(&mesh, live, capabilities, permissions, selection, leaves_alone.then_some(&refused))
    };
    let is_odd = |spared: &&Spared| spared.change.before.as_ref().is_some_and(|live| diff::is_odd(live, spared.change.field));
    let counted = plan.summary.unmanaged_fields.saturating_sub(spared.iter().filter(is_odd).count());
    let count = spared.len();
    // What differs is not as declared, also where it is left alone.
    let changing: HashSet<&str> = plan.changes.iter().map(|change| change.hostname.as_str()).collect();
    let alone: HashSet<&str> = spared.iter().map(|spared| spared.hostname.as_str()).filter(|name| !changing.contains(name)).collect();
    let unchanged = plan.summary.unchanged.saturating_sub(alone.len());
    Plan { spared, kept, summary: Summary { unmanaged_fields: counted, spared: count, unchanged, ..plan.summary }, ..plan }
}

/// Plans for some instances alone.
fn plan_part(
    declared: &DeclaredMesh,
    live: &LiveMesh,
    capabilities: Capabilities,
    permissions: &Permissions,
    selection: &Selection,
    refused: Option<&Vec<Refusal>>,
) -> Plan {
    let (nodes, _) = Nodes::join(declared, live, capabilities, &HashSet::new());
    let changes = diff::changes(&nodes);
    // Whether the whole can be applied does not matter here.
    let paths = keep_paths(&nodes, Acts::of(&nodes, &changes), permissions);
    let steps = steps::steps(&nodes, &changes, &paths).unwrap_or_default().steps;
    let cut_off: HashSet<usize> = paths.cut_off.iter().map(|(i, _)| *i).collect();
    let mut closure = Closure::of(&nodes, selection);
    let plan = loop {
        closure.close(&nodes, &steps);
        let plan = plan_without(declared, live, capabilities, permissions, &closure.out);
        let is_new = |lost: &&CutOff| nodes.index(&lost.hostname).is_some_and(|i| !cut_off.contains(&i));
        // What could be done if nothing were left alone waits for that.
        let is_kept = |one: &&Refusal| refused.is_some_and(|refused| !refused.iter().any(|known| known.hostname == one.hostname));
        if !closure.keep_paths(plan.cut_off.iter().filter(is_new)) && !closure.give_up(plan.refused.iter().filter(is_kept)) {
            break plan;
        }
    };
    let out: Vec<&InstanceChange> = changes.iter().filter(|change| closure.out.contains(&change.hostname)).collect();
    let still: HashSet<&str> = plan.changes.iter().map(|change| change.hostname.as_str()).collect();
    let counted = |change: &&&InstanceChange| {
        let is_declared = nodes.get(&change.hostname).is_some_and(|node| node.declared.is_some());
        is_declared && !still.contains(change.hostname.as_str())
    };
    let unchanged = plan.summary.unchanged.saturating_sub(out.iter().filter(counted).count());
    let summary = Summary { left_out: out.len(), unchanged, ..plan.summary };
    let mut unmatched = plan.unmatched;
    unmatched.extend(selection.unmatched(declared, live));
    Plan { left_out: closure.left_out(), summary, unmatched, ..plan }
}
