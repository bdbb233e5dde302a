//! The port on which the receptor of an instance listens.

use std::fmt;

use thiserror::Error;

/// A declared `listener_port`, 1 to 65535.
///
/// AWX 24.6 stores any integer, AWX 23.7 refuses ports below 1024: so one outside the protocol's own range is refused here
/// and a low one is a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerPort(u16);

/// Why a number is no port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("out of range: a port goes from 1 to 65535")]
pub struct PortError;

impl ListenerPort {
    /// The number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// Whether the port is below 1024, which AWX 23.0 to 23.7 refuse and which needs a privileged receptor elsewhere.
    pub fn is_privileged(self) -> bool {
        self.0 < 1024
    }
}

impl TryFrom<i64> for ListenerPort {
    type Error = PortError;

    fn try_from(value: i64) -> Result<Self, PortError> {
        match u16::try_from(value) {
            Ok(port) if port > 0 => Ok(Self(port)),
            _ => Err(PortError),
        }
    }
}

impl fmt::Display for ListenerPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
