//! Single fields: what a create and a change take, refuse and make of it.

use super::{Row, hold, still};

/// The same in both dialects.
macro_rules! both {
    ($name:literal, $setup:expr, $request:expr, $wanted:literal) => {
        ($name, $setup, $request, $wanted, $wanted)
    };
}

const ONE: &[&str] = &["POST a"];
const LISTENER: &[&str] = &[r#"POST a {"listener_port": 27199}"#];

#[test]
fn creates_have_their_defaults() {
    const ROWS: &[Row] = &[
        both!(
            "nothing but a name",
            &[],
            "POST a",
            r#"201 | a.node_type="execution" a.node_state="installed" a.enabled=true a.managed_by_policy=true a.capacity_adjustment="1.00" a.listener_port=null a.peers=[] a.peers_from_control_nodes=false"#
        ),
        both!(
            "every field",
            &[r#"POST h {"node_type": "hop", "listener_port": 27199}"#],
            r#"POST a {"node_type": "execution", "node_state": "installed", "capacity_adjustment": "0.50", "enabled": false, "managed_by_policy": false, "listener_port": 27200, "peers_from_control_nodes": false, "peers": ["h"]}"#,
            r#"201 | a.enabled=false a.managed_by_policy=false a.capacity_adjustment="0.50" a.listener_port=27200 a.peers=["h"]"#
        ),
        both!("no name", &[], r#"POST /api/v2/instances/ {"node_type": "hop"}"#, "400 hostname"),
        both!(
            "unknown and read-only fields are ignored",
            &[],
            r#"POST a {"bogus": 1, "id": 999, "uuid": "x", "capacity": 5, "ip_address": "10.1.1.1", "managed": true}"#,
            "201 | a=there"
        ),
        both!("they are ignored in a change, too", ONE, r#"PATCH a {"bogus": 1, "id": 999}"#, "200 | a=there"),
        both!("an empty change", ONE, "PATCH a {}", "200 | a=there"),
    ];
    hold(ROWS, still);
}

#[test]
fn hostnames_are_checked_and_never_change() {
    const ROWS: &[Row] = &[
        both!("taken", ONE, "POST a", "400 hostname"),
        both!("taken in other letters", ONE, "POST A", "201 | A=there"),
        both!("whitespace around it is cut", &[], r#"POST /api/v2/instances/ {"hostname": " a "}"#, "201 | a=there"),
        both!("a number", &[], r#"POST /api/v2/instances/ {"hostname": 5}"#, "201"),
        both!("null", &[], r#"POST /api/v2/instances/ {"hostname": null}"#, "400 hostname"),
        both!("a boolean", &[], r#"POST /api/v2/instances/ {"hostname": true}"#, "400 hostname"),
        both!("a list", &[], r#"POST /api/v2/instances/ {"hostname": ["a"]}"#, "400 hostname"),
        both!("nothing", &[], r#"POST /api/v2/instances/ {"hostname": ""}"#, "400 hostname"),
        both!("loopback", &[], "POST localhost", "400 hostname"),
        both!("an underscore", &[], "POST under_score.example.com", "400 hostname"),
        both!("an address of the old kind", &[], "POST 10.0.0.1", "201 | 10.0.0.1=there"),
        both!("an address of the new kind", &[], "POST 2001:db8::1", "201 | 2001:db8::1=there"),
        both!("its own name in a change", ONE, r#"PATCH a {"hostname": "a"}"#, "200"),
        both!("another name in a change", ONE, r#"PATCH a {"hostname": "b"}"#, "400 hostname"),
        both!("somebody else's name in a change", &["POST a", "POST b"], r#"PATCH a {"hostname": "b"}"#, "400 hostname"),
    ];
    hold(ROWS, still);
}

#[test]
fn types_and_states_are_chosen_once() {
    const ROWS: &[Row] = &[
        both!("a hop", &[], r#"POST a {"node_type": "hop"}"#, r#"201 | a.node_type="hop""#),
        both!("a control node", &[], r#"POST a {"node_type": "control"}"#, "400 node_type"),
        both!("a hybrid node", &[], r#"POST a {"node_type": "hybrid"}"#, "400 node_type"),
        both!("no type that is known", &[], r#"POST a {"node_type": "HOP"}"#, "400 node_type"),
        both!("null for a type", &[], r#"POST a {"node_type": null}"#, "400 node_type"),
        both!("the same type", ONE, r#"PATCH a {"node_type": "execution"}"#, "200"),
        both!("another type", ONE, r#"PATCH a {"node_type": "hop"}"#, r#"400 node_type | a.node_type="execution""#),
        both!("created ready", &[], r#"POST a {"node_state": "ready"}"#, "400 node_state"),
        both!("created deprovisioning", &[], r#"POST a {"node_state": "deprovisioning"}"#, "400 node_state"),
        both!("no state that is known", &[], r#"POST a {"node_state": "bogus"}"#, "400 node_state"),
        both!("null for a state", &[], r#"POST a {"node_state": null}"#, "400 node_state"),
        both!("the present state", ONE, r#"PATCH a {"node_state": "installed"}"#, "200"),
        both!("made ready by hand", ONE, r#"PATCH a {"node_state": "ready"}"#, "400 node_state"),
        both!("removed", ONE, r#"PATCH a {"node_state": "deprovisioning"}"#, "200 | a=gone"),
    ];
    hold(ROWS, still);
}

#[test]
fn capacities_have_three_digits() {
    const ROWS: &[Row] = &[
        both!("a number", &[], r#"POST a {"capacity_adjustment": 0.7}"#, r#"201 | a.capacity_adjustment="0.70""#),
        both!("none", &[], r#"POST a {"capacity_adjustment": 0}"#, r#"201 | a.capacity_adjustment="0.00""#),
        both!("the most", &[], r#"POST a {"capacity_adjustment": "9.99"}"#, r#"201 | a.capacity_adjustment="9.99""#),
        both!("with an exponent", &[], r#"POST a {"capacity_adjustment": "1e-1"}"#, r#"201 | a.capacity_adjustment="0.10""#),
        both!("between spaces", ONE, r#"PATCH a {"capacity_adjustment": " 0.5 "}"#, r#"200 | a.capacity_adjustment="0.50""#),
        both!("three places", &[], r#"POST a {"capacity_adjustment": "0.333"}"#, "400 capacity_adjustment"),
        both!("three places of nothing", ONE, r#"PATCH a {"capacity_adjustment": "1.000"}"#, "400 capacity_adjustment"),
        both!("two digits", ONE, r#"PATCH a {"capacity_adjustment": 10}"#, r#"400 capacity_adjustment | a.capacity_adjustment="1.00""#),
        both!("negative", &[], r#"POST a {"capacity_adjustment": -1}"#, "400 capacity_adjustment"),
        both!("no number", &[], r#"POST a {"capacity_adjustment": "NaN"}"#, "400 capacity_adjustment"),
        both!("null", &[], r#"POST a {"capacity_adjustment": null}"#, "400 capacity_adjustment"),
        both!("a boolean", &[], r#"POST a {"capacity_adjustment": true}"#, "400 capacity_adjustment"),
    ];
    hold(ROWS, still);
}

#[test]
fn booleans_have_many_spellings() {
    const ROWS: &[Row] = &[
        both!("yes", &[], r#"POST a {"enabled": "yes"}"#, "201 | a.enabled=true"),
        both!("one", &[], r#"POST a {"managed_by_policy": 1}"#, "201 | a.managed_by_policy=true"),
        both!("a word", &[], r#"POST a {"enabled": "True"}"#, "201 | a.enabled=true"),
        both!("zero", &[], r#"POST a {"enabled": 0}"#, "201 | a.enabled=false"),
        both!("no", &[], r#"POST a {"enabled": "no"}"#, "201 | a.enabled=false"),
        both!("null is false", &[], r#"POST a {"enabled": null}"#, "201 | a.enabled=false"),
        both!("null is false in a change", ONE, r#"PATCH a {"managed_by_policy": null}"#, "200 | a.managed_by_policy=false"),
        both!("maybe", &[], r#"POST a {"enabled": "maybe"}"#, "400 enabled"),
        both!("two", ONE, r#"PATCH a {"enabled": 2}"#, "400 enabled"),
        ("mixed letters", ONE, r#"PATCH a {"enabled": "yEs"}"#, "400 enabled", "200"),
        ("null for the flag", LISTENER, r#"PATCH a {"peers_from_control_nodes": null}"#, "200", "400 peers_from_control_nodes"),
    ];
    hold(ROWS, still);
}

#[test]
fn ports_are_checked_by_dialect() {
    const ROWS: &[Row] = &[
        both!("digits in a text", &[], r#"POST a {"listener_port": "27199"}"#, "201 | a.listener_port=27199"),
        both!("a whole number with a point", &[], r#"POST a {"listener_port": 27199.0}"#, "201 | a.listener_port=27199"),
        both!("a broken number", &[], r#"POST a {"listener_port": 27199.5}"#, "400 listener_port"),
        both!("a word", &[], r#"POST a {"listener_port": "abc"}"#, "400 listener_port"),
        both!("a boolean", &[], r#"POST a {"listener_port": true}"#, "400 listener_port"),
        both!("nothing", &[], r#"POST a {"listener_port": ""}"#, "400 listener_port"),
        both!("null", &[], r#"POST a {"listener_port": null}"#, "201 | a.listener_port=null"),
        both!("the highest", &[], r#"POST a {"listener_port": 65535}"#, "201 | a.listener_port=65535"),
        ("above it", &[], r#"POST a {"listener_port": 70000}"#, "400 listener_port", "201 | a.listener_port=70000"),
        ("below 1024", &[], r#"POST a {"listener_port": 80}"#, "400 listener_port", "201 | a.listener_port=80"),
        ("zero", &[], r#"POST a {"listener_port": 0}"#, "400 listener_port", "201 | a.listener_port=0"),
        ("minus one", &[], r#"POST a {"listener_port": -1}"#, "400 listener_port", "201 | a.listener_port=null"),
        ("minus two", &[], r#"POST a {"listener_port": -2}"#, "400 listener_port", "201 | a.listener_port=-2"),
        ("too large for the column", &[], r#"POST a {"listener_port": 99999999999}"#, "400 listener_port", "500 | a=gone"),
        both!("from null to a port", ONE, r#"PATCH a {"listener_port": 27199}"#, "200 | a.listener_port=27199"),
        both!("the same port", LISTENER, r#"PATCH a {"listener_port": 27199}"#, "200 | a.listener_port=27199"),
        both!("from a port to null", LISTENER, r#"PATCH a {"listener_port": null}"#, "200 | a.listener_port=null"),
        both!("from a port to another", LISTENER, r#"PATCH a {"listener_port": 27200}"#, "400 listener_port | a.listener_port=27199"),
        ("from a port to zero", LISTENER, r#"PATCH a {"listener_port": 0}"#, "400 listener_port", "200 | a.listener_port=0"),
        (
            "from zero to a port",
            &[r#"POST a {"listener_port": 27199}"#, r#"PATCH a {"listener_port": 0}"#],
            r#"PATCH a {"listener_port": 27200}"#,
            "",
            "200 | a.listener_port=27200",
        ),
        both!(
            "after null, another port",
            &[r#"POST a {"listener_port": 27199}"#, r#"PATCH a {"listener_port": null}"#],
            r#"PATCH a {"listener_port": 27200}"#,
            "200 | a.listener_port=27200"
        ),
    ];
    hold(ROWS, still);
}

#[test]
fn peers_are_a_list_of_what_exists() {
    const ROWS: &[Row] = &[
        both!("null", ONE, r#"PATCH a {"peers": null}"#, "400 peers"),
        both!("no list", &[], r#"POST a {"peers": "b"}"#, "400 peers"),
        both!("a number", &[], r#"POST a {"peers": 5}"#, "400 peers"),
        both!("none", ONE, r#"PATCH a {"peers": []}"#, "200 | a.peers=[]"),
        both!("nobody", &[], r#"POST a {"peers": ["ghost"]}"#, "400 peers"),
        both!("no address", &[], r#"POST a {"peers": [99999]}"#, "400 peers"),
        both!("null among them", ONE, r#"PATCH a {"peers": [null]}"#, "400 peers"),
        both!("a list among them", ONE, r#"PATCH a {"peers": [[1]]}"#, "400 peers"),
        ("an object", ONE, r#"PATCH a {"peers": {}}"#, "500 detail", "400"),
        both!(
            "the whole set is replaced",
            &[r#"POST h {"listener_port": 1024}"#, r#"POST i {"listener_port": 1024}"#, r#"POST a {"peers": ["h"]}"#],
            r#"PATCH a {"peers": ["i"]}"#,
            r#"200 | a.peers=["i"]"#
        ),
        both!(
            "the order is no matter",
            &[r#"POST h {"listener_port": 1024}"#, r#"POST i {"listener_port": 1024}"#, r#"POST a {"peers": ["h", "i"]}"#],
            r#"PATCH a {"peers": ["i", "h"]}"#,
            r#"200 | a.peers=["h","i"]"#
        ),
    ];
    hold(ROWS, still);
}

#[test]
fn a_put_goes_back_to_defaults() {
    const CHANGED: &[&str] = &[
        r#"POST h {"node_type": "hop", "listener_port": 27199}"#,
        r#"POST a {"enabled": false, "capacity_adjustment": "0.5", "managed_by_policy": false, "listener_port": 27199, "peers_from_control_nodes": true, "peers": ["h"]}"#,
    ];
    const ROWS: &[Row] = &[
        (
            "on an execution node",
            &[CHANGED[0], r#"POST a {"enabled": false, "capacity_adjustment": "0.5", "listener_port": 27199, "peers": ["h"]}"#],
            r#"PUT a {"hostname": "a"}"#,
            r#"200 | a.enabled=true a.capacity_adjustment="1.00" a.listener_port=null a.peers=["h"]"#,
            r#"200 | a.enabled=true a.capacity_adjustment="1.00" a.listener_port=27199 a.peers=["h"]"#,
        ),
        (
            "where control nodes peer to it",
            CHANGED,
            r#"PUT a {"hostname": "a"}"#,
            "400 __all__",
            "200 | a.enabled=true a.peers_from_control_nodes=true",
        ),
        both!("without a name", ONE, "PUT a {}", "400 hostname"),
        both!("the default type is another", CHANGED, r#"PUT h {"hostname": "h"}"#, "400 node_type"),
        both!("the right type is given", &[r#"POST h {"node_type": "hop"}"#], r#"PUT h {"hostname": "h", "node_type": "hop"}"#, "200"),
    ];
    hold(ROWS, still);
}
