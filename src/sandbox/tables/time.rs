//! The clock of a sandbox: the wall's time when it starts, and from then on one that never goes back.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Micros;

pub(in crate::sandbox) struct Clock {
    wall: Micros,
    start: Instant,
}

impl Clock {
    pub(in crate::sandbox) fn start() -> Self {
        Self { wall: Timestamp::now().as_microsecond(), start: Instant::now() }
    }

    pub(in crate::sandbox) fn now(&self) -> Micros {
        self.wall.saturating_add(micros(self.start.elapsed()))
    }
}

pub(in crate::sandbox) fn micros(duration: Duration) -> Micros {
    Micros::try_from(duration.as_micros()).unwrap_or(Micros::MAX)
}
