//! What a plan cannot do: each reason by name, with where it comes from and the way round it.

use thiserror::Error;

use crate::mesh::{Field, Place};

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
    /// Control and hybrid nodes, and what the controller's installation manages.
    #[error("this {0} node belongs to the controller's installation: no plan removes it")]
    NotRemovable(String),
    /// `protect`.
    #[error("it is protected: no plan may remove or replace it")]
    Protected,
    /// An apply that stops between the removal and the create could not know them any more.
    #[error("node_type changes, so it is made again, and would lose what it has and nobody declares: {0}")]
    Undeclared(String),
    /// AWX 23.0 to 23.7: what an older version stored.
    #[error("its stored listener_port {0} is below 1024, so this controller (AWX 23.0 to 23.7) refuses every change of it")]
    StoredLowPort(i64),
    /// AWX 23.0 to 23.7.
    #[error("listener_port {0} is below 1024, which this controller (AWX 23.0 to 23.7) refuses")]
    LowPort(i64),
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
    /// AWX before 23.0.
    #[error("this controller (AWX before 23.0) has no {0} in its API")]
    NotInApi(Field),
    /// AWX before 23.0.
    #[error("on this controller (AWX before 23.0) every instance has a listener_port, and keeps it")]
    AlwaysListens,
    /// A name that neither side knows.
    #[error("peer `{0}` is not on the controller and not declared")]
    PeerUnknown(String),
    /// An address that no instance has.
    #[error("no instance has the address `{0}`")]
    AddressUnknown(String),
    /// An address that only an installer can make, of an instance that is made again.
    #[error("the address `{address}` goes with `{hostname}`, and the API cannot make it again")]
    AddressGoes {
        /// The address.
        address: String,
        /// Whose it is.
        hostname: String,
    },
    /// A peer that goes.
    #[error("peer `{0}` goes away")]
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
    /// A listener that closes beside an address that stays.
    #[error("the listener of peer `{peer}` closes, and it has another address: {addresses}")]
    PeerCloses {
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
    /// Nothing of the kind is known; a plan that is not whole must not run.
    #[error("no order was found for the changes of {0}")]
    NoOrder(String),
}

impl Reason {
    /// Whether it is a declared peer that leads nowhere, so that what is declared cannot be compared with what is there.
    pub(super) fn is_unresolved_peer(&self) -> bool {
        matches!(
            self,
            Self::PeerUnknown(_)
                | Self::AddressUnknown(_)
                | Self::AddressGoes { .. }
                | Self::PeerLeaving(_)
                | Self::PeerDoesNotListen(_)
                | Self::PeerInternal { .. }
                | Self::PeerAmbiguous { .. }
                | Self::PeerOpens { .. }
                | Self::PeerCloses { .. }
                | Self::PeerTwice(_)
                | Self::PeerSelf
        )
    }

    /// A name for programs, which stays when the words change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotRemovable(_) => "not_removable",
            Self::Protected => "protected",
            Self::Undeclared(_) => "undeclared",
            Self::StoredLowPort(_) => "stored_low_port",
            Self::LowPort(_) => "low_port",
            Self::ControlPlane { .. } => "control_plane",
            Self::Managed(_) => "managed",
            Self::NotKubernetes(_) => "not_kubernetes",
            Self::NotInApi(_) => "not_in_api",
            Self::AlwaysListens => "always_listens",
            Self::PeerUnknown(_) => "peer_unknown",
            Self::AddressUnknown(_) => "address_unknown",
            Self::AddressGoes { .. } => "address_goes",
            Self::PeerLeaving(_) => "peer_leaving",
            Self::PeerDoesNotListen(_) => "peer_does_not_listen",
            Self::PeerInternal { .. } => "peer_internal",
            Self::PeerAmbiguous { .. } => "peer_ambiguous",
            Self::PeerOpens { .. } => "peer_opens",
            Self::PeerCloses { .. } => "peer_closes",
            Self::PeerTwice(_) => "peer_twice",
            Self::PeerSelf => "peer_self",
            Self::MutualPeers(_) => "mutual_peers",
            Self::ListenerInUse(_) => "listener_in_use",
            Self::FlagWithoutListener => "flag_without_listener",
            Self::NoOrder(_) => "no_order",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotRemovable(_) => "remove that line: who installs the controller makes and removes it",
            Self::Protected => "remove the protection first, if it shall go",
            Self::Undeclared(_) => "declare these fields, too, with the values that they have or shall have",
            Self::StoredLowPort(_) => {
                "declare `listener_port: null`, apply, then a port from 1024; where it is dialled an administrator changes it with awx-manage"
            }
            Self::LowPort(_) => "declare a port from 1024 to 65535",
            Self::ControlPlane { .. } | Self::Managed(_) => {
                "leave the field out: enabled, capacity_adjustment and managed_by_policy can be declared"
            }
            Self::NotKubernetes(_) => "an administrator does it on the controller's host: `plan --format runbook` writes the script",
            Self::NotInApi(_) => "leave the field out: who dials whom is set by the installer there",
            Self::AlwaysListens => "declare the live port, or for a new one any; 27199 is the default there",
            Self::PeerUnknown(_) => "declare it, or correct the name; what `external` lists has to be on this controller",
            Self::AddressUnknown(_) => "use the address as the controller has it, or the instance's hostname",
            Self::AddressGoes { .. } => "dial its hostname",
            Self::PeerLeaving(_) => "take it out of `peers`, or wait until it is gone and declare it",
            Self::PeerInternal { .. } => "peer to another instance, or give it an address that is reachable from outside",
            Self::PeerAmbiguous { .. } => "choose one: write the address as `host:port` in place of the hostname",
            Self::PeerOpens { .. } => "declare its listener first, apply, then dial it; or write the other address as `host:port`",
            Self::PeerCloses { .. } => "dial that address as `host:port`, or leave the peer out",
            Self::PeerTwice(_) => "keep one of them",
            Self::PeerSelf => "take it out of `peers`",
            Self::MutualPeers(_) => "one direction is enough, once connected traffic goes both ways: keep it at one of the two",
            Self::ListenerInUse(_) => "declare their `peers` without it",
            Self::NoOrder(_) => "apply them one after the other with --only; and report this, it is a mistake of meshform",
            Self::FlagWithoutListener | Self::PeerDoesNotListen(_) => "declare its listener_port, 27199 as a rule",
        }
    }
}
