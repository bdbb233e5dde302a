//! Random pairs of meshes by hand: every command of the script is accepted, and afterwards nothing is left to do.

use std::{cell::Cell, collections::BTreeSet};

use meshform::{
    controller::ServerInfo,
    mesh::{Capabilities, DeclaredMesh, Dialect, LiveMesh},
    plan::{Action, Guard, Permissions, Plan, Selection, by_hand},
    render::{plan::View, runbook::script},
};
use proptest::{prelude::*, sample, test_runner::TestRunner};

use super::host::Host;
use crate::{
    harness::cases,
    laws::{Mesh, Style, declare_so, is_impossible, live, mesh, rename, styles, words},
};

type Case = (Mesh, Mesh, Vec<Style>, Option<(sample::Index, sample::Index)>, Vec<bool>, (Vec<bool>, bool));

/// The links that nobody declares and whose owners stay; those of control nodes come and go with the flag.
fn others_links(declared: &DeclaredMesh, live: &LiveMesh, plan: &Plan) -> BTreeSet<(String, String)> {
    let goes = |name: &String| plan.changes.iter().any(|change| change.hostname == *name && change.action != Action::Update);
    let is_declared = |name: &String| declared.instances.get(name.as_str()).is_some_and(|declared| declared.peers.is_some());
    let others = live.instances.iter().filter(|(name, row)| !row.node_type.is_control_plane() && !is_declared(name) && !goes(name));
    others.flat_map(|(name, row)| row.peers.iter().map(|peer| (name.clone(), peer.hostname.clone()))).collect()
}

fn the_end_is_as_declared(dialect: Dialect) {
    let (planned, refused) = (Cell::new(0), Cell::new(0));
    let (moved, held, cut) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let capabilities = Capabilities::new(dialect, false);
    let url = "https://awx.example.com".to_owned();
    let server = ServerInfo { url, version: "24.6.1".to_owned(), install_uuid: String::new(), capabilities };
    let mut runner = TestRunner::new(ProptestConfig { cases: cases(800), failure_persistence: None, ..ProptestConfig::default() });
    let renames = prop::option::weighted(0.3, any::<(sample::Index, sample::Index)>());
    let bools = || prop::collection::vec(any::<bool>(), 8);
    let drawn = (mesh(dialect, 8), mesh(dialect, 8), styles(), renames, bools(), (bools(), any::<bool>()));
    let law = |(mut before, after, styles, drawn, linked, (managed, is_wired)): Case| {
        for (node, linked) in before.values_mut().zip(linked) {
            node.linked = linked && node.port.is_some() && !node.flag;
        }
        let rename = rename(&before, &after, &styles, drawn);
        let declared = declare_so(dialect, &before, &after, &styles, rename.as_ref());
        let mut live = live(&before);
        for (row, managed) in live.instances.values_mut().zip(managed) {
            row.managed = row.node_type.is_control_plane() || managed && dialect == Dialect::Addresses;
        }
        let permissions = Permissions { replace: true, disrupt: true, touch_foreign: true, empty: true, ..Permissions::default() };
        let planned_as =
            |live: &LiveMesh, permissions: &Permissions| by_hand(&declared, live, capabilities, permissions, &Selection::default());
        let planned_for = |live: &LiveMesh| planned_as(live, &permissions);
        let mut host = Host::new(dialect, live.clone());
        let mut story = format!("before {}\nafter {}", words(&before), words(&after));
        for round in 0.. {
            if is_wired {
                host.connect();
            }
            let by_hand = planned_for(&host.mesh);
            let plan = &by_hand.plan;
            if round == 0 && !plan.refused.is_empty() {
                prop_assert!(plan.refused.iter().all(|r| is_impossible(&r.reason)), "{:?}", plan.refused);
                refused.set(refused.get() + 1);
                return Ok(());
            }
            prop_assert!(plan.refused.is_empty() && round < 5, "{:?} {:?} is left{story}", plan.refused, plan.changes);
            if plan.changes.is_empty() {
                break;
            }
            held.set(held.get() + usize::from(plan.held() > 0));
            let view = View { plan, declared: &declared, server: &server, from: None, paths: "mesh", unfolded: false };
            let script = script(&view, &by_hand, &host.mesh, "/api/v2/").map_err(TestCaseError::fail)?;
            story.push_str(&script);
            let others = others_links(&declared, &host.mesh, plan);
            let guards = planned_as(&host.mesh, &Permissions { touch_foreign: false, ..permissions }).plan.guards;
            host.run(&script).map_err(|error| TestCaseError::fail(format!("{error}{story}")))?;
            // A script can stop anywhere, and nobody would make such a link again: no link of others goes untold, not for a moment.
            for (owner, far) in host.cut().intersection(&others) {
                let told = plan.touches.iter().any(|touch| (&touch.hostname, &touch.peer) == (owner, far));
                let guarded = guards.iter().any(|guard| matches!(guard, Guard::Foreign(names) if names.contains(owner)));
                prop_assert!(told && guarded, "{owner} > {far} is cut, told {told}, guarded {guarded}{story}");
                cut.set(cut.get() + 1);
            }
            // Without links that were seen nothing is held.
            let left = planned_for(&host.mesh).plan;
            prop_assert!(is_wired || left.changes.is_empty(), "{:?} is left{story}", left.changes);
        }
        planned.set(planned.get() + 1);
        moved.set(moved.get() + usize::from(story.contains("in place")));
        // What control nodes were told to dial they still dial, unless it went or closed, or its flag did.
        let controls = |mesh: &LiveMesh| mesh.instances.get("control").map(|row| row.peers.clone()).unwrap_or_default();
        for peer in controls(&live).difference(&controls(&host.mesh)) {
            let is_same = host.mesh.instances.get(&peer.hostname).zip(live.instances.get(&peer.hostname)).is_some_and(|(now, then)| {
                now.id == then.id && now.listener_port.is_some() && now.peers_from_control_nodes == then.peers_from_control_nodes
            });
            prop_assert!(!is_same, "control nodes lost {peer}{story}");
        }
        Ok(())
    };
    runner.run(&drawn, law).unwrap_or_else(|error| panic!("{error}"));
    assert!(planned.get() > refused.get(), "{} planned, {} refused", planned.get(), refused.get());
    assert!(moved.get() * 20 > planned.get(), "a port changed in {} of {}", moved.get(), planned.get());
    assert!(cut.get() * 20 > planned.get(), "links of others went {} times in {}", cut.get(), planned.get());
    assert!(held.get() * 50 > planned.get(), "something is held in {} of {}", held.get(), planned.get());
}

#[test]
fn the_end_is_as_declared_with_addresses() {
    the_end_is_as_declared(Dialect::Addresses);
}

#[test]
fn the_end_is_as_declared_with_hostnames() {
    the_end_is_as_declared(Dialect::Hostnames);
}
