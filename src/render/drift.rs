//! A drift report as text: what moved and who moved it, what is only not applied yet, then what else was seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use crate::{
    controller::ServerInfo,
    mesh::{DeclaredMesh, Dialect, Field, Place, Value, fold},
    plan::drift::{Difference, Drift, Known, Seen, Unknown, Verdict, What},
};

use super::{
    aftermath,
    blocks::scalar,
    place::places,
    shell::command,
    who::{day, minute, who},
    words::{ASIDE, CHANGED, HEADING, REMOVED, escape, paint, plural},
};

/// What a drift report is made of, as far as it is shown.
pub struct View<'a> {
    /// What is not as declared.
    pub drift: &'a Drift,
    /// What was declared, for the names of its files.
    pub declared: &'a DeclaredMesh,
    /// The controller.
    pub server: &'a ServerInfo,
    /// The paths as they were given.
    pub paths: &'a [String],
    /// The controller as a flag named it.
    pub controller: Option<&'a str>,
    /// Whether every instance gets lines of its own.
    pub unfolded: bool,
    /// Whether the instances are listed that the configuration does not know.
    pub shows_unmanaged: bool,
}

/// More than so many patterns make no command that anybody would copy.
const PATTERNS: usize = 6;

/// The report as text, ending with a line break.
pub fn text(view: &View<'_>) -> String {
    let mut text = headline(view);
    let lines = lines(view);
    if !lines.is_empty() {
        text.push('\n');
    }
    let wide = |part: fn(&Line) -> &str, most: usize| lines.iter().map(|line| part(line).chars().count()).max().unwrap_or(0).min(most);
    let (name, what) = (wide(|line| &line.names, 48), wide(|line| &line.what, 56));
    for Line { kind, names, what: told, place, why } in &lines {
        let word = format!("{:8}", kind.word());
        let style = if *kind == Kind::Drift { REMOVED } else { CHANGED };
        let _ = writeln!(text, "{} {names:name$}  {told:what$}  {}", paint(style, word), paint(ASIDE, place));
        if !why.is_empty() {
            let _ = writeln!(text, "         {why}");
        }
    }
    undo(&mut text, view);
    also(&mut text, view);
    text
}

/// `drift: 2 drifted, 1 pending, 296 as declared (https://awx.example.com)`.
pub fn headline(view: &View<'_>) -> String {
    let url = escape(&view.server.url);
    format!("{} {} ({url})\n", paint(HEADING, "drift:"), figures(view))
}

/// `2 drifted, 1 pending, 296 as declared`.
pub(super) fn figures(view: &View<'_>) -> String {
    let summary = view.drift.summary;
    let counts = [(summary.drift, "drifted"), (summary.unknown, "unknown"), (summary.pending, "pending"), (summary.ignored, "ignored")];
    let told = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let nothing = counts.iter().all(|(count, _)| *count == 0).then(|| "none".to_owned());
    let rest = (summary.not_looked_at > 0).then(|| format!("{} not looked at", summary.not_looked_at));
    let all: Vec<String> = nothing.into_iter().chain(told).chain([format!("{} as declared", summary.as_declared)]).chain(rest).collect();
    all.join(", ")
}

/// In which part of the report a finding stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Drift,
    Unknown,
    Pending,
    Ignored,
}

impl Kind {
    fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Drift { .. } => Self::Drift,
            Verdict::Unknown(_) => Self::Unknown,
            Verdict::Pending => Self::Pending,
            Verdict::Ignored { .. } => Self::Ignored,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Drift => "DRIFT",
            Self::Unknown => "UNKNOWN",
            Self::Pending => "PENDING",
            Self::Ignored => "IGNORED",
        }
    }
}

struct Line {
    kind: Kind,
    names: String,
    what: String,
    place: String,
    why: String,
}

/// What is equal where findings share a line: kind, what differs and why; with `-v` the hostname as well.
type Alike<'a> = (Kind, String, String, &'a str);

/// The findings, with those that are alike in one line.
fn lines(view: &View<'_>) -> Vec<Line> {
    let mut alike: BTreeMap<Alike<'_>, (Vec<&str>, BTreeSet<Place>)> = BTreeMap::new();
    for finding in &view.drift.findings {
        let one = if view.unfolded { finding.hostname.as_str() } else { "" };
        let key = (Kind::of(&finding.verdict), what(finding), why(view, finding), one);
        let (names, places) = alike.entry(key).or_default();
        names.push(&finding.hostname);
        places.insert(finding.place);
    }
    let mut lines: Vec<(Kind, &str, Line)> = Vec::new();
    for ((kind, what, why, _), (names, at)) in alike {
        let first = names.first().copied().unwrap_or_default();
        let folded = if view.unfolded { escape(&names.concat()) } else { aftermath::folded(&names) };
        lines.push((kind, first, Line { kind, names: folded, what, place: places(view.declared, at), why }));
    }
    lines.sort_by_key(|(kind, first, _)| (*kind, *first));
    lines.into_iter().map(|(.., line)| line).collect()
}

/// What a line says beside its names.
fn what(finding: &Difference) -> String {
    match (&finding.what, &finding.verdict) {
        (what, Verdict::Ignored { until, reason, .. }) => format!("{}, until {until}: {}", what.field(), escape(reason)),
        (what, _) => difference(what),
    }
}

/// What differs, with both sides.
pub(super) fn difference(what: &What) -> String {
    match what {
        What::Field { field, declared, live } => told(*field, declared, Some(live)),
        What::Missing(None) => "declared, and not there".to_owned(),
        What::Missing(Some(state)) => format!("declared, and {}", escape(state)),
        What::Extra(state) => format!("{}, and shall not be there", escape(state)),
    }
}

/// `enabled: declared true, live false`.
pub(super) fn told(field: Field, declared: &Value, live: Option<&Value>) -> String {
    format!("{field}: declared {}, live {}", shown(declared), live.map(shown).unwrap_or_default())
}

/// A value, also of no peers.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Peers(peers) if peers.is_empty() => "none".to_owned(),
        other => scalar(other),
    }
}

/// Who did it, or why nobody can tell.
pub(super) fn why(view: &View<'_>, finding: &Difference) -> String {
    let Difference { what, verdict, change, .. } = finding;
    match (verdict, change) {
        (Verdict::Drift { web_form }, Some(known)) => {
            let form = match what {
                _ if !web_form => "",
                What::Field { field: Field::Peers, .. } => ". The web form's Save keeps only the first 25 peers",
                _ => ". The web form's Save does this by itself",
            };
            format!("{}{form}", by(what, known))
        }
        (Verdict::Pending, Some(known)) if finding.by_hand => format!("not applied yet, and changed by hand: {}", by(what, known)),
        (Verdict::Pending, Some(known)) => format!("not applied yet: live unchanged since {}", day(known.time)),
        (Verdict::Pending, None) => "not applied yet".to_owned(),
        (Verdict::Unknown(unknown), known) => {
            let did = if matches!(what, What::Extra(_)) { "made" } else { "last set" };
            let last = known.as_ref().map(|known| format!("; {did} by {}", who(known))).unwrap_or_default();
            format!("{}{last}", nobody_knows(view, unknown, what))
        }
        (Verdict::Drift { .. }, None) | (Verdict::Ignored { .. }, _) => String::new(),
    }
}

/// `alice, 2026-11-23 02:04 UTC, was true`.
fn by(what: &What, known: &Known) -> String {
    match (what, &known.before) {
        (What::Missing(_), _) if known.actor.is_none() => format!("removed, {}; by whom is not certain", minute(known.time)),
        (What::Missing(_), _) => format!("removed by {}", who(known)),
        (What::Extra(_), _) => format!("made by {}", who(known)),
        (_, Some(before)) => format!("{}, was {}", who(known), shown(before)),
        (_, None) => who(known),
    }
}

fn nobody_knows(view: &View<'_>, unknown: &Unknown, what: &What) -> String {
    let is_port = matches!(what, What::Field { field: Field::ListenerPort | Field::PeersFromControlNodes | Field::Peers, .. });
    let why = match unknown {
        Unknown::Off => "the controller records no changes (ACTIVITY_STREAM_ENABLED is off)",
        Unknown::Skipped => "nobody was asked (--no-blame)",
        Unknown::Refused => "the controller's activity stream cannot be read",
        Unknown::Applier => "it is not said who applies this configuration (`applied_by`)",
        Unknown::Pruned => "the controller's activity stream does not reach back so far",
        Unknown::Gap if is_port && view.server.capabilities.dialect == Dialect::Addresses => {
            "AWX from 23.8 on does not record all that happens to listeners and the links to them"
        }
        Unknown::Gap => "what the controller's activity stream tells does not lead to this",
        Unknown::Unresolved(reason) => return format!("it cannot be compared: {}", escape(reason)),
    };
    format!("drift or pending: {why}")
}

/// The command that brings back what was declared, if something is to be undone.
pub(super) fn undone_by(view: &View<'_>) -> Option<String> {
    let moved = view.drift.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Drift { .. }));
    let mut names: Vec<&str> = moved.map(|finding| finding.hostname.as_str()).collect();
    names.dedup();
    if names.is_empty() {
        return None;
    }
    let patterns = fold(&names);
    let mut words = vec!["meshform", "apply"];
    // A path that begins like a flag is none when it begins in this folder.
    let paths: Vec<String> = view.paths.iter().map(|path| if path.starts_with('-') { format!("./{path}") } else { path.clone() }).collect();
    words.extend(paths.iter().map(String::as_str));
    words.extend(view.controller.iter().flat_map(|url| ["--controller", url]));
    if patterns.len() <= PATTERNS {
        words.extend(patterns.iter().flat_map(|pattern| ["--only", pattern]));
    }
    Some(command(&words))
}

/// How to get back what was declared.
fn undo(text: &mut String, view: &View<'_>) {
    let Some(command) = undone_by(view) else { return };
    let _ = writeln!(text, "\n{}  {}", paint(HEADING, "Undo the drift:"), escape(&command));
    let is_drift = view.drift.summary.drift > 0 && view.declared.settings.applied_by.is_empty();
    if is_drift {
        text.push_str("hint: `applied_by` in the configuration names the accounts that apply it: what they did is never drift\n");
    }
}

/// What is no drift and deserves a look.
fn also(text: &mut String, view: &View<'_>) {
    let mut states: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for seen in &view.drift.states {
        states.entry(&seen.state).or_default().push(seen);
    }
    let mut parts: Vec<String> = states.into_iter().map(|(state, seen)| told_state(state, &seen)).collect();
    let unmanaged = view.drift.summary.unmanaged;
    if unmanaged > 0 {
        parts.push(format!("{unmanaged} not in this configuration"));
    }
    if !parts.is_empty() {
        let _ = writeln!(text, "{} {}", paint(HEADING, "Also seen:"), parts.join(", "));
    }
    if view.shows_unmanaged && !view.drift.unmanaged.is_empty() {
        let names: Vec<&str> = view.drift.unmanaged.iter().map(String::as_str).collect();
        for name in if view.unfolded { names.iter().map(|name| (*name).to_owned()).collect() } else { fold(&names) } {
            let _ = writeln!(text, "  {}", escape(&name));
        }
    }
}

/// `1 unavailable (exec-09...)`, `2 deprovisioning (...), held by jobs 4711, 4712`.
fn told_state(state: &str, seen: &[&Seen]) -> String {
    let names: Vec<&str> = seen.iter().map(|seen| seen.hostname.as_str()).collect();
    let jobs: Vec<String> = seen.iter().flat_map(|seen| &seen.jobs).map(ToString::to_string).collect();
    let held = match jobs.len() {
        0 => String::new(),
        1 => format!(" held by job {}", jobs.concat()),
        _ => format!(" held by jobs {}", jobs.join(", ")),
    };
    let running: i64 = seen.iter().map(|seen| seen.jobs_running).sum();
    let running = if jobs.is_empty() && running > 0 && state == "deprovisioning" {
        format!(" held by {}", plural(usize::try_from(running).unwrap_or(0), "job"))
    } else {
        String::new()
    };
    format!("{} {}{held}{running} ({})", seen.len(), escape(state), escape(&fold(&names).join(", ")))
}
