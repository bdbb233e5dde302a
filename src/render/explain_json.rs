//! Where the values of an instance come from, as JSON: a contract, as that of a plan.

use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    config::{Layer, Setting},
    mesh::{DeclaredType, Hostname, OwnKeys, RouteEnd},
};

use super::{
    explain::View,
    parts::{Source, pretty},
};

#[derive(Serialize)]
struct Document<'a> {
    format_version: &'static str,
    hostname: &'a str,
    source: Source<'a>,
    node_state: &'static str,
    protect: bool,
    owned: bool,
    replaces: Option<&'a str>,
    fields: Vec<Explained<'a>>,
    peers: Vec<String>,
    dialled_by: Vec<&'a str>,
    /// None where nothing that is declared leads there.
    path: Option<Path>,
    #[serde(flatten)]
    own_keys: &'a OwnKeys,
}

#[derive(Serialize)]
struct Explained<'a> {
    field: &'static str,
    managed: bool,
    #[serde(flatten)]
    by: Option<By<'a>>,
    hides: Vec<By<'a>>,
}

#[derive(Serialize)]
struct By<'a> {
    value: &'a Json,
    source: Source<'a>,
    layer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

#[derive(Serialize)]
struct Path {
    nodes: Vec<String>,
    /// For each two neighbours whether the first dials the second.
    dials_next: Vec<bool>,
    /// The peer that only the controller knows; null where control nodes dial the last node.
    external: Option<String>,
}

/// The instance as one document, ending with a line break.
pub fn document(view: &View<'_>) -> String {
    let fields = view.fields.iter().map(|(field, settings)| Explained {
        field: field.name(),
        managed: !settings.is_empty(),
        by: settings.first().map(|setting| by(view, setting)),
        hides: settings.iter().skip(1).map(|setting| by(view, setting)).collect(),
    });
    let instance = view.instance;
    let document = Document {
        format_version: "1.0",
        hostname: view.hostname.as_str(),
        source: Source::new(view.declared, instance.place),
        node_state: if instance.shall_exist() { "installed" } else { "deprovisioning" },
        protect: view.declared.protected(view.hostname.as_str()).is_some(),
        owned: view.declared.settings.owns.names(view.hostname.as_str()).is_some(),
        replaces: instance.replaces.as_ref().map(|old| old.value.as_str()),
        fields: fields.collect(),
        peers: instance.peers.iter().flat_map(|given| &given.value).map(|peer| peer.value.to_string()).collect(),
        dialled_by: view.declared.dialled_by().remove(view.hostname).into_iter().flatten().map(Hostname::as_str).collect(),
        path: view.declared.route(view.hostname).map(|route| Path {
            nodes: route.nodes.iter().map(ToString::to_string).collect(),
            dials_next: route.dials_next,
            external: match route.end {
                RouteEnd::ControlNodes => None,
                RouteEnd::External(peer) => Some(peer.to_string()),
            },
        }),
        own_keys: &instance.own_keys,
    };
    pretty(&document)
}

fn by<'a>(view: &View<'a>, setting: &'a Setting) -> By<'a> {
    By {
        value: &setting.value,
        source: Source::new(view.declared, setting.place),
        layer: layer(setting.layer),
        reason: setting.reason.as_deref(),
        until: setting.until.map(|day| day.to_string()),
    }
}

fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Override => "override",
        Layer::Instance => "instance",
        Layer::FileDefaults(None) => "file_defaults",
        Layer::FileDefaults(Some(DeclaredType::Hop)) => "file_defaults.hop",
        Layer::FileDefaults(Some(DeclaredType::Execution)) => "file_defaults.execution",
        Layer::MeshDefaults(None) => "mesh_defaults",
        Layer::MeshDefaults(Some(DeclaredType::Hop)) => "mesh_defaults.hop",
        Layer::MeshDefaults(Some(DeclaredType::Execution)) => "mesh_defaults.execution",
        Layer::Assumed => "assumed",
    }
}
