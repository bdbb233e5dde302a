//! From a form to the renderer that makes it, for each kind of report.

use std::{
    env, fs,
    path::{Component, Path, PathBuf},
    time::Instant,
};

use jiff::Timestamp;

use super::{
    error::Judged,
    format::{Context, Format},
};
use crate::{
    config::Loaded,
    controller::ServerInfo,
    plan::{Plan, saved::Warned},
    render::{self, drift, outcome::Ending, plan::View, prometheus, report::Result},
};

/// A plan, made just now or saved.
pub(super) fn plan(view: &View<'_>, warnings: &[Warned], format: Format) -> String {
    match format {
        Format::Json => render::json::plan(view, super::plan::json_warnings(warnings)),
        Format::Markdown => render::markdown::plan(view, warnings),
        Format::Github => render::github::plan(view, warnings, &in_repository()),
        Format::Gitlab => render::gitlab::plan(view.plan),
        Format::Diff => render::diff::plan(view),
        Format::Text | Format::Sarif | Format::Prometheus | Format::Runbook => render::plan::text(view),
    }
}

/// What is not as declared.
pub(super) fn drift(view: &drift::View<'_>, warnings: &[Warned], format: Format, context: &Context) -> String {
    match format {
        Format::Json => render::drift_json::document(view, warnings),
        Format::Markdown => render::markdown::drift(view),
        Format::Github => render::github::drift(view, &in_repository()),
        Format::Sarif => render::sarif::drift(view, &in_repository()),
        Format::Prometheus => prometheus::drift(view.drift, &run(context)),
        Format::Diff => render::diff::drift(view),
        Format::Text | Format::Gitlab | Format::Runbook => drift::text(view),
    }
}

/// What became of an apply.
pub(super) fn outcome(ending: &Ending<'_>, plan: &Plan, server: &ServerInfo, ended: Result, format: Format, context: &Context) -> String {
    match format {
        Format::Json => render::report::document(ending, plan, server, ended),
        Format::Markdown => render::markdown::outcome(ending, plan, &server.url, &context.paths, ended),
        Format::Github => render::github::outcome(ending, &in_repository()),
        Format::Text | Format::Gitlab | Format::Sarif | Format::Prometheus | Format::Diff | Format::Runbook => {
            render::outcome::text(ending)
        }
    }
}

/// What validate found; `text` is made by the command itself.
pub(super) fn findings(loaded: &Loaded, format: Format, context: &Context, text: impl FnOnce() -> String) -> String {
    match format {
        Format::Json => render::findings_json::document(loaded),
        Format::Markdown => render::markdown::findings(loaded, &context.paths),
        Format::Github => render::github::findings(loaded, &in_repository()),
        Format::Sarif => render::sarif::findings(loaded, &in_repository()),
        Format::Text | Format::Gitlab | Format::Prometheus | Format::Diff | Format::Runbook => text(),
    }
}

/// What there is instead of a report.
pub(super) fn failed(format: Format, judged: &Judged, context: &Context) -> String {
    let Judged { message, hint, exit } = judged;
    let hint = hint.as_deref();
    match format {
        Format::Text => format!("error: {}\n", render::escape(message)),
        Format::Json => render::json::failed(message, hint, *exit as u8),
        Format::Markdown => render::markdown::failed(context.command, &context.paths, message, hint),
        Format::Github => render::github::failed(message, hint),
        Format::Sarif => render::sarif::failed(message, hint, *exit as u8),
        Format::Prometheus => prometheus::failed(&run(context)),
        Format::Diff => render::diff::failed(message, hint),
        Format::Runbook => render::runbook::failed(message, hint),
        Format::Gitlab => String::new(),
    }
}

fn run(context: &Context) -> prometheus::Run<'_> {
    prometheus::Run { paths: &context.paths, time: Timestamp::now(), took: Instant::now().duration_since(context.start) }
}

/// How a repository names a file: below the checkout of a job of GitHub's, if it is one and the file lies in it.
fn in_repository() -> impl Fn(&str) -> String {
    let root = env::var_os("GITHUB_WORKSPACE").filter(|root| !root.is_empty()).map(PathBuf::from);
    let root = root.map(|root| fs::canonicalize(&root).unwrap_or(root));
    let here = env::current_dir().unwrap_or_default();
    move |path| {
        let below = root.as_ref().and_then(|root| whole(&here.join(path)).strip_prefix(root).ok().map(Path::to_path_buf));
        below.map_or_else(|| path.to_owned(), |below| below.display().to_string())
    }
}

/// A path without links and detours; of a file that is gone as it is written.
fn whole(path: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                whole.pop();
            }
            part => whole.push(part),
        }
    }
    whole
}
