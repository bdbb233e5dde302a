//! The handlers of `/api/v2/receptor_addresses/`, which is read only and exists in the addresses dialect alone.

use super::{
    answer::{Answer, Outcome},
    auth::Caller,
    call::Call,
    columns::Model,
    list,
    settings::Dialect,
    tables::Tables,
    wire,
};

pub(super) fn index(tables: &Tables, caller: Caller, call: &Call) -> Outcome {
    // AWX 24.6: the server crashes where somebody asks who may not see the mesh.
    if !caller.sees_all() {
        return Err(Answer::crash(Dialect::Addresses));
    }
    list::answer(tables, Model::Address, call, Some(tables.addresses.keys().copied().collect()))
}

pub(super) fn show(tables: &Tables, caller: Caller, key: &str, call: &Call) -> Outcome {
    // AWX 24.6: and where it has to decide about a single address, for auditors too.
    if !caller.is_superuser {
        return Err(Answer::crash(Dialect::Addresses));
    }
    let known = key.parse().ok().filter(|id| tables.addresses.contains_key(id));
    let id = list::one(tables, Model::Address, call, known)?;
    tables.addresses.get(&id).map(|row| Answer::ok(wire::address(tables, row))).ok_or_else(|| Answer::no_such_row(Model::Address.name()))
}
