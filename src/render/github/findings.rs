//! What validate found, as annotations by its severity.

use crate::{
    config::{Loaded, Severity},
    render::place::Paths,
};

use super::{Level, Notes, at};

/// The findings as annotations, a line each.
pub fn findings(loaded: &Loaded, paths: Paths<'_>) -> String {
    let mut notes = Notes::default();
    for finding in &loaded.findings {
        let level = match finding.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        };
        let whole = || finding.file.map(|file| (paths(loaded.mesh.file(file)), None));
        let at = finding.span.and_then(|span| at(&loaded.mesh, paths, span.place)).or_else(whole);
        let help = finding.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        notes.add(level, at, finding.code.as_str(), None, format!("{}{help}", finding.message));
    }
    notes.finish()
}
