//! The activity stream: what was changed through the API, by whom and when. What happens by the passing of time, or to nodes
//! outside the API, is not in it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{self, Write},
};

use serde::{Deserialize, Serialize};
use serde_json::{
    Map, Value, json,
    ser::{Formatter, Serializer},
};

use super::{Instance, Micros, Tables, next};
use crate::sandbox::{settings::Dialect, wire};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::sandbox) enum Operation {
    Create,
    Update,
    Delete,
    Associate,
    Disassociate,
}

impl Operation {
    pub(in crate::sandbox) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Associate => "associate",
            Self::Disassociate => "disassociate",
        }
    }
}

/// A kind of row whose changes are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::sandbox) enum Object {
    Instance,
    ReceptorAddress,
    InstanceGroup,
    User,
    Token,
}

impl Object {
    pub(in crate::sandbox) fn name(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::ReceptorAddress => "receptor_address",
            Self::InstanceGroup => "instance_group",
            Self::User => "user",
            Self::Token => "o_auth2_access_token",
        }
    }
}

/// A row by its kind and id.
pub(in crate::sandbox) type Subject = (Object, i64);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Activity {
    pub(in crate::sandbox) id: i64,
    pub(in crate::sandbox) timestamp: Micros,
    /// Nobody where the server itself did it.
    pub(in crate::sandbox) actor: Option<i64>,
    pub(in crate::sandbox) operation: Operation,
    pub(in crate::sandbox) subject: Subject,
    /// What it was associated with.
    pub(in crate::sandbox) other: Option<Subject>,
    /// JSON as a text, which is what the column holds and filters look into.
    pub(in crate::sandbox) changes: String,
}

impl Activity {
    /// How the two belong together, by the name that the server's own code has for it.
    pub(in crate::sandbox) fn relationship(&self) -> &'static str {
        if self.other.is_some() { relationship(self.subject.0) } else { "" }
    }

    /// The last part of that name, for what is not a model of its own.
    pub(in crate::sandbox) fn association(&self) -> &'static str {
        if self.other.is_some() && self.subject.0 == Object::InstanceGroup { "instances" } else { "" }
    }

    /// The rows of a kind that it is about, also of those that are gone. An entry about the end of a row leads to none.
    pub(in crate::sandbox) fn about(&self, object: Object) -> impl Iterator<Item = i64> {
        let gone = self.operation == Operation::Delete;
        let both = [Some(self.subject), self.other].into_iter().flatten();
        both.filter(move |(kind, _)| *kind == object && !gone).map(|(_, id)| id)
    }
}

/// All entries by id, and those of each instance.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Stream {
    off: bool,
    /// When the newest entry was made. No two are made at once, so that their order can be asked for.
    last: Micros,
    rows: BTreeMap<i64, Activity>,
    of_instances: HashMap<i64, Vec<i64>>,
}

impl Stream {
    /// An empty one, which stays so where it is `off`.
    pub(super) fn new(off: bool) -> Self {
        Self { off, ..Self::default() }
    }

    pub(in crate::sandbox) fn get(&self, id: i64) -> Option<&Activity> {
        self.rows.get(&id)
    }

    pub(in crate::sandbox) fn all(&self) -> impl Iterator<Item = &Activity> {
        self.rows.values()
    }

    /// The entries about any of these instances, in their order.
    pub(in crate::sandbox) fn of(&self, instances: &BTreeSet<i64>) -> Vec<i64> {
        let ids: BTreeSet<i64> = instances.iter().filter_map(|id| self.of_instances.get(id)).flatten().copied().collect();
        ids.into_iter().collect()
    }

    pub(in crate::sandbox) fn insert(&mut self, row: Activity) {
        for instance in row.about(Object::Instance) {
            self.of_instances.entry(instance).or_default().push(row.id);
        }
        self.last = self.last.max(row.timestamp);
        self.rows.insert(row.id, row);
    }
}

impl Tables {
    /// Adds an entry by whoever is writing, unless the stream is off.
    pub(in crate::sandbox) fn record(
        &mut self,
        operation: Operation,
        subject: Subject,
        other: Option<Subject>,
        changes: &Map<String, Value>,
    ) {
        if self.stream.off {
            return;
        }
        let row = Activity {
            id: next(&mut self.sequences.activity),
            timestamp: self.now().max(self.stream.last.saturating_add(1)),
            actor: self.actor,
            operation,
            subject,
            other,
            changes: text(changes),
        };
        self.stream.insert(row);
        self.touch();
    }

    /// Adds an entry that two rows came together, or no longer are.
    pub(in crate::sandbox) fn record_link(&mut self, operation: Operation, one: Subject, other: Subject) {
        let changes = object(json!({
            "object1": one.0.name(),
            "object1_pk": one.1,
            "object2": other.0.name(),
            "object2_pk": other.1,
            "action": operation.name(),
            "relationship": relationship(one.0),
        }));
        self.record(operation, one, Some(other), &changes);
    }

    /// Adds the last that is heard of an instance, which is everything that can be written.
    pub(super) fn record_end(&mut self, id: i64) {
        let Some(row) = self.instances.get(&id) else { return };
        let changes = self.described(row, &wire::decimal(row.capacity_adjustment));
        self.record(Operation::Delete, (Object::Instance, id), None, &changes);
    }

    /// An instance as an entry about its making or its end has it.
    pub(in crate::sandbox) fn described(&self, row: &Instance, capacity: &str) -> Map<String, Value> {
        let mut out = object(json!({
            "hostname": row.hostname,
            "capacity_adjustment": capacity,
            "enabled": row.enabled,
            "managed_by_policy": row.managed_by_policy,
            "node_type": row.node_type.name(),
            "node_state": row.node_state.name(),
        }));
        let rest = match self.dialect {
            // AWX 24.6: what lies on the address is never told.
            Dialect::Addresses => {
                json!({ "peers": "main.ReceptorAddress.None", "listener_port": null, "peers_from_control_nodes": null, "id": row.id })
            }
            Dialect::Hostnames => json!({
                "listener_port": row.listener_port,
                "peers": "main.Instance.None",
                "peers_from_control_nodes": row.peers_from_control_nodes,
                "id": row.id,
            }),
        };
        out.append(&mut object(rest));
        out
    }

    /// Forgets the entries from before a moment, or all.
    pub(in crate::sandbox) fn prune(&mut self, before: Option<Micros>) {
        let empty = Stream { last: self.stream.last, ..Stream::new(self.stream.off) };
        let stream = std::mem::replace(&mut self.stream, empty);
        for row in stream.rows.into_values().filter(|row| before.is_some_and(|before| row.timestamp >= before)) {
            self.stream.insert(row);
        }
        self.touch();
    }
}

fn relationship(one: Object) -> &'static str {
    if one == Object::InstanceGroup { "awx.main.models.ha.InstanceGroup_instances" } else { "awx.main.models.ha.InstanceLink" }
}

/// What is known to be an object, as one.
pub(in crate::sandbox) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// JSON with the spaces that the real server's has.
pub(super) fn text(changes: &impl Serialize) -> String {
    let mut out = Vec::new();
    let mut writer = Serializer::with_formatter(&mut out, Spaced);
    // Writing to memory cannot fail, and keys are texts.
    let _ = changes.serialize(&mut writer);
    String::from_utf8(out).unwrap_or_default()
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
