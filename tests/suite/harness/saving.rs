//! Saved plans for tests of the library alone.

use meshform::{
    mesh::{Capabilities, DeclaredMesh, LiveMesh, MaxRemovals},
    plan::{
        Permissions, Plan, plan,
        saved::{Controller, Origin, Saved},
    },
};

/// Everything is allowed, and nothing waits for install bundles.
fn allowed() -> Permissions {
    Permissions {
        replace: true,
        disrupt: true,
        touch_foreign: true,
        empty: true,
        drain: false,
        no_hold: true,
        max_removals: Some(MaxRemovals::Count(9999)),
    }
}

/// The plan from one mesh to the other, saved.
pub(crate) fn saved(declared: &DeclaredMesh, live: &LiveMesh, capabilities: Capabilities) -> Saved {
    let plan: Plan = plan(declared, live, capabilities, &allowed());
    assert!(plan.is_allowed(), "{:?} {:?}", plan.refused, plan.guards);
    Saved::new(origin(capabilities, allowed()), plan, declared, live)
}

/// What a saved plan was made of.
pub(crate) fn origin(capabilities: Capabilities, permissions: Permissions) -> Origin {
    let controller = Controller {
        url: "https://awx.example.com".into(),
        version: "24.6.1".into(),
        install_uuid: "00000000-0000-0000-0000-000000000000".into(),
        capabilities,
    };
    Origin { controller, configuration: "sha256:0000".into(), paths: vec!["mesh".into(), "more".into()], permissions, warnings: Vec::new() }
}
