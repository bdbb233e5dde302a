//! The plan: what has to change so that the live mesh is as declared, and in which order. A pure function of both meshes and
//! of what the controller allows; it does no input or output and reads no clock.
//!
//! What the API has no way for is refused by name; what is dangerous and was not allowed is guarded. Either way the plan is shown
//! whole.

mod acts;
mod bundles;
mod by_hand;
mod change;
mod diff;
mod digest;
mod drain;
pub mod drift;
mod firewall;
mod from;
mod guard;
mod holds;
mod links;
mod nodes;
mod notes;
mod part;
mod paths;
mod peers;
mod refusal;
mod release;
mod rules;
pub mod saved;
mod schedule;
mod selection;
mod spare;
mod step;
mod steps;
mod touch;
mod trees;
mod why;
mod wire;

pub use bundles::{Bundle, Cause};
pub use by_hand::{ByHand, by_hand};
pub use change::{Action, Change, InstanceChange};
pub use firewall::{Firewall, Rule};
pub use from::{LetGo, as_live, lets_go};
pub use guard::{Budget, Guard, Permissions};
pub use part::plan_selected;
pub use refusal::{Reason, Refusal};
pub use release::{cut_off, released};
pub use selection::{LeftOut, Selection};
pub use spare::{KeptDrift, KeptInstance, Spared, SparedBy};
pub use step::{Hold, Request, Step};
pub use touch::{Effect, Touch};

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::mesh::{Capabilities, DeclaredMesh, Field, Listed, LiveMesh, Place, Value, fold};
use acts::Acts;
use digest::digest;
use drain::Drain;
use nodes::{Course, Node, Nodes};
use paths::{Kept, keep_paths};
use steps::Written;

/// What an apply would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The instances that change, by hostname.
    pub changes: Vec<InstanceChange>,
    /// The requests, in an order that keeps what each waits for; none where anything is refused.
    pub steps: Vec<Step>,
    /// What holds steps back until install bundles were run.
    pub holds: Vec<Hold>,
    /// The ready nodes without a path of established links that cannot be waited for: their new path needs what would be held.
    pub exposed: Vec<String>,
    /// What cannot be done, in the order of the configuration.
    #[serde(skip)]
    pub refused: Vec<Refusal>,
    /// What was not allowed.
    #[serde(skip)]
    pub guards: Vec<Guard>,
    /// Whose change takes away for a while the only path of whom.
    pub disruptions: Vec<Disruption>,
    /// The links that nobody here declares and that are touched.
    pub touches: Vec<Touch>,
    /// How many removals there may be.
    pub budget: Option<Budget>,
    /// The instances that have a path to the control plane now and none after, as declared.
    pub cut_off: Vec<CutOff>,
    /// The instances that this plan makes or changes and that have no path to the control plane, neither now nor after.
    pub unconnected: Vec<String>,
    /// The ready nodes that will have no path, whether this plan is about them or not.
    pub pathless: Vec<String>,
    /// New instances with the one whose place they shall take, which is not there.
    pub nothing_to_replace: Vec<(String, String)>,
    /// Declared or removed instances that are in a state that needs somebody's eye, with that state.
    pub states: Vec<(String, String)>,
    /// What differs and is left alone, by hostname.
    #[serde(default)]
    pub spared: Vec<Spared>,
    /// The instances that somebody made or removed by hand, and that stay so.
    #[serde(default)]
    pub kept: Vec<KeptInstance>,
    /// What the configuration no longer cares for, where the plan is for a change of it alone.
    #[serde(default)]
    pub lets_go: Vec<LetGo>,
    /// Whether the controller could not tell whose changes this undoes.
    #[serde(default)]
    pub unblamed: bool,
    /// The instances that are left out because they need something that was not selected.
    pub left_out: Vec<LeftOut>,
    /// Instance groups that will have no enabled instance; found by whoever knows the groups.
    pub empty_groups: Vec<String>,
    /// The instances whose links, listener or type change, or that lose their path: jobs that run there would be cut off.
    pub reconnected: Vec<String>,
    /// The install bundles to run afterwards, in their order.
    pub bundles: Vec<Bundle>,
    /// What a firewall has to let through, and what no longer.
    pub firewall: Firewall,
    /// The patterns of `owns` and `protect` that no instance matches, declared or live.
    pub unmatched: Vec<Unmatched>,
    /// The figures of the summary.
    pub summary: Summary,
    /// What the plan does: `sha256:` and 64 hexadecimal digits; none where anything is refused.
    pub digest: Option<String>,
}

/// An instance that loses its path for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutOff {
    /// Which instance.
    pub hostname: String,
    /// Whose changes break its path.
    pub by: Vec<String>,
}

/// A path that is away for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disruption {
    /// Whose change it is.
    pub by: String,
    /// Whether the instance itself is away meanwhile.
    pub itself: bool,
    /// Who else is, having no other path.
    pub behind: Vec<String>,
}

/// A pattern that names nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmatched {
    /// The key that it stands below.
    pub key: String,
    /// The pattern, with its `!` if it has one.
    pub pattern: String,
    /// Where it stands, if it stands in a file.
    pub place: Option<Place>,
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` in `{}` matches no instance, declared or live", self.pattern, self.key)
    }
}

impl Unmatched {
    fn new(key: &str, item: &Listed, place: Option<Place>) -> Self {
        let sign = if item.takes_out { "!" } else { "" };
        Self { key: key.to_owned(), pattern: format!("{sign}{}", item.pattern), place }
    }
}

/// The figures of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Instances that are declared.
    pub declared: usize,
    /// Instances that the controller has; its control and hybrid nodes only where they are declared.
    pub live: usize,
    /// Declared instances that will be created.
    pub create: usize,
    /// Declared instances that will be updated.
    pub update: usize,
    /// Declared instances that will be removed and made again.
    pub replace: usize,
    /// Live instances that will be removed.
    pub remove: usize,
    /// Declared instances that are as declared.
    pub unchanged: usize,
    /// Instances that would change and are left out.
    pub left_out: usize,
    /// Live instances that are neither declared nor removed, control and hybrid nodes aside.
    pub unmanaged: usize,
    /// Fields of declared instances that differ and are left alone.
    #[serde(default)]
    pub spared: usize,
    /// Fields of declared instances that are not managed and differ from what a create would have given them.
    pub unmanaged_fields: usize,
}

impl Plan {
    /// Whether nothing is to be done and nothing stands in the way of saying so.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.refused.is_empty() && self.guards.is_empty()
    }

    /// Whether an apply may run it.
    pub fn is_allowed(&self) -> bool {
        self.refused.is_empty() && self.guards.is_empty()
    }

    /// All that lose their path to the control plane for a while.
    pub fn disrupted(&self) -> BTreeSet<&str> {
        let itself = self.disruptions.iter().filter(|d| d.itself).map(|d| d.by.as_str());
        itself.chain(self.disruptions.iter().flat_map(|d| &d.behind).map(String::as_str)).collect()
    }

    /// The ids of the instances that take on no jobs any more, and of those that do so again.
    pub fn disabled_and_enabled(&self) -> (Vec<i64>, Vec<i64>) {
        let enabled = |change: &InstanceChange| match change.action {
            Action::Create => None,
            Action::Remove | Action::Replace => Some(false),
            Action::Update => change.of(Field::Enabled).map(|c| c.after == Value::Bool(true)),
        };
        let ids = |wanted| self.changes.iter().filter(move |c| enabled(c) == Some(wanted)).filter_map(|c| c.id).collect();
        (ids(false), ids(true))
    }

    /// All that may lose their paths, by what was shown and allowed.
    pub fn may_lose(&self) -> BTreeSet<String> {
        let goes = self.changes.iter().filter(|change| matches!(change.action, Action::Remove | Action::Replace));
        let goes = goes.map(|change| change.hostname.as_str()).chain(self.cut_off.iter().map(|lost| lost.hostname.as_str()));
        let others = self.unconnected.iter().chain(&self.pathless).chain(&self.exposed).map(String::as_str);
        goes.chain(others).chain(self.disrupted()).map(str::to_owned).collect()
    }

    /// The requests that write.
    pub fn writes(&self) -> usize {
        self.steps.iter().filter(|step| step.action.writes()).count()
    }

    /// How many of them are held.
    pub fn held(&self) -> usize {
        self.steps.iter().filter(|step| step.action.writes() && step.held.is_some()).count()
    }

    /// The steps that an apply would run now.
    pub fn runs_something(&self) -> bool {
        self.steps.iter().any(|step| step.held.is_none())
    }
}

/// Plans the way from the live mesh to the declared one.
pub fn plan(declared: &DeclaredMesh, live: &LiveMesh, capabilities: Capabilities, permissions: &Permissions) -> Plan {
    plan_selected(declared, live, capabilities, permissions, &Selection::default())
}

/// Plans as if some instances were somebody else's.
fn plan_without(
    declared: &DeclaredMesh,
    live: &LiveMesh,
    capabilities: Capabilities,
    permissions: &Permissions,
    left_out: &HashSet<String>,
) -> Plan {
    let (nodes, mut refused) = Nodes::join(declared, live, capabilities, left_out);
    let mut changes = diff::changes(&nodes);
    refused.extend(rules::check(&nodes, &changes));
    refused.sort_by(|a, b| (a.place, &a.hostname).cmp(&(b.place, &b.hostname)));
    refused.dedup();
    let paths = keep_paths(&nodes, Acts::of(&nodes, &changes), permissions);
    let Written { mut steps, mut holds } = Written::default();
    if refused.is_empty() {
        match steps::steps(&nodes, &changes, &paths) {
            Ok(written) => Written { steps, holds } = written,
            Err(left) => refused.extend(no_order(&changes, &nodes.names(&left.into_iter().collect::<Vec<_>>()))),
        }
    }
    let disruptions = disruptions(&nodes, &paths);
    let cut_off = |(i, by): &(usize, BTreeSet<usize>)| {
        let by = nodes.names(&by.iter().copied().collect::<Vec<_>>());
        Some(CutOff { hostname: nodes.names(&[*i]).pop()?, by })
    };
    let cut_off: Vec<CutOff> = paths.cut_off.iter().filter_map(cut_off).collect();
    let touches = touch::touches(&nodes);
    let reconnected = guard::reconnected(&nodes, &changes, &disruptions, &cut_off);
    let drain = if permissions.drain { Drain::of(&nodes, &reconnected) } else { Drain::default() };
    if permissions.drain {
        steps = drain.put_in(&nodes, &disruptions, &cut_off, &steps);
    }
    let mut concerned: Vec<bool> = vec![false; nodes.list.len()];
    for slot in changes.iter().filter_map(|change| nodes.index(&change.hostname)) {
        concerned.get_mut(slot).into_iter().for_each(|slot| *slot = true);
    }
    // Where the API has no links nothing is known of paths.
    let is_concerned = |i: &usize| capabilities.has_peers() && concerned.get(*i) == Some(&true);
    let is_ready = |i: &usize| nodes.list.get(*i).is_some_and(Node::is_ready);
    let pathless: Vec<usize> = paths.unconnected.iter().copied().filter(is_ready).collect();
    let unconnected: Vec<usize> = paths.unconnected.iter().copied().filter(is_concerned).collect();
    let unconnected = nodes.names(&unconnected);
    let budget = guard::budget(&nodes, permissions);
    let mut guards = guard::guards(&nodes, &changes, &disruptions, &reconnected, &touches, budget.as_ref(), permissions);
    guards.extend((!drain.undeclared.is_empty()).then_some(Guard::Drain(drain.undeclared)));
    let summary = diff::summary(&nodes, &changes, &refused);
    let digest = refused.is_empty().then(|| digest(&steps, permissions.no_hold));
    let (unmatched, states, bundles) = (unmatched(&nodes), states(&nodes), bundles::bundles(&nodes, &changes, &paths.held.due));
    let firewall = firewall::firewall(&nodes, &concerned);
    let holds = holds.iter().map(|until| Hold { until: nodes.names(until) }).collect();
    notes::annotate(&nodes, &mut changes, &disruptions, &touches, !permissions.no_hold);
    notes::hold(&mut changes, &steps);
    Plan {
        nothing_to_replace: nothing_to_replace(&nodes),
        left_out: Vec::new(),
        spared: Vec::new(),
        kept: Vec::new(),
        unblamed: false,
        lets_go: Vec::new(),
        reconnected,
        empty_groups: Vec::new(),
        bundles,
        firewall,
        changes,
        steps,
        holds,
        exposed: nodes.names(&paths.held.exposed),
        refused,
        guards,
        disruptions,
        touches,
        budget,
        cut_off,
        unconnected,
        pathless: nodes.names(&pathless),
        states,
        unmatched,
        summary,
        digest,
    }
}

/// Whose change takes away for a while the only path of whom, by hostnames.
fn disruptions(nodes: &Nodes<'_>, paths: &Kept<'_>) -> Vec<Disruption> {
    let disruption = |(by, lost): (&usize, &BTreeSet<usize>)| {
        let behind: Vec<usize> = lost.iter().copied().filter(|i| i != by).collect();
        let by_name = nodes.names(&[*by]).pop()?;
        Some(Disruption { by: by_name, itself: lost.contains(by), behind: nodes.names(&behind) })
    };
    paths.disruptions.iter().filter_map(disruption).collect()
}

/// The refusal of a plan that is not whole.
fn no_order(changes: &[InstanceChange], left: &[String]) -> Option<Refusal> {
    let change = changes.iter().find(|change| left.contains(&change.hostname))?;
    let names: Vec<&str> = left.iter().map(String::as_str).collect();
    Some(Refusal { hostname: change.hostname.clone(), place: change.place, reason: Reason::NoOrder(fold(&names).join(", ")) })
}

/// New instances whose `replaces` names nothing that is there, perhaps by a slip.
fn nothing_to_replace(nodes: &Nodes<'_>) -> Vec<(String, String)> {
    let new = nodes.list.iter().filter(|node| matches!(node.course, Course::Create));
    let named = new.filter_map(|node| Some((node.name, node.wanted()?.replaces.as_ref()?.value.as_str())));
    let missing = named.filter(|(_, old)| nodes.get(old).is_none_or(|old| old.live.is_none()));
    missing.map(|(new, old)| (new.to_owned(), old.to_owned())).collect()
}

/// The states that somebody should look at: of what is on its way out, of what failed, and of what is declared and not there.
fn states(nodes: &Nodes<'_>) -> Vec<(String, String)> {
    let seen = nodes.list.iter().filter_map(|node| Some((node, node.live?.node_state.as_str())));
    let odd = seen.filter(|(node, state)| match *state {
        "deprovisioning" | "provision-fail" | "deprovision-fail" => {
            node.declared.is_some() || matches!(node.course, Course::Remove(_) | Course::Leaving)
        }
        "unavailable" => node.wanted().is_some(),
        _ => false,
    });
    odd.map(|(node, state)| (node.name.to_owned(), state.to_owned())).collect()
}

/// The patterns that name nothing. Only here both sides are known: what was declared once may still be live.
fn unmatched(nodes: &Nodes<'_>) -> Vec<Unmatched> {
    let lists = [("owns", &nodes.mesh.settings.owns), ("protect", &nodes.mesh.settings.protect)];
    let items = lists.into_iter().flat_map(|(key, list)| list.items().iter().map(move |item| (key, item)));
    // What a `!` spares may come later; that it spares nothing matters where something goes.
    let removes = nodes.list.iter().any(|node| node.removal().is_some());
    let matches_none = |(_, item): &(&str, &Listed)| (removes || !item.takes_out) && !nodes.have(item);
    items.filter(matches_none).map(|(key, item)| Unmatched::new(key, item, Some(item.place))).collect()
}
