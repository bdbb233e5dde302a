//! What a controller remembers of how its instances came to be as they are: its activity stream, in plain types.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Body, Field, Peer, Value};

/// The changes that were asked for, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Of each instance that is there, by its id: its changes, the newest first.
    pub of: BTreeMap<i64, Vec<Event>>,
    /// Of each hostname whose row went: when that was last, and who asked for it; none where that cannot be read.
    pub removed: BTreeMap<String, Option<Event>>,
}

/// A change, by whom and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The account that asked for it; none where the controller itself did, or where the account is gone.
    pub actor: Option<String>,
    /// When.
    pub time: Timestamp,
    /// What was done.
    pub act: Act,
}

/// What was done to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Its row was made, with these values as far as they are told. AWX 23.8 and later: `listener_port` and `peers_from_control_nodes` are
    /// not.
    Created(Body),
    /// Its row went.
    Removed,
    /// A field was set.
    Set {
        /// Which one; `peers` is told link by link.
        field: Field,
        /// The value before, where that is recorded. AWX 23.8 and later: of `listener_port` and `peers_from_control_nodes` it is not.
        before: Option<Value>,
        /// The value after.
        after: Value,
    },
    /// Its removal was asked for.
    Leaving,
    /// Something that cannot be read.
    Unreadable,
    /// It dials this from now on.
    Linked(FarEnd),
    /// It does not dial this any more.
    Unlinked(FarEnd),
}

/// The far end of a link as the stream has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FarEnd {
    /// One that is still there.
    Known(Peer),
    /// An address or instance that is gone, by its id.
    Gone(i64),
}
