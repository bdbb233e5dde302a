//! Programs that run while the test goes on.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::Bench;

/// The program with these words, under way, and what it writes to stderr line by line.
pub(crate) fn start(bench: &Bench, arguments: &str) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut command = bench.command();
    let mut child = command
        .args(arguments.split_whitespace())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map(|line| line.expect("UTF-8"));
    (child, lines)
}

/// Sends a signal.
pub(crate) fn kill(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill is there").success());
}
