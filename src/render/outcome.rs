//! What became of an apply, as text.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use crate::{
    apply::{Because, Fate, Outcome},
    mesh::{DeclaredMesh, fold},
    plan::{Request, Step},
};

use super::{
    place::places,
    words::{ASIDE, HEADING, REMOVED, escape, paint, plural},
};

/// What was done, what failed and why, what was not attempted and because of what; ends with a line break.
pub fn text(steps: &[Step], outcome: &Outcome, declared: &DeclaredMesh) -> String {
    let mut text = String::new();
    let mut failed: BTreeMap<String, Vec<&Step>> = BTreeMap::new();
    let mut skipped: BTreeMap<&Because, Vec<&str>> = BTreeMap::new();
    for step in steps {
        match outcome.fate(step.id) {
            Some(Fate::Failed(error)) => {
                let hint = error.hint().map(|hint| format!("\n      hint: {hint}")).unwrap_or_default();
                failed.entry(format!("{}{hint}", escape(&error.to_string()))).or_default().push(step);
            }
            Some(Fate::NotAttempted(because)) => skipped.entry(because).or_default().push(&step.hostname),
            Some(Fate::Done) | None => {}
        }
    }
    if !failed.is_empty() {
        let _ = writeln!(text, "{}", paint(HEADING, "Failed"));
    }
    for (error, steps) in &failed {
        let names: Vec<&str> = steps.iter().map(|step| step.hostname.as_str()).collect();
        let at = places(declared, steps.iter().map(|step| step.place));
        let _ = writeln!(text, "  {} {}  {}\n      {error}", paint(REMOVED, "!"), fold(&names).join(", "), paint(ASIDE, at));
    }
    if !skipped.is_empty() {
        let _ = writeln!(text, "{}", paint(HEADING, "Not attempted"));
    }
    for (because, names) in &skipped {
        let why = match because {
            Because::Failed(hostname) => format!("waits for {hostname}"),
            Because::Stopped => "the run was stopped".to_owned(),
        };
        let _ = writeln!(text, "    {}  {}", fold(names).join(", "), paint(ASIDE, why));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let (done, failed, not_attempted) = outcome.counts(steps);
    let _ = write!(text, "{} {done} done", paint(HEADING, "Apply:"));
    if failed + not_attempted > 0 {
        let _ = write!(text, ", {failed} failed, {not_attempted} not attempted. Run it again to continue");
    }
    text.push_str(".\n");
    let gone: BTreeSet<&str> = steps.iter().filter(|s| s.action == Request::Wait).map(|s| s.hostname.as_str()).collect();
    let asked = steps.iter().filter(|step| step.action == Request::Remove && outcome.fate(step.id) == Some(&Fate::Done));
    let asked = asked.filter(|step| !gone.contains(step.hostname.as_str())).count();
    if asked > 0 {
        let it = if asked == 1 { "it is gone when its jobs are" } else { "they are gone when their jobs are" };
        let _ = writeln!(text, "{} asked for: {it} done.", plural(asked, "removal"));
    }
    text
}
