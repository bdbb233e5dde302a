//! From a plan and what the controller remembers to what is drift.

use std::collections::{BTreeMap, BTreeSet};

use crate::mesh::{Capabilities, DeclaredMesh, Field, History, LiveMesh, Value};

use super::{
    super::{
        Action, Change, InstanceChange, KeptDrift, Plan, Refusal, Selection, Spared, SparedBy,
        spare::{manages, unresolved_peers},
    },
    Difference, Drift, DriftSummary, Known, Seen, Stream, Unknown, Verdict, What,
    judge::{Judged, Memory},
};

/// Both sides, and what the controller remembers of one of them.
pub struct Sides<'a> {
    /// What is declared.
    pub declared: &'a DeclaredMesh,
    /// What is there.
    pub live: &'a LiveMesh,
    /// What the controller is, which decides what it records.
    pub capabilities: Capabilities,
    /// What it remembers.
    pub history: &'a History,
    /// Where that comes from.
    pub stream: Stream,
}

/// What is not as declared and why, by a plan for all of it; of the instances that are to be looked at.
pub fn drift(plan: &Plan, selection: &Selection, sides: &Sides<'_>) -> Drift {
    let mut findings = differences(plan, sides);
    findings.extend(plan.spared.iter().map(left_alone));
    findings.extend(unresolved(plan, sides));
    findings.retain(|finding| selection.has(&finding.hostname));
    // Existence first.
    findings.sort_by(|a, b| (&a.hostname, a.what.managed()).cmp(&(&b.hostname, b.what.managed())));
    let count = |code: &str| findings.iter().filter(|finding| finding.verdict.code() == code).count();
    let differing: BTreeSet<&str> = findings.iter().map(|finding| finding.hostname.as_str()).collect();
    let looked_at = sides.declared.instances.keys().filter(|name| selection.has(name.as_str()));
    let (looked_at, differing) = looked_at.fold((0, 0), |(all, odd), name| (all + 1, odd + usize::from(differing.contains(name.as_str()))));
    let seen = |(name, state): &(String, String)| {
        let live = sides.live.instances.get(name).filter(|_| selection.has(name))?;
        let (hostname, state) = (name.clone(), state.clone());
        Some(Seen { hostname, state, id: live.id, jobs_running: live.jobs_running, jobs: Vec::new() })
    };
    let states: Vec<Seen> = plan.states.iter().filter_map(seen).collect();
    let unmanaged = unmanaged(plan, selection, sides);
    let summary = DriftSummary {
        drift: count("drift"),
        pending: count("pending"),
        unknown: count("unknown"),
        ignored: count("ignored"),
        as_declared: looked_at - differing,
        declared: sides.declared.instances.values().filter(|declared| declared.shall_exist()).count(),
        live: plan.summary.live,
        unreachable: states.iter().filter(|seen| seen.state == "unavailable").count(),
        unmanaged: unmanaged.len(),
        not_looked_at: sides.declared.instances.len() - looked_at,
    };
    Drift { findings, summary, states, unmanaged, stream: sides.stream }
}

/// Marks in a plan what undoes somebody's hand, and says whose hand it leaves alone.
pub fn mark(plan: &mut Plan, found: &[Difference]) {
    let by_hand = found.iter().filter(|finding| finding.by_hand);
    let by_hand: BTreeMap<(&str, Option<Field>), &Known> =
        by_hand.filter_map(|finding| Some(((finding.hostname.as_str(), finding.what.managed()), finding.change.as_ref()?))).collect();
    let of = |hostname: &str, field| by_hand.get(&(hostname, field)).map(|known| (*known).clone());
    for change in &mut plan.changes {
        change.reverts = of(&change.hostname, None);
        for of_field in &mut change.changes {
            of_field.reverts = of(&change.hostname, Some(of_field.field));
        }
    }
    for spared in plan.spared.iter_mut().filter(|spared| spared.by == SparedBy::Hand) {
        spared.change.reverts = of(&spared.hostname, Some(spared.change.field));
    }
    for kept in &mut plan.kept {
        kept.reverts = of(&kept.hostname, None);
    }
}

/// What a plan changes and why that differs.
pub fn differences(plan: &Plan, sides: &Sides<'_>) -> Vec<Difference> {
    let judge = Judge::new(sides);
    let mut findings: Vec<Difference> = plan.changes.iter().flat_map(|change| judge.instance(change)).collect();
    follow(&mut findings);
    findings
}

/// What a plan leaves alone where whatever somebody changed by hand, or may have, stays.
pub fn kept(found: &[Difference]) -> KeptDrift {
    let stays = |finding: &&Difference| finding.by_hand || matches!(finding.verdict, Verdict::Unknown(_));
    let mut kept = KeptDrift::default();
    for Difference { hostname, what, .. } in found.iter().filter(stays) {
        match what.managed() {
            Some(field) => kept.fields.extend([(hostname.clone(), field)]),
            None => kept.instances.extend([hostname.clone()]),
        }
    }
    kept
}

/// Who is there and nobody here knows.
fn unmanaged(plan: &Plan, selection: &Selection, sides: &Sides<'_>) -> Vec<String> {
    let goes: BTreeSet<&str> = plan.changes.iter().map(|change| change.hostname.as_str()).collect();
    let unknown = sides.live.instances.iter().filter(|(name, live)| {
        let known = sides.declared.instances.contains_key(name.as_str()) || goes.contains(name.as_str());
        !known && !live.node_type.is_control_plane() && !live.node_state.is_leaving() && selection.has(name)
    });
    unknown.map(|(name, _)| name.clone()).collect()
}

struct Judge<'a> {
    sides: &'a Sides<'a>,
    applied_by: BTreeSet<&'a str>,
    /// Whose place is taken by another one.
    replaced: BTreeSet<&'a str>,
}

impl<'a> Judge<'a> {
    fn new(sides: &'a Sides<'a>) -> Self {
        let applied_by = sides.declared.settings.applied_by.iter().map(|account| account.value.as_str()).collect();
        let replaced = sides.declared.instances.values().filter_map(|new| new.replaces.as_ref()).map(|old| old.value.as_str()).collect();
        Self { sides, applied_by, replaced }
    }

    /// What is known of an instance; nothing where it is not there.
    fn of(&self, change: &InstanceChange) -> Memory<'_> {
        let live = self.sides.live.instances.get(&change.hostname);
        Memory {
            events: change.id.and_then(|id| self.sides.history.of.get(&id)).map(Vec::as_slice).unwrap_or_default(),
            capabilities: self.sides.capabilities,
            listens: live.is_some_and(|live| live.listener_port.is_some()),
            came_back: self.sides.history.removed.contains_key(&change.hostname),
            applied_by: &self.applied_by,
        }
    }

    /// The verdict of the stream, unless there is none.
    fn judged(&self, judge: impl FnOnce() -> Judged) -> Judged {
        match self.sides.stream {
            Stream::Asked => judge(),
            Stream::Off => Judged::unknown(Unknown::Off),
            Stream::Skipped => Judged::unknown(Unknown::Skipped),
            Stream::Refused => Judged::unknown(Unknown::Refused),
        }
    }

    /// What differs of one instance. What only follows from the change of another one is no finding.
    fn instance(&self, change: &InstanceChange) -> Vec<Difference> {
        let finding = |what: What, Judged { verdict, change: known, by_hand }: Judged, place| Difference {
            hostname: change.hostname.clone(),
            what,
            verdict,
            place,
            change: known,
            by_hand,
        };
        let live = self.sides.live.instances.get(&change.hostname);
        let state = live.map(|live| live.node_state.as_str().to_owned());
        let declared = self.sides.declared.instances.get(change.hostname.as_str());
        let memory = self.of(change);
        match change.action {
            Action::Create => {
                let judged = self.judged(|| if change.id.is_some() { memory.leaving() } else { self.removed(&memory, &change.hostname) });
                vec![finding(What::Missing(state), judged, change.place)]
            }
            Action::Remove => {
                let is_named = declared.is_some() || self.replaced.contains(change.hostname.as_str());
                let judged = self.judged(|| if is_named { memory.made_again() } else { memory.made() });
                vec![finding(What::Extra(state.unwrap_or_default()), judged, change.place)]
            }
            Action::Update | Action::Replace => {
                let declared_ones = change.changes.iter().filter(|c| declared.is_some_and(|declared| manages(declared, c.field)));
                declared_ones
                    .filter_map(|Change { field, before, after, place, reverts: _ }| {
                        let live = before.clone()?;
                        let judged = self.judged(|| memory.field(*field, after, &live));
                        Some(finding(What::Field { field: *field, declared: after.clone(), live }, judged, *place))
                    })
                    .collect()
            }
        }
    }

    /// Of one that is not there: whether its row went.
    fn removed(&self, memory: &Memory<'_>, hostname: &str) -> Judged {
        match self.sides.history.removed.get(hostname) {
            Some(Some(event)) => memory.by(event),
            Some(None) => Judged::unknown(Unknown::Gap),
            None => Judged::bare(Verdict::Pending),
        }
    }
}

/// What is left alone is told as well.
fn left_alone(spared: &Spared) -> Difference {
    let Spared { hostname, change: Change { field, before, after, place, reverts: _ }, by } = spared;
    let verdict = match by {
        SparedBy::Rule { until, reason, place } => Verdict::Ignored { until: *until, reason: reason.clone(), place: *place },
        SparedBy::Hand => Verdict::Drift { web_form: false },
    };
    let live = before.clone().unwrap_or_else(|| after.clone());
    let what = What::Field { field: *field, declared: after.clone(), live };
    Difference { hostname: hostname.clone(), what, verdict, place: *place, change: None, by_hand: false }
}

impl What {
    /// The managed field; none where it is about existence.
    pub fn managed(&self) -> Option<Field> {
        if let Self::Field { field, .. } = self { Some(*field) } else { None }
    }
}

/// The instances that are declared to dial what is not there any more: no plan has a change for that, and nobody may think that all is
/// as declared.
fn unresolved(plan: &Plan, sides: &Sides<'_>) -> Vec<Difference> {
    let mut first: BTreeMap<&str, &Refusal> = BTreeMap::new();
    for refusal in plan.refused.iter().filter(|refusal| refusal.reason.is_unresolved_peer()) {
        first.entry(&refusal.hostname).or_insert(refusal);
    }
    let of = |(hostname, refusal): (&str, &Refusal)| {
        let (live, declared, _) = unresolved_peers(sides.declared, sides.live, hostname)?;
        Some(Difference {
            hostname: hostname.to_owned(),
            what: What::Field { field: Field::Peers, declared, live },
            verdict: Verdict::Unknown(Unknown::Unresolved(refusal.reason.to_string())),
            place: refusal.place,
            change: None,
            by_hand: false,
        })
    };
    first.into_iter().filter_map(of).collect()
}

/// Links go with what they lead to, and nobody records that: a set of peers that lacks only such links was left by the same hand. Where
/// nobody's hand is known it stays unknown.
fn follow(findings: &mut [Difference]) {
    let gone: BTreeMap<String, (Verdict, Option<Known>)> = findings
        .iter()
        .filter(|finding| finding.by_hand)
        .filter(|finding| match &finding.what {
            What::Missing(state) => state.is_none(),
            What::Field { field, live, .. } => *field == Field::ListenerPort && *live == Value::Port(None),
            What::Extra(_) => false,
        })
        .map(|finding| (finding.hostname.clone(), (finding.verdict.clone(), finding.change.clone())))
        .collect();
    for finding in findings {
        let What::Field { declared: Value::Peers(declared), live: Value::Peers(live), .. } = &finding.what else { continue };
        if finding.verdict != Verdict::Unknown(Unknown::Gap) || !declared.is_superset(live) {
            continue;
        }
        let causes: Option<Vec<_>> = declared.difference(live).map(|peer| gone.get(&peer.hostname)).collect();
        let Some(causes) = causes else { continue };
        let Some((verdict, change)) = causes.first().copied() else { continue };
        let actor = |change: &Option<Known>| change.as_ref().and_then(|known| known.actor.clone());
        let is_one = causes.iter().all(|(_, other)| actor(other) == actor(change));
        (finding.verdict, finding.change, finding.by_hand) = (verdict.clone(), change.clone().filter(|_| is_one), true);
    }
}
