//! The rules of AWX 24.6, where a peer is a receptor address and a listener is the instance's canonical one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Draft, Reader, draft::Listener};
use crate::sandbox::{
    answer::Answer,
    fields::{self, Complaints, overall, printed},
    settings::Dialect,
};

/// Everything that is told with a field's key.
pub(super) fn fields(reader: &Reader<'_>, draft: &mut Draft, complaints: &mut Complaints) -> Result<(), Answer> {
    draft.peers = peers(reader, complaints)?;
    // Neither of these two has a default, so PUT leaves them alone as PATCH does.
    if let Some(value) = reader.body.get("listener_port")
        && let Some(port) = complaints.keep("listener_port", fields::integer(value))
    {
        match port_complaint(reader, port) {
            Some(message) => complaints.add("listener_port", &[message.to_owned()]),
            None => draft.listener_port = Some(port.into()),
        }
    }
    if let Some(value) = reader.body.get("peers_from_control_nodes")
        && let Some(flag) = complaints.keep("peers_from_control_nodes", fields::boolean(value, Dialect::Addresses, false))
    {
        if reader.target.is_some_and(|target| target.managed && reader.tables.flag_of(target) != flag) {
            complaints.add("peers_from_control_nodes", &["Cannot change peers_from_control_nodes for managed nodes.".to_owned()]);
        } else {
            draft.peers_from_control_nodes = Some(flag);
        }
    }
    Ok(())
}

/// AWX 24.6: a port may come and go, but not become another one. Zero counts as no port on either side, and no port is too high
/// or too low.
fn port_complaint(reader: &Reader<'_>, port: Option<i64>) -> Option<&'static str> {
    let target = reader.target?;
    let stored = reader.tables.port_of(target);
    let another = port.is_some_and(|port| port != 0) && stored.is_some_and(|stored| stored != 0) && port != stored;
    if another {
        Some("Cannot change listener port.")
    } else if target.managed && port != stored {
        Some("Cannot change listener port for managed nodes.")
    } else {
        None
    }
}

fn peers(reader: &Reader<'_>, complaints: &mut Complaints) -> Result<Option<BTreeSet<i64>>, Answer> {
    let Some(items) = reader.peers(complaints)? else { return Ok(None) };
    let mut ids = Vec::with_capacity(items.len());
    for item in items {
        match address_id(reader, item) {
            Ok(id) => ids.push(id),
            Err(message) => {
                complaints.add("peers", &[message]);
                return Ok(None);
            }
        }
    }
    let set: BTreeSet<i64> = ids.iter().copied().collect();
    match peers_complaint(reader, &ids, &set) {
        Some(message) => {
            complaints.add("peers", &[message]);
            Ok(None)
        }
        None => Ok(Some(set)),
    }
}

/// AWX 24.6: a primary key, also as a text; anything else is of a wrong type before it is looked for.
fn address_id(reader: &Reader<'_>, item: &Value) -> Result<i64, String> {
    let wrong = |kind: &str| format!("Incorrect type. Expected pk value, received {kind}.");
    let id = match item {
        Value::Null => None,
        Value::Number(_) => fields::integer(item).ok().flatten(),
        Value::String(text) => Some(text.trim().parse().ok().ok_or_else(|| wrong("str"))?),
        Value::Bool(_) => return Err(wrong("bool")),
        Value::Array(_) => return Err(wrong("list")),
        Value::Object(_) => return Err(wrong("dict")),
    };
    id.filter(|id| reader.tables.addresses.contains_key(id))
        .ok_or_else(|| format!("Invalid pk \"{}\" - object does not exist.", printed(item)))
}

fn peers_complaint(reader: &Reader<'_>, ids: &[i64], set: &BTreeSet<i64>) -> Option<String> {
    let tables = reader.tables;
    let instance_of = |id: &i64| tables.addresses.get(id).map(|address| address.instance);
    let instances: BTreeSet<i64> = ids.iter().filter_map(instance_of).collect();
    // AWX 24.6: the same address twice, or two addresses of one instance.
    if instances.len() < ids.len() {
        return Some("Cannot peer to the same instance more than once.".to_owned());
    }
    // AWX 24.6: an instance that is made has no address yet and nobody who peers to it, so that the rest is for changes.
    let target = reader.target?;
    let changed = tables.peers_of(target.id) != *set;
    // AWX 24.6: the present set is accepted everywhere.
    if reader.on_host && changed {
        return Some("Cannot change peers.".to_owned());
    }
    if target.managed && changed {
        return Some("Setting peers manually for managed nodes is not allowed.".to_owned());
    }
    if instances.contains(&target.id) {
        return Some("Instance cannot peer to its own address.".to_owned());
    }
    // AWX 24.6: a link is never turned round by adding the other direction; a longer ring is no concern of the server's.
    let back = tables.links_to(target.id).find(|link| instances.contains(&link.source))?;
    Some(format!("Instance {} is already peered to this instance.", tables.hostname_of(back.source)))
}

/// What is told once every field on its own is fine.
pub(super) fn rules(reader: &Reader<'_>, draft: &Draft) -> Result<(), Answer> {
    if draft.peers_from_control_nodes == Some(true) {
        let listens = match draft.listener_port {
            Some(Listener::Off) => false,
            // AWX 24.6: on create the flag is accepted and forgotten; -1 is how the server itself says "left out".
            None | Some(Listener::On(-1)) => reader.target.is_none_or(|target| reader.tables.canonical(target.id).is_some()),
            Some(Listener::On(_)) => true,
        };
        if !listens {
            return Err(overall("Cannot enable peers_from_control_nodes if listener_port is not set."));
        }
    }
    // AWX 24.6: the column is an integer of 32 bits; what does not fit is the database's error.
    let port = draft.listener_port.and_then(Listener::port).unwrap_or_default();
    if i32::try_from(port).is_err() {
        return Err(Answer::crash(Dialect::Addresses));
    }
    Ok(())
}
