//! What became of an apply, as annotations: failures are errors, what is held a notice.

use crate::render::{
    fates::{Kind, groups},
    outcome::Ending,
    place::Paths,
};

use super::{Level, Notes, at};

/// The outcome as annotations, a line each.
pub fn outcome(ending: &Ending<'_>, paths: Paths<'_>) -> String {
    let mut notes = Notes::default();
    for group in groups(ending) {
        let (level, title) = match group.kind {
            Kind::Failed => (Level::Error, "failed"),
            Kind::Unknown => (Level::Error, "not known"),
            Kind::NotAttempted => (Level::Warning, "not attempted"),
            Kind::Held => (Level::Notice, "held"),
        };
        let hint = group.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        for step in &group.steps {
            let at = at(ending.declared, paths, step.place);
            notes.add(level, at, title, Some(&step.hostname), format!("{}{hint}", group.message));
        }
    }
    notes.finish()
}
