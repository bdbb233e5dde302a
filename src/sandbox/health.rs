//! What a node tells of itself once the controller sees it. None of it is anybody's to set.

use super::tables::{Instance, Micros, NodeState};

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
        if row.node_state != NodeState::Ready {
            // A new row has the column's default, until something changes it and the controller looks again.
            let untouched = row.modified == row.created && !row.managed;
            return Self { capacity: if untouched { 100 } else { 0 }, ..Self::default() };
        }
        let seen = Some(row.created);
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
