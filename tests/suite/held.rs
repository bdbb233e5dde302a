//! What is held until nodes are connected, case by case; all nodes are ready, and all links established but for those that are named.

use insta::assert_snapshot;
use meshform::{
    mesh::{Dialect, NodeState},
    plan::{Permissions, plan},
};

use super::harness::{connected, declared, on, shown};

fn held(before: &str, after: &str) -> String {
    held_where(before, "", after)
}

/// What is planned where these links, `owner>far` each, are not established.
fn held_where(before: &str, adding: &str, after: &str) -> String {
    let mut live = connected(before);
    for (owner, far) in adding.split_whitespace().filter_map(|link| link.split_once('>')) {
        assert!(live.established.remove(&(owner.to_owned(), far.to_owned())), "{owner}>{far} is a link");
    }
    shown(&plan(&declared(after), &live, on(Dialect::Addresses), &Permissions::default()))
}

#[test]
fn a_hop_stays_until_who_leaves_it_is_connected_elsewhere() {
    assert_snapshot!(held("old hop :2001 flag; a > old; b > old", "old gone; new hop :2001 flag; a > new; b > new"), @"
    1 POST new node_type=hop listener_port=2001 peers_from_control_nodes=true
    2 PATCH a peers=new after [1]
    3 PATCH b peers=new after [1]
    4 REMOVE old after [1, 2, 3] held until a b
    ");
    // Rows alone changed since: nobody knows what they hang on.
    let moved = "old hop :2001 flag; new hop :2001 flag; a > new; b > new";
    assert_snapshot!(held_where(moved, "b>new", "old gone; new hop :2001 flag; a > new; b > new"), @"1 REMOVE old held until b");
    assert_snapshot!(held(moved, "old gone; new hop :2001 flag; a > new; b > new"), @"1 REMOVE old");
}

#[test]
fn whoever_is_behind_counts_and_what_carries_it_stays_too() {
    assert_snapshot!(held(
        "core hop :2001 flag; edge hop :2001 > core; a > edge",
        "core gone; edge gone; new hop :2001 flag; a > new",
    ), @"
    1 POST new node_type=hop listener_port=2001 peers_from_control_nodes=true
    2 PATCH a peers=new after [1]
    3 REMOVE edge after [1, 2] held until a
    4 WAIT edge after [3] held until a
    5 REMOVE core after [1, 2, 4] held until a
    ");
}

#[test]
fn a_flag_and_a_listener_stay_until_nobody_needs_them() {
    assert_snapshot!(held("h hop :2001 flag; g hop :2001 flag; a > h", "h hop :2001 > g; g hop :2001 flag; a > h"), @"
    1 PATCH h peers=g
    2 PATCH h peers_from_control_nodes=false after [1] held until a h
    ");
    assert_snapshot!(held("h hop :2001 flag; g hop :2001 flag; a > h", "h hop > g; g hop :2001 flag; a > g"), @"
    1 PATCH a peers=g
    2 PATCH h peers=g
    3 PATCH h listener_port=null after [1, 2] held until a h
    ");
}

#[test]
fn other_changes_of_the_same_instance_do_not_wait() {
    assert_snapshot!(held("h hop :2001 flag; g hop :2001 flag; a > h", "h hop off :2001 > g; g hop :2001 flag; a > h"), @"
    1 PATCH h enabled=false peers=g
    2 PATCH h peers_from_control_nodes=false after [1] held until a h
    ");
}

#[test]
fn a_changed_port_waits_for_who_leaves_and_not_for_who_stays_behind() {
    assert_snapshot!(held(
        "h hop :2001 flag; g hop :2001 flag; a > h; b > h",
        "h hop :2002 flag; g hop :2001 flag; a > g; b > h",
    ), @"
    1 PATCH a peers=g
    2 PATCH h listener_port=null after [1] held until a
    3 PATCH h listener_port=2002 peers_from_control_nodes=true after [2] held until a
    4 PATCH b peers=h after [2, 3] held until a
    without a path meanwhile: b h
    not allowed disrupt: b
    ");
}

#[test]
fn what_nobody_hangs_on_goes_at_once() {
    // Leaves, also while others wait for their bundles: they carry nobody.
    assert_snapshot!(held("h hop :2001 flag; a > h; b > h", "h hop :2001 flag; a > h; b gone"), @"1 REMOVE b");
    assert_snapshot!(held_where("h hop :2001 flag; g hop :2001 flag; a > h; b > g", "b>g", "h hop :2001 flag; g hop :2001 flag; a gone; b > g"), @"1 REMOVE a");
    // Two paths, of which one stays.
    assert_snapshot!(held("h hop :2001 flag; g hop :2001 flag; a > h g", "h gone; g hop :2001 flag; a > g"), @"
    1 PATCH a peers=g
    2 REMOVE h after [1]
    ");
    // Who shall have no path waits for none.
    assert_snapshot!(held("h hop :2001 flag; a > h", "h gone; a >"), @"
    1 PATCH a peers=
    2 REMOVE h after [1]
    ");
}

#[test]
fn where_no_link_was_ever_established_nothing_is_held() {
    let adding = "control>h control>g a>h";
    assert_snapshot!(held_where("h hop :2001 flag; g hop :2001 flag; a > h", adding, "h gone; g hop :2001 flag; a > g"), @"
    1 PATCH a peers=g
    2 REMOVE h after [1]
    ");
}

#[test]
fn a_node_that_is_not_there_holds_and_carries_nothing() {
    let mut live = connected("h hop :2001 flag; g hop :2001 flag; a > h; b > h");
    for name in ["a", "b"] {
        live.instances.get_mut(name).expect("it is there").node_state = NodeState::from("unavailable");
    }
    let after = declared("h gone; g hop :2001 flag; a > g; b > g");
    assert_snapshot!(shown(&plan(&after, &live, on(Dialect::Addresses), &Permissions::default())), @"
    1 PATCH a peers=g
    2 PATCH b peers=g
    3 REMOVE h after [1, 2]
    ");
}

#[test]
fn what_a_new_path_needs_does_not_wait_for_that_path() {
    for dialect in [Dialect::Addresses, Dialect::Hostnames] {
        // b is carried by a while its own listener changes, so that a alone has to stay.
        let plan = plan(
            &declared("b hop :2002 flag >; a gone"),
            &connected("a :2001 flag; b hop :2001 flag > a"),
            on(dialect),
            &Permissions::default(),
        );
        let held: Vec<&str> = plan.steps.iter().filter(|step| step.held.is_some()).map(|step| step.hostname.as_str()).collect();
        assert_eq!(held, ["a"]);
    }
}

#[test]
fn an_outage_can_be_accepted() {
    let live = connected("old hop :2001 flag; a > old");
    let permissions = Permissions { no_hold: true, ..Permissions::default() };
    let plan = plan(&declared("old gone; new hop :2001 flag; a > new"), &live, on(Dialect::Addresses), &permissions);
    assert_eq!((plan.holds.len(), plan.held()), (0, 0));
}
