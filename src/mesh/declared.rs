//! What a configuration declares.

use std::{collections::BTreeMap, sync::Arc};

use super::{CapacityAdjustment, DeclaredState, DeclaredType, FileId, Hostname, ListenerPort, MeshSettings, PeerName, Place};

/// A declared value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Where it was given: at the instance, or in the defaults that it came from.
    pub place: Place,
}

/// A declared instance. A field that is `None` is not managed: its live value is left alone, and a create leaves it to the
/// server's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Where the instance is declared: its `hostname`.
    pub place: Place,
    /// `node_type`.
    pub node_type: Option<Given<DeclaredType>>,
    /// `node_state`: whether it shall exist.
    pub node_state: Given<DeclaredState>,
    /// `enabled`.
    pub enabled: Option<Given<bool>>,
    /// `capacity_adjustment`.
    pub capacity_adjustment: Option<Given<CapacityAdjustment>>,
    /// `managed_by_policy`.
    pub managed_by_policy: Option<Given<bool>>,
    /// `listener_port`; a given null is "no listener".
    pub listener_port: Option<Given<Option<ListenerPort>>>,
    /// `peers_from_control_nodes`.
    pub peers_from_control_nodes: Option<Given<bool>>,
    /// `peers`, each with its place, in the order of the file and without duplicates.
    pub peers: Option<Given<Vec<Given<PeerName>>>>,
    /// `protect`: no plan may remove or replace it.
    pub protect: Option<Given<bool>>,
    /// `replaces`: the instance whose place it takes.
    pub replaces: Option<Given<Hostname>>,
    /// The keys of its own that begin with `x-`; shared by those that are declared together.
    pub own_keys: Arc<OwnKeys>,
}

/// Keys that begin with `x-`, and what stands behind them. They mean nothing here and go into the JSON as they are.
pub type OwnKeys = serde_json::Map<String, serde_json::Value>;

impl Declared {
    /// Whether it shall exist.
    pub fn shall_exist(&self) -> bool {
        self.node_state.value == DeclaredState::Installed
    }

    /// An instance of which nothing but its existence is managed.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            node_type: None,
            node_state: Given { value: DeclaredState::Installed, place },
            enabled: None,
            capacity_adjustment: None,
            managed_by_policy: None,
            listener_port: None,
            peers_from_control_nodes: None,
            peers: None,
            protect: None,
            replaces: None,
            own_keys: Arc::default(),
        }
    }
}

/// Everything that a configuration declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeclaredMesh {
    /// The files that were read, as paths for people, in the order in which they were read.
    pub files: Vec<String>,
    /// The instances by hostname.
    pub instances: BTreeMap<Hostname, Declared>,
    /// What holds for all of them.
    pub settings: MeshSettings,
}

impl DeclaredMesh {
    /// What protects an instance from being removed or replaced: itself, or the list.
    pub fn protected(&self, name: &str) -> Option<Place> {
        let by_itself = self.instances.get(name).and_then(|instance| instance.protect).filter(|flag| flag.value).map(|flag| flag.place);
        by_itself.or_else(|| self.settings.protect.names(name).map(|item| item.place))
    }

    /// The path of a file; empty for an index that no file has.
    pub fn file(&self, id: FileId) -> &str {
        usize::try_from(id).ok().and_then(|i| self.files.get(i)).map_or("", String::as_str)
    }
}
