//! What became of every step.

use std::collections::BTreeMap;

use crate::{
    controller::ControllerError,
    plan::{Request, Step},
};

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server did it.
    Done,
    /// The server did not do it, or nobody knows whether it did.
    Failed(ControllerError),
    /// It was never sent.
    NotAttempted(Because),
}

/// Why a step was never sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// It waits, at once or through others, for a step that failed: of this instance.
    Failed(String),
    /// The server refused for want of rights, so that the run was stopped.
    Stopped,
}

/// What became of all steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    fates: BTreeMap<usize, Fate>,
    stopped: bool,
}

impl Outcome {
    pub(super) fn new(steps: &[Step]) -> Self {
        let unknown = |step: &Step| (step.id, Fate::NotAttempted(Because::Stopped));
        Self { fates: steps.iter().map(unknown).collect(), stopped: false }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    pub(super) fn done(&mut self, step: &Step) {
        self.fates.insert(step.id, Fate::Done);
    }

    pub(super) fn failed(&mut self, step: &Step, error: ControllerError) {
        self.stopped |= error.is_forbidden();
        self.fates.insert(step.id, Fate::Failed(error));
    }

    /// Gives each step that was not sent the failure that is behind it. Steps stand after what they wait for.
    pub(super) fn settle(&mut self, steps: &[Step]) {
        let hostnames: BTreeMap<usize, &str> = steps.iter().map(|step| (step.id, step.hostname.as_str())).collect();
        for step in steps {
            if self.fate(step.id) != Some(&Fate::NotAttempted(Because::Stopped)) {
                continue;
            }
            let cause = step.after.iter().find_map(|id| match self.fate(*id)? {
                Fate::Failed(_) => Some(Because::Failed((*hostnames.get(id)?).to_owned())),
                Fate::NotAttempted(because @ Because::Failed(_)) => Some(because.clone()),
                Fate::Done | Fate::NotAttempted(Because::Stopped) => None,
            });
            if let Some(because) = cause {
                self.fates.insert(step.id, Fate::NotAttempted(because));
            }
        }
    }

    /// What became of a step.
    pub fn fate(&self, step: usize) -> Option<&Fate> {
        self.fates.get(&step)
    }

    /// How many requests were done, failed and were not attempted. A wait counts only where it failed.
    pub fn counts(&self, steps: &[Step]) -> (usize, usize, usize) {
        let is_request = |step: &&Step| step.action != Request::Wait || matches!(self.fate(step.id), Some(Fate::Failed(_)));
        let fates = steps.iter().filter(is_request).filter_map(|step| self.fate(step.id));
        fates.fold((0, 0, 0), |(done, failed, not), fate| match fate {
            Fate::Done => (done + 1, failed, not),
            Fate::Failed(_) => (done, failed + 1, not),
            Fate::NotAttempted(_) => (done, failed, not + 1),
        })
    }

    /// Whether everything was done.
    pub fn is_success(&self) -> bool {
        self.fates.values().all(|fate| *fate == Fate::Done)
    }
}
