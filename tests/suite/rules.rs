//! Each rule of the server between fields and instances, with a plan that would be refused without it. Port 1 and 2 stand for
//! ports where the dialect has no rule about numbers.

use insta::assert_snapshot;
use meshform::mesh::Dialect::{Addresses, Hostnames};

use super::harness::planned;

#[test]
fn a_peer_exists_before_it_is_dialled() {
    for dialect in [Addresses, Hostnames] {
        insta::allow_duplicates! { assert_snapshot!(planned(dialect, "", "a > z; z :27199"), @"
        1 POST z node_type=execution listener_port=27199
        2 POST a node_type=execution peers=z after [1]
        "); }
    }
}

#[test]
fn a_peer_listens_before_it_is_dialled() {
    for dialect in [Addresses, Hostnames] {
        insta::allow_duplicates! { assert_snapshot!(planned(dialect, "a >; z", "a > z; z :27199"), @"
        1 PATCH z listener_port=27199
        2 PATCH a peers=z after [1]
        "); }
    }
}

#[test]
fn the_same_peer_is_named_once() {
    assert_snapshot!(planned(Addresses, "h :1; e >", "h :1; e > h h:1"), @"refused e: peers `h` twice, by different names");
}

#[test]
fn an_instance_never_dials_itself() {
    assert_snapshot!(planned(Addresses, "", "h :1 > h:1"), @"refused h: it would peer to itself");
}

#[test]
fn of_a_link_that_turns_round_the_old_direction_goes_first() {
    assert_snapshot!(planned(Addresses, "a :1 flag > b; b :1 flag", "a :1 flag >; b :1 flag > a"), @"
    1 PATCH a peers=
    2 PATCH b peers=a after [1]
    ");
    // The older dialect has no such rule: each goes by itself.
    assert_snapshot!(planned(Hostnames, "a :2001 flag > b; b :2001 flag", "a :2001 flag >; b :2001 flag > a"), @"
    1 PATCH a peers=
    2 PATCH b peers=a
    ");
}

#[test]
fn a_new_ring_is_made_by_taking_one_in_two_requests() {
    assert_snapshot!(planned(Addresses, "", "a :1 > b; b :1 > c; c :1 > a"), @"
    1 POST a node_type=execution listener_port=1 peers=
    2 POST c node_type=execution listener_port=1 peers=a after [1]
    3 POST b node_type=execution listener_port=1 peers=c after [2]
    4 PATCH a peers=b after [1, 3]
    ");
    assert_snapshot!(planned(Hostnames, "", "a :2001 > b; b :2001 > a"), @"
    1 POST a node_type=execution listener_port=2001 peers=
    2 POST b node_type=execution listener_port=2001 peers=a after [1]
    3 PATCH a peers=b after [1, 2]
    ");
}

#[test]
fn a_listener_closes_after_everybody_left() {
    for dialect in [Addresses, Hostnames] {
        insta::allow_duplicates! { assert_snapshot!(planned(dialect, "a :2001; h :2001 flag; z > a", "a; h :2001 flag; z > h"), @"
        1 PATCH z peers=h
        2 PATCH a listener_port=null after [1]
        "); }
    }
}

#[test]
fn the_flag_goes_before_its_listener_where_both_go() {
    assert_snapshot!(planned(Hostnames, "a :2001 flag", "a"), @"
    1 PATCH a peers_from_control_nodes=false
    2 PATCH a listener_port=null after [1]
    ");
    assert_snapshot!(planned(Addresses, "a :2001 flag", "a"), @"1 PATCH a listener_port=null");
}

#[test]
fn a_stored_port_below_1024_goes_before_anything_else() {
    assert_snapshot!(planned(Hostnames, "a :443; b > a; h :2001 flag", "a :2001 off > h; b > a; h :2001 flag"), @"
    1 PATCH b peers=
    2 PATCH a enabled=false listener_port=null peers=h after [1]
    3 PATCH a listener_port=2001 after [2]
    4 PATCH b peers=a after [1, 3]
    ");
    assert_snapshot!(planned(Hostnames, "a :443; b > a", "a gone; b >"), @"
    1 PATCH b peers=
    2 REMOVE a listener_port=null after [1]
    ");
    assert_snapshot!(planned(Addresses, "a :443", "a :443 off"), @"1 PATCH a enabled=false");
}

#[test]
fn a_changed_port_is_null_in_between_and_every_link_is_set_again() {
    let (before, after) = ("a :2001 flag; x > a; y > a", "a :2002 flag; x > a; y > a");
    assert_snapshot!(planned(Addresses, before, after), @"
    1 PATCH a listener_port=null
    2 PATCH a listener_port=2002 peers_from_control_nodes=true after [1]
    3 PATCH x peers=a after [1, 2]
    4 PATCH y peers=a after [1, 2]
    without a path meanwhile: a x y
    not allowed disrupt: x y
    ");
    assert_snapshot!(planned(Hostnames, before, after), @"
    1 PATCH a peers_from_control_nodes=false
    2 PATCH x peers=
    3 PATCH y peers=
    4 PATCH a listener_port=null after [1, 2, 3]
    5 PATCH a listener_port=2002 peers_from_control_nodes=true after [4]
    6 PATCH x peers=a after [2, 5]
    7 PATCH y peers=a after [3, 5]
    without a path meanwhile: a x y
    not allowed disrupt: x y
    ");
}

#[test]
fn links_that_nobody_declares_are_set_again_too() {
    let (before, after) = ("a :2001 flag; theirs > a", "a :2002 flag");
    assert_snapshot!(planned(Addresses, before, after), @"
    1 PATCH a listener_port=null
    2 PATCH a listener_port=2002 peers_from_control_nodes=true after [1]
    3 PATCH theirs peers=a after [1, 2]
    without a path meanwhile: a theirs
    not allowed disrupt: theirs
    not allowed foreign: theirs
    ");
    assert_snapshot!(planned(Hostnames, before, after), @"
    1 PATCH a peers_from_control_nodes=false
    2 PATCH theirs peers=
    3 PATCH a listener_port=null after [1, 2]
    4 PATCH a listener_port=2002 peers_from_control_nodes=true after [3]
    5 PATCH theirs peers=a after [2, 4]
    without a path meanwhile: a theirs
    not allowed disrupt: theirs
    not allowed foreign: theirs
    ");
}

#[test]
fn a_row_that_is_deprovisioning_is_waited_for() {
    assert_snapshot!(planned(Addresses, "a :1 gone; b", "a :1; b > a"), @"
    1 WAIT a
    2 POST a node_type=execution listener_port=1 after [1]
    3 PATCH b peers=a after [2]
    ");
    assert_snapshot!(planned(Addresses, "a gone", "a gone"), @"nothing");
}

#[test]
fn who_leaves_a_removed_peer_goes_first() {
    for dialect in [Addresses, Hostnames] {
        insta::allow_duplicates! { assert_snapshot!(planned(dialect, "a :2001 flag; h :2001 flag; z > a", "a gone; h :2001 flag; z > h"), @"
        1 PATCH z peers=h
        2 REMOVE a after [1]
        "); }
    }
}

#[test]
fn a_hop_goes_after_what_is_behind_it_is_gone() {
    assert_snapshot!(planned(Addresses, "a :1 flag; b :1 > a; e > b", "a gone; b gone; e gone"), @"
    1 REMOVE e
    2 WAIT e after [1]
    3 REMOVE b after [2]
    4 WAIT b after [3]
    5 REMOVE a after [4]
    ");
}

#[test]
fn what_a_removed_instance_dials_listens_until_that_is_gone() {
    assert_snapshot!(planned(Hostnames, "a :2001; e > a", "a; e gone"), @"
    1 REMOVE e
    2 WAIT e after [1]
    3 PATCH a listener_port=null after [2]
    ");
    assert_snapshot!(planned(Addresses, "a :2001; e > a", "a; e gone"), @"
    1 PATCH a listener_port=null
    2 REMOVE e
    ");
}

#[test]
fn a_changed_type_means_to_be_removed_and_made_again() {
    assert_snapshot!(planned(Addresses, "a :1 flag >; h :1 flag; x > a h", "a hop :1 flag >; h :1 flag; x > a h"), @"
    1 REMOVE a
    2 WAIT a after [1]
    3 POST a node_type=hop listener_port=1 peers_from_control_nodes=true peers= after [2]
    4 PATCH x peers=a,h after [1, 3]
    without a path meanwhile: a
    not allowed replace: a
    ");
}

#[test]
fn of_a_control_node_only_scalars_change() {
    assert_snapshot!(planned(Addresses, "control-1", "control-1 off >"), @"1 PATCH control-1 enabled=false");
    assert_snapshot!(planned(Addresses, "control-1", "control-1 :1 >"), @"refused control-1: listener_port of a control node is not meshform's to change");
    assert_snapshot!(planned(Addresses, "control-1", "control-1 gone"), @"refused control-1: this control node belongs to the controller's installation: no plan removes it");
}

#[test]
fn what_is_going_already_is_not_named_any_more() {
    let (before, after) = ("m :2001 flag; l :2001 gone; x > l m", "m :2002 flag; l gone");
    for dialect in [Addresses, Hostnames] {
        let bodies = planned(dialect, before, after);
        assert!(!bodies.lines().any(|line| line.contains("peers=l")), "{bodies}");
    }
}

#[test]
fn a_hop_waits_for_what_is_going_or_made_again_behind_it() {
    assert_snapshot!(planned(Addresses, "r hop :1 flag; e gone > r", "r gone; e gone"), @"
    1 WAIT e
    2 REMOVE r after [1]
    ");
    assert_snapshot!(planned(Addresses, "r hop :1 flag; s hop :1 flag; e > r", "r gone; s hop :1 flag; e hop > s"), @"
    1 REMOVE e
    2 WAIT e after [1]
    3 POST e node_type=hop peers=s after [2]
    4 REMOVE r after [2]
    without a path meanwhile: e
    not allowed replace: e
    ");
}

#[test]
fn a_stored_port_below_1024_goes_when_who_dials_it_is_gone() {
    assert_snapshot!(planned(Hostnames, "a :443; e > a", "a gone; e gone"), @"
    1 REMOVE e
    2 WAIT e after [1]
    3 REMOVE a listener_port=null after [2]
    ");
}

#[test]
fn two_that_dial_each_other_since_before_are_not_set_again() {
    assert_snapshot!(planned(Addresses, "a :1 flag > b; b :1 > a", "a :2 flag > b; b :1 > a"), @"
    refused a: it and `b` would peer to each other, which this controller (AWX 23.8 and later) refuses
    refused b: it and `a` would peer to each other, which this controller (AWX 23.8 and later) refuses
    without a path meanwhile: a b
    not allowed disrupt: b
    ");
}

#[test]
fn a_body_that_sets_a_link_again_names_nobody_who_dials_back() {
    let got = planned(Addresses, "c :1 flag; a :1 flag > b; b :1 > a c", "c :2 flag; a :1 flag > b");
    assert!(got.contains("refused b: it and `a` would peer to each other"), "{got}");
}

#[test]
fn a_hop_that_dials_what_is_behind_it_waits_for_that_too() {
    assert_snapshot!(planned(Addresses, "r hop :1 flag > e; e :1 gone", "r gone; e gone"), @"
    1 WAIT e
    2 REMOVE r after [1]
    ");
}
