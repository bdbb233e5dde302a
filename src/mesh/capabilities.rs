//! What a controller's version and installation allow, as far as a plan depends on it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a controller's API speaks of peers; it decides which rules hold between fields and instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// The API has no `peers` and no `peers_from_control_nodes`: AWX before 23.0, AAP 2.3 and the first AAP 2.4.
    None,
    /// `peers` is a list of hostnames: AWX 23.0 to 23.7, AAP 2.4, Oracle Linux Automation Manager 2.2 and later.
    Hostnames,
    /// `peers` is a list of ids of receptor addresses: AWX 23.8 and later, AAP 2.5 and later.
    Addresses,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Hostnames => "hostnames",
            Self::Addresses => "addresses",
        })
    }
}

/// What this controller allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The dialect of `peers`.
    pub dialect: Dialect,
    /// Whether the controller runs on Kubernetes or `OpenShift` (`IS_K8S`); elsewhere it refuses creates, changes of peers and
    /// changes of state.
    pub kubernetes: bool,
    /// Whether an administrator does it on the controller's host with `awx-manage`, which no rule of the API binds; never true of a
    /// plan for the API, so it is in no saved one.
    #[serde(default, skip)]
    pub by_hand: bool,
}

impl Capabilities {
    /// What the API of a controller allows.
    pub fn new(dialect: Dialect, kubernetes: bool) -> Self {
        Self { dialect, kubernetes, by_hand: false }
    }

    /// Off Kubernetes the API makes and removes no instances and changes no peers.
    pub fn refuses_installing(self) -> bool {
        !self.kubernetes && !self.by_hand
    }

    /// The API changes a port to null and null to a port, and what dials it goes with it; `awx-manage` changes it in place.
    pub fn moves_listeners(self) -> bool {
        self.by_hand
    }

    /// The API leaves alone what the controller's installation manages; what is managed on hosts was made with `awx-manage`, but for
    /// the control plane, and changes and goes with it.
    pub fn refuses_managed(self) -> bool {
        !self.by_hand
    }

    /// AWX 23.8 and later: no command of `awx-manage` takes the flag from an address, and the API refuses it of what that made. So the
    /// address goes and comes again, and what dials it with it.
    pub fn makes_addresses_anew(self) -> bool {
        self.by_hand && self.dialect == Dialect::Addresses
    }

    /// The API waits for the jobs of an instance that goes; `awx-manage` does not.
    pub fn removes_at_once(self) -> bool {
        self.by_hand
    }

    /// AWX before 23.0: who dials whom is not the API's business, and every instance has a port.
    pub fn has_peers(self) -> bool {
        self.dialect != Dialect::None
    }

    /// AWX 23.8 and later: two instances that peer to each other are refused.
    pub fn refuses_mutual_peers(self) -> bool {
        self.dialect == Dialect::Addresses
    }

    /// AWX 23.0 to 23.7: an instance that control nodes peer to keeps its listener, also in the very request that ends that.
    pub fn refuses_listener_and_flag_off_at_once(self) -> bool {
        self.dialect == Dialect::Hostnames
    }

    /// AWX 23.0 to 23.7: a listener that is dialled stays; later versions cut the links to it without a word.
    pub fn refuses_to_close_what_is_dialled(self) -> bool {
        self.dialect == Dialect::Hostnames
    }

    /// AWX 23.0 to 23.7: no request for an instance passes while its stored port is below 1024.
    pub fn refuses_low_ports(self) -> bool {
        self.dialect == Dialect::Hostnames
    }

    /// `awx-manage` writes rows with such a port; enabled, `capacity_adjustment` and `managed_by_policy` stay the API's business.
    pub fn changes_low_ports(self) -> bool {
        self.by_hand
    }

    /// AWX 23.0 to 23.7 on a host: the control nodes' peers cannot be switched on either.
    pub fn refuses_flag_on(self) -> bool {
        self.refuses_installing() && self.dialect == Dialect::Hostnames
    }
}
