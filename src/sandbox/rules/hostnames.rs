//! The rules of AWX 23.7, where a peer is a hostname and a listener is a column of the instance.

use std::collections::BTreeSet;

use super::{Draft, Reader, draft::Listener};
use crate::sandbox::{
    answer::Answer,
    fields::{self, Complaints, overall, printed},
    settings::Dialect,
    tables::NodeType,
};

/// Everything that is told with a field's key, but for a port below 1024, which comes last of all.
pub(super) fn fields(reader: &Reader<'_>, draft: &mut Draft, complaints: &mut Complaints) -> Result<(), Answer> {
    if let Some(port) = reader.read(complaints, "listener_port", None, fields::integer) {
        match port_complaint(reader, port) {
            Some(message) => complaints.add("listener_port", &[message.to_owned()]),
            None => draft.listener_port = Some(port.into()),
        }
    }
    draft.peers = peers(reader, complaints)?;
    let flag = reader.read(complaints, "peers_from_control_nodes", false, |value| fields::boolean(value, Dialect::Hostnames, true));
    if flag == Some(true) && reader.on_host {
        complaints.add("peers_from_control_nodes", &["Can only be enabled on Kubernetes or Openshift.".to_owned()]);
    } else {
        draft.peers_from_control_nodes = flag;
    }
    Ok(())
}

/// AWX 23.7: a port is in the range of ports, may come and go, but not become another one.
fn port_complaint(reader: &Reader<'_>, port: Option<i64>) -> Option<&'static str> {
    let port = port?;
    if port < 0 {
        return Some("Ensure this value is greater than or equal to 0.");
    }
    if port > 65_535 {
        return Some("Ensure this value is less than or equal to 65535.");
    }
    let stored = reader.target?.listener_port?;
    (port != 0 && stored != 0 && port != stored).then_some("Cannot change listener port.")
}

fn peers(reader: &Reader<'_>, complaints: &mut Complaints) -> Result<Option<BTreeSet<i64>>, Answer> {
    let Some(items) = reader.peers(complaints)? else { return Ok(None) };
    let mut set = BTreeSet::new();
    for item in items {
        let name = printed(item);
        let Some(id) = reader.tables.id_of(&name) else {
            complaints.add("peers", &[format!("Object with hostname={name} does not exist.")]);
            return Ok(None);
        };
        // AWX 23.7: the same peer twice is one.
        set.insert(id);
    }
    Ok(Some(set))
}

/// What is told once every field on its own is fine: the first of these that is broken.
pub(super) fn rules(reader: &Reader<'_>, draft: &Draft) -> Result<(), Answer> {
    let Reader { tables, on_host, intent: _, target, body: _ } = reader;
    let node_type = draft.node_type.or(target.map(|target| target.node_type)).unwrap_or(NodeType::Execution);
    let flag = draft.peers_from_control_nodes.unwrap_or_else(|| target.is_some_and(|target| target.peers_from_control_nodes));
    let port = draft.listener_port.map_or_else(|| target.and_then(|target| target.listener_port), Listener::port);
    let listens = port.is_some_and(|port| port != 0);
    let changed = target.zip(draft.peers.as_ref()).is_some_and(|(target, peers)| tables.peers_of(target.id) != *peers);

    // AWX 23.7: links from control nodes to control nodes are not made by the flag.
    if flag && node_type.controls() {
        return Err(overall("peers_from_control_nodes can only be enabled for execution or hop nodes."));
    }
    // AWX 23.7: the links of control nodes follow the flags of the others; the present set is accepted.
    if changed && node_type.controls() {
        return Err(overall(
            "Setting peers manually for control nodes is not allowed: what control nodes peer to is chosen by peers_from_control_nodes.",
        ));
    }
    // AWX 23.7: the flag, stored or given, needs a port, stored or given. A port of zero is none.
    if flag && !listens {
        return Err(overall("Field listener_port must be a valid integer when peers_from_control_nodes is enabled."));
    }
    // AWX 23.7: links that this very request is about to take away count, too: flag and port never go in one request.
    if !listens && target.is_some_and(|target| tables.links_to(target.id).next().is_some()) {
        return Err(overall("Field listener_port must be a valid integer when other nodes peer to it."));
    }
    for peer in draft.peers.iter().flatten() {
        // AWX 23.7: what is stored counts, also where this very request is about to change it.
        if tables.instances.get(peer).is_some_and(|peer| peer.listener_port.is_none()) {
            return Err(overall(&format!("Field listener_port must be set on peer {}.", tables.hostname_of(*peer))));
        }
    }
    // AWX 23.7: installed on a host, the administrator's command makes the links.
    if *on_host && changed {
        return Err(overall("Cannot change peers."));
    }
    // AWX 23.7: the stored port is looked at too, so that an instance with an old low port can hardly be changed at all.
    if port.is_some_and(|port| port < 1024) {
        return Err(Answer::json(400, serde_json::json!({ "listener_port": ["Ensure this value is greater than or equal to 1024."] })));
    }
    // AWX 23.7: no rule of the API but the database's own, and told in its words.
    if target.is_some_and(|target| draft.peers.as_ref().is_some_and(|peers| peers.contains(&target.id))) {
        return Err(Answer::bad_request("the database refuses a link whose source and target are the same instance"));
    }
    Ok(())
}
