//! A simulated controller that answers the API of AWX over HTTP with the rules that were measured on real ones. It shares
//! nothing with the rest of the program, so that a wrong belief in the planner is caught here and not repeated.
//!
//! The way of a request: `server` (connection, journal, log) → `front` (latency, faults) → `routes` (which handler,
//! who may) → a handler (`instances`, `groups`, `addresses`, `jobs`, `activity`, `accounts`, `sessions`, `system`) → `rules` (what is refused) → `tables` (what is
//! stored) → `wire` (JSON).

mod accounts;
mod activity;
mod addresses;
mod answer;
mod auth;
mod call;
mod columns;
mod connection;
mod costs;
mod fault;
mod fields;
mod filter;
mod front;
mod groups;
mod health;
mod hostname;
mod instances;
mod jobs;
mod list;
mod options;
mod paths;
mod persist;
mod routes;
mod rules;
mod server;
mod sessions;
mod settings;
mod system;
mod tables;
mod wire;

pub use costs::Costs;
pub use fault::Fault;
pub use server::{Exchange, Server};
pub use settings::{Dialect, Jobs, Links, SandboxError, Settings};
