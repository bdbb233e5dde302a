//! What a node tells of itself once the controller sees it. None of it is anybody's to set.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::tables::{Instance, Micros, NodeState};

/// What a job takes of a node's capacity: a fork for its one host, and one for itself.
const JOB: i64 = 2;

#[derive(Debug, Default)]
pub(super) struct Health {
    pub(super) seen: Option<Micros>,
    pub(super) version: &'static str,
    pub(super) capacity: i64,
    pub(super) cpus: i64,
    pub(super) memory: i64,
    pub(super) cpu_capacity: i64,
    pub(super) mem_capacity: i64,
}

impl Health {
    pub(super) fn of(row: &Instance) -> Self {
        /// Forks that a node of this size has by its processors, and by its memory.
        const FORKS: (i64, i64) = (16, 57);
        if !matches!(row.node_state, NodeState::Ready | NodeState::Unavailable) {
            // A new row has the column's default, until something changes it and the controller looks again.
            let untouched = row.modified == row.created && !row.managed;
            return Self { capacity: if untouched { 100 } else { 0 }, ..Self::default() };
        }
        let seen = Some(row.created);
        if row.node_state == NodeState::Unavailable {
            // It was seen once: what it told of itself stays, what it can take on does not.
            return Self { seen, version: "2.4.0", cpus: 4, memory: 6 << 30, ..Self::default() };
        }
        if !row.node_type.executes() {
            return Self { seen, ..Self::default() };
        }
        let (fewest, most) = FORKS;
        let capacity = if row.enabled { fewest + (most - fewest) * row.capacity_adjustment / 100 } else { 0 };
        Self { seen, version: "2.4.0", capacity, cpus: 4, memory: 6 << 30, cpu_capacity: fewest, mem_capacity: most }
    }

    /// The number of processors as the API writes it.
    pub(super) fn cpu(&self) -> String {
        format!("{}.0", self.cpus)
    }
}

/// What so many jobs take of a capacity, and how much of a hundred is left then.
pub(super) fn load(capacity: i64, jobs: i64) -> (i64, f64) {
    let consumed = jobs.saturating_mul(JOB);
    let left = Decimal::from(capacity.saturating_sub(consumed).max(0)) * Decimal::ONE_HUNDRED;
    let left = left.checked_div(capacity.into()).unwrap_or_default().round_dp(2);
    (consumed, left.to_f64().unwrap_or_default())
}
