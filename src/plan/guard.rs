//! What a plan may do only if it was allowed: it is shown in full first, then refused.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::mesh::{Declared, DeclaredMesh, MaxRemovals, fold};

use super::{
    Action, CutOff, Disruption, InstanceChange, Touch,
    nodes::{Course, Node, Nodes, Removal},
};

/// What an apply may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub struct Permissions {
    /// `--allow-replace`.
    pub replace: bool,
    /// `--allow-disrupt`.
    pub disrupt: bool,
    /// `--touch-foreign`.
    pub touch_foreign: bool,
    /// `--allow-empty`.
    pub empty: bool,
    /// `--drain`: nodes take on no more jobs before they are cut off.
    pub drain: bool,
    /// `--no-hold`: nothing waits for install bundles.
    pub no_hold: bool,
    /// `--max-removals`; can only raise what the configuration says.
    pub max_removals: Option<MaxRemovals>,
}

/// Something that was not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Guard {
    /// An instance is made again.
    #[error("a changed node_type means that the instance is removed and made again")]
    Replace(Vec<String>),
    /// Others lose their path meanwhile.
    #[error("no path to the control plane until install bundles are run, because of what changes at {}", fold(&by.iter().map(String::as_str).collect::<Vec<_>>()).join(", "))]
    Disrupt {
        /// Who.
        hostnames: Vec<String>,
        /// Whose change it is.
        by: Vec<String>,
    },
    /// Jobs run on what is cut off or connected otherwise.
    #[error("jobs run on it, and it is cut off or connected otherwise")]
    Jobs(Vec<String>),
    /// Draining would leave it disabled if the run ended half way.
    #[error("it would be drained, and nobody declares whether it is enabled: a run that ends half way would leave it off for ever")]
    Drain(Vec<String>),
    /// Links that nobody here declares.
    #[error("links that are not declared here are set again, moved or cut")]
    Foreign(Vec<String>),
    /// Too many removals.
    #[error("{removals} instances would be removed or made again, and {budget} are allowed: {source_of_budget}")]
    Budget {
        /// How many there are.
        removals: usize,
        /// How many there may be.
        budget: usize,
        /// Who says so.
        source_of_budget: String,
    },
    /// A configuration that owns and declares nothing.
    #[error("the configuration declares no instance, so everything that it owns would go")]
    Empty,
}

impl Guard {
    /// A name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Replace(_) => "replace",
            Self::Disrupt { .. } => "disrupt",
            Self::Jobs(_) => "jobs",
            Self::Drain(_) => "drain",
            Self::Foreign(_) => "foreign",
            Self::Budget { .. } => "removals",
            Self::Empty => "empty",
        }
    }

    /// What allows it, or avoids it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Replace(_) => "--allow-replace if that is meant; else declare the live node_type",
            Self::Disrupt { .. } => {
                "give them a second path first; or change one after the other (--only) and run the install bundles in between; or --allow-disrupt"
            }
            Self::Jobs(_) => "--drain lets them end first; or --allow-disrupt",
            Self::Drain(_) => "declare `enabled` for it, or do without --drain",
            Self::Foreign(_) => "--touch-foreign if whoever manages them agrees",
            Self::Budget { .. } => "look for a name that changed by a slip; if it is meant, --max-removals raises it for this run",
            Self::Empty => "--allow-empty if that is meant",
        }
    }

    /// Whom it is about; nobody in particular where it is about the plan as a whole.
    pub fn hostnames(&self) -> &[String] {
        match self {
            Self::Replace(names)
            | Self::Disrupt { hostnames: names, by: _ }
            | Self::Jobs(names)
            | Self::Drain(names)
            | Self::Foreign(names) => names,
            Self::Budget { .. } | Self::Empty => &[],
        }
    }
}

/// How many removals a plan may have, and who says so; none where there is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// How many.
    pub removals: usize,
    /// Who says so, in words.
    pub source: String,
    /// What the configuration allows, where a flag had to raise it.
    pub raised_from: Option<usize>,
}

/// How many owned instances there must be before the default budget counts: a small mesh is taken down by a few removals.
const FEWEST: usize = 10;

/// Of a hundred owned instances so many may go by default.
const PERCENT: usize = 30;

/// How many removals count: also of rows that are made again, but not where a new instance takes the place of the old one.
fn removals(nodes: &Nodes<'_>) -> usize {
    let is_new = |name: &str| nodes.get(name).is_some_and(|node| matches!(node.course, Course::Create));
    let counts = |node: &&Node<'_>| match node.course {
        Course::Remove(Removal::Replaced(new, _)) => !is_new(new),
        Course::Replace | Course::Remove(_) => true,
        _ => false,
    };
    nodes.list.iter().filter(counts).count()
}

/// The budget of a configuration over the live instances that it owns.
pub(super) fn budget(nodes: &Nodes<'_>, permissions: &Permissions) -> Option<Budget> {
    let settings = &nodes.mesh.settings;
    let is_owned = |node: &&Node<'_>| {
        let ours = node.declared.is_some() || settings.owns.names(node.name).is_some();
        ours && node.live.is_some() && !node.has_fixed_links()
    };
    let owned = nodes.list.iter().filter(is_owned).count();
    let count = |max| match max {
        MaxRemovals::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
        MaxRemovals::Percent(percent) => owned * usize::from(percent) / 100,
    };
    let configured = match settings.max_removals {
        Some(given) => Some((count(given.value), "`max_removals` of the configuration".to_owned())),
        None if owned < FEWEST => None,
        None => Some((owned * PERCENT / 100, format!("{PERCENT}% of the {owned} instances that this configuration owns"))),
    };
    let (allowed, source) = configured?;
    match permissions.max_removals.map(count).filter(|raised| *raised > allowed) {
        // That it was raised matters where it was needed.
        Some(raised) => {
            let raised_from = Some(allowed).filter(|allowed| removals(nodes) > *allowed);
            Some(Budget { removals: raised, source: "--max-removals".to_owned(), raised_from })
        }
        None => Some(Budget { removals: allowed, source, raised_from: None }),
    }
}

/// What was not allowed.
pub(super) fn guards(
    nodes: &Nodes<'_>,
    changes: &[InstanceChange],
    disruptions: &[Disruption],
    reconnected: &[String],
    touches: &[Touch],
    budget: Option<&Budget>,
    permissions: &Permissions,
) -> Vec<Guard> {
    let mut guards = Vec::new();
    let replaced: Vec<String> = changes.iter().filter(|c| c.action == Action::Replace).map(|c| c.hostname.clone()).collect();
    if !replaced.is_empty() && !permissions.replace {
        guards.push(Guard::Replace(replaced));
    }
    if !permissions.disrupt {
        // That an instance itself is away while its listener changes is what was asked for.
        let mut behind: Vec<String> = disruptions.iter().flat_map(|d| &d.behind).cloned().collect();
        behind.sort();
        behind.dedup();
        let is_busy = |name: &&String| nodes.get(name).and_then(|node| node.live).is_some_and(|live| live.jobs_running > 0);
        // Who is drained first has no jobs then.
        let busy: Vec<String> = reconnected.iter().filter(|_| !permissions.drain).filter(is_busy).cloned().collect();
        let by = disruptions.iter().filter(|d| !d.behind.is_empty()).map(|d| d.by.clone()).collect();
        guards.extend((!behind.is_empty()).then_some(Guard::Disrupt { hostnames: behind, by }));
        guards.extend((!busy.is_empty()).then_some(Guard::Jobs(busy)));
    }
    if !permissions.touch_foreign && !touches.is_empty() {
        let mut names: Vec<String> = touches.iter().map(|touch| touch.hostname.clone()).collect();
        names.sort();
        names.dedup();
        guards.push(Guard::Foreign(names));
    }
    let removals = removals(nodes);
    if let Some(budget) = budget.filter(|budget| removals > budget.removals) {
        guards.push(Guard::Budget { removals, budget: budget.removals, source_of_budget: budget.source.clone() });
    }
    if removals > 0 && declares_nothing(nodes.mesh) && !permissions.empty {
        guards.push(Guard::Empty);
    }
    guards
}

/// The instances that lose their path, for a while or for good, or whose links, listener or type change: jobs that run there are
/// cut off. Whether it is enabled, and how much it takes on, can be changed at any time; a removal waits for the jobs by itself.
pub(super) fn reconnected(nodes: &Nodes<'_>, changes: &[InstanceChange], disruptions: &[Disruption], cut_off: &[CutOff]) -> Vec<String> {
    // A removal waits for the jobs by itself, unless it is at once.
    let at_once = |action| action == Action::Remove && nodes.capabilities.removes_at_once();
    let goes_on = |action| matches!(action, Action::Update | Action::Replace) || at_once(action);
    let touches = |change: &&InstanceChange| {
        goes_on(change.action) && (at_once(change.action) || change.changes.iter().any(|c| !c.field.is_scalar()))
    };
    let reconnected = changes.iter().filter(touches).map(|change| &change.hostname);
    // A removal waits for the jobs by itself, but not who lets go of it meanwhile.
    let let_go = nodes.list.iter().filter(|node| node.has_declared_peers()).filter_map(|node| node.live).flat_map(|live| &live.peers);
    let removed = let_go.map(|peer| &peer.hostname).filter(|name| nodes.get(name).is_some_and(|node| node.removal().is_some()));
    let behind = disruptions.iter().flat_map(|d| &d.behind);
    let mut names: Vec<String> =
        reconnected.chain(removed).chain(behind).chain(cut_off.iter().map(|lost| &lost.hostname)).cloned().collect();
    names.sort();
    names.dedup();
    names
}

fn declares_nothing(mesh: &DeclaredMesh) -> bool {
    !mesh.instances.values().any(Declared::shall_exist) && !mesh.settings.owns.items().is_empty()
}
