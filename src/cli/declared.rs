//! The configuration that a command is given.

use std::path::PathBuf;

use super::{error::BadConfiguration, output::Output};
use crate::{config, render};

/// Reads the configuration and shows what is wrong with it; fails where it has errors.
pub(super) fn load(paths: &[PathBuf], output: Output) -> anyhow::Result<config::Loaded> {
    let loaded = config::load(paths);
    let shown = !loaded.findings.is_empty() && (loaded.has_errors() || !output.quiet);
    if shown {
        output.note(&format!("{}\n", render::findings::text(&loaded, true)));
    }
    if loaded.has_errors() { Err(BadConfiguration.into()) } else { Ok(loaded) }
}

/// The paths as a heading shows them.
pub(super) fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
}
