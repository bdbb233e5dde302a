//! `meshform plan`: what an apply would do. It writes nothing.

use std::path::PathBuf;

use super::{
    Exit,
    connect::{self, Session},
    declared,
    error::Usage,
    format::Format,
    output::Output,
    permit, select,
};
use crate::{
    config::{Loaded, Severity},
    controller::ServerInfo,
    plan::{Plan, plan_selected},
    render::{self, json::Warning, plan::View},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders that declare one mesh
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Exit with 2 where there are changes; what else there is stays: 0 none, 1 error, 3 not seen, 4 refused
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    select: select::Args,
    #[command(flatten)]
    permit: permit::Args,
    #[command(flatten)]
    connection: connect::Args,
}

pub(super) async fn run(args: Args, output: Output) -> anyhow::Result<Exit> {
    let loaded = declared::load(&args.paths, output)?;
    let session = args.connection.connect(&loaded.mesh.settings.controller, output).await?;
    let plan = planned(&session, &loaded, &args.select, &args.permit).await?;
    output.report(&report(&plan, &loaded, &session.server, &args.paths, args.format, output.unfolded()))?;
    session.close()?;
    Ok(match () {
        () if !plan.is_allowed() => Exit::Refused,
        () if args.detailed_exitcode && plan.runs_something() => Exit::Changes,
        () => Exit::Done,
    })
}

/// Reads the mesh and plans.
pub(super) async fn planned(session: &Session, loaded: &Loaded, select: &select::Args, permit: &permit::Args) -> anyhow::Result<Plan> {
    let live = session.client.read().await?;
    let mut plan = plan_selected(&loaded.mesh, &live, session.server.capabilities, &permit.permissions(), &select.selection());
    // A pattern of a flag that names nothing is a slip, and what it was to choose or to spare would be done or not done.
    if let Some(unmatched) = plan.unmatched.iter().find(|unmatched| unmatched.place.is_none()) {
        let message = format!("`{} {}` matches no instance, declared or live", unmatched.key, unmatched.pattern);
        return Err(Usage {
            message,
            hint: "one pattern for each flag: ranges, `*` and `?`; give the flag again for another one".to_owned(),
        }
        .into());
    }
    let (disabled, enabled) = plan.disabled_and_enabled();
    if !disabled.is_empty() {
        plan.empty_groups = session.client.groups_left_empty(&disabled, &enabled).await?;
    }
    Ok(plan)
}

/// The plan in the wanted form.
pub(super) fn report(plan: &Plan, loaded: &Loaded, server: &ServerInfo, paths: &[PathBuf], format: Format, unfolded: bool) -> String {
    match format {
        Format::Text => render::plan::text(&View { plan, declared: &loaded.mesh, server, paths: &declared::shown(paths), unfolded }),
        Format::Json => render::json::plan(plan, &loaded.mesh, server, config_warnings(loaded)),
    }
}

/// The plan as the document that `--format json` prints.
pub(super) fn plan_value(plan: &Plan, loaded: &Loaded, server: &ServerInfo) -> serde_json::Value {
    render::json::plan_value(plan, &loaded.mesh, server, config_warnings(loaded))
}

fn config_warnings(loaded: &Loaded) -> Vec<Warning<'_>> {
    let warnings = loaded.findings.iter().filter(|f| f.severity == Severity::Warning);
    warnings.map(|f| Warning::new(f.code.to_string(), f.message.clone(), f.span.map(|s| s.place))).collect()
}
