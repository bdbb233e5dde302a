//! A plan as text: the changes in blocks, what is refused, what is left alone, then the figures.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use crate::{
    controller::ServerInfo,
    mesh::{DeclaredMesh, fold},
    plan::{Action, Effect, Hold, Plan, Request, Touch},
};

use super::{
    aftermath,
    blocks::{Block, TERMINAL, blocks},
    grouped,
    place::places,
    words::{ASIDE, HEADING, REMOVED, escape, paint, plural},
};

/// What a plan is made of, as far as a text shows it.
pub struct View<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What was declared, for the names of its files.
    pub declared: &'a DeclaredMesh,
    /// The controller, or what stands in its place.
    pub server: &'a ServerInfo,
    /// The paths of the configuration that stands in the place of a controller.
    pub from: Option<&'a str>,
    /// The paths as they were given.
    pub paths: &'a str,
    /// Whether every instance gets lines of its own.
    pub unfolded: bool,
}

/// The plan as text, ending with a line break.
pub fn text(view: &View<'_>) -> String {
    let plan = view.plan;
    let mut text = heading(view);
    let blocks = blocks(view.plan, view.declared, view.unfolded, &TERMINAL);
    let width = blocks.iter().map(Block::width).max().unwrap_or(0).clamp(24, 56);
    for part in blocks.chunk_by(|a, b| a.hold == b.hold) {
        if let Some(hold) = part.first().and_then(|block| plan.holds.get(block.hold?)) {
            let _ = writeln!(text, "{}", paint(HEADING, held_until(hold)));
        }
        for block in part {
            block.write(&mut text, width);
        }
        text.push('\n');
    }
    if view.unfolded {
        steps(&mut text, plan);
    }
    let drained: Vec<&str> = plan.steps.iter().filter(|s| s.action == Request::Idle).map(|step| step.hostname.as_str()).collect();
    if !drained.is_empty() {
        let what = "disabled until their jobs are done, before they are cut off or connected otherwise";
        let _ = writeln!(text, "{}\n  {}  {}\n", paint(HEADING, "Drained"), aftermath::folded(&drained), paint(ASIDE, what));
    }
    if plan.refused.is_empty() {
        aftermath::write(&mut text, plan, view.unfolded);
    }
    refused(&mut text, view);
    touches(&mut text, plan);
    guards(&mut text, plan);
    left_out(&mut text, plan);
    left_alone(&mut text, view);
    lets_go(&mut text, plan);
    warnings(&mut text, view);
    if view.from.is_none() {
        aside(&mut text, plan);
    }
    write_summary(&mut text, plan);
    text
}

/// The last lines of the text, without colours.
pub(super) fn summary(plan: &Plan) -> String {
    let mut text = String::new();
    write_summary(&mut text, plan);
    anstream::adapter::strip_str(&text).to_string()
}

/// What has to be so before something goes on.
pub fn held_until(hold: &Hold) -> String {
    let names = aftermath::folded(&hold.until.iter().map(String::as_str).collect::<Vec<_>>());
    let verb = if hold.until.len() == 1 { "has" } else { "have" };
    format!("Held until {names} {verb} a path of established links")
}

/// Each request with what it waits for.
fn steps(text: &mut String, plan: &Plan) {
    if plan.steps.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paint(HEADING, "Steps"));
    for step in &plan.steps {
        let verb = match step.action {
            Request::Create => "create",
            Request::Patch => "update",
            Request::Remove => "remove",
            Request::Wait => "wait until it is gone:",
            Request::Idle => "wait until no job runs on",
        };
        let runs = step.after.chunk_by(|a, b| a + 1 == *b).filter_map(|run| match run {
            [] => None,
            [one] => Some(one.to_string()),
            [first, .., last] => Some(format!("{first}-{last}")),
        });
        let after = runs.collect::<Vec<_>>().join(", ");
        let after = if after.is_empty() { String::new() } else { format!("  after {after}") };
        let held = if step.held.is_some() { " (held)" } else { "" };
        let why = paint(ASIDE, format!("{}{held}", escape(&step.why)));
        let _ = writeln!(text, "  {}. {verb} {}  {why}{after}", step.id, escape(&step.hostname));
    }
    text.push('\n');
}

/// The links that nobody here declares and that are touched. An apply that is interrupted can lose them, so that they are named.
fn touches(text: &mut String, plan: &Plan) {
    let mut alike: BTreeMap<(&str, Effect), Vec<&str>> = BTreeMap::new();
    for Touch { effect, peer, hostname, is_declared: _, was_the_last: _ } in &plan.touches {
        alike.entry((peer, *effect)).or_default().push(hostname);
    }
    if alike.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paint(HEADING, "Links that are not declared here"));
    for ((peer, effect), names) in alike {
        let what = match effect {
            Effect::SetAgain => "go away and are set again; an interrupted apply can lose them",
            Effect::Moved => "go over to what takes its place",
            Effect::Cut => "end with it",
        };
        let _ = writeln!(text, "  {} -> {}  {}", fold(&names).join(", "), escape(peer), paint(ASIDE, what));
    }
    text.push('\n');
}

/// What was not allowed, and what allows it.
fn guards(text: &mut String, plan: &Plan) {
    if plan.guards.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paint(HEADING, "Not allowed"));
    for guard in &plan.guards {
        let names: Vec<&str> = guard.hostnames().iter().map(String::as_str).collect();
        let names = fold(&names).iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ");
        let about = if names.is_empty() { String::new() } else { format!("{names}: ") };
        let _ = writeln!(text, "  {} {about}{}", paint(REMOVED, "!"), escape(&guard.to_string()));
        let _ = writeln!(text, "      hint: {}", guard.hint());
    }
    text.push('\n');
}

/// What is planned against what.
pub(super) fn heading(view: &View<'_>) -> String {
    let summary = view.plan.summary;
    if let Some(from) = view.from {
        let (paths, from) = (escape(view.paths), escape(from));
        return format!("{paths} against the configuration {from}, no controller asked: {} declared\n\n", summary.declared);
    }
    format!(
        "{} against {} (AWX {}): {} declared, {} live\n\n",
        escape(view.paths),
        escape(&view.server.url),
        escape(&view.server.version),
        summary.declared,
        summary.live
    )
}

/// What cannot be done, equal reasons together.
fn refused(text: &mut String, view: &View<'_>) {
    let grouped = grouped::refusals(view.plan);
    if grouped.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paint(HEADING, "Refused"));
    for (reason, refusals) in grouped {
        let names: Vec<&str> = refusals.iter().map(|r| r.hostname.as_str()).collect();
        let place = places(view.declared, refusals.iter().map(|r| r.place));
        let _ = writeln!(text, "  {} {}  {}", paint(REMOVED, "!"), fold(&names).join(", "), paint(ASIDE, place));
        let _ = writeln!(text, "      {}", escape(&reason));
        if let Some(first) = refusals.first() {
            let _ = writeln!(text, "      hint: {}", first.reason.hint());
        }
    }
    text.push('\n');
}

/// What else is left out, by what it needs.
fn left_out(text: &mut String, plan: &Plan) {
    let by_need = grouped::left_out(plan);
    if by_need.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paint(HEADING, "Left out, since it needs something that is left out"));
    for (needs, names) in by_need {
        let _ = writeln!(text, "  {}  {}", fold(&names).join(", "), paint(ASIDE, format!("needs {}", escape(needs))));
    }
    text.push('\n');
}

/// What a change of the configuration no longer cares for.
fn lets_go(text: &mut String, plan: &Plan) {
    let alike = grouped::let_go(plan);
    if alike.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paint(HEADING, "Let go of"));
    for (what, names) in alike {
        let _ = writeln!(text, "  {}  {}", aftermath::folded(&names), paint(ASIDE, what));
    }
    text.push('\n');
}

/// What differs and stays so, and why.
fn left_alone(text: &mut String, view: &View<'_>) {
    let alike = grouped::left_alone(view.plan);
    if alike.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paint(HEADING, "Left alone although it differs"));
    for ((what, why), (names, at)) in alike {
        let _ = writeln!(text, "  {}  {what}  {}", aftermath::folded(&names), paint(ASIDE, places(view.declared, at)));
        let _ = writeln!(text, "      {why}");
    }
    text.push('\n');
}

/// What deserves a look and stops nothing.
fn warnings(text: &mut String, view: &View<'_>) {
    for warning in super::warnings::of(view.plan) {
        let _ = writeln!(text, "{} {}", paint(REMOVED, "Warning:"), escape(&warning.message));
    }
    unmatched(text, view);
}

/// The patterns that name nothing, so that a typing error is seen.
fn unmatched(text: &mut String, view: &View<'_>) {
    const SHOWN: usize = 10;
    let more = view.plan.unmatched.len().saturating_sub(SHOWN);
    for unmatched in view.plan.unmatched.iter().take(SHOWN) {
        let at = unmatched.place.map(|place| format!("  {}", paint(ASIDE, places(view.declared, [place])))).unwrap_or_default();
        let _ = writeln!(text, "{} {}{at}", paint(REMOVED, "Warning:"), escape(&unmatched.to_string()));
    }
    if more > 0 {
        let _ = writeln!(text, "{} and so do {} more", paint(REMOVED, "Warning:"), plural(more, "pattern"));
    }
}

/// The same as text.
pub(super) fn asides(view: &View<'_>) -> String {
    let mut text = String::new();
    if view.from.is_none() {
        aside(&mut text, view.plan);
    }
    text
}

/// What the plan leaves alone, so that something forgotten is seen.
fn aside(text: &mut String, plan: &Plan) {
    let summary = plan.summary;
    let touched: BTreeSet<&str> = plan.touches.iter().filter(|touch| !touch.is_declared).map(|touch| touch.hostname.as_str()).collect();
    let untouched = summary.unmanaged.saturating_sub(touched.len());
    if untouched > 0 {
        let rest = if untouched == 1 { "is not declared here and stays as it is" } else { "are not declared here and stay as they are" };
        let _ = writeln!(text, "{} on the controller {rest}.", plural(untouched, "instance"));
    }
    if summary.unmanaged_fields > 0 {
        let _ = writeln!(
            text,
            "{} of declared instances {} not managed and {} from what a create would give.",
            plural(summary.unmanaged_fields, "field"),
            if summary.unmanaged_fields == 1 { "is" } else { "are" },
            if summary.unmanaged_fields == 1 { "differs" } else { "differ" },
        );
    }
}

fn write_summary(text: &mut String, plan: &Plan) {
    let summary = plan.summary;
    let more = |count: usize, what: &str| if count == 0 { String::new() } else { format!(", {count} {what}") };
    let left_out = more(summary.left_out, "left out")
        + &more(summary.spared, if summary.spared == 1 { "field left alone" } else { "fields left alone" });
    if plan.is_empty() {
        let verb = if summary.unchanged == 1 { "is" } else { "are" };
        let _ = writeln!(text, "{} {} {verb} as declared{left_out}.", paint(HEADING, "No changes."), plural(summary.unchanged, "instance"));
        return;
    }
    let held = |action: Action| plan.changes.iter().filter(|change| change.action == action && change.held.is_some()).count();
    let part = |count: usize, what: &str, action: Action| match held(action) {
        0 => format!("{count} to {what}, "),
        held if held == count => format!("{count} to {what} (held), "),
        held => format!("{count} to {what} ({held} held), "),
    };
    let rare = |count: usize, what: &str, action| if count == 0 { String::new() } else { part(count, what, action) };
    let _ = write!(
        text,
        "{} {}{}{}{}{} unchanged{left_out}.",
        paint(HEADING, "Plan:"),
        part(summary.create, "create", Action::Create),
        part(summary.update, "update", Action::Update),
        rare(summary.replace, "replace", Action::Replace),
        rare(summary.remove, "remove", Action::Remove),
        summary.unchanged
    );
    if let Some(digest) = &plan.digest {
        let short: String = digest.trim_start_matches("sha256:").chars().take(8).collect();
        let disrupted = plan.disrupted().len();
        let disrupted = if disrupted == 0 { String::new() } else { format!(" {disrupted} without a path until bundles are run.") };
        let _ = writeln!(text, " {}.{disrupted} Digest {short}.", plural(plan.writes(), "request"));
    } else {
        let _ = writeln!(text, " {} refused, so nothing can be applied.", plan.refused.len());
    }
    match (plan.held(), plan.runs_something()) {
        (0, _) => {}
        (_, true) => text.push_str("An apply does what is not held; the rest goes on with a later one, or with --wait.\n"),
        (_, false) => text.push_str("All of it is held: run the install bundles, then apply again, or apply with --wait.\n"),
    }
    if !plan.guards.is_empty() {
        let _ = writeln!(text, "Not all of it is allowed, so nothing is applied.");
    }
}
