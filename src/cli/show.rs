//! `meshform show`: a saved plan, as `plan` showed it. No controller is asked.

use std::path::PathBuf;

use super::{
    Exit,
    format::{self, Reports},
    forms,
    output::Output,
    plan, save,
};
use crate::render::plan::View;

#[derive(Debug, clap::Args)]
#[command(mut_arg("wanted", |flag| format::help(flag, plan::FORMS)))]
pub(super) struct Args {
    /// A plan that `plan --out FILE` saved
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    reports: format::Args,
}

pub(super) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let reports = args.reports.reports(plan::FORMS, "plan", std::slice::from_ref(&args.file))?;
    reports.told(output, shown(args, &reports, output))
}

fn shown(args: &Args, reports: &Reports, output: Output) -> anyhow::Result<Exit> {
    let saved = save::read(&args.file)?;
    let (declared, server, paths) = (saved.declared(), save::server(&saved.origin), saved.origin.paths.join(" "));
    let view = View { plan: &saved.plan, declared: &declared, server: &server, from: None, paths: &paths, unfolded: output.unfolded() };
    reports.write(output, |format| forms::plan(&view, &saved.origin.warnings, format))?;
    Ok(Exit::Done)
}
