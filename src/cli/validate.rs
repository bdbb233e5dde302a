//! `meshform validate`: the offline checks alone.

use std::path::PathBuf;

use super::{Exit, output::Output};
use crate::{
    config,
    render::{self, plural},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders that declare one mesh
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let loaded = config::load(&args.paths);
    if !loaded.findings.is_empty() {
        output.report(&render::findings::text(&loaded, true))?;
    }
    if loaded.has_errors() {
        return Ok(Exit::Failed);
    }
    let (instances, files) = (loaded.mesh.instances.len(), loaded.mesh.files.len());
    output.report(&format!("{} in {}: no errors.\n", plural(instances, "instance"), plural(files, "file")))?;
    Ok(Exit::Done)
}
