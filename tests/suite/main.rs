//! The behaviour that users rely on: one binary, one module a subject.

mod laws;
mod planner;
