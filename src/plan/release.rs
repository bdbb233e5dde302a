//! What the controller sees now, for steps that take something away: which holds are over, and who would be cut off.

use std::collections::BTreeSet;

use super::{Hold, Request, Step};
use crate::mesh::{Field, Topology, Value};

/// What some steps break on the wire.
#[derive(Default)]
struct Breaks<'s> {
    gone: BTreeSet<&'s str>,
    closed: BTreeSet<&'s str>,
    unflagged: BTreeSet<&'s str>,
}

impl<'s> Breaks<'s> {
    fn of(steps: impl IntoIterator<Item = &'s Step>) -> Self {
        let mut breaks = Self::default();
        for step in steps {
            let name = step.hostname.as_str();
            let says = |wanted: (Field, Value)| step.action == Request::Patch && step.body.contains(&wanted);
            breaks.gone.extend((step.action == Request::Remove).then_some(name));
            breaks.closed.extend(says((Field::ListenerPort, Value::Port(None))).then_some(name));
            breaks.unflagged.extend(says((Field::PeersFromControlNodes, Value::Bool(false))).then_some(name));
        }
        breaks
    }

    /// Who has a path of established links when that is broken.
    fn connected<'n>(&self, now: &'n Topology) -> BTreeSet<&'n str> {
        now.connected(|source, target| {
            [source, target].iter().any(|end| self.gone.contains(end))
                || self.closed.contains(target)
                || self.unflagged.contains(target) && now.is_control_plane(source)
        })
    }
}

/// The ready nodes that have a path of established links and would have none after these steps, but for those in `allowed`.
pub fn cut_off<'s>(steps: impl IntoIterator<Item = &'s Step>, now: &Topology, allowed: &BTreeSet<String>) -> Vec<String> {
    let breaks = Breaks::of(steps);
    let (before, after) = (now.connected(|_, _| false), breaks.connected(now));
    let lost = before.difference(&after).filter(|name| now.is_ready(name) && !breaks.gone.contains(**name) && !allowed.contains(**name));
    lost.map(|name| (*name).to_owned()).collect()
}

/// The holds, by index, whose nodes all have a path of established links that none of these held steps breaks. A node that is not
/// ready any more holds nothing, and one that hangs on it only since the plan was made holds as well.
pub fn released(held: &[&Step], holds: &[Hold], now: &Topology, allowed: &BTreeSet<String>) -> BTreeSet<usize> {
    let connected = Breaks::of(held.iter().copied()).connected(now);
    let is_over = |hold: &Hold| hold.until.iter().all(|name| !now.is_ready(name) || connected.contains(name.as_str()));
    let over: Vec<usize> = holds.iter().enumerate().filter(|(_, hold)| is_over(hold)).map(|(i, _)| i).collect();
    // One after the other, so that what would cut off somebody new keeps nothing else back.
    let mut goes = BTreeSet::new();
    for hold in over {
        goes.insert(hold);
        let steps = held.iter().copied().filter(|step| step.held.is_some_and(|hold| goes.contains(&hold)));
        if !cut_off(steps, now, allowed).is_empty() {
            goes.remove(&hold);
        }
    }
    goes
}
