//! The handlers of `/api/v2/instances/` and of what lies below one of them.

use super::{
    answer::{Answer, Outcome},
    auth::Caller,
    call::Call,
    columns::Model,
    list,
    rules::{self, Intent},
    settings::Dialect,
    tables::{Instance, Tables},
    wire,
};

pub(super) fn index(tables: &Tables, caller: Caller, call: &Call) -> Outcome {
    list::answer(tables, Model::Instance, call, caller.sees_all().then(|| tables.instances.keys().copied().collect()))
}

pub(super) fn create(tables: &mut Tables, on_host: bool, caller: Caller, call: &Call) -> Outcome {
    let body = call.object()?;
    caller.must_be_superuser()?;
    let id = rules::check(tables, on_host, Intent::Create, None, &body)?.create(tables);
    let row = row(tables, id)?;
    Ok(Answer::created(tables.paths.instance(id), wire::instance_created(tables, row)).written())
}

pub(super) fn show(tables: &Tables, caller: Caller, key: &str, call: &Call) -> Outcome {
    let row = find(tables, key, call)?;
    caller.must_see_all()?;
    Ok(Answer::ok(wire::instance_detail(tables, row)).with_rows(1))
}

pub(super) fn change(tables: &mut Tables, on_host: bool, caller: Caller, key: &str, call: &Call) -> Outcome {
    let body = call.object()?;
    let id = find(tables, key, call)?.id;
    caller.must_be_superuser()?;
    let intent = if call.method == "PUT" { Intent::Put } else { Intent::Patch };
    let draft = rules::check(tables, on_host, intent, tables.instances.get(&id), &body)?;
    draft.update(tables, id);
    let row = row(tables, id)?;
    Ok(Answer::ok(wire::instance_detail(tables, row)).written())
}

pub(super) fn addresses(tables: &Tables, caller: Caller, key: &str, call: &Call) -> Outcome {
    let id = owner(tables, key)?.id;
    caller.must_see_all()?;
    list::answer(tables, Model::Address, call, Some(tables.addresses_of(id).map(|address| address.id).collect()))
}

pub(super) fn peers(tables: &Tables, caller: Caller, key: &str, call: &Call) -> Outcome {
    let id = owner(tables, key)?.id;
    caller.must_see_all()?;
    let model = match tables.dialect {
        Dialect::Addresses => Model::Address,
        Dialect::Hostnames => Model::Instance,
    };
    list::answer(tables, model, call, Some(tables.peers_of(id).into_iter().collect()))
}

pub(super) fn groups(tables: &Tables, caller: Caller, key: &str, call: &Call) -> Outcome {
    let id = owner(tables, key)?.id;
    caller.must_see_all()?;
    list::answer(tables, Model::Group, call, Some(tables.groups_of(id).map(|group| group.id).collect()))
}

/// Every job runs, so that a filter by status has nothing to leave out, and no other one is looked at.
pub(super) fn jobs(tables: &Tables, caller: Caller, key: &str, call: &Call) -> Outcome {
    let row = owner(tables, key)?;
    caller.must_see_all()?;
    let count = usize::try_from(tables.jobs_on(row)).unwrap_or_default();
    list::paged(tables.dialect, call, count, |first, size| {
        tables.jobs_of(row).skip(first).take(size).map(|job| wire::job(tables, job)).collect()
    })
}

/// By id, or by hostname; what is made of digits only is read as an id.
fn find<'a>(tables: &'a Tables, key: &str, call: &Call) -> Result<&'a Instance, Answer> {
    let id = if key.bytes().all(|byte| byte.is_ascii_digit()) { key.parse().ok() } else { tables.id_of(key) };
    let known = id.filter(|id| tables.instances.contains_key(id));
    row(tables, list::one(tables, Model::Instance, call, known)?)
}

/// What lies below an instance looks at the parameters itself.
fn owner<'a>(tables: &'a Tables, key: &str) -> Result<&'a Instance, Answer> {
    let plain = Call::default();
    find(tables, key, &plain)
}

fn row(tables: &Tables, id: i64) -> Result<&Instance, Answer> {
    tables.instances.get(&id).ok_or_else(|| Answer::no_such_row(Model::Instance.name()))
}
