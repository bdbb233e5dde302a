//! The controller's HTTP API: how to reach it, who one is there, reading a whole mesh, writing one instance. The dialect of
//! `peers` stays in here: the rest of the program speaks of hostnames.

mod about;
mod address_book;
mod among;
mod assemble;
mod classes;
mod client;
mod delta;
mod discover;
mod error;
mod groups;
mod history;
mod http;
mod login;
mod pass;
mod read;
mod removals;
mod retry;
mod rows;
mod secret;
mod settings;
mod tls;
mod transport;
mod watch;
mod wire;
mod write;

pub use about::{About, Leftover};
pub use client::{Client, Connection, ServerInfo};
pub use error::ControllerError;
pub use retry::Retry;
pub use secret::{Credentials, Secret};
pub use settings::{Decision, Flags, Located, SecretFile, Settings, SettingsError};
pub use tls::Problem as TlsProblem;
pub use watch::{Left, NodeReport};
