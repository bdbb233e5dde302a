//! The planner by itself: two meshes that differ in one thing, and what is planned.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use meshform::{
    mesh::{Capabilities, Dialect, LiveAddress, LiveMesh, NodeType, Peer},
    plan::{Permissions, plan},
};

use super::harness::{declared, live, on, planned, shown};

use Dialect::{Addresses, Hostnames};

#[test]
fn a_mesh_as_declared_needs_nothing() {
    for dialect in [Addresses, Hostnames] {
        for mesh in ["", "hop hop :27199 flag; e1 > hop", "a hop :1 > b; b hop :2 > c; c hop :3 > a", "e off"] {
            assert_eq!(planned(dialect, mesh, mesh), "nothing", "{mesh}");
        }
    }
}

#[test]
fn peers_are_created_before_those_that_dial_them() {
    assert_snapshot!(planned(Addresses, "", "a1 > b1; a2 > b1 b2; b1 hop :27199 > c1; b2 hop :27199 > c1; c1 hop :27199 flag"), @"
    1 POST c1 node_type=hop listener_port=27199 peers_from_control_nodes=true
    2 POST b1 node_type=hop listener_port=27199 peers=c1 after [1]
    3 POST a1 node_type=execution peers=b1 after [2]
    4 POST b2 node_type=hop listener_port=27199 peers=c1 after [1]
    5 POST a2 node_type=execution peers=b1,b2 after [2, 4]
    ");
}

#[test]
fn a_changed_instance_takes_one_request() {
    assert_snapshot!(planned(Hostnames, "h :27199 flag; e > h", "h :27199 flag; e off >"), @"1 PATCH e enabled=false peers=");
}

#[test]
fn a_listener_is_there_before_it_is_dialled_and_goes_after_it_was() {
    assert_snapshot!(planned(Addresses, "e; z hop", "e > z; z hop :27199 flag"), @"
    1 PATCH z listener_port=27199 peers_from_control_nodes=true
    2 PATCH e peers=z after [1]
    ");
    assert_snapshot!(planned(Addresses, "b; h hop :27199 flag; a :27199; e > a h", "b; h hop :27199 flag; a; e > h"), @"
    1 PATCH e peers=h
    2 PATCH a listener_port=null after [1]
    ");
}

#[test]
fn an_instance_moves_after_the_new_path_is_whole() {
    // e hangs on old; new hangs on the control plane only after its own change.
    assert_snapshot!(planned(Addresses, "e > old; new hop :27199; old hop :27199 flag", "e > new; new hop :27199 flag; old hop :27199 flag"), @"
    1 PATCH new peers_from_control_nodes=true
    2 PATCH e peers=new after [1]
    ");
}

#[test]
fn a_path_is_broken_after_all_that_hang_on_it_are_over() {
    assert_snapshot!(planned(Addresses, "e > old; new hop :27199; old hop :27199 flag", "e > new; new hop :27199 flag; old hop :27199"), @"
    1 PATCH new peers_from_control_nodes=true
    2 PATCH e peers=new after [1]
    3 PATCH old peers_from_control_nodes=false after [1, 2]
    ");
    // x moves to b, which so far hangs on x through y: b moves first.
    assert_snapshot!(planned(Addresses, "a hop :1 flag; x hop :1 > a; y hop :1 > x; b hop :1 > y", "a hop :1 flag; x hop :1 > b; y hop :1 > x; b hop :1 > a"), @"
    1 PATCH b peers=a
    2 PATCH x peers=b after [1]
    ");
}

#[test]
fn a_link_turns_round_as_the_dialect_allows() {
    let (before, after) = ("a :27199 flag > b; b :27199 flag", "a :27199 flag >; b :27199 flag > a");
    assert_snapshot!(planned(Addresses, before, after), @"
    1 PATCH a peers=
    2 PATCH b peers=a after [1]
    ");
    assert_snapshot!(planned(Hostnames, before, after), @"
    1 PATCH a peers=
    2 PATCH b peers=a
    ");
    // Here it is the only path of a.
    let (before, after) = ("a :27199 > b; b :27199 flag", "a :27199 >; b :27199 flag > a");
    assert_snapshot!(planned(Addresses, before, after), @"
    1 PATCH a peers=
    2 PATCH b peers=a after [1]
    without a path meanwhile: a
    ");
    assert_snapshot!(planned(Hostnames, before, after), @"
    1 PATCH b peers=a
    2 PATCH a peers= after [1]
    ");
}

#[test]
fn what_has_no_way_through_the_api_is_refused_by_name() {
    for (dialect, before, after, wanted) in [
        (Addresses, "", "a > nowhere", "peer `nowhere` is not on the controller and not declared"),
        (Addresses, "b", "a > b", "peer `b` does not listen: it has no listener_port"),
        (Addresses, "b :1", "a > b; b gone", "peer `b` goes away"),
        (Addresses, "", "a flag", "peers_from_control_nodes needs a listener_port, and it has none"),
        (
            Addresses,
            "",
            "a :1024 > b; b :1024 > a",
            "it and `b` would peer to each other, which this controller (AWX 23.8 and later) refuses",
        ),
        (Addresses, "h :1 flag; e > h", "h; e > h:1", "peer `h:1` does not listen: it has no listener_port"),
        (Hostnames, "h :1024; e > h", "h; e > h:1024", "peer `h:1024` does not listen: it has no listener_port"),
        (Addresses, "h :1", "h :1; e > h:2", "no instance has the address `h:2`"),
        // An installer's command made the control node dial it.
        (Addresses, "control-1 > h; h :1", "h", "its listener cannot go: control-1 would still peer to it"),
        (Hostnames, "control-1 > h; h :1024", "h", "its listener cannot go: control-1 would still peer to it"),
        (Addresses, "control-1 > h; h :1", "h :2", "its listener cannot go: control-1 would still peer to it"),
        (Hostnames, "a :443", "a :443 off", "its stored listener_port 443 is below 1024"),
        (Hostnames, "a :443 flag", "a :27199 flag", "its stored listener_port 443 is below 1024"),
        (Hostnames, "a :443 flag", "a gone", "its stored listener_port 443 is below 1024"),
        (Hostnames, "a", "a :443", "listener_port 443 is below 1024"),
        (Addresses, "a :1; foreign > a", "a", "its listener cannot go: foreign would still peer to it"),
        (Addresses, "control-1; h :1", "control-1 > h; h :1", "peers of a control node is not meshform's to change"),
        (Addresses, "control-1", "control-1 gone", "this control node belongs to the controller's installation"),
    ] {
        let got = planned(dialect, before, after);
        let refused: Vec<&str> = got.lines().filter(|line| line.starts_with("refused")).collect();
        assert!(matches!(refused.as_slice(), [line] if line.contains(wanted)), "{before} to {after}: {got}");
    }
}

#[test]
fn an_instance_that_is_leaving_is_made_again_when_it_is_gone() {
    assert_snapshot!(planned(Addresses, "a :1 gone; b :1", "a :1; b :1 > a"), @"
    1 WAIT a
    2 POST a node_type=execution listener_port=1 after [1]
    3 PATCH b peers=a after [2]
    ");
}

#[test]
fn off_kubernetes_the_server_refuses_creates_and_peers() {
    let host = |dialect| Capabilities::new(dialect, false);
    let got = shown(&plan(&declared("a; b > h; h :27199 flag; s off"), &live("b; h :27199; s"), host(Hostnames), &Permissions::default()));
    let refused: Vec<&str> = got.lines().filter(|l| l.starts_with("refused")).collect();
    assert_snapshot!(refused.join("\n"), @"
    refused a: this controller does not run on Kubernetes or OpenShift, so its API refuses to create instances
    refused b: this controller does not run on Kubernetes or OpenShift, so its API refuses to change peers
    refused h: this controller does not run on Kubernetes or OpenShift, so its API refuses to switch peers_from_control_nodes on
    ");
    let got = shown(&plan(&declared("h :27199 flag; s off"), &live("h :27199; s"), host(Addresses), &Permissions::default()));
    assert_snapshot!(got, @"
    1 PATCH h peers_from_control_nodes=true
    2 PATCH s enabled=false
    ");
}

/// A mesh ingress: its canonical address is reachable inside the cluster only, its route from outside.
fn with_ingress(others: &str) -> LiveMesh {
    let mut live = live(&format!("{others}; ingress hop :27199 flag"));
    let ingress = live.instances.get_mut("ingress").expect("the ingress");
    ingress.managed = true;
    let address = |id, host: &str, port, is_internal| LiveAddress {
        id,
        host: host.into(),
        port,
        protocol: "ws".into(),
        is_internal,
        canonical: is_internal,
    };
    ingress.addresses = vec![address(101, "ingress", 27199, true), address(102, "mesh.example.com", 443, false)];
    live
}

#[test]
fn of_several_addresses_the_outer_one_is_dialled() {
    let on = on(Addresses);
    assert_eq!(shown(&plan(&declared("e > ingress"), &with_ingress("e"), on, &Permissions::default())), "1 PATCH e peers=ingress");
    assert_eq!(
        shown(&plan(&declared("e > mesh.example.com:443"), &with_ingress("e"), on, &Permissions::default())),
        "1 PATCH e peers=ingress"
    );
    assert_eq!(shown(&plan(&declared("e > mesh.example.com:443"), &with_ingress("e > ingress"), on, &Permissions::default())), "nothing");
    let mut inner = with_ingress("e");
    let wrong = Peer { hostname: "ingress".into(), address: Some("ingress:27199".into()) };
    inner.instances.get_mut("e").expect("e").peers = BTreeSet::from([wrong]);
    assert_eq!(shown(&plan(&declared("e > ingress"), &inner, on, &Permissions::default())), "1 PATCH e peers=ingress");
    for (after, wanted) in [
        ("e > ingress:27199", "peer `ingress:27199` can be reached inside the controller's cluster only (ingress:27199)"),
        ("e > ingress mesh.example.com:443", "peers `ingress` twice, by different names"),
        ("e > mesh.example.com:444", "no instance has the address `mesh.example.com:444`"),
    ] {
        let got = shown(&plan(&declared(after), &with_ingress("e"), on, &Permissions::default()));
        assert!(got.contains(wanted), "{got}");
    }
    let mut two_routes = with_ingress("e");
    let second =
        LiveAddress { id: 103, host: "mesh2.example.com".into(), port: 443, protocol: "ws".into(), is_internal: false, canonical: false };
    two_routes.instances.get_mut("ingress").expect("the ingress").addresses.push(second);
    let got = shown(&plan(&declared("e > ingress"), &two_routes, on, &Permissions::default()));
    assert!(got.contains("peer `ingress` has several addresses: mesh.example.com:443, mesh2.example.com:443"), "{got}");
    assert_eq!(
        shown(&plan(&declared("e > mesh2.example.com:443"), &two_routes, on, &Permissions::default())),
        "1 PATCH e peers=mesh2.example.com:443"
    );
}

#[test]
fn a_listener_that_opens_beside_another_address_is_not_dialled_in_the_same_plan() {
    let mut before = live("hop hop; e");
    let route =
        LiveAddress { id: 104, host: "route.example.com".into(), port: 443, protocol: "ws".into(), is_internal: false, canonical: false };
    before.instances.get_mut("hop").expect("the hop").addresses.push(route);
    let got = shown(&plan(&declared("hop hop :27199; e > hop"), &before, on(Addresses), &Permissions::default()));
    assert!(
        got.contains("refused e: peer `hop` begins to listen only now, and has another address already: route.example.com:443"),
        "{got}"
    );
    let got = shown(&plan(&declared("hop hop; e > hop"), &before, on(Addresses), &Permissions::default()));
    assert_eq!(got, "1 PATCH e peers=hop");
}

#[test]
fn whoever_will_have_no_path_is_named() {
    let plan = plan(
        &declared("hop hop :27199; e > hop; f > hop; g :27199 flag"),
        &live("hop hop :27199 flag; e > hop; f > hop; g :27199 flag"),
        on(Addresses),
        &Permissions::default(),
    );
    let cut_off: Vec<&str> = plan.cut_off.iter().map(|lost| lost.hostname.as_str()).collect();
    assert_eq!(cut_off, ["e", "f", "hop"]);
}

#[test]
fn types_that_are_not_known_are_left_alone_but_for_their_scalars() {
    let mut before = live("x :1");
    before.instances.get_mut("x").expect("x").node_type = NodeType::Other("relay".into());
    let mut after = declared("x off");
    after.instances.values_mut().for_each(|x| x.node_type = None);
    let got = shown(&plan(&after, &before, on(Addresses), &Permissions::default()));
    assert_eq!(got, "refused x: listener_port of a relay node is not meshform's to change");
}

#[test]
fn the_digest_is_over_what_the_plan_does() {
    let digest = |before, after| plan(&declared(after), &live(before), on(Addresses), &Permissions::default()).digest;
    assert_eq!(digest("", "a; b :1"), digest("c", "b :1; a"));
    assert_ne!(digest("", "a; b :1"), digest("", "a; b :2"));
}
