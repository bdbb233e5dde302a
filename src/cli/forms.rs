//! From a form to the renderer that makes it, for each kind of report.

use std::time::Instant;

use jiff::Timestamp;

use super::{
    error::Judged,
    format::{Context, Format},
    repository::in_repository,
};
use crate::{
    config::Loaded,
    controller::ServerInfo,
    plan::{Plan, saved::Warned},
    render::{self, drift, markdown::MOST, outcome::Ending, plan::View, prometheus, report::Result},
};

/// A plan, made just now or saved.
pub(super) fn plan(view: &View<'_>, warnings: &[Warned], format: Format) -> String {
    match format {
        Format::Json => render::json::plan(view, warnings),
        Format::Markdown => render::markdown::plan(view, warnings, MOST),
        Format::Summary(most) => render::markdown::plan(view, warnings, most),
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
        Format::Markdown => render::markdown::drift(view, warnings, MOST),
        Format::Summary(most) => render::markdown::drift(view, warnings, most),
        Format::Github => render::github::drift(view, warnings, &in_repository()),
        Format::Sarif => render::sarif::drift(view, &in_repository()),
        Format::Prometheus => prometheus::drift(view.drift, &run(context)),
        Format::Diff => render::diff::drift(view),
        Format::Text | Format::Gitlab | Format::Runbook => drift::text(view),
    }
}

/// What became of an apply.
pub(super) fn outcome(ending: &Ending<'_>, plan: &Plan, server: &ServerInfo, ended: Result, format: Format, context: &Context) -> String {
    let markdown = |most| render::markdown::outcome(ending, plan, &server.url, &context.paths, ended, most);
    match format {
        Format::Json => render::report::document(ending, plan, server, ended),
        Format::Markdown => markdown(MOST),
        Format::Summary(most) => markdown(most),
        Format::Github => render::github::outcome(ending, &in_repository()),
        Format::Text | Format::Gitlab | Format::Sarif | Format::Prometheus | Format::Diff | Format::Runbook => {
            render::outcome::text(ending)
        }
    }
}

/// What validate found; `text` is made by the command itself.
pub(super) fn findings(loaded: &Loaded, format: Format, context: &Context, text: impl FnOnce() -> String) -> String {
    let markdown = |most| render::markdown::findings(loaded, context.command, &context.paths, most);
    match format {
        Format::Json => render::findings_json::document(loaded),
        Format::Markdown => markdown(MOST),
        Format::Summary(most) => markdown(most),
        Format::Github => render::github::findings(loaded, &in_repository()),
        Format::Sarif => render::sarif::findings(loaded, &in_repository(), &context.path),
        Format::Text | Format::Gitlab | Format::Prometheus | Format::Diff | Format::Runbook => text(),
    }
}

/// What there is instead of a report.
pub(super) fn failed(format: Format, judged: &Judged<'_>, context: &Context) -> String {
    let Judged { message, hint, exit, broken } = judged;
    let (hint, exit) = (hint.as_deref(), *exit as u8);
    let markdown = |most| match broken {
        Some(loaded) => render::markdown::findings(loaded, context.command, &context.paths, most),
        None => render::markdown::failed(context.command, &context.paths, message, hint, most),
    };
    match (format, broken) {
        (Format::Github, Some(loaded)) => return render::github::findings(loaded, &in_repository()),
        (Format::Sarif, Some(loaded)) => {
            return render::sarif::broken(loaded, &in_repository(), &context.path, (message, hint, exit));
        }
        _ => {}
    }
    match format {
        Format::Text => format!("error: {}\n", render::escape(message)),
        Format::Json => render::json::failed(message, hint, exit, *broken),
        Format::Markdown => markdown(MOST),
        Format::Summary(most) => markdown(most),
        Format::Github => render::github::failed(message, hint),
        Format::Sarif => render::sarif::failed(message, hint, exit),
        Format::Prometheus => prometheus::failed(&run(context)),
        Format::Diff => render::diff::failed(message, hint),
        Format::Runbook => render::runbook::failed(message, hint),
        Format::Gitlab => String::new(),
    }
}

fn run(context: &Context) -> prometheus::Run<'_> {
    prometheus::Run {
        controller: &context.controller,
        paths: &context.paths,
        time: Timestamp::now(),
        took: Instant::now().duration_since(context.start),
    }
}
