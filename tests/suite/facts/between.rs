//! Rules between fields and between instances, which errors come together, and what one change does to others.

use serde_json::Value;

use super::{Bench, Row, hold, still};
use meshform::sandbox::{Dialect, Settings};

macro_rules! both {
    ($name:literal, $setup:expr, $request:expr, $wanted:literal) => {
        ($name, $setup, $request, $wanted, $wanted)
    };
}

const H: &str = r#"POST h {"node_type": "hop", "listener_port": 27199}"#;
const FLAGGED: &str = r#"POST h {"node_type": "hop", "listener_port": 27199, "peers_from_control_nodes": true}"#;
const PEER: &str = r#"POST a {"peers": ["h"]}"#;

#[test]
fn peers_follow_the_rules_of_their_dialect() {
    const ROWS: &[Row] = &[
        both!("a peer that listens", &[H], PEER, r#"201 | a.peers=["h"]"#),
        ("a peer that does not listen", &["POST h"], PEER, "400 __all__", "400 peers"),
        both!("the peers of a peer without a listener may be left out", &["POST h", "POST a"], r#"PATCH a {"enabled": false}"#, "200"),
        ("the same peer twice", &[H], r#"POST a {"peers": ["h", "h"]}"#, r#"201 | a.peers=["h"]"#, "400 peers"),
        ("the same peer twice in a change", &[H, PEER], r#"PATCH a {"peers": ["h", "h"]}"#, "200", "400 peers"),
        ("itself, listening", &[H], r#"PATCH h {"peers": ["h"]}"#, "400 detail | h.peers=[]", "400 peers"),
        ("itself, not listening", &["POST a"], r#"PATCH a {"peers": ["a"]}"#, "400 __all__", "400 peers"),
        ("itself, as it is made", &[], r#"POST a {"listener_port": 27199, "peers": ["a"]}"#, "400 peers", "400 peers"),
        (
            "itself, while it stops listening",
            &[H],
            r#"PATCH h {"peers": ["h"], "listener_port": null}"#,
            "400 detail | h.listener_port=27199",
            "400 peers",
        ),
        (
            "itself, while it begins to listen",
            &["POST a"],
            r#"PATCH a {"peers": ["a"], "listener_port": 27199}"#,
            "400 __all__",
            "400 peers",
        ),
        (
            "one that peers back",
            &[H, r#"POST b {"listener_port": 27199, "peers": ["h"]}"#],
            r#"PATCH h {"peers": ["b"]}"#,
            r#"200 | h.peers=["b"] b.peers=["h"]"#,
            "400 peers | h.peers=[]",
        ),
        both!(
            "a ring of three",
            &[H, r#"POST b {"listener_port": 1024, "peers": ["h"]}"#, r#"POST c {"listener_port": 1024, "peers": ["b"]}"#],
            r#"PATCH h {"peers": ["c"]}"#,
            r#"200 | h.peers=["c"]"#
        ),
        (
            "a peer that was just dropped and turns round",
            &[H, r#"POST b {"listener_port": 1024, "peers": ["h"]}"#, r#"PATCH b {"peers": []}"#],
            r#"PATCH h {"peers": ["b"]}"#,
            "200",
            r#"200 | h.peers=["b"]"#,
        ),
        ("who peers to it is told", &[H, PEER], "PATCH h {}", "200", r#"200 | h.reverse_peers=["a"]"#),
    ];
    hold(ROWS, still);
}

#[test]
fn a_listener_that_goes_is_refused_or_takes_its_links_along() {
    const ROWS: &[Row] = &[
        (
            "while others peer to it",
            &[H, PEER],
            r#"PATCH h {"listener_port": null}"#,
            r#"400 __all__ | h.listener_port=27199 a.peers=["h"]"#,
            "200 | h.listener_port=null a.peers=[]",
        ),
        both!(
            "after they dropped it",
            &[H, PEER, r#"PATCH a {"peers": []}"#],
            r#"PATCH h {"listener_port": null}"#,
            "200 | h.listener_port=null"
        ),
        ("by a port of zero", &[H, PEER], r#"PATCH h {"listener_port": 0}"#, "400 __all__", r#"200 | h.listener_port=0 a.peers=["h"]"#),
        (
            "the peers stay away when it comes back",
            &[H, PEER, r#"PATCH h {"listener_port": null}"#],
            r#"PATCH h {"listener_port": 27200}"#,
            "",
            "200 | a.peers=[]",
        ),
    ];
    hold(ROWS, still);
}

#[test]
fn the_flag_needs_a_listener_and_makes_links() {
    const ROWS: &[Row] = &[
        both!("with a port", &[], FLAGGED, r#"201 | h.peers_from_control_nodes=true awx-control-1.peers=["h"]"#),
        (
            "without a port, created",
            &[],
            r#"POST a {"peers_from_control_nodes": true}"#,
            "400 __all__",
            "201 | a.peers_from_control_nodes=false",
        ),
        both!("with null, created", &[], r#"POST a {"peers_from_control_nodes": true, "listener_port": null}"#, "400 __all__"),
        (
            "with minus one, created",
            &[],
            r#"POST a {"peers_from_control_nodes": true, "listener_port": -1}"#,
            "400 listener_port",
            "201 | a.peers_from_control_nodes=false",
        ),
        both!("without a port, changed", &["POST a"], r#"PATCH a {"peers_from_control_nodes": true}"#, "400 __all__"),
        both!(
            "together with a port",
            &["POST a"],
            r#"PATCH a {"peers_from_control_nodes": true, "listener_port": 27199}"#,
            r#"200 | a.peers_from_control_nodes=true awx-control-1.peers=["a"]"#
        ),
        both!("alone, on a listener", &[H], r#"PATCH h {"peers_from_control_nodes": true}"#, r#"200 | awx-control-1.peers=["h"]"#),
        both!(
            "off again",
            &[FLAGGED],
            r#"PATCH h {"peers_from_control_nodes": false}"#,
            "200 | h.listener_port=27199 awx-control-1.peers=[]"
        ),
        (
            "the port goes, the flag stays",
            &[FLAGGED],
            r#"PATCH h {"listener_port": null}"#,
            "400 __all__",
            "200 | h.peers_from_control_nodes=false awx-control-1.peers=[]",
        ),
        (
            "both go at once",
            &[FLAGGED],
            r#"PATCH h {"listener_port": null, "peers_from_control_nodes": false}"#,
            "400 __all__ | h.peers_from_control_nodes=true",
            "200 | h.listener_port=null awx-control-1.peers=[]",
        ),
        both!(
            "one after the other",
            &[FLAGGED, r#"PATCH h {"peers_from_control_nodes": false}"#],
            r#"PATCH h {"listener_port": null}"#,
            "200 | h.listener_port=null"
        ),
        both!(
            "the port goes and the flag comes",
            &[H],
            r#"PATCH h {"listener_port": null, "peers_from_control_nodes": true}"#,
            "400 __all__"
        ),
        both!(
            "both come back with another port",
            &[FLAGGED, r#"PATCH h {"peers_from_control_nodes": false}"#, r#"PATCH h {"listener_port": null}"#],
            r#"PATCH h {"listener_port": 27200, "peers_from_control_nodes": true}"#,
            r#"200 | h.listener_port=27200 awx-control-1.peers=["h"]"#
        ),
        both!(
            "off on one that never listened",
            &["POST a"],
            r#"PATCH a {"peers_from_control_nodes": false, "listener_port": null}"#,
            "200"
        ),
    ];
    hold(ROWS, still);
}

#[test]
fn errors_of_fields_come_together_and_before_the_rules() {
    const ROWS: &[Row] = &[
        both!(
            "three fields",
            &["POST a"],
            r#"PATCH a {"enabled": "maybe", "capacity_adjustment": "x", "listener_port": "y"}"#,
            "400 capacity_adjustment enabled listener_port"
        ),
        both!(
            "every field",
            &["POST a"],
            r#"PATCH a {"hostname": "b", "node_type": "hop", "node_state": "ready", "enabled": "x", "managed_by_policy": [], "capacity_adjustment": "x", "listener_port": "x", "peers": ["ghost"], "peers_from_control_nodes": "x"}"#,
            "400 capacity_adjustment enabled hostname listener_port managed_by_policy node_state node_type peers peers_from_control_nodes"
        ),
        both!(
            "a create without a name and more",
            &[],
            r#"POST /api/v2/instances/ {"node_type": "control", "enabled": "x"}"#,
            "400 enabled hostname node_type"
        ),
        both!("the port against what is stored", &[H], r#"PATCH h {"listener_port": 27200, "enabled": "x"}"#, "400 enabled listener_port"),
        ("a field before the peers' rules", &[H], r#"PATCH h {"peers": ["h"], "enabled": "x"}"#, "400 enabled", "400 enabled peers"),
        both!(
            "a field before the flag's rule",
            &["POST a"],
            r#"PATCH a {"peers_from_control_nodes": true, "enabled": "x"}"#,
            "400 enabled"
        ),
        ("a rule before a low port", &["POST h"], r#"POST a {"listener_port": 80, "peers": ["h"]}"#, "400 __all__", "400 peers"),
        ("a field before a low port", &["POST a"], r#"PATCH a {"listener_port": 80, "enabled": "x"}"#, "400 enabled", "400 enabled"),
    ];
    hold(ROWS, still);
}

#[test]
fn control_nodes_keep_what_is_theirs() {
    const ROWS: &[Row] = &[
        ("peers", &[H], r#"PATCH awx-control-1 {"peers": ["h"]}"#, "400 __all__", "400 peers"),
        ("peers and a bad field", &[H], r#"PATCH awx-control-1 {"peers": ["h"], "enabled": "x"}"#, "400 enabled", "400 enabled peers"),
        both!("the present peers", &[FLAGGED], r#"PATCH awx-control-1 {"peers": ["h"]}"#, r#"200 | awx-control-1.peers=["h"]"#),
        ("a port", &[], r#"PATCH awx-control-1 {"listener_port": 27199}"#, "200 | awx-control-1.listener_port=27199", "400 listener_port"),
        ("the flag", &[], r#"PATCH awx-control-1 {"peers_from_control_nodes": true}"#, "400 __all__", "400 peers_from_control_nodes"),
        both!("enabled", &[], r#"PATCH awx-control-1 {"enabled": false}"#, "200 | awx-control-1.enabled=false"),
        both!(
            "capacity",
            &[],
            r#"PATCH awx-control-1 {"capacity_adjustment": "0.9"}"#,
            r#"200 | awx-control-1.capacity_adjustment="0.90""#
        ),
        both!("policy", &[], r#"PATCH awx-control-1 {"managed_by_policy": false}"#, "200 | awx-control-1.managed_by_policy=false"),
        both!("removal", &[], r#"PATCH awx-control-1 {"node_state": "deprovisioning"}"#, "400 node_state"),
        both!("its type", &[], r#"PATCH awx-control-1 {"node_type": "hybrid"}"#, "400 node_type"),
        both!(
            "a PUT with its type",
            &[FLAGGED],
            r#"PUT awx-control-1 {"hostname": "awx-control-1", "node_type": "control"}"#,
            r#"200 | awx-control-1.peers=["h"]"#
        ),
    ];
    hold(ROWS, still);
}

#[test]
fn an_ingress_is_managed_and_has_two_addresses() {
    const ROWS: &[Row] = &[
        (
            "what it is",
            &[],
            "GET mesh-ingress",
            "",
            r#"200 | mesh-ingress.managed=true mesh-ingress.node_type="hop" mesh-ingress.listener_port=27199 mesh-ingress.protocol="ws" mesh-ingress.reverse_peers=["awx-control-1"]"#,
        ),
        ("a peer to its inner address", &[], r#"POST a {"peers": [1]}"#, "", r#"201 | a.peers=["mesh-ingress"]"#),
        ("a peer to its outer address", &[], r#"POST a {"peers": [2]}"#, "", r#"201 | a.peers=["mesh-ingress"]"#),
        ("a peer to both", &["POST a"], r#"PATCH a {"peers": [1, 2]}"#, "", "400 peers"),
        ("from one to the other", &[r#"POST a {"peers": [1]}"#], r#"PATCH a {"peers": [2]}"#, "", "200"),
        (
            "enabled",
            &[],
            r#"PATCH mesh-ingress {"enabled": false, "capacity_adjustment": "0.5", "managed_by_policy": false}"#,
            "",
            "200 | mesh-ingress.enabled=false",
        ),
        ("its present peers", &[], r#"PATCH mesh-ingress {"peers": []}"#, "", "200"),
        ("other peers", &[], r#"PATCH mesh-ingress {"peers": [2]}"#, "", "400 peers"),
        ("no port", &[], r#"PATCH mesh-ingress {"listener_port": null}"#, "", "400 listener_port"),
        ("another port", &[], r#"PATCH mesh-ingress {"listener_port": 27200}"#, "", "400 listener_port"),
        ("its present port", &[], r#"PATCH mesh-ingress {"listener_port": 27199}"#, "", "200"),
        ("no flag", &[], r#"PATCH mesh-ingress {"peers_from_control_nodes": false}"#, "", "400 peers_from_control_nodes"),
        ("its present flag", &[], r#"PATCH mesh-ingress {"peers_from_control_nodes": true}"#, "", "200"),
        ("removal", &[], r#"PATCH mesh-ingress {"node_state": "deprovisioning"}"#, "", "400 node_state"),
        ("its present state", &[], r#"PATCH mesh-ingress {"node_state": "installed"}"#, "", "200"),
    ];
    hold(ROWS, |dialect| Settings { ingress: true, ..still(dialect) });

    let bench = Bench::start(Settings { ingress: true, ..still(Dialect::Addresses) });
    let rows = bench.get("/api/v2/receptor_addresses/?instance__hostname=mesh-ingress").body;
    let shown = |at: usize, field: &str| rows["results"][at][field].clone();
    assert_eq!(
        (shown(0, "is_internal"), shown(0, "canonical"), shown(0, "full_address")),
        (true.into(), true.into(), "wss://mesh-ingress:27199".into())
    );
    assert_eq!(
        (shown(1, "is_internal"), shown(1, "canonical"), shown(1, "full_address")),
        (false.into(), false.into(), "wss://mesh-ingress.example.com:443".into())
    );
}

#[test]
fn a_controller_on_a_host_refuses_creates_peers_and_states() {
    // There is no way to make an instance there but the administrator's command, so that the control node stands for all.
    const ROWS: &[Row] = &[
        both!("a create", &[], "POST a", "400 __all__"),
        both!("a bad field of a create comes first", &[], r#"POST a {"node_type": "x"}"#, "400 node_type"),
        (
            "the flag of a create",
            &[],
            r#"POST a {"peers_from_control_nodes": true, "listener_port": 27199}"#,
            "400 peers_from_control_nodes",
            "400 __all__",
        ),
        both!("a state", &[], r#"PATCH awx-control-1 {"node_state": "deprovisioning"}"#, "400 node_state"),
        both!("the present state", &[], r#"PATCH awx-control-1 {"node_state": "installed"}"#, "200"),
        both!("the present peers", &[], r#"PATCH awx-control-1 {"peers": []}"#, "200"),
        both!(
            "enabled",
            &[],
            r#"PATCH awx-control-1 {"enabled": false, "managed_by_policy": false, "capacity_adjustment": "0.5"}"#,
            "200 | awx-control-1.enabled=false"
        ),
        both!("the settings", &[], "GET /api/v2/settings/system/", "200"),
    ];
    hold(ROWS, |dialect| Settings { on_host: true, ..still(dialect) });
    let bench = Bench::start(Settings { on_host: true, ..still(Dialect::Addresses) });
    assert_eq!(bench.get("/api/v2/settings/system/").body["IS_K8S"], Value::Bool(false));
}

/// The same rows behind a controller on a host: what the administrator's command would have made.
#[test]
fn a_controller_on_a_host_changes_what_is_there() {
    const REQUESTS: &[(&str, &str, &str)] = &[
        (r#"PATCH h {"peers_from_control_nodes": true}"#, "400 peers_from_control_nodes", "200 | h.peers_from_control_nodes=true"),
        (r#"PATCH h {"peers_from_control_nodes": false}"#, "200", "200 | h.peers_from_control_nodes=false"),
        (r#"PATCH h {"listener_port": null}"#, "400 __all__", "200 | h.listener_port=null a.peers=[]"),
        (r#"PATCH h {"listener_port": 27199}"#, "200", "200 | h.listener_port=27199"),
        (r#"PATCH a {"peers": ["h"]}"#, r#"200 | a.peers=["h"]"#, "400 peers | a.peers=[]"),
        (r#"PATCH a {"peers": []}"#, r#"400 __all__ | a.peers=["h"]"#, "200"),
        (r#"PATCH a {"peers": ["ghost"]}"#, "400 peers", "400 peers"),
        (r#"PATCH awx-control-1 {"peers": ["h"]}"#, "400 __all__", "400 peers"),
        (r#"PATCH a {"node_state": "ready"}"#, "400 node_state", "400 node_state"),
        (r#"PATCH a {"node_state": "deprovisioning"}"#, "400 node_state", "400 node_state | a=there"),
    ];
    for dialect in [Dialect::Addresses, Dialect::Hostnames] {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = |on_host| Settings { state: Some(folder.path().join("state.json")), on_host, ..still(dialect) };
        let bench = Bench::start(settings(false));
        for step in [H, PEER] {
            bench.must(step).expect("created");
        }
        bench.server.stop().expect("written");
        let bench = Bench::start(settings(true));
        for (request, hostnames, addresses) in REQUESTS {
            let wanted = if dialect == Dialect::Hostnames { hostnames } else { addresses };
            bench.check(request, wanted).unwrap_or_else(|message| panic!("{dialect}: {message}"));
        }
    }
}

#[test]
fn an_address_gets_a_new_key_with_every_listener() {
    let bench = Bench::start(still(Dialect::Addresses));
    for step in [H, PEER] {
        bench.must(step).expect("the setup");
    }
    let first = bench.address_of("h").expect("an address");
    bench.must(r#"PATCH h {"listener_port": null}"#).expect("accepted");
    assert_eq!(bench.address_of("h"), None);
    bench.must(r#"PATCH h {"listener_port": 27200}"#).expect("accepted");
    let second = bench.address_of("h").expect("an address");
    assert!(second > first, "{second} comes after {first}");
    bench.check(&format!(r#"PATCH a {{"peers": [{first}]}}"#), "400 peers").expect("the old key is gone");
    bench.check(&format!(r#"PATCH a {{"peers": [{second}]}}"#), r#"200 | a.peers=["h"]"#).expect("the new key works");
}
