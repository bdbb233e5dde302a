//! A drift report as text: what moved and who moved it, what is only not applied yet, then what else was seen.

use crate::{controller::ServerInfo, mesh::DeclaredMesh, plan::drift::Drift};

/// What a drift report is made of, as far as it is shown.
pub struct View<'a> {
    /// What is not as declared.
    pub drift: &'a Drift,
    /// What was declared, for the names of its files.
    pub declared: &'a DeclaredMesh,
    /// The controller.
    pub server: &'a ServerInfo,
    /// The paths as they were given.
    pub paths: &'a str,
    /// Whether every instance gets lines of its own.
    pub unfolded: bool,
    /// Whether the instances are listed that the configuration does not know.
    pub shows_unmanaged: bool,
}
