//! What is not as declared, and which of it is drift: somebody changed the controller; which is pending: somebody changed the
//! configuration and nothing was applied since; and of which that cannot be told.

mod judge;
mod links;
mod report;

pub use report::{Sides, differences, drift, kept, mark};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::mesh::{Field, Place, Value};

/// What moved, and what is only not applied yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// What is not as declared, by hostname.
    pub findings: Vec<Difference>,
    /// The figures.
    pub summary: DriftSummary,
    /// Instances in a state that needs somebody's eye; none of it is drift.
    pub states: Vec<Seen>,
    /// The live instances that the configuration does not know.
    pub unmanaged: Vec<String>,
    /// Whether the controller could be asked who changed what.
    pub stream: Stream,
}

/// An instance in a state that needs somebody's eye.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which instance.
    pub hostname: String,
    /// `unavailable`, `deprovisioning`, or what failed.
    pub state: String,
    /// Its id.
    pub id: i64,
    /// How many jobs run on it.
    pub jobs_running: i64,
    /// The ids of some of them, where somebody asked.
    pub jobs: Vec<i64>,
}

/// Where the knowledge of who changed what comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stream {
    /// The controller's activity stream was asked.
    #[default]
    Asked,
    /// The controller records nothing.
    Off,
    /// Nobody wanted to know.
    Skipped,
    /// It may not be read.
    Refused,
}

/// The figures of a drift report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriftSummary {
    /// Findings that somebody's hand made.
    pub drift: usize,
    /// Findings that an apply of what is declared would settle and nobody's hand made.
    pub pending: usize,
    /// Findings of which nobody can tell.
    pub unknown: usize,
    /// Findings that a rule of `ignore` knows.
    pub ignored: usize,
    /// Instances that are as declared.
    pub as_declared: usize,
    /// Instances that are declared and shall exist.
    pub declared: usize,
    /// Instances that the controller has; its control and hybrid nodes only where they are declared.
    pub live: usize,
    /// Declared instances that the controller has and does not reach.
    pub unreachable: usize,
    /// Live instances that are neither declared nor owned.
    pub unmanaged: usize,
    /// Declared instances that were not to be looked at.
    pub not_looked_at: usize,
}

/// One thing that is not as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which instance.
    pub hostname: String,
    /// What differs.
    pub what: What,
    /// Why.
    pub verdict: Verdict,
    /// Where the declared value stands, or what asks for the removal.
    pub place: Place,
    /// The newest change that is known to have led to what is there.
    pub change: Option<Known>,
    /// Whether that was somebody's hand, so that whatever undoes it undoes that.
    pub by_hand: bool,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The value of a field.
    Field {
        /// Which field.
        field: Field,
        /// What is declared.
        declared: Value,
        /// What is there.
        live: Value,
    },
    /// It shall exist and is not there; or it is on its way out, in this state.
    Missing(Option<String>),
    /// It shall not exist and is there, in this state.
    Extra(String),
}

impl What {
    /// The API's name of what differs: existence is a matter of `node_state`.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Field { field, .. } => field.name(),
            Self::Missing(_) | Self::Extra(_) => "node_state",
        }
    }
}

/// Why something is not as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody changed it on the controller.
    Drift {
        /// The controllers' web form sends this whenever somebody saves an instance, whatever it was.
        web_form: bool,
    },
    /// It was declared and not applied yet.
    Pending,
    /// Nobody can tell, and why.
    Unknown(Unknown),
    /// A rule of the configuration knows of it.
    Ignored {
        /// The last day on which the rule holds.
        until: Date,
        /// Why.
        reason: String,
        /// Where the rule stands.
        place: Place,
    },
}

impl Verdict {
    /// A name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Drift { .. } => "drift",
            Self::Pending => "pending",
            Self::Unknown(_) => "unknown",
            Self::Ignored { .. } => "ignored",
        }
    }
}

/// Why nobody can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The controller records nothing.
    Off,
    /// It was not asked.
    Skipped,
    /// It may not be read.
    Refused,
    /// It is not said who applies the configuration, and whoever does made this as well.
    Applier,
    /// What it remembers does not reach back so far.
    Pruned,
    /// What it remembers does not lead to what is there.
    Gap,
    /// What is declared cannot be compared: a peer leads nowhere, in words.
    Unresolved(String),
}

/// A change that the controller remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The account; none where the controller itself did it, or where the account is gone.
    pub actor: Option<String>,
    /// When.
    pub time: Timestamp,
    /// The value before; none where it is about existence, or where links led to what is gone now.
    pub before: Option<Value>,
}
