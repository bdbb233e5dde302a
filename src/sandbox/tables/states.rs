//! What happens to nodes outside the API: their install bundles are run, they break, they are repaired.

use super::{LinkState, NodeState, Tables};
use crate::sandbox::settings::SandboxError;

impl Tables {
    /// The node comes up, and with it the links that wait for it alone: a link is made by who dials, and control nodes
    /// always run.
    pub(in crate::sandbox) fn run_bundle(&mut self, hostname: &str) -> Result<(), SandboxError> {
        let id = self.named(hostname)?;
        if let Some(row) = self.instances.get_mut(&id)
            && matches!(row.node_state, NodeState::Installed | NodeState::Unavailable)
        {
            row.node_state = NodeState::Ready;
            row.errors.clear();
        }
        let from_control = self.links_to(id).filter(|link| self.instances.get(&link.source).is_some_and(|row| row.node_type.controls()));
        let links: Vec<i64> = self.links_from(id).chain(from_control).map(|link| link.id).collect();
        for link in links {
            if let Some(link) = self.links.get_mut(&link).filter(|link| link.state == LinkState::Adding) {
                link.state = LinkState::Established;
            }
        }
        self.touch();
        Ok(())
    }

    /// The controller sees two nodes connected.
    pub(in crate::sandbox) fn establish(&mut self, source: &str, target: &str) -> Result<(), SandboxError> {
        let (source, target) = (self.named(source)?, self.named(target)?);
        let links: Vec<i64> = self.links_from(source).filter(|link| link.target == target).map(|link| link.id).collect();
        for link in links {
            if let Some(link) = self.links.get_mut(&link).filter(|link| link.state == LinkState::Adding) {
                link.state = LinkState::Established;
            }
        }
        self.touch();
        Ok(())
    }

    /// Whatever state the node was in before, also one that has no way back over the API.
    pub(in crate::sandbox) fn set_state(&mut self, hostname: &str, node_state: &str, errors: &str) -> Result<(), SandboxError> {
        let state = NodeState::parse(node_state).ok_or_else(|| SandboxError::UnknownState(node_state.to_owned()))?;
        let id = self.named(hostname)?;
        if let Some(row) = self.instances.get_mut(&id) {
            row.node_state = state;
            errors.clone_into(&mut row.errors);
            row.goes = None;
        }
        if state == NodeState::Deprovisioning {
            self.deprovision(id);
        }
        self.touch();
        Ok(())
    }

    fn named(&self, hostname: &str) -> Result<i64, SandboxError> {
        self.id_of(hostname).ok_or_else(|| SandboxError::UnknownNode(hostname.to_owned()))
    }
}
