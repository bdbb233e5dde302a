//! `meshform plan`: what an apply would do. It writes nothing.

use std::{mem, path::PathBuf};

use clap::ValueEnum;

use super::{
    Exit,
    blame::Blame,
    connect::{self, Session},
    declared,
    error::Usage,
    format::{self, Format, Reports},
    forms,
    output::Output,
    permit,
    runbook::Runbook,
    save, select,
};
use crate::{
    config::{Finding, Loaded, Severity},
    controller::ServerInfo,
    mesh::{Capabilities, Dialect, Expected, LiveMesh},
    plan::{
        Permissions, Plan, Selection, Unmatched, as_live, drift, lets_go, plan_selected,
        saved::{Saved, Warned},
    },
    render::{self, plan::View},
};

#[derive(Debug, clap::Args)]
#[command(mut_arg("wanted", |flag| format::help(flag, ALL_FORMS)))]
pub(super) struct Args {
    /// Files and folders that declare one mesh
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Compare with another configuration in place of a controller, offline: what the change from there to here would do
    #[arg(long, value_name = "PATH", conflicts_with_all = ["out", "controller", "keep_drift"])]
    from: Vec<PathBuf>,
    /// The dialect of the controller that the plan would be for, with --from
    #[arg(long, value_enum, default_value_t, requires = "from")]
    dialect: Offline,
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

/// The dialect of a controller that is not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Offline {
    /// AWX 23.8 and later, AAP 2.5 and later
    #[default]
    Addresses,
    /// AWX 23.0 to 23.7, AAP 2.4, Oracle Linux Automation Manager
    Hostnames,
}

impl From<Offline> for Dialect {
    fn from(dialect: Offline) -> Self {
        match dialect {
            Offline::Addresses => Self::Addresses,
            Offline::Hostnames => Self::Hostnames,
        }
    }
}

/// The forms in which a plan can be shown.
pub(super) const FORMS: &[Format] = &[Format::Text, Format::Json, Format::Markdown, Format::Github, Format::Gitlab, Format::Diff];

/// And those that a plan has where it is made.
const ALL_FORMS: &[Format] = &[Format::Text, Format::Json, Format::Markdown, Format::Github, Format::Gitlab, Format::Diff, Format::Runbook];

pub(super) async fn run(args: Args, output: Output) -> anyhow::Result<Exit> {
    if let Some(file) = &args.out {
        save::check_plan(file)?;
    }
    let reports = args.reports.reports(ALL_FORMS, "plan", &args.paths)?;
    reports.check_apart("--out", args.out.as_deref())?;
    args.from.iter().try_for_each(|from| reports.check_apart("--from", Some(from)))?;
    reports.told(output, made(&args, &reports, output).await)
}

async fn made(args: &Args, reports: &Reports, output: Output) -> anyhow::Result<Exit> {
    let loaded = declared::load(&args.paths, output)?;
    if !args.from.is_empty() {
        return offline(args, &loaded, reports, output);
    }
    let work = async |session: &Session| report(args, &loaded, session, reports, output).await;
    args.connection.with(&loaded.mesh.settings.controller, output, work).await
}

async fn report(args: &Args, loaded: &Loaded, session: &Session, reports: &Reports, output: Output) -> anyhow::Result<Exit> {
    let Planned { plan, live, selection } = planned(session, loaded, &args.select, &args.permit, output).await?;
    if reports.has(Format::Runbook) {
        return by_hand(args, loaded, session, &live, &selection, reports, output).await;
    }
    let exit = told(args, loaded, &plan, (&session.server, None), reports, output)?;
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

/// Plans for an administrator's hands, where the API does not do it: another plan than that of an apply.
async fn by_hand(
    args: &Args,
    loaded: &Loaded,
    session: &Session,
    live: &LiveMesh,
    selection: &Selection,
    reports: &Reports,
    output: Output,
) -> anyhow::Result<Exit> {
    // The others would show another plan than an apply has.
    if args.out.is_some() || !reports.has_alone(Format::Runbook) {
        let message = "a runbook goes alone: `--out` and other forms are of what an apply would do".to_owned();
        return Err(Usage { message, hint: "run plan again for those, without the runbook".to_owned() }.into());
    }
    let paths = declared::shown(&args.paths);
    let mut runbook = Runbook::plan(session, loaded, live, &args.permit.permissions(), selection)?;
    runbook.by_hand.plan = with_groups(session, mem::take(&mut runbook.by_hand.plan)).await?;
    let plan = &runbook.by_hand.plan;
    let view = View { plan, declared: &loaded.mesh, server: &session.server, from: None, paths: &paths, unfolded: output.unfolded() };
    let script = runbook.script(&view, live, session);
    reports.write(output, |_| script.clone().unwrap_or_else(|why| why))?;
    // Of an allowed plan a name may still be none that awx-manage takes.
    Ok(if script.is_ok() { exit(args, plan) } else { Exit::Refused })
}

/// Plans against a configuration in the place of the controller. Nobody is asked.
fn offline(args: &Args, loaded: &Loaded, reports: &Reports, output: Output) -> anyhow::Result<Exit> {
    if reports.has(Format::Runbook) {
        let message = "a runbook is for a controller, and --from asks none".to_owned();
        return Err(Usage { message, hint: "plan against the controller: `meshform plan PATH --format runbook`".to_owned() }.into());
    }
    let base = declared::load_base(&args.from, output)?;
    let external: Vec<_> = base.externals().chain(loaded.externals()).cloned().collect();
    let capabilities = Capabilities::new(args.dialect.into(), true);
    let live = as_live(&base.mesh, &loaded.mesh, &external, capabilities.dialect);
    let mut plan = plan_on(loaded, &live, capabilities, &args.select.selection(), &args.permit.permissions())?;
    plan.lets_go = lets_go(&base.mesh, &loaded.mesh, &plan.changes, &live);
    let from = declared::shown(&args.from);
    let server = ServerInfo { url: from.clone(), version: String::new(), install_uuid: String::new(), capabilities };
    told(args, loaded, &plan, (&server, Some(&from)), reports, output)
}

/// Writes the reports of a plan for a controller, or for what stands in its place, and tells what it comes to.
fn told(
    args: &Args,
    loaded: &Loaded,
    plan: &Plan,
    (server, from): (&ServerInfo, Option<&str>),
    reports: &Reports,
    output: Output,
) -> anyhow::Result<Exit> {
    let paths = declared::shown(&args.paths);
    let view = View { plan, declared: &loaded.mesh, server, from, paths: &paths, unfolded: output.unfolded() };
    let warnings = warnings(loaded);
    reports.write(output, |format| forms::plan(&view, &warnings, format))?;
    Ok(exit(args, plan))
}

/// What a plan comes to.
fn exit(args: &Args, plan: &Plan) -> Exit {
    match () {
        () if !plan.is_allowed() => Exit::Refused,
        () if args.detailed_exitcode && plan.runs_something() => Exit::Changes,
        () => Exit::Done,
    }
}

/// A plan, the mesh that it was made for, and what it is about.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) live: LiveMesh,
    selection: Selection,
}

/// Reads the mesh and plans, with the marks of whose hand is undone.
pub(super) async fn planned(
    session: &Session,
    loaded: &Loaded,
    select: &select::Args,
    permit: &permit::Args,
    output: Output,
) -> anyhow::Result<Planned> {
    if permit.keep_drift && loaded.mesh.settings.applied_by.is_empty() {
        // Whatever was applied before would be kept as somebody's hand, and a merge would do nothing.
        let message = "`--keep-drift` cannot tell somebody's hand from what was applied: nobody says who applies".to_owned();
        return Err(Usage { message, hint: "name the account that applies this configuration in `applied_by`".to_owned() }.into());
    }
    let (mut selection, permissions) = (select.selection(), permit.permissions());
    let (mut plan, live) = read_and_plan(session, loaded, &selection, &permissions).await?;
    let blame = if permit.no_blame { Ok(Blame::none()) } else { Blame::ask(session, &plan, &loaded.mesh, &live).await };
    let blame = if permit.keep_drift { blame? } else { Blame::or_mute(blame, output) };
    if permit.keep_drift {
        blame.must_tell()?;
    }
    let found = drift::differences(&plan, &blame.sides(session, &loaded.mesh, &live));
    if permit.keep_drift {
        selection.kept = drift::kept(&found);
        plan = plan_selected(&loaded.mesh, &live, session.server.capabilities, &permissions, &selection);
    }
    drift::mark(&mut plan, &found);
    plan.unblamed = blame.is_mute() && plan.changes.iter().any(|change| change.id.is_some());
    let plan = with_groups(session, plan).await?;
    Ok(Planned { plan, live, selection })
}

/// A plan with the groups that it leaves without an enabled instance, which only the controller tells.
async fn with_groups(session: &Session, mut plan: Plan) -> anyhow::Result<Plan> {
    let (disabled, enabled) = plan.disabled_and_enabled();
    if !disabled.is_empty() {
        plan.empty_groups = session.client.groups_left_empty(&disabled, &enabled).await?;
    }
    Ok(plan)
}

/// Reads the mesh and plans.
pub(super) async fn read_and_plan(
    session: &Session,
    loaded: &Loaded,
    selection: &Selection,
    permissions: &Permissions,
) -> anyhow::Result<(Plan, LiveMesh)> {
    let live = session.read(&Expected::declared(&loaded.mesh)).await?;
    let plan = plan_on(loaded, &live, session.server.capabilities, selection, permissions)?;
    Ok((plan, live))
}

/// Plans on a mesh.
fn plan_on(
    loaded: &Loaded,
    live: &LiveMesh,
    capabilities: Capabilities,
    selection: &Selection,
    permissions: &Permissions,
) -> anyhow::Result<Plan> {
    all_named(&selection.unmatched(&loaded.mesh, live))?;
    Ok(plan_selected(&loaded.mesh, live, capabilities, permissions, selection))
}

/// Refuses a pattern of a flag that names nothing: it is a slip, and what it was to choose or to spare would be done or not done.
pub(super) fn all_named(unmatched: &[Unmatched]) -> Result<(), Usage> {
    let Some(Unmatched { key, pattern, .. }) = unmatched.first() else { return Ok(()) };
    Err(Usage {
        message: format!("`{key} {pattern}` matches no instance, declared or live"),
        hint: "one pattern for each flag: ranges, `*` and `?`; give the flag again for another one".to_owned(),
    })
}

/// What the configuration warns of.
pub(super) fn warnings(loaded: &Loaded) -> Vec<Warned> {
    let warned = |f: &Finding| Warned { code: f.code.to_string(), message: f.message.clone(), place: f.span.map(|s| s.place) };
    loaded.findings.iter().filter(|f| f.severity == Severity::Warning).map(warned).collect()
}
