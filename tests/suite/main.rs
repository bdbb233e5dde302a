//! The behaviour that users rely on: one binary, one module a subject.

mod acceptance;
mod apply;
mod configuration;
mod connection;
mod diagnostics;
mod examples;
mod explain;
mod facts;
mod faults;
mod faulty_sandbox;
mod harness;
mod hostile;
mod laws;
mod plan;
mod planner;
mod properties;
mod rules;
mod safety;
mod sandbox;
mod schema;
mod small_meshes;
mod whole_mesh;
