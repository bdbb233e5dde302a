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
mod held;
mod hostile;
mod laws;
mod plan;
mod planner;
mod properties;
mod resume;
mod rules;
mod safety;
mod sandbox;
mod saved;
mod schema;
mod small_meshes;
mod whole_mesh;
mod wire;
