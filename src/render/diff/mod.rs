//! The live mesh against the declared one as unified differences of YAML: each instance is a file, with the fields that are managed
//! or differ. `patch`, `diffstat` and whatever shows differences read it; lines that begin with `#` are for people.

mod drift;
mod plan;

pub use drift::drift;
pub use plan::plan;

use std::fmt::Write;

use similar::TextDiff;

use crate::mesh::{Declared, DeclaredMesh, Field, Peer, Place, Value};

use super::{
    escape,
    place::places,
    safe::{file_name, yaml},
};

/// One instance on both sides.
struct Sides<'a> {
    hostname: &'a str,
    /// Whether it is there, and whether it shall be.
    live: bool,
    declared: bool,
    /// The fields that differ: before, if there is something before, and after.
    fields: Vec<(Field, Option<&'a Value>, &'a Value)>,
    /// The fields that differ and stay so.
    left_alone: Vec<Field>,
    /// Where what differs stands.
    at: Vec<Place>,
    /// What stands before: `live`, or `base` where no controller was asked.
    before: &'static str,
}

/// The difference of one instance; nothing where none of its fields is known to differ.
fn write(text: &mut String, mesh: &DeclaredMesh, sides: &Sides<'_>) {
    let Sides { hostname, live, declared, fields, left_alone, at, before: folder } = sides;
    let managed = mesh.instances.get(*hostname);
    let (mut before, mut after) = (String::new(), String::new());
    for (side, is_there) in [(&mut before, live), (&mut after, declared)] {
        if *is_there {
            let _ = writeln!(side, "hostname: {}", yaml(hostname));
        }
    }
    for field in Field::ALL.iter().filter(|field| !left_alone.contains(field)) {
        let differs = fields.iter().find(|(of, ..)| of == field);
        let (old, new) = if let Some((_, old, new)) = differs {
            (old.map(|value| lines(*field, value)), Some(lines(*field, new)))
        } else {
            let same = managed.and_then(|instance| given(instance, *field));
            (same.clone(), same)
        };
        before.extend(old.filter(|_| *live));
        after.extend(new.filter(|_| *declared));
    }
    if before == after {
        return;
    }
    let name = file_name(hostname);
    let side = |there: bool, folder: &str| if there { format!("{folder}/{name}") } else { "/dev/null".to_owned() };
    let at = places(mesh, at.iter().copied());
    let (from, to) = (side(*live, folder), format!("{}\t{at}", side(*declared, "declared")));
    let _ = write!(text, "{}", TextDiff::from_lines(&before, &after).unified_diff().header(&from, &to));
}

/// A field as a configuration has it.
fn lines(field: Field, value: &Value) -> String {
    match value {
        Value::Type(node_type) => format!("{field}: {}\n", yaml(node_type.as_str())),
        Value::Bool(value) => format!("{field}: {value}\n"),
        Value::Decimal(value) => format!("{field}: {value:.2}\n"),
        Value::Port(Some(port)) => format!("{field}: {port}\n"),
        Value::Port(None) => format!("{field}: null\n"),
        Value::Peers(peers) => list(field, peers.iter().map(Peer::declared)),
    }
}

fn list<'p>(field: Field, items: impl Iterator<Item = &'p str>) -> String {
    let mut text = String::new();
    for item in items {
        let _ = writeln!(text, "  - {}", yaml(item));
    }
    if text.is_empty() { format!("{field}: []\n") } else { format!("{field}:\n{text}") }
}

/// A field that is declared and does not differ.
fn given(instance: &Declared, field: Field) -> Option<String> {
    let told = match field {
        Field::NodeType => lines(field, &Value::Type(instance.node_type?.value.into())),
        Field::Enabled => lines(field, &Value::Bool(instance.enabled?.value)),
        Field::CapacityAdjustment => lines(field, &Value::Decimal(instance.capacity_adjustment?.value.decimal())),
        Field::ManagedByPolicy => lines(field, &Value::Bool(instance.managed_by_policy?.value)),
        Field::ListenerPort => lines(field, &Value::Port(instance.listener_port?.value.map(|port| i64::from(port.number())))),
        Field::PeersFromControlNodes => lines(field, &Value::Bool(instance.peers_from_control_nodes?.value)),
        Field::Peers => {
            let mut names: Vec<String> = instance.peers.as_ref()?.value.iter().map(|peer| peer.value.to_string()).collect();
            names.sort();
            list(field, names.iter().map(String::as_str))
        }
    };
    Some(told)
}

/// A line for people.
fn remark(text: &mut String, words: &str) {
    let _ = writeln!(text, "# {}", escape(words));
}

/// What there is in place of a report.
pub fn failed(message: &str, hint: Option<&str>) -> String {
    let mut text = String::new();
    remark(&mut text, &format!("error: {message}"));
    if let Some(hint) = hint {
        remark(&mut text, &format!("hint: {hint}"));
    }
    text
}
