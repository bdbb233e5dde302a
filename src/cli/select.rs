//! Which instances plan and apply look at.

use crate::{
    mesh::{Listed, PatternError, PatternList, Place},
    plan::Selection,
};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which instances")]
#[group(id = "select")]
pub(super) struct Args {
    /// Only the instances that this pattern names; may be given several times
    ///
    /// Ranges, `*` and `?` as in the configuration; a leading `!` takes names out again. A change that needs one that is left
    /// out is left out, too, and said to be.
    #[arg(long, value_name = "PATTERN", value_parser = listed)]
    only: Vec<Listed>,
    /// Not the instances that this pattern names; may be given several times
    #[arg(long, value_name = "PATTERN", value_parser = listed)]
    exclude: Vec<Listed>,
}

impl Args {
    pub(super) fn selection(&self) -> Selection {
        let list = |items: &[Listed]| items.iter().cloned().collect::<PatternList>();
        Selection { only: (!self.only.is_empty()).then(|| list(&self.only)), exclude: list(&self.exclude), ..Selection::default() }
    }
}

/// An item of a list of patterns.
fn listed(text: &str) -> Result<Listed, PatternError> {
    let pattern = text.strip_prefix('!').unwrap_or(text);
    Ok(Listed { pattern: pattern.parse()?, takes_out: text.starts_with('!'), place: Place { file: 0, line: 1, column: 1 } })
}
