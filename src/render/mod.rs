//! What people and programs read: one file for each form. All text is made with colours; the output module takes them out
//! where nobody sees them. Everything is understandable without.

mod aftermath;
mod blocks;
pub mod drift;
pub mod drift_json;
pub mod explain;
pub mod explain_json;
pub mod findings;
pub mod findings_json;
pub mod json;
pub mod outcome;
mod place;
pub mod plan;
pub mod report;
pub mod runbook;
mod shell;
pub mod wait;
mod warnings;
mod who;
mod words;

pub use words::{escape, plural};
