//! What changes of one instance.

use serde::{Deserialize, Serialize};

use super::drift::Known;
use crate::mesh::{Field, Place, Value};

/// What happens to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// Some of its fields change.
    Update,
    /// It goes and is made again, since the server cannot change its type; every link that goes with it is set again.
    Replace,
    /// It goes.
    Remove,
}

/// A field that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field.
    pub field: Field,
    /// The live value; none on a create.
    pub before: Option<Value>,
    /// The declared value.
    pub after: Value,
    /// Where the declared value stands.
    pub place: Place,
    /// Whose hand it undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<Known>,
}

/// An instance that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceChange {
    /// Which instance.
    pub hostname: String,
    /// Its id on the controller; none before it is created.
    pub id: Option<i64>,
    /// What happens to it.
    pub action: Action,
    /// The fields that will differ, in the order of [`Field`]; none on a removal.
    pub changes: Vec<Change>,
    /// Where the instance is declared, or what asks for this.
    pub place: Place,
    /// What else there is to know, each a short sentence.
    pub notes: Vec<String>,
    /// What holds it, where nothing of it can be done before, by its index in the plan's holds.
    pub held: Option<usize>,
    /// Whose hand it undoes: somebody made what goes, or removed what is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<Known>,
}

impl InstanceChange {
    /// The change of one field.
    pub fn of(&self, field: Field) -> Option<&Change> {
        self.changes.iter().find(|c| c.field == field)
    }
}
