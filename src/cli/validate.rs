//! `meshform validate`: the offline checks alone.

use std::{fmt::Write, path::PathBuf};

use clap::ValueEnum;

use super::{
    Exit, declared,
    format::{self, Format, Reports},
    forms,
    output::Output,
};
use crate::{
    config::{self, Loaded},
    render::{self, plural},
};

#[derive(Debug, clap::Args)]
#[command(mut_arg("wanted", |flag| format::help(flag, FORMS)))]
pub(super) struct Args {
    /// Files and folders that declare one mesh
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    reports: format::Args,
    /// Exit with 1 where there are only warnings, too
    #[arg(long, value_enum, value_name = "WHAT")]
    deny: Option<Deny>,
}

/// What is not let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Deny {
    /// What can be used, and is probably not what was meant
    Warnings,
}

const FORMS: &[Format] = &[Format::Text, Format::Json, Format::Markdown, Format::Github, Format::Sarif];

pub(super) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let reports = args.reports.reports(FORMS, "validate", &args.paths)?;
    reports.told(output, checked(args, &reports, output))
}

fn checked(args: &Args, reports: &Reports, output: Output) -> anyhow::Result<Exit> {
    declared::refuse_plans(&args.paths)?;
    let loaded = config::load(&args.paths);
    let denied = args.deny.is_some() && !loaded.findings.is_empty();
    let failed = loaded.has_errors() || denied;
    reports.write(output, |format| forms::findings(&loaded, format, &reports.context, || text(&loaded, denied)))?;
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn text(loaded: &Loaded, denied: bool) -> String {
    let mut text = String::new();
    if !loaded.findings.is_empty() {
        text.push_str(&render::findings::text(loaded, true));
    }
    if !loaded.has_errors() {
        let (instances, files) = (loaded.mesh.instances.len(), loaded.mesh.files.len());
        let denied = if denied { ", and warnings are denied" } else { "" };
        let _ = writeln!(text, "{} in {}: no errors{denied}.", plural(instances, "instance"), plural(files, "file"));
    }
    text
}
