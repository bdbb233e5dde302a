//! What a real controller works at, and for how long: rows of instances, passwords, writes. A handler notes on its answer what
//! there was to do; the time is taken in `front`.

use std::time::Duration;

/// How long each piece of work takes. By default none takes any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Costs {
    /// An instance in a list, or a single one.
    pub row: Duration,
    /// A password that is checked: by basic authentication with every request, or for a login.
    pub password: Duration,
    /// A write of an instance. They are worked at one after the other.
    pub write: Duration,
}

impl Costs {
    /// As measured on AWX 24.6.1 and 23.7.0, on two cores.
    pub fn awx() -> Self {
        Self { row: Duration::from_millis(20), password: Duration::from_millis(200), write: Duration::from_millis(75) }
    }
}

/// What there was to do for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Work {
    pub(super) rows: usize,
    pub(super) password: bool,
    pub(super) write: bool,
}

impl Work {
    /// The time of all that requests do beside each other.
    pub(super) fn beside(self, costs: Costs) -> Duration {
        let password = if self.password { costs.password } else { Duration::ZERO };
        costs.row.saturating_mul(u32::try_from(self.rows).unwrap_or(u32::MAX)).saturating_add(password)
    }
}
