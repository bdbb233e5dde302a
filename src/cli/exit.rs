//! The exit codes: a contract with every script that calls the program.

use std::process::{ExitCode, Termination};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// It failed: bad usage, a bad configuration, a request that was refused.
    Failed = 1,
    /// There are changes (`plan --detailed-exitcode`).
    Changes = 2,
    /// The controller could not be seen: no connection, no login, no right to read.
    CannotSee = 3,
    /// Refused before the first write: the plan holds something that cannot or must not be done.
    Refused = 4,
    /// Interrupted by SIGINT; what was under way ended.
    Interrupted = 130,
    /// Ended by SIGTERM; what was under way ended.
    Terminated = 143,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
