//! The vocabulary of a mesh, free of input and output: what is declared, what is live, and the checked types they are made of.
//!
//! The checked types (`Hostname`, `ListenerPort`, `CapacityAdjustment`) are for what is DECLARED. A live value outside their
//! rules is possible (the server of AWX 24 stores port 70000), so the live side has plain types: it is shown and left alone.

mod capabilities;
mod capacity;
mod declared;
mod expected;
mod field;
mod fold;
mod history;
mod hostname;
mod live;
mod node;
mod pattern;
mod pattern_list;
mod peer;
mod place;
mod port;
mod route;
mod settings;
mod sha256;
mod topology;
mod url;
mod value;

pub use capabilities::{Capabilities, Dialect};
pub use capacity::{CapacityAdjustment, CapacityError};
pub use declared::{Declared, DeclaredMesh, Given, OwnKeys};
pub use expected::{Expected, Traits};
pub use field::Field;
pub use fold::fold;
pub use history::{Act, Event, FarEnd, History};
pub use hostname::{Hostname, HostnameError};
pub use live::{LiveAddress, LiveInstance, LiveMesh};
pub use node::{DeclaredState, DeclaredType, NodeState, NodeType};
pub use pattern::{MAX_EXPANSION, Pattern, PatternError};
pub use pattern_list::{Listed, PatternList, Verdict};
pub use peer::{Peer, PeerName, PeerNameError};
pub use place::{FileId, Place};
pub use port::{ListenerPort, PortError};
pub use route::{Route, RouteEnd};
pub use settings::{Ignore, MaxRemovals, MaxRemovalsError, MeshSettings};
pub(crate) use sha256::sha256;
pub use topology::Topology;
pub use url::{BaseUrl, UrlError};
pub use value::{Body, Value};
