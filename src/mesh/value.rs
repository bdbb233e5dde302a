//! The value of a managed field, declared or live, in the form in which both are compared.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Field, NodeType, Peer};

/// A value of a managed field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Of `node_type`.
    Type(NodeType),
    /// Of `enabled`, `managed_by_policy` and `peers_from_control_nodes`.
    Bool(bool),
    /// Of `capacity_adjustment`; 0.5 and 0.50 are equal.
    Decimal(Decimal),
    /// Of `listener_port`; none is "no listener".
    Port(Option<i64>),
    /// Of `peers`: the whole set.
    Peers(BTreeSet<Peer>),
}

/// Fields of one instance with their values: what a request says, without the hostname.
pub type Body = Vec<(Field, Value)>;
