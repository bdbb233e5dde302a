//! The handlers of users and tokens: just enough to make a normal user, an auditor, and a token of either scope.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome},
    auth::{self, Caller},
    call::Call,
    columns::Model,
    fields::{self, Complaints},
    list,
    tables::{Object, Operation, Tables, Token, User, next, object},
    wire,
};

/// The user who is asking, as a list of one.
pub(super) fn me(tables: &Tables, caller: Caller, call: &Call) -> Outcome {
    list::answer(tables, Model::User, call, Some(vec![caller.user]))
}

pub(super) fn users(tables: &Tables, caller: Caller, call: &Call) -> Outcome {
    let seen = tables.users.values().filter(|user| caller.sees_all() || user.id == caller.user || user.is_superuser);
    list::answer(tables, Model::User, call, Some(seen.map(|user| user.id).collect()))
}

pub(super) fn create_user(tables: &mut Tables, caller: Caller, call: &Call) -> Outcome {
    let body = call.object()?;
    caller.must_be_superuser()?;
    let mut complaints = Complaints::default();
    let username = match body.get("username") {
        None => Err("This field is required.".to_owned()),
        Some(value) => fields::text(value).and_then(|name| {
            let taken = tables.users.values().any(|user| user.username == name);
            if taken { Err("A user with that username already exists.".to_owned()) } else { Ok(name) }
        }),
    };
    let username = complaints.keep("username", username).unwrap_or_default();
    let password = body.get("password").map_or_else(|| Err("Password required for new User.".to_owned()), fields::text);
    let password = complaints.keep("password", password).unwrap_or_default();
    let mut flag = |field: &str| {
        let value = body.get(field).map_or(Ok(false), |value| fields::boolean(value, tables.dialect, true));
        complaints.keep(field, value).unwrap_or_default()
    };
    let (is_superuser, is_system_auditor) = (flag("is_superuser"), flag("is_system_auditor"));
    complaints.into_result()?;

    let password = auth::hash(&password).ok_or_else(|| Answer::crash(tables.dialect))?;
    let row = User { id: next(&mut tables.sequences.users), username, password, is_superuser, is_system_auditor, created: tables.now() };
    let answer = Answer::created(tables.paths.user(row.id), wire::user(tables, &row));
    record_user(tables, &row);
    tables.users.insert(row.id, row);
    tables.touch();
    Ok(answer)
}

/// A user is made and then given a password. That an auditor is one is recorded too on a real server, in another way by each
/// dialect, and not here.
fn record_user(tables: &mut Tables, row: &User) {
    let made = object(json!({
        "username": row.username,
        "first_name": "",
        "last_name": "",
        "email": "",
        "is_superuser": row.is_superuser,
        "password": "hidden",
        "id": row.id,
    }));
    tables.record(Operation::Create, (Object::User, row.id), None, &made);
    let given = object(json!({ "password": ["hidden", "hidden"] }));
    tables.record(Operation::Update, (Object::User, row.id), None, &given);
}

/// A token that was made or taken back, if it is the controller's own: those of the gateway are none of its business.
fn record_token(tables: &mut Tables, operation: Operation, row: &Token) {
    if !tables.paths.tokens.starts_with(tables.paths.v2) {
        return;
    }
    let changes = object(json!({
        "description": row.description,
        "application": null,
        "scope": row.scope,
        "id": row.id,
        "token": "************",
    }));
    tables.record(operation, (Object::Token, row.id), None, &changes);
}

pub(super) fn tokens(tables: &Tables, caller: Caller, call: &Call) -> Outcome {
    let seen = tables.tokens.values().filter(|token| caller.sees_all() || token.user == caller.user);
    list::answer(tables, Model::Token, call, Some(seen.map(|token| token.id).collect()))
}

pub(super) fn create_token(tables: &mut Tables, caller: Caller, call: &Call) -> Outcome {
    let body = call.object()?;
    let mut complaints = Complaints::default();
    let description = complaints.keep("description", body.get("description").map_or(Ok(String::new()), description)).unwrap_or_default();
    let scope = complaints.keep("scope", body.get("scope").map_or(Ok("write".to_owned()), scope)).unwrap_or_default();
    complaints.into_result()?;

    let secret = auth::new_token().ok_or_else(|| Answer::crash(tables.dialect))?;
    let row = Token {
        id: next(&mut tables.sequences.tokens),
        user: caller.user,
        digest: auth::fingerprint(&secret),
        description,
        scope,
        created: tables.now(),
    };
    let answer = Answer::created(tables.paths.token(row.id), wire::token(tables, &row, Some(&secret)));
    record_token(tables, Operation::Create, &row);
    tables.tokens.insert(row.id, row);
    tables.touch();
    Ok(answer)
}

fn description(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        other => fields::text(other),
    }
}

fn scope(value: &Value) -> Result<String, String> {
    let known = |text: &&str| !text.is_empty() && text.split(' ').all(|scope| ["read", "write"].contains(&scope));
    value
        .as_str()
        .filter(known)
        .map(str::to_owned)
        .ok_or_else(|| "Must be made of the scopes read and write, with a space between.".to_owned())
}

pub(super) fn show_token(tables: &Tables, caller: Caller, key: &str) -> Outcome {
    let id = find_token(tables, caller, key)?;
    let row = tables.tokens.get(&id).ok_or_else(|| Answer::no_such_row(Model::Token.name()))?;
    Ok(Answer::ok(wire::token(tables, row, None)))
}

pub(super) fn delete_token(tables: &mut Tables, caller: Caller, key: &str) -> Outcome {
    let id = find_token(tables, caller, key)?;
    if let Some(row) = tables.tokens.remove(&id) {
        record_token(tables, Operation::Delete, &row);
    }
    tables.touch();
    Ok(Answer::no_content())
}

fn find_token(tables: &Tables, caller: Caller, key: &str) -> Result<i64, Answer> {
    let row = key.parse().ok().and_then(|id: i64| tables.tokens.get(&id)).ok_or_else(|| Answer::no_such_row(Model::Token.name()))?;
    if caller.is_superuser || row.user == caller.user { Ok(row.id) } else { Err(Answer::forbidden()) }
}
