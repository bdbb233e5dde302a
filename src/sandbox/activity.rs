//! The handlers of `/api/v2/activity_stream/`, which is read only: who changed what, and when.

use std::collections::BTreeSet;

use super::{
    answer::{Answer, Outcome},
    auth::Caller,
    call::Call,
    columns::Model,
    list,
    tables::{Object, Tables},
    wire,
};

/// Filters that name instances, each of which a row has to be about one of.
const BY_INSTANCE: [&str; 6] = ["instance", "instance__in", "instance__id", "instance__id__in", "instance__pk", "instance__pk__in"];

pub(super) fn index(tables: &Tables, caller: Caller, call: &Call) -> Outcome {
    list::answer(tables, Model::Activity, call, Some(candidates(tables, caller, call)))
}

/// All that somebody may see (a normal user what was done to his own account), without those that a filter by instances would leave out: a long stream is asked about a few
/// instances at a time, and not read each time.
fn candidates(tables: &Tables, caller: Caller, call: &Call) -> Vec<i64> {
    if !caller.sees_all() {
        let own = tables.stream.all().filter(|row| row.about(Object::User).any(|user| user == caller.user));
        return own.map(|row| row.id).collect();
    }
    let parameters = call.parameters();
    let named = parameters.iter().find(|(key, _)| BY_INSTANCE.contains(&key.as_str()));
    let ids: Option<BTreeSet<i64>> = named.and_then(|(_, value)| value.split(',').map(|id| id.trim().parse().ok()).collect());
    match ids {
        Some(ids) => tables.stream.of(&ids),
        None => tables.stream.all().map(|row| row.id).collect(),
    }
}

pub(super) fn show(tables: &Tables, caller: Caller, key: &str, call: &Call) -> Outcome {
    let known = key.parse().ok().filter(|id| tables.stream.get(*id).is_some());
    let id = list::one(tables, Model::Activity, call, known)?;
    caller.must_see_all()?;
    tables.stream.get(id).map(|row| Answer::ok(wire::activity(tables, row))).ok_or_else(|| Answer::no_such_row(Model::Activity.name()))
}
