//! What differs and is left alone all the same: known drift, by the rules of `ignore`, and what somebody changed by hand, where
//! that shall stay. For a plan such a field is one that nobody manages.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::mesh::{Declared, DeclaredMesh, Field, Ignore, LiveMesh, Peer, Place, Value};

use super::{Action, Change, InstanceChange, Refusal, Selection, drift::Known};

/// A field that differs and is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spared {
    /// Which instance.
    pub hostname: String,
    /// What would change.
    pub change: Change,
    /// What leaves it alone.
    pub by: SparedBy,
}

/// What leaves a difference alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SparedBy {
    /// A rule of `ignore`.
    Rule {
        /// The last day on which it holds.
        until: Date,
        /// Why.
        reason: String,
        /// Where it stands.
        place: Place,
    },
    /// `--keep-drift`.
    Hand,
}

/// An instance that somebody made or removed by hand, and that stays so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptInstance {
    /// Which instance.
    pub hostname: String,
    /// What is not done to it.
    pub action: Action,
    /// Where it is declared, or what asks for its removal.
    pub place: Place,
    /// Whose hand that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<Known>,
}

/// What somebody changed by hand and stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptDrift {
    /// These fields of these instances.
    pub fields: BTreeSet<(String, Field)>,
    /// These instances, made or removed by hand.
    pub instances: BTreeSet<String>,
}

impl KeptDrift {
    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.instances.is_empty()
    }
}

/// The declared differences that are left alone. What is made, or made again, is made of all that is declared: nothing of it is known.
pub(super) fn spared(mesh: &DeclaredMesh, changes: &[InstanceChange], kept: &KeptDrift) -> Vec<Spared> {
    let mut spared = Vec::new();
    for InstanceChange { hostname, action, changes, .. } in changes {
        let Some(declared) = mesh.instances.get(hostname.as_str()) else { continue };
        let managed = changes.iter().filter(|change| manages(declared, change.field));
        let found: Vec<Spared> = managed
            .filter_map(|change| {
                let by = spared_by(mesh, hostname, change.field, kept)?;
                Some(Spared { hostname: hostname.clone(), change: change.clone(), by })
            })
            .collect();
        match action {
            Action::Create | Action::Remove => {}
            Action::Update => spared.extend(found),
            // Made again it would have none of what is left alone: so it stays what it is.
            Action::Replace if found.is_empty() => {}
            Action::Replace => {
                let by = found.first().map(|spared| spared.by.clone());
                let is_type = |spared: &Spared| spared.change.field == Field::NodeType;
                let typed = changes.iter().find(|change| change.field == Field::NodeType).filter(|_| !found.iter().any(is_type));
                let typed = typed.zip(by).map(|(change, by)| Spared { hostname: hostname.clone(), change: change.clone(), by });
                spared.extend(typed.into_iter().chain(found));
            }
        }
    }
    spared
}

/// The same of peers that lead nowhere, which no change names.
pub(super) fn unresolved(mesh: &DeclaredMesh, live: &LiveMesh, refused: &[Refusal], kept: &KeptDrift) -> Vec<Spared> {
    let unresolved = refused.iter().filter(|refusal| refusal.reason.is_unresolved_peer()).map(|refusal| refusal.hostname.as_str());
    let hostnames: BTreeSet<&str> = unresolved.collect();
    let spared = |hostname: &str| {
        let (before, after, place) = unresolved_peers(mesh, live, hostname)?;
        let change = Change { field: Field::Peers, before: Some(before), after, place, reverts: None };
        Some(Spared { hostname: hostname.to_owned(), change, by: spared_by(mesh, hostname, Field::Peers, kept)? })
    };
    hostnames.into_iter().filter_map(spared).collect()
}

/// What an instance dials and what it is declared to dial, by the names that are declared, since they lead nowhere; and where that stands.
pub(super) fn unresolved_peers(mesh: &DeclaredMesh, live: &LiveMesh, hostname: &str) -> Option<(Value, Value, Place)> {
    let (live, given) = (live.instances.get(hostname)?, mesh.instances.get(hostname)?.peers.as_ref()?);
    let declared = given.value.iter().map(|name| Peer::named(name.value.to_string())).collect();
    Some((Value::Peers(live.peers.clone()), Value::Peers(declared), given.place))
}

fn spared_by(mesh: &DeclaredMesh, hostname: &str, field: Field, kept: &KeptDrift) -> Option<SparedBy> {
    let rule = mesh.settings.ignore.iter().find(|rule| rule.field == field && rule.hostname.names(hostname).is_some());
    match rule {
        Some(Ignore { until, reason, place, .. }) => Some(SparedBy::Rule { until: *until, reason: reason.clone(), place: *place }),
        None => kept.fields.contains(&(hostname.to_owned(), field)).then_some(SparedBy::Hand),
    }
}

/// The instances of some changes that stay as somebody's hand left them.
pub(super) fn kept(changes: &[InstanceChange], selection: &Selection) -> Vec<KeptInstance> {
    let is_kept = |change: &&InstanceChange| selection.has(&change.hostname) && selection.kept.instances.contains(&change.hostname);
    let kept = |change: &InstanceChange| KeptInstance {
        hostname: change.hostname.clone(),
        action: change.action,
        place: change.place,
        reverts: None,
    };
    changes.iter().filter(is_kept).map(kept).collect()
}

/// The mesh as if nobody managed what is left alone.
pub(super) fn without<'m>(mesh: &'m DeclaredMesh, spared: &[Spared]) -> Cow<'m, DeclaredMesh> {
    if spared.is_empty() {
        return Cow::Borrowed(mesh);
    }
    let mut of: BTreeMap<&str, BTreeSet<Field>> = BTreeMap::new();
    for Spared { hostname, change, by: _ } in spared {
        of.entry(hostname).or_default().insert(change.field);
    }
    let mut mesh = mesh.clone();
    for (hostname, declared) in &mut mesh.instances {
        for field in of.get(hostname.as_str()).into_iter().flatten() {
            forget(declared, *field);
        }
    }
    Cow::Owned(mesh)
}

/// Whether a declaration gives a field.
pub(super) fn manages(declared: &Declared, field: Field) -> bool {
    match field {
        Field::NodeType => declared.node_type.is_some(),
        Field::Enabled => declared.enabled.is_some(),
        Field::CapacityAdjustment => declared.capacity_adjustment.is_some(),
        Field::ManagedByPolicy => declared.managed_by_policy.is_some(),
        Field::ListenerPort => declared.listener_port.is_some(),
        Field::PeersFromControlNodes => declared.peers_from_control_nodes.is_some(),
        Field::Peers => declared.peers.is_some(),
    }
}

fn forget(declared: &mut Declared, field: Field) {
    match field {
        Field::NodeType => declared.node_type = None,
        Field::Enabled => declared.enabled = None,
        Field::CapacityAdjustment => declared.capacity_adjustment = None,
        Field::ManagedByPolicy => declared.managed_by_policy = None,
        Field::ListenerPort => declared.listener_port = None,
        Field::PeersFromControlNodes => declared.peers_from_control_nodes = None,
        Field::Peers => declared.peers = None,
    }
}
