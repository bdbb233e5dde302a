//! The plan: what has to change so that the live mesh is as declared, and in which order. A pure function of both meshes and
//! of what the controller allows; it does no input or output and reads no clock.
//!
//! An instance takes at most one request here. What that cannot do is refused by name, and the plan is still shown whole.

mod change;
mod diff;
mod digest;
mod nodes;
mod order;
mod paths;
mod peers;
mod refusal;
mod rules;

pub use change::{Action, Change, InstanceChange};
pub use order::Step;
pub use refusal::{Reason, Refusal};

use crate::mesh::{Capabilities, DeclaredMesh, Listed, LiveMesh, Place};
use digest::digest;
use nodes::Nodes;
use order::Ordered;

/// What an apply would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The instances that change, by hostname.
    pub changes: Vec<InstanceChange>,
    /// The requests, in an order that keeps what each waits for; none where anything is refused.
    pub steps: Vec<Step>,
    /// What cannot be done, in the order of the configuration.
    pub refused: Vec<Refusal>,
    /// The instances that have a path to the control plane now and none after, as declared.
    pub cut_off: Vec<String>,
    /// The patterns of `owns` and `protect` that no instance matches, declared or live.
    pub unmatched: Vec<Unmatched>,
    /// The figures of the summary.
    pub summary: Summary,
    /// What the plan does: `sha256:` and 64 hexadecimal digits; none where anything is refused.
    pub digest: Option<String>,
}

/// A pattern that names nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// The key that it stands below.
    pub key: &'static str,
    /// The pattern, with its `!` if it has one.
    pub pattern: String,
    /// Where it stands.
    pub place: Place,
}

/// The figures of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Instances that are declared.
    pub declared: usize,
    /// Instances that the controller has; its control and hybrid nodes only where they are declared.
    pub live: usize,
    /// Declared instances that will be created.
    pub create: usize,
    /// Declared instances that will be updated.
    pub update: usize,
    /// Live instances that will be removed.
    pub remove: usize,
    /// Declared instances that are as declared.
    pub unchanged: usize,
    /// Live instances that are neither declared nor removed, control and hybrid nodes aside.
    pub unmanaged: usize,
    /// Fields of declared instances that are not managed and differ from what a create would have given them.
    pub unmanaged_fields: usize,
}

impl Plan {
    /// Whether nothing is to be done and nothing stands in the way of saying so.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.refused.is_empty()
    }
}

/// Plans the way from the live mesh to the declared one.
pub fn plan(declared: &DeclaredMesh, live: &LiveMesh, capabilities: Capabilities) -> Plan {
    let (nodes, mut refused) = Nodes::join(declared, live, capabilities);
    let mut changes = diff::changes(&nodes);
    refused.extend(rules::check(&nodes, &changes));
    let Ordered { mut steps, refused: rings, cut_off } = order::order(&nodes, &changes);
    refused.extend(rings);
    changes.append(&mut diff::removals(&nodes));
    changes.sort_by(|a, b| a.hostname.cmp(&b.hostname));
    refused.sort_by(|a, b| (a.place, &a.hostname).cmp(&(b.place, &b.hostname)));
    refused.dedup();
    if !refused.is_empty() {
        steps.clear();
    }
    let summary = diff::summary(&nodes, &changes, &refused);
    let digest = refused.is_empty().then(|| digest(&steps));
    Plan { changes, steps, refused, cut_off, unmatched: unmatched(&nodes), summary, digest }
}

/// The patterns that name nothing. Only here both sides are known: what was declared once may still be live.
fn unmatched(nodes: &Nodes<'_>) -> Vec<Unmatched> {
    let lists = [("owns", &nodes.mesh.settings.owns), ("protect", &nodes.mesh.settings.protect)];
    let items = lists.into_iter().flat_map(|(key, list)| list.items().iter().map(move |item| (key, item)));
    // What a `!` spares may come later; that it spares nothing matters where something goes.
    let removes = nodes.list.iter().any(|node| node.removal.is_some());
    let is_there = |item: &Listed| match item.pattern.expand() {
        Some(names) => names.iter().any(|name| nodes.index(name).is_some()),
        None => nodes.list.iter().any(|node| item.pattern.matches(node.name)),
    };
    let matches_none = |(_, item): &(&str, &Listed)| (removes || !item.takes_out) && !is_there(item);
    let sign = |item: &Listed| if item.takes_out { "!" } else { "" };
    items
        .filter(matches_none)
        .map(|(key, item)| Unmatched { key, pattern: format!("{}{}", sign(item), item.pattern), place: item.place })
        .collect()
}
