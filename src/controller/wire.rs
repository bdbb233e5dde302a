//! The JSON of the API, as much of it as is needed.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::mesh::{Body, Peer, Value};

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) count: usize,
    pub(super) next: Option<String>,
    pub(super) results: Vec<T>,
}

/// A row of `instances/`.
#[expect(clippy::struct_excessive_bools, reason = "they are the API's own fields")]
#[derive(Deserialize)]
pub(super) struct InstanceRow {
    pub(super) id: i64,
    pub(super) hostname: String,
    pub(super) node_type: String,
    pub(super) node_state: String,
    pub(super) enabled: bool,
    pub(super) capacity_adjustment: Decimal,
    pub(super) managed_by_policy: bool,
    pub(super) listener_port: Option<i64>,
    /// Not there before AWX 23.0.
    #[serde(default)]
    pub(super) peers_from_control_nodes: bool,
    /// Not there before AWX 23.8.
    #[serde(default)]
    pub(super) managed: bool,
    #[serde(default)]
    pub(super) jobs_running: i64,
    /// Not there before AWX 23.0.
    pub(super) peers: Option<Vec<PeerItem>>,
}

/// An item of `peers`, in the server's dialect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub(super) enum PeerItem {
    Address(i64),
    Hostname(String),
}

/// A row of `receptor_addresses/`.
#[derive(Deserialize)]
pub(super) struct AddressRow {
    pub(super) id: i64,
    pub(super) address: String,
    pub(super) port: i64,
    pub(super) protocol: String,
    pub(super) is_internal: bool,
    pub(super) canonical: bool,
    pub(super) instance: i64,
    pub(super) peers_from_control_nodes: bool,
}

/// The answer to a create.
#[derive(Deserialize)]
pub(super) struct Created {
    pub(super) id: i64,
}

/// A row of `instance_groups/`.
#[derive(Deserialize)]
pub(super) struct GroupRow {
    pub(super) id: i64,
    pub(super) name: String,
}

/// How one instance is.
#[derive(Deserialize)]
pub(super) struct StateRow {
    pub(super) id: i64,
    pub(super) hostname: String,
    pub(super) node_state: String,
    #[serde(default)]
    pub(super) jobs_running: i64,
    /// What the controller says is wrong with it.
    #[serde(default)]
    pub(super) errors: String,
}

/// A row of `instances/ID/jobs/` and of `unified_jobs/`.
#[derive(Deserialize)]
pub(super) struct JobRow {
    pub(super) id: i64,
    /// The hostname of the node that it runs on.
    #[serde(default)]
    pub(super) execution_node: Option<String>,
}

/// `mesh_visualizer/`.
#[derive(Default, Deserialize)]
pub(super) struct Topology {
    pub(super) nodes: Vec<NodeRow>,
    pub(super) links: Vec<LinkRow>,
}

/// A node of the mesh visualizer.
#[derive(Deserialize)]
pub(super) struct NodeRow {
    pub(super) id: i64,
    pub(super) hostname: String,
    pub(super) node_type: String,
    pub(super) node_state: String,
    pub(super) enabled: bool,
}

/// A link of the mesh visualizer.
#[derive(Deserialize)]
pub(super) struct LinkRow {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) link_state: String,
    #[serde(default)]
    pub(super) related: LinkEnds,
}

/// What a link leads from and to.
#[derive(Default, Deserialize)]
pub(super) struct LinkEnds {
    /// AWX 23.8 and later: the URL of the receptor address that is dialled.
    target_address: Option<String>,
}

impl LinkEnds {
    /// The id of the receptor address that is dialled, if the link says it.
    pub(super) fn address(&self) -> Option<i64> {
        self.target_address.as_deref()?.trim_end_matches('/').rsplit('/').next()?.parse().ok()
    }
}

/// `/api/`, or the same of a gateway, which lacks it.
#[derive(Deserialize)]
pub(super) struct ApiRoot {
    pub(super) current_version: String,
}

/// A token that was made just now, on a controller or its gateway.
#[derive(Deserialize)]
pub(super) struct NewToken {
    pub(super) id: i64,
    pub(super) token: String,
}

/// `ping/`.
#[derive(Deserialize)]
pub(super) struct Ping {
    pub(super) version: String,
    #[serde(default)]
    pub(super) install_uuid: String,
}

/// A row of `tokens/`.
#[derive(Deserialize)]
pub(super) struct TokenRow {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) created: String,
}

/// A row of `me/`.
#[derive(Deserialize)]
pub(super) struct Me {
    pub(super) username: String,
    #[serde(default)]
    pub(super) is_superuser: bool,
    #[serde(default)]
    pub(super) is_system_auditor: bool,
}

/// A row of `activity_stream/`. A row that is odd is not the end of all of them.
#[derive(Deserialize)]
pub(super) struct ActivityRow {
    pub(super) id: i64,
    #[serde(flatten)]
    rest: serde_json::Map<String, Json>,
}

impl ActivityRow {
    /// When, if that can be read.
    pub(super) fn time(&self) -> Option<Timestamp> {
        self.text("timestamp").parse().ok()
    }

    pub(super) fn operation(&self) -> &str {
        self.text("operation")
    }

    /// Of a change of a row what changed, of one that is made or goes its values, of a link its ends. AWX gives an empty object where it
    /// cannot read its own.
    pub(super) fn changes(&self) -> Option<&serde_json::Map<String, Json>> {
        self.rest.get("changes").and_then(Json::as_object).filter(|changes| !changes.is_empty())
    }

    /// The account; none where the controller itself did it.
    pub(super) fn actor(&self) -> Option<&str> {
        self.rest.get("summary_fields")?.get("actor")?.get("username")?.as_str()
    }

    /// The instances that it is about, as far as they are still there.
    pub(super) fn instances(&self) -> impl Iterator<Item = i64> {
        let instances = self.rest.get("summary_fields").and_then(|fields| fields.get("instance")).and_then(Json::as_array);
        instances.into_iter().flatten().filter_map(|instance| instance.get("id")?.as_i64())
    }

    fn text(&self, key: &str) -> &str {
        self.rest.get(key).and_then(Json::as_str).unwrap_or_default()
    }
}

/// `settings/system/`.
#[derive(Deserialize)]
pub(super) struct SystemSettings {
    #[serde(rename = "IS_K8S")]
    pub(super) is_k8s: Option<bool>,
    #[serde(rename = "ACTIVITY_STREAM_ENABLED")]
    pub(super) activity_stream: Option<bool>,
}

/// A row of a list that is told from others by its primary key.
pub(super) trait Row: DeserializeOwned {
    fn id(&self) -> i64;
}

impl Row for InstanceRow {
    fn id(&self) -> i64 {
        self.id
    }
}

impl Row for AddressRow {
    fn id(&self) -> i64 {
        self.id
    }
}

impl Row for GroupRow {
    fn id(&self) -> i64 {
        self.id
    }
}

impl Row for StateRow {
    fn id(&self) -> i64 {
        self.id
    }
}

impl Row for JobRow {
    fn id(&self) -> i64 {
        self.id
    }
}

/// The fields of an instance as a request body; `peer` gives an item of `peers` in the server's dialect.
pub(super) fn fields(body: &Body, peer: impl Fn(&Peer) -> Json) -> serde_json::Map<String, Json> {
    let value = |value: &Value| match value {
        Value::Type(node_type) => Json::from(node_type.as_str()),
        Value::Bool(value) => Json::from(*value),
        Value::Decimal(value) => Json::from(format!("{value:.2}")),
        Value::Port(port) => Json::from(*port),
        Value::Peers(peers) => peers.iter().map(&peer).collect(),
    };
    body.iter().map(|(field, v)| (field.name().to_owned(), value(v))).collect()
}

/// What a server says in an error: `field: text; field: text`, or the text alone.
pub(super) fn words(json: &Json) -> String {
    fn texts(json: &Json) -> String {
        match json {
            Json::String(text) => text.clone(),
            Json::Array(items) => items.iter().map(texts).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        }
    }
    match json {
        Json::Object(map) => {
            let part = |(key, value): (&String, &Json)| match key.as_str() {
                "detail" | "__all__" | "msg" => texts(value),
                _ => format!("{key}: {}", texts(value)),
            };
            map.iter().map(part).collect::<Vec<_>>().join("; ")
        }
        other => texts(other),
    }
}
