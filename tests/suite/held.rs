//! What is held until nodes are connected, case by case.

use insta::assert_snapshot;
use meshform::{
    mesh::Dialect,
    plan::{Permissions, plan},
};

use super::harness::{connected, declared, on, shown};

/// What is planned where all links of the live mesh are established.
fn held(dialect: Dialect, before: &str, after: &str) -> String {
    shown(&plan(&declared(after), &connected(before), on(dialect), &Permissions::default()))
}

#[test]
fn debug() {
    assert_snapshot!(held(Dialect::Hostnames, "n1 :27199 flag; n2 hop :27199 flag > n1", "n2 hop :27200 flag >; n1 gone"), @"
    1 PATCH n2 peers_from_control_nodes=false
    2 PATCH n2 listener_port=null after [1]
    3 PATCH n2 listener_port=27200 peers_from_control_nodes=true peers= after [2]
    4 REMOVE n1 after [3] held until n2
    ");
    assert_snapshot!(held(Dialect::Addresses, "n1 :27199 flag; n2 hop :27199 flag > n1", "n2 hop :27200 flag >; n1 gone"), @"
    1 PATCH n2 listener_port=null
    2 PATCH n2 listener_port=27200 peers_from_control_nodes=true peers= after [1]
    3 REMOVE n1 after [2] held until n2
    ");
}
