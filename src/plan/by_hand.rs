//! The plan for an administrator's hands: where a controller is installed on hosts its API refuses creates, removals, peers, and
//! (AWX 23.8 and later) everything but three fields of what its installer made. `awx-manage` on the controller's host does all that.

use crate::mesh::{Capabilities, DeclaredMesh, Dialect, LiveMesh, Place};

use super::{Permissions, Plan, Selection, plan_selected};

/// What an administrator would do, and what not even they can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByHand {
    /// The plan, as if no rule of the API stood in the way but those that keep the mesh whole.
    pub plan: Plan,
    /// The instances whose declared `peers_from_control_nodes` cannot be switched on, and where it is declared.
    pub flags: Vec<(String, Place)>,
}

/// Plans what `awx-manage` and the API do together.
pub fn by_hand(
    declared: &DeclaredMesh,
    live: &LiveMesh,
    capabilities: Capabilities,
    permissions: &Permissions,
    selection: &Selection,
) -> ByHand {
    let mut declared = declared.clone();
    let flags = if capabilities.dialect == Dialect::Hostnames { without_flags(&mut declared, live) } else { Vec::new() };
    let plan = plan_selected(&declared, live, Capabilities { by_hand: true, ..capabilities }, permissions, selection);
    ByHand { plan, flags }
}

/// AWX 23.0 to 23.7 have no command for `peers_from_control_nodes`, and the API refuses it on hosts: nobody gets a path by it, so the
/// plan must not count on that.
fn without_flags(declared: &mut DeclaredMesh, live: &LiveMesh) -> Vec<(String, Place)> {
    let mut flags = Vec::new();
    for (name, instance) in declared.instances.iter_mut().filter(|(_, instance)| instance.shall_exist()) {
        let has = live.instances.get(name.as_str()).is_some_and(|live| live.peers_from_control_nodes);
        if let Some(flag) = instance.peers_from_control_nodes.filter(|flag| flag.value && !has) {
            flags.push((name.to_string(), flag.place));
            instance.peers_from_control_nodes = None;
        }
    }
    flags
}
