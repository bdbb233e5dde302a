//! A drift report as annotations: drift, and what could be drift, is a warning, what is only not applied yet a notice.

use crate::{
    plan::{drift::Verdict, saved::Warned},
    render::{
        drift::{View, difference, why},
        place::Paths,
    },
};

use super::{Level, Notes, at};

/// The report as annotations, a line each.
pub fn drift(view: &View<'_>, warned: &[Warned], paths: Paths<'_>) -> String {
    let mut notes = Notes::default();
    for finding in &view.drift.findings {
        let level = match finding.verdict {
            Verdict::Drift { .. } | Verdict::Unknown(_) => Level::Warning,
            Verdict::Pending => Level::Notice,
            Verdict::Ignored { .. } => continue,
        };
        let message = [difference(&finding.what), why(view, finding)];
        let message: Vec<String> = message.into_iter().filter(|part| !part.is_empty()).collect();
        let at = at(view.declared, paths, finding.place);
        notes.add(level, at, finding.verdict.code(), Some(&finding.hostname), message.join("\n"));
    }
    for warned in warned {
        let at = warned.place.and_then(|place| at(view.declared, paths, place));
        notes.add(Level::Warning, at, &warned.code, None, warned.message.clone());
    }
    notes.finish()
}
