//! What stands behind the keys that begin with `x-`, as JSON: meshform reads no meaning into it.

use serde_json::{Map, Number, Value};

use super::{
    reader::Reader,
    tree::{Kind, NodeId},
};

/// A node as JSON; none where aliases would make more of it than a run may read.
pub(super) fn json(reader: &mut Reader<'_, '_>, id: NodeId) -> Option<Value> {
    let tree = reader.tree;
    // A long text that aliases repeat is as large as many names.
    let size = tree.text(id).map_or(0, str::len) / 64;
    if !reader.spend(1 + size, id) {
        return None;
    }
    Some(match tree.kind(id) {
        Kind::Scalar { text, plain } => scalar(text, *plain),
        Kind::List(items) => {
            let mut values = Vec::new();
            for item in items {
                values.push(json(reader, *item)?);
            }
            Value::Array(values)
        }
        Kind::Map(entries) => {
            let mut values = Map::new();
            for (key, value) in entries {
                if let Some(name) = tree.text(*key) {
                    values.insert(name.to_owned(), json(reader, *value)?);
                }
            }
            Value::Object(values)
        }
        Kind::Alias(_) | Kind::Broken => Value::Null,
    })
}

/// A scalar as YAML 1.2 reads it, where JSON has such a value.
fn scalar(text: &str, plain: bool) -> Value {
    match text {
        _ if !plain => text.into(),
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => text.parse::<Number>().map_or_else(|_| text.into(), Value::Number),
    }
}
