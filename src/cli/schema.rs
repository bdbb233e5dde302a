//! `meshform schema`: the JSON Schema of the configuration, or of a report.

use clap::ValueEnum;

use super::{Exit, output::Output};
use crate::{
    config,
    render::schemas::{Kind, schema},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The report; without it the configuration
    #[arg(value_enum, value_name = "REPORT")]
    report: Option<Report>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Report {
    /// What `plan --format json` writes
    Plan,
    /// What `drift --format json` writes
    Drift,
    /// What `apply --format json=FILE` and `--report FILE` write
    Outcome,
    /// What `validate --format json` writes
    Findings,
}

pub(super) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    output.report(&match args.report {
        None => config::schema(),
        Some(Report::Plan) => schema(Kind::Plan),
        Some(Report::Drift) => schema(Kind::Drift),
        Some(Report::Outcome) => schema(Kind::Outcome),
        Some(Report::Findings) => schema(Kind::Findings),
    })?;
    Ok(Exit::Done)
}
