//! The controller's HTTP API: how to reach it, who one is there, reading a whole mesh, writing one instance. The dialect of
//! `peers` stays in here: the rest of the program speaks of hostnames.

mod address_book;
mod client;
mod discover;
mod error;
mod groups;
mod http;
mod read;
mod retry;
mod secret;
mod settings;
mod tls;
mod transport;
mod watch;
mod wire;
mod write;

pub use client::{Client, ServerInfo};
pub use error::ControllerError;
pub use retry::Retry;
pub use secret::{Credentials, Secret};
pub use settings::{Decision, Flags, SecretFile, Settings, SettingsError};
pub use tls::Problem as TlsProblem;
pub use watch::{Left, NodeReport};
