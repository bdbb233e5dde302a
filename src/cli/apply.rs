//! `meshform apply`: shows the plan, asks, and runs the very plan that it showed.

use std::{
    io::{self, BufRead, IsTerminal},
    path::PathBuf,
};

use super::{
    Exit, connect, declared,
    error::Usage,
    format::Format,
    output::Output,
    permit,
    plan::{planned, report},
    progress::Progress,
    select,
};
use crate::{
    apply::apply,
    render::{self, plural},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders that declare one mesh
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// How many requests may be under way at once
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=1000))]
    parallelism: u16,
    #[command(flatten)]
    select: select::Args,
    #[command(flatten)]
    permit: permit::Args,
    #[command(flatten)]
    connection: connect::Args,
}

pub(super) async fn run(args: Args, output: Output) -> anyhow::Result<Exit> {
    if !args.yes && !io::stdin().is_terminal() {
        let message = "apply asks before it writes, and there is no terminal to ask on".to_owned();
        return Err(Usage { message, hint: "give --yes, after `meshform plan` has shown what would be done".to_owned() }.into());
    }
    let loaded = declared::load(&args.paths, output)?;
    let session = args.connection.connect(&loaded.mesh.settings.controller, output).await?;
    let plan = planned(&session, &loaded, &args.select, &args.permit).await?;
    output.report(&report(&plan, &loaded, &session.server, &args.paths, Format::Text, output.unfolded()))?;
    if plan.is_empty() || !plan.is_allowed() {
        session.close()?;
        return Ok(if plan.is_empty() { Exit::Done } else { Exit::Refused });
    }
    if !args.yes && !confirmed(output, plan.writes(), &session.server.url).await? {
        session.close()?;
        output.note("Nothing was done.\n");
        return Ok(Exit::Failed);
    }
    let mut progress = Progress::new(plan.writes(), output);
    let outcome = apply(&plan.steps, &session.client, usize::from(args.parallelism), |event| progress.show(event)).await;
    progress.finish();
    output.report(&format!("\n{}", render::outcome::text(&plan.steps, &outcome, &loaded.mesh)))?;
    session.close()?;
    Ok(if outcome.is_success() { Exit::Done } else { Exit::Failed })
}

/// Asks; nothing but `yes` is one.
async fn confirmed(output: Output, requests: usize, url: &str) -> anyhow::Result<bool> {
    output.note(&format!("\nSend {} to {}? Only `yes` does it: ", plural(requests, "request"), render::escape(url)));
    // On another thread: meanwhile connections that the controller closes are noticed.
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    Ok(read.await??.trim() == "yes")
}
