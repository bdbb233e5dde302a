//! The JSON shapes of rows, field by field in the order in which the server writes them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    call::encode,
    health::{Health, load},
    settings::Dialect,
    tables::{Activity, Address, Group, Instance, Job, Link, Micros, NodeType, Object, Tables, Token, User},
};

pub(super) fn time(micros: Micros) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())
}

/// Hundredths as a decimal with two places.
pub(super) fn decimal(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// An instance in a list, and in the answer to a create.
pub(super) fn instance(tables: &Tables, row: &Instance) -> Value {
    instance_with(tables, row, Shape::Listed)
}

/// An instance on its own: it has a name of its own for its URL, and its links.
pub(super) fn instance_detail(tables: &Tables, row: &Instance) -> Value {
    instance_with(tables, row, Shape::Detail)
}

/// What a create answers: the name for the URL, but no links yet.
pub(super) fn instance_created(tables: &Tables, row: &Instance) -> Value {
    instance_with(tables, row, Shape::Created)
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Listed,
    Created,
    Detail,
}

fn instance_with(tables: &Tables, row: &Instance, shape: Shape) -> Value {
    let mut summary = json!({ "user_capabilities": { "edit": false } });
    if shape == Shape::Detail {
        summary["links"] = tables.links_from(row.id).map(|found| link(tables, found)).collect();
    }
    let health = Health::of(row);
    let jobs = tables.jobs_on(row);
    let (consumed, remaining) = load(health.capacity, jobs);
    let seen = health.seen.map(time);
    let port = json!(tables.port_of(row));
    let flag = json!(tables.flag_of(row));
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("id", json!(row.id));
    put("hostname", json!(row.hostname));
    put("type", json!("instance"));
    put("url", json!(tables.paths.instance(row.id)));
    put("related", related(tables, row, shape));
    put("summary_fields", summary);
    put("uuid", json!(row.uuid));
    put("created", json!(time(row.created)));
    put("modified", json!(time(row.modified)));
    put("last_seen", json!(seen));
    put("health_check_started", Value::Null);
    put("health_check_pending", json!(false));
    put("last_health_check", json!(seen));
    put("errors", json!(row.errors));
    put("capacity_adjustment", json!(decimal(row.capacity_adjustment)));
    put("version", json!(health.version));
    put("capacity", json!(health.capacity));
    put("consumed_capacity", json!(consumed));
    put("percent_capacity_remaining", json!(remaining));
    put("jobs_running", json!(jobs));
    put("jobs_total", json!(tables.jobs_ever_on(row)));
    put("cpu", json!(health.cpu()));
    put("memory", json!(health.memory));
    put("cpu_capacity", json!(health.cpu_capacity));
    put("mem_capacity", json!(health.mem_capacity));
    put("enabled", json!(row.enabled));
    put("managed_by_policy", json!(row.managed_by_policy));
    put("node_type", json!(row.node_type.name()));
    put("node_state", json!(row.node_state.name()));
    match tables.dialect {
        Dialect::Addresses => {
            put("managed", json!(row.managed));
            put("ip_address", json!(""));
            put("peers", json!(tables.peers_of(row.id)));
            put("reverse_peers", json!(reverse_peers(tables, row.id)));
            put("listener_port", port);
            put("peers_from_control_nodes", flag);
            put("protocol", json!(tables.canonical(row.id).map_or("", |address| address.protocol.as_str())));
        }
        Dialect::Hostnames => {
            put("ip_address", json!(""));
            put("listener_port", port);
            put("peers", json!(peer_hostnames(tables, row.id)));
            put("peers_from_control_nodes", flag);
        }
    }
    Value::Object(out)
}

fn related(tables: &Tables, row: &Instance, shape: Shape) -> Value {
    let base = tables.paths.instance(row.id);
    let mut out = Map::new();
    let mut put = |key: &str| {
        out.insert(key.to_owned(), json!(format!("{base}{key}/")));
    };
    let installable = !row.managed && !row.node_type.controls();
    match tables.dialect {
        Dialect::Addresses => {
            for key in ["receptor_addresses", "jobs", "peers", "instance_groups"] {
                put(key);
            }
            if installable {
                put("install_bundle");
            }
        }
        Dialect::Hostnames => {
            for key in ["jobs", "instance_groups"] {
                put(key);
            }
            if installable {
                put("install_bundle");
            }
            put("peers");
        }
    }
    if row.node_type == NodeType::Execution {
        put("health_check");
    }
    if shape != Shape::Listed {
        let named = json!(tables.paths.instance(encode(&row.hostname, false)));
        let mut first = Map::new();
        first.insert("named_url".to_owned(), named);
        first.append(&mut out);
        return Value::Object(first);
    }
    Value::Object(out)
}

/// By hostname, as the server orders instances wherever it is not told to do otherwise.
fn peer_hostnames(tables: &Tables, id: i64) -> Vec<&str> {
    let mut names: Vec<&str> = tables.links_from(id).map(|link| tables.hostname_of(link.target)).collect();
    names.sort_unstable();
    names
}

fn reverse_peers(tables: &Tables, id: i64) -> Vec<i64> {
    let mut sources: Vec<(&str, i64)> = tables.links_to(id).map(|link| (tables.hostname_of(link.source), link.source)).collect();
    sources.sort_unstable();
    sources.dedup();
    sources.into_iter().map(|(_, id)| id).collect()
}

pub(super) fn link(tables: &Tables, row: &Link) -> Value {
    let source = tables.hostname_of(row.source);
    let target = tables.hostname_of(row.target);
    let from = tables.paths.instance(row.source);
    let state = row.state.name();
    match row.address.and_then(|id| tables.addresses.get(&id)) {
        Some(address) => json!({
            "id": row.id,
            "related": { "source_instance": from, "target_address": tables.paths.address(address.id) },
            "source": source,
            "target": target,
            "target_full_address": address.full_address(),
            "link_state": state,
        }),
        None => json!({
            "id": row.id,
            "url": "",
            "related": { "source_instance": from, "target_instance": tables.paths.instance(row.target) },
            "source": source,
            "target": target,
            "link_state": state,
        }),
    }
}

pub(super) fn address(tables: &Tables, row: &Address) -> Value {
    json!({
        "id": row.id,
        "url": tables.paths.address(row.id),
        "address": row.address,
        "port": row.port,
        "protocol": row.protocol,
        "websocket_path": row.websocket_path,
        "is_internal": row.is_internal,
        "canonical": row.canonical,
        "instance": row.instance,
        "peers_from_control_nodes": row.peers_from_control_nodes,
        "full_address": row.full_address(),
    })
}

/// A group in a list.
pub(super) fn group(tables: &Tables, row: &Group) -> Value {
    let url = tables.paths.group(row.id);
    let working = tables.working_members(row);
    let capacity = working.iter().map(|member| Health::of(member).capacity).sum();
    let jobs = working.iter().map(|member| tables.jobs_on(member)).fold(0, i64::saturating_add);
    let (consumed, remaining) = load(capacity, jobs);
    json!({
        "id": row.id,
        "type": "instance_group",
        "url": url,
        "related": {
            "jobs": format!("{url}jobs/"),
            "instances": format!("{url}instances/"),
            "access_list": format!("{url}access_list/"),
            "object_roles": format!("{url}object_roles/"),
        },
        "name": row.name,
        "created": time(row.created),
        "modified": time(row.created),
        "capacity": capacity,
        "consumed_capacity": consumed,
        "percent_capacity_remaining": remaining,
        "jobs_running": jobs,
        "max_concurrent_jobs": 0,
        "max_forks": 0,
        "jobs_total": working.iter().map(|member| tables.jobs_ever_on(member)).fold(0, i64::saturating_add),
        "instances": working.len(),
        "is_container_group": false,
        "credential": null,
        "policy_instance_percentage": row.policy_instance_percentage,
        "policy_instance_minimum": 0,
        "policy_instance_list": row.policy_instance_list,
        "pod_spec_override": "",
        "summary_fields": { "user_capabilities": { "edit": true, "delete": !row.is_own() } },
    })
}

/// A group on its own, and in the answer to a create: it has a name of its own for its URL.
pub(super) fn group_detail(tables: &Tables, row: &Group) -> Value {
    let mut out = group(tables, row);
    if let Some(related) = out["related"].as_object_mut() {
        let named = json!(tables.paths.group(encode(&row.name, false)));
        related.shift_insert(0, "named_url".to_owned(), named);
    }
    out
}

pub(super) fn mesh(tables: &Tables) -> Value {
    let mut nodes: Vec<&Instance> = tables.instances.values().collect();
    nodes.sort_unstable_by(|one, other| one.hostname.cmp(&other.hostname));
    let nodes: Vec<Value> = nodes
        .into_iter()
        .map(|row| {
            json!({
                "id": row.id,
                "hostname": row.hostname,
                "node_type": row.node_type.name(),
                "node_state": row.node_state.name(),
                "enabled": row.enabled,
            })
        })
        .collect();
    let links: Vec<Value> = tables.links.values().map(|row| link(tables, row)).collect();
    json!({ "nodes": nodes, "links": links })
}

/// A job, of which a mesh needs no more than that it is there.
pub(super) fn job(tables: &Tables, job: Job<'_>) -> Value {
    json!({
        "id": job.id,
        "type": "job",
        "name": Job::NAME,
        "status": Job::STATUS,
        "execution_node": job.execution_node,
        "controller_node": tables.own_node(),
    })
}

pub(super) fn user(tables: &Tables, row: &User) -> Value {
    let url = tables.paths.user(row.id);
    json!({
        "id": row.id,
        "type": "user",
        "url": url,
        "related": { "tokens": format!("{url}tokens/") },
        "summary_fields": { "user_capabilities": { "edit": true, "delete": row.id != 1 } },
        "created": time(row.created),
        "modified": null,
        "username": row.username,
        "first_name": "",
        "last_name": "",
        "email": "",
        "is_superuser": row.is_superuser,
        "is_system_auditor": row.is_system_auditor,
        "password": "$encrypted$",
        "ldap_dn": "",
        "last_login": null,
        "external_account": null,
        "auth": [],
    })
}

/// A token; `secret` is the token itself, which only the answer to its making tells.
pub(super) fn token(tables: &Tables, row: &Token, secret: Option<&str>) -> Value {
    const LIFETIME: Micros = 1000 * 365 * 24 * 60 * 60 * 1_000_000;
    let url = tables.paths.token(row.id);
    let owner = tables.users.get(&row.user).map_or("", |user| user.username.as_str());
    json!({
        "id": row.id,
        "type": "o_auth2_access_token",
        "url": url,
        "related": { "user": tables.paths.user(row.user), "activity_stream": format!("{url}activity_stream/") },
        "summary_fields": { "user": { "id": row.user, "username": owner, "first_name": "", "last_name": "" } },
        "created": time(row.created),
        "modified": time(row.created),
        "description": row.description,
        "user": row.user,
        "token": secret.unwrap_or("************"),
        "application": null,
        "expires": time(row.created.saturating_add(LIFETIME)),
        "scope": row.scope,
    })
}

/// An entry of the activity stream. What is gone is no longer named in it, but for what `changes` says.
pub(super) fn activity(tables: &Tables, row: &Activity) -> Value {
    let mut related = Map::new();
    let mut summary = Map::new();
    let actor = row.actor.and_then(|id| tables.users.get(&id));
    if let Some(user) = actor {
        related.insert("actor".to_owned(), json!(tables.paths.user(user.id)));
    }
    for kind in [Object::User, Object::InstanceGroup, Object::Token, Object::Instance] {
        let mut found: Vec<(String, Value)> = row.about(kind).filter_map(|id| named(tables, kind, id)).collect();
        if kind == Object::Instance {
            found.sort_by(|(_, one), (_, other)| one["hostname"].as_str().cmp(&other["hostname"].as_str()));
        }
        if !found.is_empty() {
            let (urls, names): (Vec<String>, Vec<Value>) = found.into_iter().unzip();
            related.insert(kind.name().to_owned(), json!(urls));
            summary.insert(kind.name().to_owned(), json!(names));
        }
    }
    if let Some(user) = actor {
        summary.insert("actor".to_owned(), json!({ "id": user.id, "username": user.username, "first_name": "", "last_name": "" }));
    }
    json!({
        "id": row.id,
        "type": "activity_stream",
        "url": tables.paths.activity(row.id),
        "related": related,
        "summary_fields": summary,
        "timestamp": time(row.timestamp),
        "operation": row.operation.name(),
        "changes": serde_json::from_str::<Value>(&row.changes).unwrap_or_default(),
        "object1": row.subject.0.name(),
        "object2": row.other.map_or("", |(kind, _)| kind.name()),
        "object_association": row.association(),
        "action_node": tables.own_node(),
        "object_type": "",
    })
}

/// The path and the summary of a row that an entry of the activity stream is about, while it is there. Addresses have neither.
fn named(tables: &Tables, kind: Object, id: i64) -> Option<(String, Value)> {
    Some(match kind {
        Object::Instance => {
            let row = tables.instances.get(&id)?;
            (tables.paths.instance(id), json!({ "id": id, "hostname": row.hostname }))
        }
        Object::InstanceGroup => {
            let row = tables.groups.get(&id)?;
            (tables.paths.group(id), json!({ "id": id, "name": row.name, "is_container_group": false }))
        }
        Object::User => {
            let row = tables.users.get(&id)?;
            (tables.paths.user(id), json!({ "id": id, "username": row.username, "first_name": "", "last_name": "" }))
        }
        Object::Token => {
            let row = tables.tokens.get(&id)?;
            let summary = json!({ "id": id, "user_id": row.user, "description": row.description, "scope": row.scope });
            (tables.paths.token(id), summary)
        }
        Object::ReceptorAddress => return None,
    })
}
