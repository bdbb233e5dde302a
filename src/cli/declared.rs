//! The configuration that a command is given.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use super::{
    error::{BadConfiguration, Usage},
    output::Output,
};
use crate::{config, plan::saved::is_plan_file, render};

/// Reads the configuration and shows what is wrong with it; fails where it has errors.
pub(super) fn load(paths: &[PathBuf], output: Output) -> anyhow::Result<config::Loaded> {
    refuse_plans(paths)?;
    let loaded = config::load(paths);
    let shown = !loaded.findings.is_empty() && (loaded.has_errors() || !output.quiet);
    if shown {
        output.note(&format!("{}\n", render::findings::text(&loaded, true)));
    }
    if loaded.has_errors() { Err(BadConfiguration(Box::new(loaded)).into()) } else { Ok(loaded) }
}

/// Reads the configuration that another one is compared with. What it warns of was told when it was new.
pub(super) fn load_base(paths: &[PathBuf], output: Output) -> anyhow::Result<config::Loaded> {
    refuse_plans(paths)?;
    let loaded = config::load(paths);
    if loaded.has_errors() {
        output.note(&format!("{}\n", render::findings::text(&loaded, true)));
        return Err(BadConfiguration(Box::new(loaded)).into());
    }
    Ok(loaded)
}

/// Refuses saved plans, which are read elsewhere.
pub(super) fn refuse_plans(paths: &[PathBuf]) -> anyhow::Result<()> {
    // Its first key tells.
    let head = |path: &PathBuf| -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        File::open(path)?.take(64).read_to_end(&mut head)?;
        Ok(head)
    };
    let is_plan = |path: &&PathBuf| path.is_file() && head(path).is_ok_and(|head| is_plan_file(&String::from_utf8_lossy(&head)));
    if let Some(path) = paths.iter().find(is_plan) {
        let message = format!("{} is a saved plan and no configuration", path.display());
        return Err(Usage { message, hint: "`meshform apply FILE` runs one, alone; `meshform show FILE` shows it".to_owned() }.into());
    }
    Ok(())
}

/// The paths as a heading shows them.
pub(super) fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
}
