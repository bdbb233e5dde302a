//! What a plan cannot do: each reason by name, with where it comes from and the way round it.

use thiserror::Error;

use crate::mesh::{Dialect, Field, Place};

/// Something declared that cannot be reached from the live mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The instance that would have to change.
    pub hostname: String,
    /// Where it is declared.
    pub place: Place,
    /// Why not.
    pub reason: Reason,
}

/// Why an instance cannot be made as declared.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// Declared `deprovisioning`, and live.
    #[error("removal is not supported yet")]
    Removal,
    /// Control and hybrid nodes, and what the controller's installation manages.
    #[error("this {0} node belongs to the controller's installation: no plan removes it")]
    NotRemovable(String),
    /// `protect`.
    #[error("it is protected: no plan may remove or replace it")]
    Protected,
    /// `replaces`, while the other one is live.
    #[error("taking the place of `{0}` is not supported yet")]
    Rename(String),
    /// `ignore`, where the field differs.
    #[error("{field} differs and shall be ignored until {until}, which is not supported yet")]
    Ignored {
        /// The field.
        field: Field,
        /// The last day of the rule.
        until: String,
    },
    /// The server's `node_type` is immutable.
    #[error("node_type {live} -> {declared} needs a replacement, which is not supported yet")]
    Replacement {
        /// The live type.
        live: String,
        /// The declared one.
        declared: String,
    },
    /// AWX 23.0 and later: a listener changes its port only by going first.
    #[error("listener_port {before} -> {after} needs two requests and drops every link to it, which is not supported yet")]
    PortChange {
        /// The live port.
        before: i64,
        /// The declared one.
        after: i64,
    },
    /// AWX 23.0 to 23.7.
    #[error("peers_from_control_nodes and listener_port cannot both go at once on this controller (AWX 23.0 to 23.7)")]
    FlagAndListener,
    /// AWX 23.0 to 23.7: what an older version stored.
    #[error("its stored listener_port {0} is below 1024, so this controller (AWX 23.0 to 23.7) refuses every change of it")]
    StoredLowPort(i64),
    /// AWX 23.0 to 23.7.
    #[error("listener_port {0} is below 1024, which this controller (AWX 23.0 to 23.7) refuses")]
    LowPort(i64),
    /// On its way out.
    #[error("it is {0} on the controller: its row may be gone at any moment")]
    Leaving(String),
    /// Control and hybrid nodes.
    #[error("{field} of a {node_type} node is not meshform's to change")]
    ControlPlane {
        /// The live type.
        node_type: String,
        /// The field that is declared otherwise.
        field: Field,
    },
    /// `managed` instances, such as a mesh ingress.
    #[error("{0} of an instance that the controller's installation manages cannot be changed")]
    Managed(Field),
    /// `IS_K8S` is false.
    #[error("this controller does not run on Kubernetes or OpenShift, so its API refuses to {0}")]
    NotKubernetes(&'static str),
    /// A name that neither side knows.
    #[error("peer `{0}` is not on the controller and not declared")]
    PeerUnknown(String),
    /// An address that no instance has.
    #[error("no instance has the address `{0}`")]
    AddressUnknown(String),
    /// A peer on its way out.
    #[error("peer `{0}` is being removed from the controller")]
    PeerLeaving(String),
    /// A peer without a listener.
    #[error("peer `{0}` does not listen: it has no listener_port")]
    PeerDoesNotListen(String),
    /// A peer that nodes outside the cluster cannot reach.
    #[error("peer `{peer}` can be reached inside the controller's cluster only ({addresses}): a node that dials it would never connect")]
    PeerInternal {
        /// The declared name.
        peer: String,
        /// The addresses.
        addresses: String,
    },
    /// Several addresses, none of which is the canonical one.
    #[error("peer `{peer}` has several addresses: {addresses}")]
    PeerAmbiguous {
        /// The declared name.
        peer: String,
        /// The addresses.
        addresses: String,
    },
    /// A listener that opens beside an address that is there already.
    #[error("peer `{peer}` begins to listen only now, and has another address already: {addresses}")]
    PeerOpens {
        /// The declared name.
        peer: String,
        /// The addresses.
        addresses: String,
    },
    /// Two names of one instance.
    #[error("peers `{0}` twice, by different names")]
    PeerTwice(String),
    /// By an address.
    #[error("it would peer to itself")]
    PeerSelf,
    /// AWX 23.8 and later.
    #[error("it and `{0}` would peer to each other, which this controller (AWX 23.8 and later) refuses")]
    MutualPeers(String),
    /// The listener goes, links to it stay.
    #[error("its listener cannot go: {0} would still peer to it")]
    ListenerInUse(String),
    /// The server drops such a flag without a word on a create (AWX 24.6) and refuses it on a change.
    #[error("peers_from_control_nodes needs a listener_port, and it has none")]
    FlagWithoutListener,
    /// Instances that are made and dial each other.
    #[error("{0} would dial each other in a ring, so none of them can be made first")]
    NewRing(String),
    /// One request an instance is not enough.
    #[error("one request an instance is not enough for {0}: in every order the controller refuses one, or one loses its path meanwhile")]
    Ring(String),
}

impl Reason {
    /// A name for programs, which stays when the words change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Removal => "removal",
            Self::NotRemovable(_) => "not_removable",
            Self::Protected => "protected",
            Self::Rename(_) => "rename",
            Self::Ignored { .. } => "ignored",
            Self::Replacement { .. } => "replacement",
            Self::PortChange { .. } => "port_change",
            Self::FlagAndListener => "flag_and_listener",
            Self::StoredLowPort(_) => "stored_low_port",
            Self::LowPort(_) => "low_port",
            Self::Leaving(_) => "leaving",
            Self::ControlPlane { .. } => "control_plane",
            Self::Managed(_) => "managed",
            Self::NotKubernetes(_) => "not_kubernetes",
            Self::PeerUnknown(_) => "peer_unknown",
            Self::AddressUnknown(_) => "address_unknown",
            Self::PeerLeaving(_) => "peer_leaving",
            Self::PeerDoesNotListen(_) => "peer_does_not_listen",
            Self::PeerInternal { .. } => "peer_internal",
            Self::PeerAmbiguous { .. } => "peer_ambiguous",
            Self::PeerOpens { .. } => "peer_opens",
            Self::PeerTwice(_) => "peer_twice",
            Self::PeerSelf => "peer_self",
            Self::MutualPeers(_) => "mutual_peers",
            Self::ListenerInUse(_) => "listener_in_use",
            Self::FlagWithoutListener => "flag_without_listener",
            Self::NewRing(_) => "new_ring",
            Self::Ring(_) => "ring",
        }
    }

    /// What to do about it on a controller of this dialect.
    pub fn hint(&self, dialect: Dialect) -> &'static str {
        match self {
            Self::Removal => "remove it on the controller's Instances page, then apply again",
            Self::NotRemovable(_) => "remove that line: who installs the controller makes and removes it",
            Self::Protected => "remove the protection first, if it shall go",
            Self::Rename(_) => {
                "leave `replaces` out: it is then made beside the other one; move the links, then remove the other on the controller's Instances page"
            }
            Self::Ignored { .. } => "leave the field out until then: what is not managed is left alone",
            Self::Replacement { .. } => {
                "declare the live node_type; or remove the instance on the controller's Instances page, then apply: it is created anew"
            }
            Self::PortChange { .. } => {
                "leave `listener_port` out to keep the live one; or declare a second hop with the new port, move the peers to it, apply, then remove this one"
            }
            Self::FlagAndListener => "declare `peers_from_control_nodes: false` first, apply, then `listener_port: null`",
            Self::StoredLowPort(_) => {
                "declare `listener_port: null`, apply, then a port from 1024; where it is dialled an administrator changes it with awx-manage"
            }
            Self::LowPort(_) => "declare a port from 1024 to 65535",
            Self::Leaving(_) => "wait until it is gone, then apply again: it is created anew",
            Self::ControlPlane { .. } | Self::Managed(_) => {
                "leave the field out: enabled, capacity_adjustment and managed_by_policy can be declared"
            }
            Self::NotKubernetes(_) => "an administrator does it on the controller's host: awx-manage",
            Self::PeerUnknown(_) => "declare it, or correct the name; what `external` lists has to be on this controller",
            Self::AddressUnknown(_) => "use the address as the controller has it, or the instance's hostname",
            Self::PeerLeaving(_) => "take it out of `peers`, or wait until it is gone and declare it",
            Self::PeerInternal { .. } => "peer to another instance, or give it an address that is reachable from outside",
            Self::PeerAmbiguous { .. } => "choose one: write the address as `host:port` in place of the hostname",
            Self::PeerOpens { .. } => "declare its listener first, apply, then dial it; or write the other address as `host:port`",
            Self::PeerTwice(_) => "keep one of them",
            Self::PeerSelf => "take it out of `peers`",
            Self::MutualPeers(_) => "one direction is enough, once connected traffic goes both ways: keep it at one of the two",
            Self::ListenerInUse(_) => "declare their `peers` without it",
            Self::FlagWithoutListener | Self::PeerDoesNotListen(_) => "declare its listener_port, 27199 as a rule",
            Self::NewRing(_) => "leave one of them out of the other's `peers`, apply, then add it",
            Self::Ring(_) if dialect == Dialect::Addresses => {
                "declare a second path for them, apply, then change the rest; a link that turns round goes first, then comes back"
            }
            Self::Ring(_) => "declare a second path for them, apply, then change the rest",
        }
    }
}
