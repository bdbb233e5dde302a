//! What became of every step.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    controller::{ControllerError, Left},
    plan::{Request, Step},
};

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server did it.
    Done,
    /// The server did not do it, or nobody knows whether it did.
    Failed(ControllerError),
    /// It waited for a row to go, which did not go in time.
    Waiting(Left),
    /// It was under way when the run was left.
    Unknown,
    /// It was never sent.
    NotAttempted(Because),
}

/// Why a step was never sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// It waits, at once or through others, for a step that failed: of this instance.
    Failed(String),
    /// It is held until nodes are connected, by the index of the hold.
    Held(usize),
    /// It waits, at once or through others, for the row of this instance to go.
    Waits(String),
    /// It waits, at once or through others, until no job runs on this instance.
    Busy(String),
    /// Nothing more was started.
    Stopped(Stop),
}

impl Because {
    /// Whether it goes on by itself once what it waits for is over, so that nothing went wrong.
    pub fn is_held(&self) -> bool {
        match self {
            Self::Held(_) | Self::Waits(_) | Self::Busy(_) => true,
            Self::Failed(_) | Self::Stopped(_) => false,
        }
    }
}

/// Why nothing more was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// The server refused for want of rights, or no longer knows who one is.
    Forbidden,
    /// The controller cannot be reached any more.
    Unreachable,
    /// One step failed, and that was to be enough.
    FailFast,
    /// Somebody interrupted it.
    Interrupted,
    /// Nothing was started at all: not everything can or may be done.
    Refused,
    /// Nothing was started at all: nobody said yes.
    Declined,
}

/// How many requests ended how. A wait counts only where it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Done.
    pub done: usize,
    /// Failed.
    pub failed: usize,
    /// Left in the middle.
    pub unknown: usize,
    /// Held, or behind what is held.
    pub held: usize,
    /// Not attempted for another reason.
    pub not_attempted: usize,
}

/// What became of all steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    fates: BTreeMap<usize, Fate>,
    /// The removals whose rows were seen to be gone.
    gone: BTreeSet<usize>,
    stopped: Option<Stop>,
}

impl Outcome {
    /// Nothing has become of anything yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether more may be started.
    pub(super) fn goes_on(&mut self, interrupted: bool) -> bool {
        if interrupted {
            self.interrupt();
        }
        self.stopped.is_none()
    }

    /// Nothing more is started, unless that was so already.
    pub fn interrupt(&mut self) {
        self.stop(Stop::Interrupted);
    }

    /// Nothing more is started because of this, unless that was so already.
    pub fn stop(&mut self, why: Stop) {
        self.stopped = self.stopped.or(Some(why));
    }

    pub(super) fn started(&mut self, step: &Step) {
        self.fates.insert(step.id, Fate::Unknown);
    }

    pub(super) fn ended(&mut self, step: &Step, fate: Fate) {
        self.fates.insert(step.id, fate);
    }

    /// A wait that was given up, since nothing more is started.
    pub(super) fn interrupted(&mut self, step: &Step) {
        self.fates.insert(step.id, Fate::NotAttempted(Because::Stopped(self.stopped.unwrap_or(Stop::Interrupted))));
    }

    /// Starts nothing more where the server refuses who asks.
    pub(super) fn stop_if_forbidden(&mut self, error: &ControllerError) {
        if error.is_forbidden() {
            self.stop(Stop::Forbidden);
        }
    }

    pub(super) fn failed(&mut self, step: &Step, error: ControllerError, fail_fast: bool) {
        let reason = match () {
            () if error.is_forbidden() => Some(Stop::Forbidden),
            // It was tried for as long as one wanted: each further request would take as long.
            () if error.is_unreachable() => Some(Stop::Unreachable),
            () => fail_fast.then_some(Stop::FailFast),
        };
        if let Some(reason) = reason {
            self.stop(reason);
        }
        self.fates.insert(step.id, Fate::Failed(error));
    }

    /// Whether nothing has become of a step, and nothing bad of what it waits for.
    pub(super) fn is_open(&self, step: &Step, done: &BTreeSet<usize>) -> bool {
        let is_done = |id: &usize| done.contains(id) || self.fate(*id) == Some(&Fate::Done);
        let may_be_done = |id: &usize| is_done(id) || self.fate(*id).is_none();
        !done.contains(&step.id) && self.fate(step.id).is_none() && step.after.iter().all(may_be_done)
    }

    /// Says of each step that was not sent why: what is behind that. Steps stand after what they wait for.
    pub fn settle(&mut self, steps: &[Step], done: &BTreeSet<usize>) {
        let idle: BTreeSet<usize> = steps.iter().filter(|step| step.action == Request::Idle).map(|step| step.id).collect();
        let hostnames: BTreeMap<usize, &str> = steps.iter().map(|step| (step.id, step.hostname.as_str())).collect();
        for step in steps.iter().filter(|step| !done.contains(&step.id)) {
            if self.fates.contains_key(&step.id) {
                continue;
            }
            let name = |id: &usize| hostnames.get(id).map(|name| (*name).to_owned());
            let causes = step.after.iter().filter_map(|id| match self.fate(*id)? {
                Fate::Failed(_) | Fate::Unknown => Some(Because::Failed(name(id)?)),
                Fate::Waiting(_) if idle.contains(id) => Some(Because::Busy(name(id)?)),
                Fate::Waiting(_) => Some(Because::Waits(name(id)?)),
                // Its own hold tells more than another one.
                Fate::NotAttempted(Because::Held(_)) if step.held.is_some() && self.stopped.is_none() => None,
                Fate::Done | Fate::NotAttempted(Because::Stopped(_)) => None,
                Fate::NotAttempted(because) => Some(because.clone()),
            });
            // A failure tells more than a hold.
            let own = step.held.filter(|_| self.stopped != Some(Stop::Forbidden)).map(Because::Held);
            let because = causes.min().or(own).unwrap_or(Because::Stopped(self.stopped.unwrap_or(Stop::Refused)));
            self.fates.insert(step.id, Fate::NotAttempted(because));
        }
    }

    pub(super) fn is_gone(&mut self, step: &Step) {
        self.gone.insert(step.id);
    }

    /// The removals that were asked for and whose rows nobody waited for.
    pub fn asked_for<'s>(&self, steps: &'s [Step]) -> Vec<&'s Step> {
        let waited: BTreeSet<&str> = steps.iter().filter(|s| s.action == Request::Wait).map(|s| s.hostname.as_str()).collect();
        let asked = steps.iter().filter(|step| step.action == Request::Remove && self.fate(step.id) == Some(&Fate::Done));
        asked.filter(|step| !self.gone.contains(&step.id) && !waited.contains(step.hostname.as_str())).collect()
    }

    /// What became of a step.
    pub fn fate(&self, step: usize) -> Option<&Fate> {
        self.fates.get(&step)
    }

    /// Why nothing more was started, if that was so.
    pub fn stopped(&self) -> Option<Stop> {
        self.stopped
    }

    /// How many requests ended how.
    pub fn counts(&self, steps: &[Step]) -> Counts {
        let mut counts = Counts::default();
        for step in steps {
            let is_wait = !step.action.writes();
            match self.fate(step.id) {
                Some(Fate::Failed(error)) if error.leaves_open() => counts.unknown += 1,
                Some(Fate::Failed(_)) => counts.failed += 1,
                None => {}
                Some(_) if is_wait => {}
                // A removal that was asked for and is not over was done.
                Some(Fate::Done | Fate::Waiting(_)) => counts.done += 1,
                Some(Fate::Unknown) => counts.unknown += 1,
                Some(Fate::NotAttempted(because)) if because.is_held() => counts.held += 1,
                Some(Fate::NotAttempted(_)) => counts.not_attempted += 1,
            }
        }
        counts
    }

    /// Whether a row that was to go is still there.
    pub fn is_waiting(&self) -> bool {
        self.fates.values().any(|fate| matches!(fate, Fate::Waiting(_)))
    }

    /// Whether everything was done that was not held.
    pub fn is_success(&self) -> bool {
        self.fates.values().all(|fate| match fate {
            Fate::Done | Fate::Waiting(_) => true,
            Fate::NotAttempted(because) => because.is_held(),
            Fate::Failed(_) | Fate::Unknown => false,
        })
    }
}
