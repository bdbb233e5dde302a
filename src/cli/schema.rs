//! `meshform schema`: the JSON Schema of the configuration.

use super::{Exit, output::Output};
use crate::config;

pub(super) fn run(output: Output) -> anyhow::Result<Exit> {
    output.report(&config::schema())?;
    Ok(Exit::Done)
}
