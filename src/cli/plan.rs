//! `meshform plan`: what an apply would do. It writes nothing.

use std::path::PathBuf;

use super::{Exit, connect, declared, format::Format, output::Output, permit, select};
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
    let live = session.client.read().await?;
    let selection = args.select.selection();
    let plan = plan_selected(&loaded.mesh, &live, session.server.capabilities, &args.permit.permissions(), &selection);
    output.report(&report(&plan, &loaded, &session.server, &args.paths, args.format, output.unfolded()))?;
    session.close()?;
    Ok(match () {
        () if !plan.is_allowed() => Exit::Refused,
        () if args.detailed_exitcode && !plan.is_empty() => Exit::Changes,
        () => Exit::Done,
    })
}

/// The plan in the wanted form.
pub(super) fn report(plan: &Plan, loaded: &Loaded, server: &ServerInfo, paths: &[PathBuf], format: Format, unfolded: bool) -> String {
    match format {
        Format::Text => render::plan::text(&View { plan, declared: &loaded.mesh, server, paths: &declared::shown(paths), unfolded }),
        Format::Json => {
            let warnings = loaded.findings.iter().filter(|f| f.severity == Severity::Warning);
            let warnings = warnings.map(|f| Warning::new(f.code.to_string(), f.message.clone(), f.span.map(|s| s.place)));
            render::json::plan(plan, &loaded.mesh, server, warnings.collect())
        }
    }
}
