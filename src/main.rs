//! Parses, runs and chooses the exit code.

fn main() {}
