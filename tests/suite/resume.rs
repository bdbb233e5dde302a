//! How far a saved plan has come: every state that its own steps pass through is one, and nothing else is.

use std::net::{Ipv4Addr, SocketAddr};

use meshform::{
    mesh::{DeclaredMesh, Dialect, LiveInstance, LiveMesh, NodeState, NodeType, Peer},
    plan::{Request, Step, saved::Saved},
    sandbox::{self, Server},
};

use super::{
    harness::{DIALECTS, block_on, connect_with, declared, given, live, live_instance, on, saved},
    properties::{applied, settings},
};

/// Brings a simulated controller to a mesh, plans the way to another one, and looks after each step how far the plan has come. What
/// of it is `done` without its turn having come changes nothing.
fn each_step_is_seen(before: &str, after: &str) {
    each_step_is_seen_to(before, &declared(after));
}

fn each_step_is_seen_to(before: &str, after: &DeclaredMesh) {
    for dialect in DIALECTS {
        let of_server = sandbox::Settings { dialect, ..sandbox::Settings::default() };
        let server = Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), of_server).expect("a free port");
        block_on(async {
            let client = connect_with(settings(&server.url(), "admin", "password")).await.expect("the sandbox answers");
            let capabilities = client.server().capabilities;
            let read = async || client.read_all().await.expect("the mesh can be read");
            let first = saved(&declared(before), &read().await, capabilities);
            assert!(applied(&first.plan.steps, &client, 1, |_| {}).await.is_success());
            let plan = saved(after, &read().await, capabilities);
            let steps = &plan.plan.steps;
            for count in 0..=steps.len() {
                let progress = plan.resume(&read().await).unwrap_or_else(|moved| panic!("{dialect} {count} of {steps:?}: {moved:?}"));
                let waits = steps[count..].iter().filter(|step| step.action == Request::Wait && progress.done.contains(&step.id));
                let expected = steps[..count].iter().chain(waits).map(|step| step.id).collect();
                assert_eq!(progress.done, expected, "{dialect} {count} of {steps:?}");
                if let Some(step) = steps.get(count) {
                    let instance = step.instance.or_else(|| progress.ids.get(&step.hostname).copied());
                    let alone = Step { id: 1, after: Vec::new(), instance, ..step.clone() };
                    let outcome = applied(&[alone], &client, 1, |_| {}).await;
                    assert!(outcome.is_success(), "{dialect} {step:?}: {outcome:?}");
                }
            }
        });
    }
}

#[test]
fn a_new_mesh() {
    each_step_is_seen("", "hop-1 hop :27199 flag; hop-2 hop :27199 > hop-1; a off > hop-2; b > hop-2");
}

#[test]
fn fields_and_links_that_change() {
    each_step_is_seen(
        "hop-1 hop :27199 flag; hop-2 hop :27199 flag; a > hop-1; b > hop-1",
        "hop-1 hop :27199; hop-2 hop :27199 flag; a off > hop-2; b > hop-1 hop-2",
    );
}

#[test]
fn a_changed_port_with_dialers() {
    each_step_is_seen(
        "hop-1 hop :27199 flag; hop-2 hop :27199 > hop-1; a > hop-1; b > hop-1 hop-2",
        "hop-1 hop :27200 flag; hop-2 hop :27200 > hop-1; a > hop-1; b off > hop-1 hop-2",
    );
}

#[test]
fn a_replacement() {
    each_step_is_seen("hop-1 hop :27199 flag; mid hop :27199 > hop-1; a > mid", "hop-1 hop :27199 flag; mid :27199 > hop-1; a > mid");
}

#[test]
fn a_rename() {
    let before = "old hop :27199 flag; top hop :27199 flag; mid hop :27199 > old top; a > old; foreign > old";
    let mut after = declared("new hop :27199 flag; top hop :27199 flag; mid hop :27199 > new top; a > new");
    let new = after.instances.get_mut("new").expect("an instance");
    new.replaces = Some(given("old".parse().expect("a hostname")));
    each_step_is_seen_to(before, &after);
}

#[test]
fn links_that_nobody_declares() {
    each_step_is_seen("hop-1 hop :27199 flag; a > hop-1; b > hop-1", "hop-1 hop :27200 flag; a");
    each_step_is_seen("hop-1 hop :27199 flag; m hop :27199 > hop-1; a > m; b > m", "hop-1 hop :27199 flag; m :27199 > hop-1; a");
}

#[test]
fn rings_of_changed_ports() {
    each_step_is_seen(
        "r-1 hop :27199 flag > r-2; r-2 hop :27199 > r-3; r-3 hop :27199 > r-1",
        "r-1 hop :27200 flag > r-2; r-2 hop :27200 > r-3; r-3 hop :27200 > r-1",
    );
}

#[test]
fn a_removal_with_movers() {
    each_step_is_seen("old hop :27199 flag; a > old; b > old; c", "old gone; new hop :27199 flag; a > new; b off > new; c gone");
}

#[test]
fn a_listener_that_closes() {
    each_step_is_seen("hop-1 hop :27199 flag; m :27199 flag > hop-1; a > m hop-1", "hop-1 hop :27199 flag; m > hop-1; a > hop-1");
}

#[test]
fn a_link_that_turns_round() {
    each_step_is_seen("hop-1 hop :27199 flag; m :27199 > hop-1", "hop-1 hop :27199 > m; m :27199 flag >");
}

const BOTH: [Dialect; 2] = [Dialect::Addresses, Dialect::Hostnames];

/// What is told of a mesh that another hand changed.
fn told(plan: &Saved, live: &LiveMesh) -> String {
    match plan.resume(live) {
        Ok(progress) => format!("{:?}", progress.done),
        Err(moved) => moved.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}

type Hand = fn(&mut LiveMesh);

fn row<'m>(live: &'m mut LiveMesh, name: &str) -> &'m mut LiveInstance {
    live.instances.get_mut(name).expect("an instance")
}

#[test]
fn whatever_another_hand_changes_is_named() {
    let before = "control-1 > hop-1; hop-1 hop :27199 flag; hop-2 hop :27199 flag; a > hop-1; other > hop-1";
    let after = "hop-1 hop :27199 flag; hop-2 hop :27199 flag; a off > hop-2; b > hop-2";
    let table: [(Hand, &str); 19] = [
        (|_| {}, "{}"),
        (|live| row(live, "a").enabled = false, "a: enabled is false, and the plan counts on true"),
        (|live| row(live, "a").peers = [Peer::named("hop-2")].into(), "a: peers is hop-2, and the plan counts on hop-1"),
        (
            |live| row(live, "a").capacity_adjustment = "0.5".parse().expect("a number"),
            "a: capacity_adjustment is 0.50, and the plan counts on 1.00",
        ),
        (|live| row(live, "a").managed_by_policy = false, "a: managed_by_policy is false, and the plan counts on true"),
        (|live| row(live, "a").listener_port = Some(27199), "a: listener_port is 27199, and the plan counts on null"),
        (|live| row(live, "a").peers_from_control_nodes = true, "a: peers_from_control_nodes is true, and the plan counts on false"),
        (|live| row(live, "a").peers.clear(), "a: peers is none, and the plan counts on hop-1"),
        (|live| row(live, "a").node_type = NodeType::Hop, "a: node_type is hop, and the plan counts on execution"),
        (|live| row(live, "a").node_state = NodeState::Deprovisioning, "a: node_state is deprovisioning, and the plan counts on installed"),
        (|live| row(live, "a").node_state = NodeState::Present("unavailable".into()), "{}"),
        (|live| row(live, "a").id = 77, "a was removed and made again"),
        (|live| drop(live.instances.remove("a")), "a is gone"),
        (|live| drop(live.instances.remove("hop-2")), "hop-2 is gone"),
        (|live| row(live, "hop-1").listener_port = Some(27200), "hop-1: listener_port is 27200, and the plan counts on 27199"),
        (
            |live| {
                drop(live.instances.insert("b".into(), live_instance(9, "b", NodeType::Hop, None, false, [Peer::named("hop-1")].into())));
            },
            "b: node_type is hop, and the plan counts on execution; b: peers is hop-1, and the plan counts on hop-2",
        ),
        (|live| row(live, "other").enabled = false, "{}"),
        (|live| drop(live.instances.remove("other")), "{}"),
        (
            |live| {
                drop(live.instances.remove("control-1"));
                live.instances.insert("control-2".into(), live_instance(10, "control-2", NodeType::Control, None, false, [].into()));
            },
            "{}",
        ),
    ];
    for dialect in BOTH {
        let plan = saved(&declared(after), &live(before), on(dialect));
        for (i, (hand, wanted)) in table.iter().enumerate() {
            let mut live = live(before);
            hand(&mut live);
            assert_eq!(told(&plan, &live), *wanted, "{dialect}, row {i}");
        }
    }
}

#[test]
fn a_link_that_was_set_again_and_is_lost_is_set_once_more() {
    // The body that sets it again is one that the plan passed; without the link it is where it was before that.
    let before = "hop-1 hop :27199 flag; a > hop-1";
    let plan = saved(&declared("hop-1 hop :27200 flag; a > hop-1"), &live(before), on(Dialect::Addresses));
    let [.., last] = plan.plan.steps.as_slice() else { panic!("steps") };
    assert_eq!(last.hostname, "a");
    let all = plan.plan.steps.len();
    let mut done = live("hop-1 hop :27200 flag; a > hop-1");
    assert_eq!(plan.resume(&done).expect("it is done").done.len(), all);
    row(&mut done, "a").peers.clear();
    assert_eq!(plan.resume(&done).expect("it is under way").done.len(), all - 1);
    // Before the listener closed nobody but another hand took the link away.
    let mut untouched = live(before);
    row(&mut untouched, "a").peers.clear();
    assert_eq!(told(&plan, &untouched), "a: peers is none, and the plan counts on hop-1");
}

#[test]
fn what_was_going_already_may_be_gone() {
    for dialect in BOTH {
        let before = "hop-1 hop :27199 flag; old hop :27199 gone; a > old hop-1; b gone > hop-1";
        let plan = saved(&declared("hop-1 hop :27199 flag; a off > hop-1; b > hop-1"), &live(before), on(dialect));
        let mut live = live(before);
        assert_eq!(told(&plan, &live), "{}");
        live.instances.retain(|name, _| name != "old");
        row(&mut live, "a").peers = [Peer::named("hop-1")].into();
        assert_eq!(told(&plan, &live), "{}");
        live.instances.remove("b");
        let waits: Vec<usize> = plan.plan.steps.iter().filter(|step| step.action == Request::Wait).map(|step| step.id).collect();
        assert_eq!(plan.resume(&live).expect("it is gone").done.into_iter().collect::<Vec<_>>(), waits);
        // The row that comes is another one.
        let mut again = live.clone();
        again.instances.insert("b".into(), live_instance(44, "b", NodeType::Execution, None, false, [Peer::named("hop-1")].into()));
        assert_eq!(plan.resume(&again).expect("it is made").ids["b"], 44);
        row(&mut again, "b").id = 4;
        assert_eq!(told(&plan, &again), "b: node_state is installed, and the plan counts on deprovisioning");
    }
}

#[test]
fn a_large_plan_is_looked_through_in_no_time() {
    let movers = |hop: &str| (0..20_000).map(|i| format!("; e{i:05} > {hop}")).collect::<Vec<_>>().concat();
    let before = format!("old hop :27199 flag{}", movers("old"));
    let after = format!("old gone; new hop :27199 flag{}", movers("new"));
    let plan = saved(&declared(&after), &live(&before), on(Dialect::Addresses));
    let mut live = live(&before);
    let begin = std::time::Instant::now();
    assert_eq!(told(&plan, &live), "{}");
    row(&mut live, "e00007").enabled = false;
    assert_eq!(told(&plan, &live), "e00007: enabled is false, and the plan counts on true");
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}
