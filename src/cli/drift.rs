//! `meshform drift`: what moved on the controller. It writes nothing.

use std::{path::PathBuf, time::Duration};

use super::{
    Exit,
    blame::Blame,
    connect::{self, Session},
    declared,
    format::{self, Format, Reports},
    forms,
    output::Output,
    plan::{all_named, read_and_plan, warnings},
    select,
};
use crate::{
    config::Loaded,
    plan::{Permissions, Selection, drift::drift},
    render::drift::{View, headline},
};

#[derive(Debug, clap::Args)]
#[command(mut_arg("wanted", |flag| format::help(flag, FORMS)))]
pub(super) struct Args {
    /// Files and folders that declare one mesh
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    reports: format::Args,
    #[command(flatten)]
    telling: Telling,
    #[command(flatten)]
    select: select::Args,
    #[command(flatten)]
    connection: connect::Args,
}

/// What is told, and what it comes to.
#[derive(Debug, clap::Args)]
#[group(id = "telling")]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
struct Telling {
    /// Exit with 0 where there is drift, too: for jobs that only report
    #[arg(long)]
    exit_zero: bool,
    /// Do not ask who changed what; then drift and what is only not applied yet are not told apart
    #[arg(long)]
    no_blame: bool,
    /// Exit with 2 also where something is only not applied yet
    #[arg(long)]
    pending_is_drift: bool,
    /// List the instances that the configuration does not know
    #[arg(long)]
    show_unmanaged: bool,
}

/// Of so many instances that are on their way out it is asked which jobs hold them.
const HELD: usize = 5;

/// The forms in which drift can be shown.
const FORMS: &[Format] = &[Format::Text, Format::Json, Format::Markdown, Format::Github, Format::Sarif, Format::Prometheus, Format::Diff];

pub(super) async fn run(args: Args, output: Output) -> anyhow::Result<Exit> {
    let mut reports = args.reports.reports(FORMS, "drift", &args.paths)?;
    reports.context.controller = args.connection.address();
    reports.told(output, seen(&args, &reports, output).await)
}

async fn seen(args: &Args, reports: &Reports, output: Output) -> anyhow::Result<Exit> {
    let loaded = declared::load(&args.paths, output)?;
    let work = async |session: &Session| report(args, &loaded, session, reports, output).await;
    args.connection.with(&loaded.mesh.settings.controller, output, work).await
}

async fn report(args: &Args, loaded: &Loaded, session: &Session, reports: &Reports, output: Output) -> anyhow::Result<Exit> {
    let selection = args.select.selection();
    // The whole is planned, since what is looked at may hang on what is not; what an apply may do does not matter here.
    let (plan, live) = read_and_plan(session, loaded, &Selection::default(), &Permissions::default()).await?;
    all_named(&selection.unmatched(&loaded.mesh, &live))?;
    let blame = if args.telling.no_blame { Blame::none() } else { Blame::ask(session, &plan, &loaded.mesh, &live).await? };
    let mut drift = drift(&plan, &selection, &blame.sides(session, &loaded.mesh, &live));
    for seen in drift.states.iter_mut().filter(|seen| seen.state == "deprovisioning" && seen.jobs_running > 0).take(HELD) {
        seen.jobs = session.client.gone(seen.id, Duration::ZERO, |_| {}).await?.map(|left| left.jobs).unwrap_or_default();
    }
    let paths: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
    let view = View {
        drift: &drift,
        declared: &loaded.mesh,
        server: &session.server,
        paths: &paths,
        controller: args.connection.controller(),
        unfolded: output.unfolded(),
        shows_unmanaged: args.telling.show_unmanaged,
    };
    let warnings = warnings(loaded);
    reports.write(output, |format| forms::drift(&view, &warnings, format, &reports.context))?;
    let summary = drift.summary;
    let counted = summary.drift + summary.unknown + if args.telling.pending_is_drift { summary.pending } else { 0 };
    let exit = if counted > 0 && !args.telling.exit_zero { Exit::Changes } else { Exit::Done };
    reports.say(output, exit, &headline(&view));
    Ok(exit)
}
