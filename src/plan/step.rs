//! One request of a plan.

use serde::{Deserialize, Serialize};

use crate::mesh::{Body, Place};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A POST: the instance is made.
    Create,
    /// A PATCH of some of its fields.
    Patch,
    /// A PATCH that asks for its removal: `node_state: deprovisioning`.
    Remove,
    /// No write: waiting until its row is gone.
    Wait,
    /// No write: waiting until no job runs on it.
    Idle,
}

impl Request {
    /// Whether it is a request that changes something.
    pub fn writes(self) -> bool {
        !matches!(self, Self::Wait | Self::Idle)
    }
}

/// One request, or a wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number in the plan, from 1.
    pub id: usize,
    /// The instance that it is about.
    pub hostname: String,
    /// The id of the row that is there now; none of one that the plan makes.
    pub instance: Option<i64>,
    /// What it does.
    pub action: Request,
    /// What the request says, beside the hostname of a create and the state of a removal.
    pub body: Body,
    /// The steps that must be done before this one.
    pub after: Vec<usize>,
    /// Where this is declared; of an instance that is only touched, where what makes it necessary is.
    pub place: Place,
    /// Why it is sent, and why not together with others.
    pub why: String,
    /// What holds it, by its index in the plan's holds: itself, or what it waits for.
    pub held: Option<usize>,
}

/// What steps wait for that no request makes come: people run install bundles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The ready nodes that have to have a path of established links first.
    pub until: Vec<String>,
}
