//! The handlers of `/api/v2/instance_groups/`: groups are made, joined and left. They are not changed or deleted here, and a
//! create takes a name alone.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome},
    auth::Caller,
    call::Call,
    columns::Model,
    fields::{self, Complaints},
    list,
    tables::{Group, NodeType, Tables},
    wire,
};

pub(super) fn index(tables: &Tables, caller: Caller, call: &Call) -> Outcome {
    list::answer(tables, Model::Group, call, caller.sees_all().then(|| tables.groups.keys().copied().collect()))
}

pub(super) fn create(tables: &mut Tables, caller: Caller, call: &Call) -> Outcome {
    let body = call.object()?;
    caller.must_be_superuser()?;
    let mut complaints = Complaints::default();
    let name = match body.get("name") {
        None => Err("This field is required.".to_owned()),
        Some(value) => fields::text(value).and_then(|text| name(tables, text.trim())),
    };
    let name = complaints.keep("name", name).unwrap_or_default();
    complaints.into_result()?;
    let id = tables.create_group(&name);
    let row = row(tables, id)?;
    Ok(Answer::created(tables.paths.group(id), wire::group_detail(tables, row)))
}

fn name(tables: &Tables, name: &str) -> Result<String, String> {
    if name.is_empty() {
        return Err("This field may not be blank.".to_owned());
    }
    if name.chars().count() > 250 {
        return Err("Ensure this field has no more than 250 characters.".to_owned());
    }
    if tables.groups.values().any(|group| group.name == name) {
        return Err("Instance group with this Name already exists.".to_owned());
    }
    Ok(name.to_owned())
}

pub(super) fn show(tables: &Tables, caller: Caller, key: &str, call: &Call) -> Outcome {
    let row = find(tables, key, call)?;
    caller.must_see_all()?;
    Ok(Answer::ok(wire::group_detail(tables, row)))
}

pub(super) fn instances(tables: &Tables, caller: Caller, key: &str, call: &Call) -> Outcome {
    let group = find(tables, key, &Call::default())?;
    caller.must_see_all()?;
    list::answer(tables, Model::Instance, call, Some(tables.members(group).into_iter().map(|row| row.id).collect()))
}

/// An instance joins; where `disassociate` is in the body, whatever its value, it leaves.
pub(super) fn change_instances(tables: &mut Tables, caller: Caller, key: &str, call: &Call) -> Outcome {
    let body = call.object()?;
    let group = find(tables, key, &Call::default())?.id;
    caller.must_see_all()?;
    let refused = |text: &str| Answer::json(400, json!({ "msg": text }));
    let id = match body.get("id") {
        None | Some(Value::Null | Value::Bool(false)) => None,
        // What is true is a number for the server's language.
        Some(Value::Bool(true)) => Some(Some(1)),
        Some(Value::Number(number)) if number.as_f64() == Some(0.0) => None,
        Some(Value::Number(number)) => Some(number.as_i64()),
        Some(Value::String(text)) if text.is_empty() => None,
        Some(_) => Some(None),
    };
    let id = id.ok_or_else(|| refused("Instance 'id' field is missing."))?;
    let id = id.ok_or_else(|| refused("\"id\" field must be an integer."))?;
    let row = tables.instances.get(&id).ok_or_else(|| Answer::bad_request("Instance matching query does not exist."))?;
    caller.must_be_superuser()?;
    let kind = match row.node_type {
        NodeType::Control => "control-only node",
        // AWX has the space.
        NodeType::Hop => "hop node ",
        NodeType::Execution | NodeType::Hybrid => "",
    };
    if !kind.is_empty() {
        return Err(refused(&format!("Cannot change instance group membership of {kind}: {}.", row.hostname)));
    }
    if body.contains_key("disassociate") {
        tables.leave(group, id);
    } else {
        tables.join(group, id);
    }
    Ok(Answer::no_content())
}

/// By id, or by name; what is made of digits only is read as an id.
fn find<'a>(tables: &'a Tables, key: &str, call: &Call) -> Result<&'a Group, Answer> {
    let known = if key.bytes().all(|byte| byte.is_ascii_digit()) {
        key.parse().ok().filter(|id| tables.groups.contains_key(id))
    } else {
        tables.groups.values().find(|group| group.name == key).map(|group| group.id)
    };
    row(tables, list::one(tables, Model::Group, call, known)?)
}

fn row(tables: &Tables, id: i64) -> Result<&Group, Answer> {
    tables.groups.get(&id).ok_or_else(|| Answer::no_such_row(Model::Group.name()))
}
