//! The fingerprint of what a plan does: two plans with the same digest send the same requests.

use std::fmt::Write;

use crate::mesh::{Field, Peer, Value, sha256};

use super::{Request, Step};

/// `sha256:` and 64 hexadecimal digits over every request of a plan, by hostname.
pub(super) fn digest(steps: &[Step], no_hold: bool) -> String {
    // What waits for install bundles and what does not is not the same to those who hang on it.
    let mut lines: Vec<String> = steps.iter().map(line).chain(no_hold.then(|| "no hold\n".to_owned())).collect();
    lines.sort_unstable();
    sha256(lines.iter().map(String::as_bytes))
}

/// One request as one line; hostnames and values have no tab and no line break.
fn line(step: &Step) -> String {
    let verb = match step.action {
        Request::Create => "create",
        Request::Patch => "patch",
        Request::Remove => "remove",
        Request::Wait => "wait",
        Request::Idle => "idle",
    };
    let mut line = format!("{}\t{verb}", step.hostname);
    for (field, value) in &step.body {
        let _ = write!(line, "\t{}={}", Field::name(*field), text(value));
    }
    line.push('\n');
    line
}

fn text(value: &Value) -> String {
    match value {
        Value::Type(node_type) => node_type.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Decimal(value) => format!("{value:.2}"),
        Value::Port(Some(port)) => port.to_string(),
        Value::Port(None) => "null".to_owned(),
        Value::Peers(peers) => peers.iter().map(Peer::declared).collect::<Vec<_>>().join(" "),
    }
}
