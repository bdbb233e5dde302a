//! What the activity stream says of a write: the fields in the server's order, those of a change with the value before.

use serde_json::{Map, Value, json};

use super::{Draft, draft::Listener};
use crate::sandbox::{
    settings::Dialect,
    tables::{Instance, Object, Operation, Tables},
    wire,
};

impl Draft {
    /// A create, with every field that can be written.
    pub(super) fn record_create(&self, tables: &mut Tables, id: i64) {
        let Some(row) = tables.instances.get(&id) else { return };
        let out = tables.described(row, &self.capacity(row.capacity_adjustment));
        tables.record(Operation::Create, (Object::Instance, id), None, &out);
    }

    /// A change of an instance, of which this is how it was. What stays as it was is not told, and a change of nothing is none.
    pub(super) fn record_update(&self, tables: &mut Tables, before: &Instance) {
        let mut out = Map::new();
        let mut put = |key: &str, old: Value, new: Value| {
            if old != new {
                out.insert(key.to_owned(), json!([old, new]));
            }
        };
        if let Some(capacity) = self.capacity_adjustment.filter(|capacity| *capacity != before.capacity_adjustment) {
            put("capacity_adjustment", json!(wire::decimal(before.capacity_adjustment)), json!(self.capacity(capacity)));
        }
        if let Some(enabled) = self.enabled {
            put("enabled", json!(before.enabled), json!(enabled));
        }
        if let Some(managed) = self.managed_by_policy {
            put("managed_by_policy", json!(before.managed_by_policy), json!(managed));
        }
        if let Some(state) = self.node_state {
            put("node_state", json!(before.node_state.name()), json!(state.name()));
        }
        // AWX 24.6: both lie on the address and not on the instance, so that the value before always counts as null: whatever
        // is given is told, changed or not, and a listener that goes is not.
        let columns = tables.dialect == Dialect::Hostnames;
        if let Some(listener) = self.listener_port {
            put("listener_port", json!(before.listener_port.filter(|_| columns)), json!(Listener::port(listener)));
        }
        if let Some(flag) = self.peers_from_control_nodes {
            put("peers_from_control_nodes", json!(columns.then_some(before.peers_from_control_nodes)), json!(flag));
        }
        if !out.is_empty() {
            tables.record(Operation::Update, (Object::Instance, before.id), None, &out);
        }
    }

    /// A default is written as it is in the server's code, what was given as the column has it.
    fn capacity(&self, hundredths: i64) -> String {
        if self.capacity_given { wire::decimal(hundredths) } else { "1".to_owned() }
    }
}
