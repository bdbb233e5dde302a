//! What people and programs read: one file for each form. All text is made with colours; the output module takes them out
//! where nobody sees them. Everything is understandable without.

mod aftermath;
mod blocks;
pub mod diff;
pub mod drift;
pub mod drift_json;
pub mod explain;
pub mod explain_json;
mod fates;
pub mod findings;
pub mod findings_json;
pub mod github;
pub mod gitlab;
mod grouped;
pub mod json;
pub mod markdown;
pub mod outcome;
mod parts;
mod picture;
mod place;
pub mod plan;
pub mod prometheus;
pub mod report;
pub mod runbook;
pub mod safe;
pub mod sarif;
pub mod schemas;
mod shell;
pub mod wait;
mod warnings;
mod who;
mod words;

pub use words::{escape, plural};
