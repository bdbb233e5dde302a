//! What a configuration says about the mesh as a whole.

use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{BaseUrl, Field, Given, PatternList, Place};

/// The mesh-wide settings; none of them is a difference by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeshSettings {
    /// `controller`: the addresses of the one controller that this mesh is for. A guard, never a source.
    pub controller: Vec<Given<BaseUrl>>,
    /// `owns`: live instances that are removed where they are not declared.
    pub owns: PatternList,
    /// `protect`: instances that no plan may remove or replace.
    pub protect: PatternList,
    /// `max_removals`: how many removals one plan may have.
    pub max_removals: Option<Given<MaxRemovals>>,
    /// `ignore`: known drift.
    pub ignore: Vec<Ignore>,
    /// `applied_by`: the accounts that apply this configuration.
    pub applied_by: Vec<Given<String>>,
}

/// A budget of removals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxRemovals {
    /// So many instances.
    Count(u32),
    /// So many of a hundred owned instances, 0 to 100.
    Percent(u8),
}

/// A text that is no number of removals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("write a number of instances such as `5`, or a part of the owned ones such as `30%`")]
pub struct MaxRemovalsError;

impl FromStr for MaxRemovals {
    type Err = MaxRemovalsError;

    fn from_str(text: &str) -> Result<Self, MaxRemovalsError> {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        let value = match text.strip_suffix('%') {
            Some(percent) if digits(percent) => percent.parse().ok().filter(|p| *p <= 100).map(Self::Percent),
            None if digits(text) => text.parse().ok().map(Self::Count),
            _ => None,
        };
        value.ok_or(MaxRemovalsError)
    }
}

/// A field that is known to differ, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    /// Which instances.
    pub hostname: PatternList,
    /// Which field.
    pub field: Field,
    /// The last day on which it holds.
    pub until: Date,
    /// Why.
    pub reason: String,
    /// Where the rule stands.
    pub place: Place,
}
