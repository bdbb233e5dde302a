//! `meshform plan`: what an apply would do. It writes nothing.

use std::path::PathBuf;

use super::{
    Exit,
    blame::Blame,
    connect::{self, Session},
    declared,
    error::Usage,
    format::{self, Format, Reports},
    output::Output,
    permit, save, select,
};
use crate::{
    config::{Finding, Loaded, Severity},
    mesh::{Expected, LiveMesh},
    plan::{
        Permissions, Plan, Selection, drift, plan_selected,
        saved::{Saved, Warned},
    },
    render::{self, json::Warning, plan::View},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders that declare one mesh
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    reports: format::Args,
    /// Exit with 2 where there are changes; what else there is stays: 0 none, 1 error, 3 not seen, 4 refused
    #[arg(long)]
    detailed_exitcode: bool,
    /// Save the plan in this file, for `apply FILE` and `show FILE`; nothing is saved that is refused or not allowed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    select: select::Args,
    #[command(flatten)]
    permit: permit::Args,
    #[command(flatten)]
    connection: connect::Args,
}

/// The forms in which a plan can be shown.
pub(super) const FORMS: &[Format] = &[Format::Text, Format::Json, Format::Markdown, Format::Github, Format::Gitlab, Format::Diff];

pub(super) async fn run(args: Args, output: Output) -> anyhow::Result<Exit> {
    if let Some(file) = &args.out {
        save::check_plan(file)?;
    }
    let reports = args.reports.reports(FORMS)?;
    reports.told(output, made(&args, &reports, output).await)
}

async fn made(args: &Args, reports: &Reports, output: Output) -> anyhow::Result<Exit> {
    let loaded = declared::load(&args.paths, output)?;
    let work = async |session: &Session| report(args, &loaded, session, reports, output).await;
    args.connection.with(&loaded.mesh.settings.controller, output, work).await
}

async fn report(args: &Args, loaded: &Loaded, session: &Session, reports: &Reports, output: Output) -> anyhow::Result<Exit> {
    let (plan, live) = planned(session, loaded, &args.select, &args.permit).await?;
    let paths = declared::shown(&args.paths);
    let view = View { plan: &plan, declared: &loaded.mesh, server: &session.server, paths: &paths, unfolded: output.unfolded() };
    let warnings = warnings(loaded);
    reports.write(output, |format| document(&view, &warnings, format))?;
    let exit = match () {
        () if !plan.is_allowed() => Exit::Refused,
        () if args.detailed_exitcode && plan.runs_something() => Exit::Changes,
        () => Exit::Done,
    };
    if let Some(file) = args.out.as_ref().filter(|_| plan.is_allowed()) {
        let origin = save::origin(loaded, &session.server, &args.paths, args.permit.permissions());
        save::write(file, &Saved::new(origin, plan, &loaded.mesh, &live))?;
        if !output.quiet {
            let file = render::escape(&file.display().to_string());
            output.note(&format!("Saved to {file}: meshform apply {file} runs it.\n"));
        }
    }
    Ok(exit)
}

/// Reads the mesh and plans, with the marks of whose hand is undone; gives the mesh that it was planned for as well.
pub(super) async fn planned(
    session: &Session,
    loaded: &Loaded,
    select: &select::Args,
    permit: &permit::Args,
) -> anyhow::Result<(Plan, LiveMesh)> {
    let (mut selection, permissions) = (select.selection(), permit.permissions());
    let (mut plan, live) = read_and_plan(session, loaded, &selection, &permissions).await?;
    let blame = if permit.no_blame { Blame::none() } else { Blame::ask(session, &plan, &live).await? };
    let sides = blame.sides(session, &loaded.mesh, &live);
    if permit.keep_drift {
        selection.kept = drift::by_hand(&drift::drift(&plan, &selection, &sides));
        plan = plan_selected(&loaded.mesh, &live, session.server.capabilities, &permissions, &selection);
    }
    drift::mark(&mut plan, &sides);
    let (disabled, enabled) = plan.disabled_and_enabled();
    if !disabled.is_empty() {
        plan.empty_groups = session.client.groups_left_empty(&disabled, &enabled).await?;
    }
    Ok((plan, live))
}

/// Reads the mesh and plans.
pub(super) async fn read_and_plan(
    session: &Session,
    loaded: &Loaded,
    selection: &Selection,
    permissions: &Permissions,
) -> anyhow::Result<(Plan, LiveMesh)> {
    let live = session.read(&Expected::declared(&loaded.mesh)).await?;
    let plan = plan_selected(&loaded.mesh, &live, session.server.capabilities, permissions, selection);
    // A pattern of a flag that names nothing is a slip, and what it was to choose or to spare would be done or not done.
    if let Some(unmatched) = plan.unmatched.iter().find(|unmatched| unmatched.place.is_none()) {
        let message = format!("`{} {}` matches no instance, declared or live", unmatched.key, unmatched.pattern);
        return Err(Usage {
            message,
            hint: "one pattern for each flag: ranges, `*` and `?`; give the flag again for another one".to_owned(),
        }
        .into());
    }
    Ok((plan, live))
}

/// What the configuration warns of.
pub(super) fn warnings(loaded: &Loaded) -> Vec<Warned> {
    let warned = |f: &Finding| Warned { code: f.code.to_string(), message: f.message.clone(), place: f.span.map(|s| s.place) };
    loaded.findings.iter().filter(|f| f.severity == Severity::Warning).map(warned).collect()
}

/// A plan in the wanted form, made just now or saved.
pub(super) fn document(view: &View<'_>, warnings: &[Warned], format: Format) -> String {
    match format {
        Format::Json => render::json::plan(view.plan, view.declared, view.server, json_warnings(warnings)),
        _ => render::plan::text(view),
    }
}

/// The plan as the document that `--format json` prints.
pub(super) fn value(view: &View<'_>, warnings: &[Warned]) -> serde_json::Value {
    render::json::plan_value(view.plan, view.declared, view.server, json_warnings(warnings))
}

fn json_warnings(warnings: &[Warned]) -> Vec<Warning<'static>> {
    warnings.iter().map(|w| Warning::new(w.code.clone(), w.message.clone(), w.place)).collect()
}
