//! Where the values of an instance come from: every layer that gives a field, the one that counts first.

use jiff::civil::Date;
use serde_json::Value as Json;

use crate::mesh::{DeclaredType, Field, Hostname, ListenerPort, NodeType, PeerName, Place};

use super::{
    Loaded,
    fields::{Defaults, Fields},
    instance::Block,
    names::NameList,
};

/// What gives a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// An override.
    Override,
    /// The instance itself.
    Instance,
    /// The defaults of its file, or those for one node type.
    FileDefaults(Option<DeclaredType>),
    /// The defaults of the mesh, or those for one node type.
    MeshDefaults(Option<DeclaredType>),
    /// No type is given, and there are defaults for execution nodes.
    Assumed,
}

/// A value of a field, and what gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The value as the API would write it; peers as a configuration names them.
    pub value: Json,
    /// Where it stands.
    pub place: Place,
    /// What gives it.
    pub layer: Layer,
    /// Of an override why.
    pub reason: Option<String>,
    /// Of an override until when.
    pub until: Option<Date>,
}

/// All that is said about the fields of an instance: of each the value that counts, then those that it hides. A field that
/// nothing gives is not managed.
pub type Explained = Vec<(Field, Vec<Setting>)>;

/// Explains an instance; none where it is not declared.
pub fn explain(loaded: &Loaded, hostname: &Hostname) -> Option<Explained> {
    let draft = &loaded.draft;
    let block = draft.blocks.iter().find(|block| block.names.iter().any(|name| name.value == *hostname))?;
    let name = block.names.iter().find(|name| name.value == *hostname)?;
    let own = Defaults::default();
    let file = draft.file_defaults.get(&name.span.place.file).unwrap_or(&own);
    let of = block.fields.node_type.map(|at| at.value).unwrap_or_default();
    let defaults = [
        (Layer::FileDefaults(Some(of)), file.of(of)),
        (Layer::FileDefaults(None), &file.plain),
        (Layer::MeshDefaults(Some(of)), draft.mesh_defaults.of(of)),
        (Layer::MeshDefaults(None), &draft.mesh_defaults.plain),
    ];
    Some(Field::ALL.iter().map(|field| (*field, settings(loaded, block, &defaults, *field))).collect())
}

fn settings(loaded: &Loaded, block: &Block, defaults: &[(Layer, &Fields)], field: Field) -> Vec<Setting> {
    let mut found = Vec::new();
    let overridden = block.overridden.as_deref();
    for item in overridden.iter().flat_map(|o| &o.by).filter_map(|o| loaded.draft.overrides.get(*o)) {
        // What counts, with its patterns resolved, is in the block.
        let resolved = if item.fields.span(field) == block.fields.span(field) { &block.fields } else { &item.fields };
        let reason = item.reason.as_ref().map(|at| at.value.clone());
        let until = item.until.map(|at| at.value);
        found.extend(value(&item.fields, field).and(value(resolved, field)).map(|(value, place)| Setting {
            value,
            place,
            layer: Layer::Override,
            reason,
            until,
        }));
    }
    let plain = |layer, (value, place)| Setting { value, place, layer, reason: None, until: None };
    let below = overridden.map_or(&block.fields, |o| &o.fields);
    if let Some(given) = value(below, field) {
        let gives = |(_, layer): &(Layer, &Fields)| !block.own.has(field) && layer.span(field).is_some();
        let from = defaults.iter().position(gives);
        let layer = match from.and_then(|i| defaults.get(i)) {
            Some((layer, _)) => *layer,
            None if block.own.has(field) => Layer::Instance,
            // Of a field that neither the instance nor defaults give only the type can be known.
            None => Layer::Assumed,
        };
        found.push(plain(layer, given));
        let hidden = defaults.iter().skip(from.map_or(0, |i| i + 1));
        found.extend(hidden.filter_map(|(layer, fields)| Some(plain(*layer, value(fields, field)?))));
    }
    found
}

/// What some fields say about one.
fn value(fields: &Fields, field: Field) -> Option<(Json, Place)> {
    let place = fields.span(field)?.place;
    let json = match field {
        Field::NodeType => fields.node_type.map(|at| NodeType::from(at.value).as_str().into()),
        Field::Enabled => fields.enabled.map(|at| at.value.into()),
        Field::CapacityAdjustment => fields.capacity_adjustment.map(|at| at.value.to_string().into()),
        Field::ManagedByPolicy => fields.managed_by_policy.map(|at| at.value.into()),
        Field::ListenerPort => fields.listener_port.map(|at| at.value.map(ListenerPort::number).into()),
        Field::PeersFromControlNodes => fields.peers_from_control_nodes.map(|at| at.value.into()),
        Field::Peers => fields.peers.as_ref().map(|at| peers(&at.value)),
    };
    Some((json?, place))
}

/// The names; of a list whose patterns were not resolved, since it does not count, what it says.
fn peers(list: &NameList<PeerName>) -> Json {
    let names = list.names.iter().map(|name| name.value.to_string());
    if list.resolved {
        return names.collect();
    }
    let patterns = list.wild.iter().map(|item| item.value.to_string());
    names.chain(patterns).chain(list.without.iter().map(|item| format!("!{}", item.value))).collect()
}
