//! Parses, runs and chooses the exit code.

use meshform::cli::{self, Exit};

fn main() -> Exit {
    cli::run(std::env::args_os())
}
