//! A plan as text: the changes in blocks, what is refused, what is left alone, then the figures.

use std::fmt::Write;

use crate::{
    controller::ServerInfo,
    mesh::{DeclaredMesh, Place, fold},
    plan::Plan,
};

use super::{
    blocks::{Block, blocks},
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

/// `file:line`.
pub(super) fn place(declared: &DeclaredMesh, place: Place) -> String {
    format!("{}:{}", escape(declared.file(place.file)), place.line)
}

/// What cannot be done, equal reasons together.
fn refused(text: &mut String, view: &View<'_>) {
    let mut grouped: Vec<(String, &str, Vec<&str>, Vec<String>)> = Vec::new();
    for refusal in &view.plan.refused {
        let hint = refusal.reason.hint(view.server.capabilities.dialect);
        let (reason, at) = (refusal.reason.to_string(), place(view.declared, refusal.place));
        let index = grouped.iter().position(|(known, ..)| *known == reason);
        match index.and_then(|i| grouped.get_mut(i)) {
            Some((.., names, places)) => {
                names.push(&refusal.hostname);
                places.push(at);
            }
            None => grouped.push((reason, hint, vec![&refusal.hostname], vec![at])),
        }
    }
    if grouped.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paint(HEADING, "Refused"));
    for (reason, hint, names, mut places) in grouped {
        places.dedup();
        let first = places.first().cloned().unwrap_or_default();
        let place = if places.len() > 1 { format!("{first} and {}", plural(places.len() - 1, "other place")) } else { first };
        let _ = writeln!(text, "  {} {}  {}", paint(REMOVED, "!"), fold(&names).join(", "), paint(ASIDE, place));
        let _ = writeln!(text, "      {}", escape(&reason));
        let _ = writeln!(text, "      hint: {hint}");
    }
    text.push('\n');
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
    let _ = write!(
        text,
        "{} {} to create, {} to update, {} unchanged.",
        paint(HEADING, "Plan:"),
        summary.create,
        summary.update,
        summary.unchanged
    );
    if plan.refused.is_empty() {
        let short: String = plan.digest.trim_start_matches("sha256:").chars().take(8).collect();
        let _ = writeln!(text, " {}. Digest {short}.", plural(plan.steps.len(), "request"));
    } else {
        let _ = writeln!(text, " {} refused, so nothing can be applied.", plan.refused.len());
    }
}
