//! Peers: what an instance dials.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Hostname, HostnameError};

/// A link's far end in a live or planned mesh: an instance and, where it is not the address that its hostname alone would
/// choose, the address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// The instance that is dialled.
    pub hostname: String,
    /// `host:port` (`[v6]:port`) of the chosen address; `None` is the one that the hostname alone chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Peer {
    /// The peer that a hostname alone names.
    pub fn named(hostname: impl Into<String>) -> Self {
        Self { hostname: hostname.into(), address: None }
    }

    /// The way a configuration names this peer.
    pub fn declared(&self) -> &str {
        self.address.as_deref().unwrap_or(&self.hostname)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            None => f.write_str(&self.hostname),
            Some(address) => write!(f, "{address} of {}", self.hostname),
        }
    }
}

/// How a declaration names a peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerName {
    /// By the instance's hostname.
    Instance(Hostname),
    /// By one of the addresses of an instance, for one that has several.
    Address {
        /// The host of the address, without brackets.
        host: Hostname,
        /// The port of the address.
        port: u16,
    },
}

/// Why a text names no peer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PeerNameError {
    /// The hostname breaks the server's rule.
    #[error(transparent)]
    Hostname(#[from] HostnameError),
    /// `host:port` with a port outside 1 to 65535.
    #[error("the port after the colon goes from 1 to 65535")]
    Port,
}

impl PeerName {
    /// The host that is named, of an instance or of an address.
    pub fn host(&self) -> &Hostname {
        match self {
            Self::Instance(hostname) | Self::Address { host: hostname, port: _ } => hostname,
        }
    }
}

impl FromStr for PeerName {
    type Err = PeerNameError;

    fn from_str(text: &str) -> Result<Self, PeerNameError> {
        if text.parse::<Ipv6Addr>().is_err()
            && let Some((host, port)) = text.rsplit_once(':')
        {
            let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
            let host = host.parse()?;
            let is_plain = port.bytes().all(|b| b.is_ascii_digit());
            let port = port.parse().ok().filter(|p| *p > 0 && is_plain).ok_or(PeerNameError::Port)?;
            return Ok(Self::Address { host, port });
        }
        Ok(Self::Instance(text.parse()?))
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(hostname) => hostname.fmt(f),
            Self::Address { host, port } => f.write_str(&host_port(host.as_str(), i64::from(*port))),
        }
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn host_port(host: &str, port: i64) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_instance_or_an_address() {
        for (text, wanted) in [
            ("hop-1.example.com", "instance"),
            ("2001:db8::1", "instance"),
            ("mesh.example.com:443", "address"),
            ("[2001:db8::1]:27199", "address"),
            ("10.0.0.1:27199", "address"),
            ("mesh.example.com:+443", "the port after the colon goes from 1 to 65535"),
            ("mesh.example.com:0", "the port after the colon goes from 1 to 65535"),
            ("mesh.example.com:70000", "the port after the colon goes from 1 to 65535"),
        ] {
            let got = match text.parse::<PeerName>() {
                Ok(name @ PeerName::Instance(_)) => (name.to_string(), "instance".to_owned()),
                Ok(name @ PeerName::Address { .. }) => (name.to_string(), "address".to_owned()),
                Err(error) => (text.to_owned(), error.to_string()),
            };
            assert_eq!(got, (text.to_owned(), wanted.to_owned()));
        }
    }
}
