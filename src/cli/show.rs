//! `meshform show`: a saved plan, as `plan` showed it. No controller is asked.

use std::path::PathBuf;

use super::{Exit, format::Format, output::Output, plan, save};
use crate::render::plan::View;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A plan that `plan --out FILE` saved
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let saved = save::read(&args.file)?;
    let (declared, server, paths) = (saved.declared(), save::server(&saved.origin), saved.origin.paths.join(" "));
    let view = View { plan: &saved.plan, declared: &declared, server: &server, paths: &paths, unfolded: output.unfolded() };
    output.report(&plan::document(&view, &saved.origin.warnings, args.format))?;
    Ok(Exit::Done)
}
