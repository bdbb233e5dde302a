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
    may_read(caller)?;
    list::answer(tables, Model::Address, call, Some(tables.addresses.keys().copied().collect()))
}

pub(super) fn show(tables: &Tables, caller: Caller, key: &str) -> Outcome {
    may_read(caller)?;
    let row = key.parse().ok().and_then(|id: i64| tables.addresses.get(&id));
    row.map(|row| Answer::ok(wire::address(row))).ok_or_else(|| Answer::no_such_row("ReceptorAddress"))
}

/// AWX 24.6: the server crashes where somebody asks who may not see the mesh.
fn may_read(caller: Caller) -> Result<(), Answer> {
    if caller.sees_all() { Ok(()) } else { Err(Answer::crash(Dialect::Addresses)) }
}
