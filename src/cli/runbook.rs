//! `meshform plan --format runbook`: the plan for an administrator's hands. It writes nothing.

use super::{connect::Session, error::Usage};
use crate::{
    config::Loaded,
    mesh::LiveMesh,
    plan::{ByHand, Permissions, Selection, by_hand},
    render::{plan::View, runbook},
};

/// What an administrator would do: another plan than that for the API.
pub(super) struct Runbook {
    pub(super) by_hand: ByHand,
}

impl Runbook {
    /// Plans for a mesh that was read. Fails for a controller that needs no runbook, or for which there is none.
    pub(super) fn plan(
        session: &Session,
        loaded: &Loaded,
        live: &LiveMesh,
        permissions: &Permissions,
        selection: &Selection,
    ) -> Result<Self, Usage> {
        let capabilities = session.server.capabilities;
        let wrong = |message: &str, hint: &str| Err(Usage { message: message.to_owned(), hint: hint.to_owned() });
        if capabilities.kubernetes {
            return wrong(
                "a runbook is for a controller that is installed on hosts, and this one runs on Kubernetes or OpenShift",
                "`meshform apply` does all of it here",
            );
        }
        if !capabilities.has_peers() {
            return wrong(
                "there is no runbook for a controller before AWX 23.0",
                "its API tells nothing of peers: what they shall be cannot be planned",
            );
        }
        Ok(Self { by_hand: by_hand(&loaded.mesh, live, capabilities, permissions, selection) })
    }

    /// The script; else one that says why there is none.
    pub(super) fn script(&self, view: &View<'_>, live: &LiveMesh, session: &Session) -> Result<String, String> {
        runbook::script(view, &self.by_hand, live, session.client.root())
    }
}
