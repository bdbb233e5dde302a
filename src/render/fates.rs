//! What was not simply done by an apply, with what ended alike together: for the forms that tell of it in lists.

use std::collections::{BTreeMap, HashMap};

use crate::{
    apply::{Because, Fate},
    mesh::fold,
    plan::{Bundle, Plan, Step},
};

use super::{
    outcome::{Ending, failures, reason, still_there},
    plan::held_until,
};

/// How steps ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Failed,
    Unknown,
    NotAttempted,
    Held,
}

impl Kind {
    pub(super) const ALL: &[Self] = &[Self::Failed, Self::Unknown, Self::NotAttempted, Self::Held];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Failed => "Failed",
            Self::Unknown => "Not known",
            Self::NotAttempted => "Not attempted",
            Self::Held => "Held",
        }
    }
}

/// Steps that ended alike.
pub(super) struct Group<'a> {
    pub(super) kind: Kind,
    pub(super) message: String,
    pub(super) steps: Vec<&'a Step>,
    pub(super) hint: Option<&'static str>,
}

impl Group<'_> {
    /// The instances that it is about, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<&str> = self.steps.iter().map(|step| step.hostname.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        fold(&names)
    }
}

/// All that was not done, failures first.
pub(super) fn groups<'a>(ending: &Ending<'a>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (alike, failed) in failures(ending) {
        // Of a single one all that is known, of several what they have in common.
        let message = if let [(_, only)] = failed.as_slice() { only.to_string() } else { alike };
        let hint = failed.first().and_then(|(_, error)| error.hint());
        groups.push(Group { kind: Kind::Failed, message, steps: failed.into_iter().map(|(step, _)| step).collect(), hint });
    }
    let mut alike: BTreeMap<(Kind, String), Vec<&'a Step>> = BTreeMap::new();
    for step in ending.steps {
        let Some(ended) = ended(ending, step) else { continue };
        alike.entry(ended).or_default().push(step);
    }
    groups.extend(alike.into_iter().map(|((kind, message), steps)| Group { kind, message, steps, hint: None }));
    groups
}

fn ended(ending: &Ending<'_>, step: &Step) -> Option<(Kind, String)> {
    match ending.outcome.fate(step.id)? {
        Fate::Done | Fate::Failed(_) => None,
        Fate::Unknown => Some((Kind::Unknown, "under way when the run was left".to_owned())),
        Fate::Waiting(left) => Some((Kind::Held, still_there(left))),
        Fate::NotAttempted(Because::Held(hold)) => Some((Kind::Held, ending.holds.get(*hold).map(held_until).unwrap_or_default())),
        Fate::NotAttempted(because) if because.is_held() => Some((Kind::Held, reason(because))),
        // Whose removal was asked for, and only not waited for, was not left out.
        Fate::NotAttempted(because) => step.action.writes().then(|| (Kind::NotAttempted, reason(because))),
    }
}

/// The install bundles that are to be run now. Of an instance of which nothing was done it is as it was.
pub(super) fn due<'p>(ending: &Ending<'_>, plan: &'p Plan) -> Vec<&'p Bundle> {
    let mut own: HashMap<&str, bool> = HashMap::new();
    for step in ending.steps {
        *own.entry(&step.hostname).or_default() |= matches!(ending.outcome.fate(step.id), None | Some(Fate::Done));
    }
    plan.bundles.iter().filter(|bundle| own.get(bundle.hostname.as_str()) != Some(&false)).collect()
}
