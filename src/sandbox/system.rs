//! The handlers that tell what kind of controller this is.

use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Outcome},
    auth::Caller,
    health::Health,
    paths::{GATEWAY, Paths},
    settings::{Dialect, Settings},
    tables::{NodeType, Tables},
    wire,
};

/// The controller's root.
pub(super) fn api(paths: Paths) -> Answer {
    Answer::ok(json!({
        "description": "AWX REST API",
        "current_version": paths.v2,
        "available_versions": { "v2": paths.v2 },
        "oauth2": "/api/o/",
        "custom_logo": "",
        "custom_login_info": "",
        "login_redirect_override": "",
    }))
}

/// The gateway's root, which has no version: it leads to the services behind it.
pub(super) fn gateway_root(paths: Paths) -> Answer {
    Answer::ok(json!({ "description": "AAP gateway REST API", "apis": { "gateway": GATEWAY, "controller": paths.api } }))
}

/// The gateway's own paths, for anybody.
pub(super) fn gateway(paths: Paths) -> Answer {
    Answer::ok(json!({ "tokens": paths.tokens }))
}

/// The paths that this server answers. Whether `receptor_addresses` is among them tells the dialect.
pub(super) fn version2(paths: Paths, settings: &Settings) -> Answer {
    let mut out = Map::new();
    for name in [
        "ping",
        "instances",
        "instance_groups",
        "receptor_addresses",
        "config",
        "settings",
        "me",
        "users",
        "tokens",
        "unified_jobs",
        "activity_stream",
        "mesh_visualizer",
    ] {
        let there = match name {
            "receptor_addresses" => settings.dialect == Dialect::Addresses,
            "tokens" => settings.has_tokens(),
            _ => true,
        };
        if there {
            out.insert(name.to_owned(), json!(format!("{}{name}/", paths.v2)));
        }
    }
    Answer::ok(Value::Object(out))
}

pub(super) fn ping(tables: &Tables) -> Answer {
    let mut rows: Vec<_> = tables.instances.values().filter(|row| row.node_type != NodeType::Hop).collect();
    rows.sort_unstable_by(|one, other| one.hostname.cmp(&other.hostname));
    let controls: Vec<&str> = rows.iter().filter(|row| row.node_type.controls()).map(|row| row.hostname.as_str()).collect();
    let instances: Vec<Value> = rows
        .iter()
        .map(|row| {
            let health = Health::of(row);
            json!({
                "node": row.hostname,
                "node_type": row.node_type.name(),
                "uuid": row.uuid,
                "heartbeat": health.seen.map(wire::time),
                "capacity": health.capacity,
                "version": health.version,
            })
        })
        .collect();
    let mut groups: Vec<_> = tables.groups.values().collect();
    groups.sort_by_cached_key(|group| group.name.to_lowercase());
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|group| {
            let members = tables.members(group);
            let capacity: i64 = members.iter().map(|row| Health::of(row).capacity).sum();
            let hostnames: Vec<&str> = members.iter().map(|row| row.hostname.as_str()).collect();
            json!({ "name": group.name, "capacity": capacity, "instances": hostnames })
        })
        .collect();
    Answer::ok(json!({
        "ha": controls.len() > 1,
        "version": tables.dialect.version(),
        "active_node": controls.first(),
        "install_uuid": tables.install_uuid,
        "instances": instances,
        "instance_groups": groups,
    }))
}

pub(super) fn config(dialect: Dialect) -> Answer {
    Answer::ok(json!({
        "time_zone": "UTC",
        "license_info": { "license_type": "open", "valid_key": true, "subscription_name": "OPEN", "product_name": "AWX" },
        "version": dialect.version(),
    }))
}

pub(super) fn settings(settings: &Settings, caller: Caller) -> Outcome {
    caller.must_see_all()?;
    Ok(Answer::ok(
        json!({ "ACTIVITY_STREAM_ENABLED": !settings.without_activity_stream, "TOWER_URL_BASE": "https://towerhost", "IS_K8S": !settings.on_host }),
    ))
}

pub(super) fn mesh(tables: &Tables, caller: Caller) -> Outcome {
    caller.must_see_all()?;
    Ok(Answer::ok(wire::mesh(tables)))
}
