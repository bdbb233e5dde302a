//! What became of an apply, as text.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    apply::{Because, Fate, Outcome, Stop},
    controller::{ControllerError, Left},
    mesh::{DeclaredMesh, Field, Value, fold},
    plan::{Hold, Request, Step},
};

use super::{
    place::places,
    plan::held_until,
    words::{ASIDE, HEADING, REMOVED, escape, paint, plural},
};

/// The end of an apply.
pub struct Ending<'a> {
    /// The steps of the plan.
    pub steps: &'a [Step],
    /// What holds some of them.
    pub holds: &'a [Hold],
    /// What became of them.
    pub outcome: &'a Outcome,
    /// What was declared, for the names of its files.
    pub declared: &'a DeclaredMesh,
}

/// What was done, what failed and why, what is held, what was not attempted and because of what; ends with a line break.
pub fn text(ending: &Ending<'_>) -> String {
    let mut text = String::new();
    failed(&mut text, ending);
    unknown(&mut text, ending);
    held(&mut text, ending);
    not_attempted(&mut text, ending);
    disabled(&mut text, ending);
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&counted(ending));
    asked_for(&mut text, ending);
    text
}

/// The last lines of the text, without colours.
pub fn last_words(ending: &Ending<'_>) -> String {
    let mut text = counted(ending);
    asked_for(&mut text, ending);
    anstream::adapter::strip_str(&text).to_string()
}

/// How many requests ended how.
fn counted(ending: &Ending<'_>) -> String {
    let Ending { steps, holds: _, outcome, declared: _ } = *ending;
    let counts = outcome.counts(steps);
    let mut text = format!("{} {} done", paint(HEADING, "Apply:"), counts.done);
    let rare = [(counts.failed, "failed"), (counts.unknown, "not known"), (counts.held, "held"), (counts.not_attempted, "not attempted")];
    for (count, what) in rare.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, ", {count} {what}");
    }
    if !outcome.is_success() {
        text.push_str(". Run it again to continue");
    } else if counts.held > 0 {
        text.push_str(". Run it again when that is over");
    }
    text.push_str(".\n");
    text
}

/// Steps that failed, those that failed alike together.
pub(super) fn failures<'a>(ending: &Ending<'a>) -> BTreeMap<String, Vec<(&'a Step, &'a ControllerError)>> {
    let mut alike: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for step in ending.steps {
        if let Some(Fate::Failed(error)) = ending.outcome.fate(step.id) {
            alike.entry(without_id(error)).or_default().push((step, error));
        }
    }
    alike
}

/// What went wrong, whichever row it was about and for however long it was tried.
fn without_id(error: &ControllerError) -> String {
    match error {
        ControllerError::GaveUp { error, .. } => return format!("{} (tried again and again)", without_id(error)),
        ControllerError::Unsettled { error, look_up } => {
            return format!("{}; whether it was done is not known: {}", without_id(error), without_id(look_up));
        }
        _ => {}
    }
    let text = error.to_string();
    let Some((_, path, ..)) = error.request() else { return text };
    let is_id = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let resource = path.split('?').next().unwrap_or(path);
    let general = resource.split('/').map(|part| if is_id(part) { "ID" } else { part }).collect::<Vec<_>>().join("/");
    text.replace(path, &general)
}

/// The longest for which one of these was tried.
fn at_most(failed: &[(&Step, &ControllerError)]) -> String {
    let seconds =
        failed.iter().filter_map(|(_, error)| if let ControllerError::GaveUp { seconds, .. } = error { Some(*seconds) } else { None });
    seconds.max().map(|seconds| format!("(tried again and again for up to {seconds} s)")).unwrap_or_default()
}

fn failed(text: &mut String, ending: &Ending<'_>) {
    let failures = failures(ending);
    if !failures.is_empty() {
        let _ = writeln!(text, "{}", paint(HEADING, "Failed"));
    }
    for (alike, failed) in &failures {
        let names: Vec<&str> = failed.iter().map(|(step, _)| step.hostname.as_str()).collect();
        let at = places(ending.declared, failed.iter().map(|(step, _)| step.place));
        let (count, message) = match failed.as_slice() {
            [(_, only)] => (String::new(), only.to_string()),
            all => (format!("{} times: ", all.len()), alike.replace("(tried again and again)", &at_most(all))),
        };
        let _ = writeln!(text, "  {} {}  {}", paint(REMOVED, "!"), fold(&names).join(", "), paint(ASIDE, at));
        let _ = writeln!(text, "      {count}{}", escape(&message));
        if let Some(hint) = failed.first().and_then(|(_, error)| error.hint()) {
            let _ = writeln!(text, "      hint: {hint}");
        }
    }
}

fn unknown(text: &mut String, ending: &Ending<'_>) {
    let open = |step: &&Step| ending.outcome.fate(step.id) == Some(&Fate::Unknown);
    let names: Vec<&str> = ending.steps.iter().filter(open).map(|step| step.hostname.as_str()).collect();
    if !names.is_empty() {
        let _ = writeln!(text, "{}", paint(HEADING, "Not known: under way when the run was left"));
        let _ = writeln!(text, "  {} {}", paint(REMOVED, "?"), fold(&names).join(", "));
    }
}

fn held(text: &mut String, ending: &Ending<'_>) {
    let mut by_hold: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    let mut rows: BTreeMap<(bool, String), Vec<&str>> = BTreeMap::new();
    let mut behind: BTreeMap<&Because, Vec<&str>> = BTreeMap::new();
    for step in ending.steps {
        match ending.outcome.fate(step.id) {
            Some(Fate::NotAttempted(Because::Held(hold))) => by_hold.entry(*hold).or_default().push(&step.hostname),
            Some(Fate::NotAttempted(because @ (Because::Waits(_) | Because::Busy(_)))) => {
                behind.entry(because).or_default().push(&step.hostname);
            }
            Some(Fate::Waiting(left)) => {
                rows.entry((step.action == Request::Idle, still_there(left))).or_default().push(&step.hostname);
            }
            _ => {}
        }
    }
    for (hold, names) in by_hold {
        let until = ending.holds.get(hold).map(held_until).unwrap_or_default();
        let _ = writeln!(text, "{}\n    {}", paint(HEADING, until), folded(names));
        let _ = writeln!(text, "      hint: run the install bundles that the plan names, in their order");
    }
    let mut heading = None;
    for ((is_drained, why), names) in rows {
        let part = if is_drained { "Not idle yet, and disabled meanwhile" } else { "Not gone yet" };
        if heading.replace(part) != Some(part) {
            let _ = writeln!(text, "{}", paint(HEADING, part));
        }
        let _ = writeln!(text, "    {}  {}", folded(names), paint(ASIDE, why));
    }
    for (because, names) in behind {
        let _ = writeln!(text, "    {}  {}", folded(names), paint(ASIDE, reason(because)));
    }
}

/// Why a row is not gone.
pub fn still_there(left: &Left) -> String {
    let Left { state, jobs_running, jobs } = left;
    let ids: Vec<String> = jobs.iter().map(ToString::to_string).collect();
    let more = if ids.is_empty() { String::new() } else { format!(": {}", ids.join(", ")) };
    match jobs_running {
        0 => format!("still {}", escape(state)),
        1 => format!("still {}, 1 job runs on it{more}", escape(state)),
        count => format!("still {}, {count} jobs run on it{more}", escape(state)),
    }
}

fn not_attempted(text: &mut String, ending: &Ending<'_>) {
    let mut skipped: BTreeMap<&Because, Vec<&str>> = BTreeMap::new();
    for step in ending.steps {
        if let Some(Fate::NotAttempted(because)) = ending.outcome.fate(step.id)
            && !because.is_held()
            // Whose removal was asked for, and only not waited for, was not left out.
            && step.action.writes()
        {
            skipped.entry(because).or_default().push(&step.hostname);
        }
    }
    if !skipped.is_empty() {
        let _ = writeln!(text, "{}", paint(HEADING, "Not attempted"));
    }
    for (because, names) in skipped {
        let _ = writeln!(text, "    {}  {}", folded(names), paint(ASIDE, reason(because)));
    }
}

/// Why something was not attempted.
pub(super) fn reason(because: &Because) -> String {
    match because {
        Because::Failed(hostname) => format!("waits for {}", escape(hostname)),
        Because::Held(_) => "held".to_owned(),
        Because::Waits(hostname) => format!("waits until {} is gone", escape(hostname)),
        Because::Stopped(Stop::Forbidden) => "the controller refuses who asks, so the run was stopped".to_owned(),
        Because::Stopped(Stop::Unreachable) => "the controller cannot be reached any more, so the run was stopped".to_owned(),
        Because::Stopped(Stop::FailFast) => "the run was stopped at the first failure".to_owned(),
        Because::Busy(hostname) => format!("waits until no job runs on {}", escape(hostname)),
        Because::Stopped(Stop::Declined) => "nobody said yes".to_owned(),
        Because::Stopped(Stop::Refused) => "not all of it can or may be done".to_owned(),
        Because::Stopped(Stop::Interrupted) => "the run was interrupted".to_owned(),
    }
}

/// Who was drained and does not take on jobs again yet.
fn disabled(text: &mut String, ending: &Ending<'_>) {
    // What it was set to last, and whether it is still to be enabled.
    let mut switches: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for step in ending.steps.iter().filter(|step| step.action == Request::Patch) {
        let Some((_, Value::Bool(to))) = step.body.iter().find(|(field, _)| *field == Field::Enabled) else { continue };
        let switch = switches.entry(&step.hostname).or_insert((true, false));
        match ending.outcome.fate(step.id) {
            None | Some(Fate::Done) => switch.0 = *to,
            Some(_) => switch.1 |= *to,
        }
    }
    let names: Vec<&str> = switches.into_iter().filter(|(_, (on, pending))| !on && *pending).map(|(name, _)| name).collect();
    if !names.is_empty() {
        let _ = writeln!(text, "{}\n    {}", paint(HEADING, "Disabled, and not enabled again before all of it is done"), folded(names));
    }
}

/// Each name once: an instance may have several steps.
fn folded(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    names.dedup();
    fold(&names).join(", ")
}

/// The removals that nobody waited for.
fn asked_for(text: &mut String, ending: &Ending<'_>) {
    let asked = ending.outcome.asked_for(ending.steps).len();
    if asked > 0 {
        let it = if asked == 1 { "it is gone when its jobs are" } else { "they are gone when their jobs are" };
        let _ = writeln!(text, "{} asked for: {it} done.", plural(asked, "removal"));
    }
}
