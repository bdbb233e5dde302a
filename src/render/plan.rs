//! A plan as text: the changes in blocks, what is refused, what is left alone, then the figures.

use std::{collections::HashMap, fmt::Write};

use crate::{
    controller::ServerInfo,
    mesh::{DeclaredMesh, fold},
    plan::{Plan, Refusal, Unmatched},
};

use super::{
    blocks::{Block, blocks},
    place::places,
    words::{ASIDE, HEADING, REMOVED, escape, paint, plural},
};

/// What a plan is made of, as far as a text shows it.
pub struct View<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What was declared, for the names of its files.
    pub declared: &'a DeclaredMesh,
    /// The controller.
    pub server: &'a ServerInfo,
    /// The paths as they were given.
    pub paths: &'a str,
    /// Whether every instance gets lines of its own.
    pub unfolded: bool,
}

/// The plan as text, ending with a line break.
pub fn text(view: &View<'_>) -> String {
    let plan = view.plan;
    let mut text = heading(view);
    let blocks = blocks(view.plan, view.declared, view.unfolded);
    let width = blocks.iter().map(Block::width).max().unwrap_or(0).clamp(24, 56);
    for block in &blocks {
        block.write(&mut text, width);
    }
    if !blocks.is_empty() {
        text.push('\n');
    }
    refused(&mut text, view);
    cut_off(&mut text, plan);
    unmatched(&mut text, view);
    aside(&mut text, plan);
    summary(&mut text, plan);
    text
}

fn heading(view: &View<'_>) -> String {
    let summary = view.plan.summary;
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
    let mut grouped: Vec<(String, Vec<&Refusal>)> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for refusal in &view.plan.refused {
        let reason = refusal.reason.to_string();
        let i = *index.entry(reason.clone()).or_insert(grouped.len());
        match grouped.get_mut(i) {
            Some((_, known)) => known.push(refusal),
            None => grouped.push((reason, vec![refusal])),
        }
    }
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
            let _ = writeln!(text, "      hint: {}", first.reason.hint(view.server.capabilities.dialect));
        }
    }
    text.push('\n');
}

/// Who loses the control plane by this, as declared.
fn cut_off(text: &mut String, plan: &Plan) {
    let names: Vec<&str> = plan.cut_off.iter().map(String::as_str).collect();
    if !names.is_empty() {
        let names = fold(&names).iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ");
        let who = plural(plan.cut_off.len(), "instance");
        let _ = writeln!(text, "{} {who} will have no path to the control plane: {names}", paint(REMOVED, "Warning:"));
    }
}

/// The patterns that name nothing, so that a typing error is seen.
fn unmatched(text: &mut String, view: &View<'_>) {
    const SHOWN: usize = 10;
    let more = view.plan.unmatched.len().saturating_sub(SHOWN);
    for Unmatched { key, pattern, place } in view.plan.unmatched.iter().take(SHOWN) {
        let (pattern, at) = (escape(pattern), paint(ASIDE, places(view.declared, [*place])));
        let _ = writeln!(text, "{} `{pattern}` in `{key}` matches no instance, declared or live  {at}", paint(REMOVED, "Warning:"));
    }
    if more > 0 {
        let _ = writeln!(text, "{} and so do {} more", paint(REMOVED, "Warning:"), plural(more, "pattern"));
    }
}

/// What the plan leaves alone, so that something forgotten is seen.
fn aside(text: &mut String, plan: &Plan) {
    let summary = plan.summary;
    if summary.unmanaged > 0 {
        let rest =
            if summary.unmanaged == 1 { "is not declared here and stays as it is" } else { "are not declared here and stay as they are" };
        let _ = writeln!(text, "{} on the controller {rest}.", plural(summary.unmanaged, "instance"));
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

fn summary(text: &mut String, plan: &Plan) {
    let summary = plan.summary;
    if plan.is_empty() {
        let verb = if summary.unchanged == 1 { "is" } else { "are" };
        let _ = writeln!(text, "{} {} {verb} as declared.", paint(HEADING, "No changes."), plural(summary.unchanged, "instance"));
        return;
    }
    let remove = if summary.remove == 0 { String::new() } else { format!("{} to remove, ", summary.remove) };
    let _ = write!(
        text,
        "{} {} to create, {} to update, {remove}{} unchanged.",
        paint(HEADING, "Plan:"),
        summary.create,
        summary.update,
        summary.unchanged
    );
    if let Some(digest) = &plan.digest {
        let short: String = digest.trim_start_matches("sha256:").chars().take(8).collect();
        let _ = writeln!(text, " {}. Digest {short}.", plural(plan.steps.len(), "request"));
    } else {
        let _ = writeln!(text, " {} refused, so nothing can be applied.", plan.refused.len());
    }
}
