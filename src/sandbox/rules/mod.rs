//! What is refused, in the server's order: first all complaints about single fields in one answer, a key each; only without
//! any of those the rules between fields, of which the first broken one is told. What passes is a [`Draft`].

mod addresses;
mod draft;
mod hostnames;
mod recorded;

pub(super) use draft::{Draft, Intent};
use serde_json::{Map, Value};

use super::{
    answer::Answer,
    fields::{self, Complaints, overall},
    hostname,
    settings::Dialect,
    tables::{Instance, NodeState, NodeType, Tables},
};

/// Reads and checks a body. `target` is the instance that is changed, or nothing for a create.
pub(super) fn check(
    tables: &Tables,
    on_host: bool,
    intent: Intent,
    target: Option<&Instance>,
    body: &Map<String, Value>,
) -> Result<Draft, Answer> {
    let mut complaints = Complaints::default();
    let reader = Reader { tables, on_host, intent, target, body };
    let mut draft = Draft {
        hostname: reader.hostname(&mut complaints),
        capacity_adjustment: reader.read(&mut complaints, "capacity_adjustment", 100, fields::capacity),
        enabled: reader.read(&mut complaints, "enabled", true, |value| fields::boolean(value, tables.dialect, true)),
        managed_by_policy: reader.read(&mut complaints, "managed_by_policy", true, |value| fields::boolean(value, tables.dialect, true)),
        node_type: reader.node_type(&mut complaints),
        node_state: reader.node_state(&mut complaints),
        capacity_given: body.contains_key("capacity_adjustment"),
        ..Draft::default()
    };
    match tables.dialect {
        Dialect::Addresses => addresses::fields(&reader, &mut draft, &mut complaints)?,
        Dialect::Hostnames => hostnames::fields(&reader, &mut draft, &mut complaints)?,
    }
    complaints.into_result()?;
    // Both: instances are made by the administrator's command there.
    if target.is_none() && on_host {
        return Err(overall("Can only create instances on Kubernetes or OpenShift."));
    }
    match tables.dialect {
        Dialect::Addresses => addresses::rules(&reader, &draft)?,
        Dialect::Hostnames => hostnames::rules(&reader, &draft)?,
    }
    Ok(draft)
}

/// The body of one request and all that its fields are checked against.
struct Reader<'a> {
    tables: &'a Tables,
    on_host: bool,
    intent: Intent,
    target: Option<&'a Instance>,
    body: &'a Map<String, Value>,
}

impl Reader<'_> {
    /// A field with a default, which holds for creates and for PUT; PATCH leaves out what is left out.
    fn read<T>(&self, complaints: &mut Complaints, field: &str, default: T, read: impl Fn(&Value) -> Result<T, String>) -> Option<T> {
        match self.body.get(field) {
            Some(value) => complaints.keep(field, read(value)),
            None => (self.intent != Intent::Patch).then_some(default),
        }
    }

    fn hostname(&self, complaints: &mut Complaints) -> Option<String> {
        let Some(value) = self.body.get("hostname") else {
            if self.intent != Intent::Patch {
                complaints.add("hostname", &["This field is required.".to_owned()]);
            }
            return None;
        };
        let name = complaints.keep("hostname", fields::text(value))?;
        let mut messages = hostname::complaints(&name);
        let other = self.tables.id_of(&name).is_some_and(|id| self.target.is_none_or(|target| target.id != id));
        if other {
            messages.push("This field must be unique.".to_owned());
        } else if messages.is_empty() && self.target.is_some_and(|target| target.hostname != name) {
            messages.push("Cannot change hostname.".to_owned());
        }
        let fine = messages.is_empty();
        complaints.add("hostname", &messages);
        fine.then_some(name)
    }

    fn node_type(&self, complaints: &mut Complaints) -> Option<NodeType> {
        let node_type = self.read(complaints, "node_type", NodeType::Execution, |value| fields::choice(value, NodeType::parse))?;
        let message = match self.target {
            Some(target) if target.node_type != node_type => "Cannot change node type.",
            None if node_type.controls() => "Can only create execution or hop nodes.",
            _ => return Some(node_type),
        };
        complaints.add("node_type", &[message.to_owned()]);
        None
    }

    fn node_state(&self, complaints: &mut Complaints) -> Option<NodeState> {
        let state = self.read(complaints, "node_state", NodeState::Installed, |value| fields::choice(value, NodeState::parse))?;
        let message = match self.target {
            None if state != NodeState::Installed => "Can only create instances in the 'installed' state.",
            Some(target) if target.node_state != state => {
                if self.on_host {
                    "Can only change the state on Kubernetes or OpenShift."
                } else if state != NodeState::Deprovisioning {
                    "Can only change instances to the 'deprovisioning' state."
                } else if self.tables.dialect == Dialect::Addresses && target.managed {
                    // AWX 24.6: managed nodes, control nodes among them.
                    "Cannot deprovision managed nodes."
                } else if target.node_type.controls() {
                    // AWX 23.7: by their type, since nothing is managed there.
                    "Can only deprovision execution or hop nodes."
                } else {
                    return Some(state);
                }
            }
            _ => return Some(state),
        };
        complaints.add("node_state", &[message.to_owned()]);
        None
    }

    /// The items of `peers`, or what is wrong with the whole.
    fn peers(&self, complaints: &mut Complaints) -> Result<Option<&[Value]>, Answer> {
        let kind = match self.body.get("peers") {
            None => return Ok(None),
            Some(Value::Array(items)) => return Ok(Some(items)),
            // AWX 24.6 refuses an object outright, AWX 23.7 crashes on it.
            Some(Value::Object(_)) => {
                return Err(match self.tables.dialect {
                    Dialect::Addresses => Answer::json(400, serde_json::json!(["Cannot use dictionary for peers"])),
                    Dialect::Hostnames => Answer::crash(Dialect::Hostnames),
                });
            }
            Some(Value::Null) => {
                complaints.add("peers", &["This field may not be null.".to_owned()]);
                return Ok(None);
            }
            Some(Value::String(_)) => "str",
            Some(Value::Bool(_)) => "bool",
            Some(Value::Number(number)) => {
                if number.is_f64() {
                    "float"
                } else {
                    "int"
                }
            }
        };
        complaints.add("peers", &[format!("Expected a list of items but got type \"{kind}\".")]);
        Ok(None)
    }
}
