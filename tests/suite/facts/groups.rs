//! Instance groups: who joins, who may, and how they are looked for.

use std::fs;

use serde_json::{Value, json};

use super::{Bench, Row, hold, still};
use meshform::sandbox::{Dialect, Jobs, Settings};

const BOTH: [Dialect; 2] = [Dialect::Addresses, Dialect::Hostnames];
/// After the control node: an execution node (2), a hop (3), another execution node (4), and a group (3) of the first.
const MESH: &[&str] = &[
    "POST z",
    r#"POST h {"node_type": "hop"}"#,
    "POST a",
    r#"POST /api/v2/instance_groups/ {"name": "edge"}"#,
    r#"POST /api/v2/instance_groups/3/instances/ {"id": 2}"#,
];

macro_rules! both {
    ($name:literal, $request:expr, $wanted:literal) => {
        ($name, MESH, $request, $wanted, $wanted)
    };
}

fn mesh(settings: Settings) -> Bench {
    let bench = Bench::start(settings);
    for step in MESH {
        bench.must(step).expect("the setup");
    }
    bench
}

/// The names of what is listed.
fn listed(bench: &Bench, path: &str) -> String {
    let reply = bench.get(path);
    let Some(rows) = reply.body["results"].as_array() else { return reply.status.to_string() };
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str().or(row["hostname"].as_str())).collect();
    names.join(" ")
}

fn group(bench: &Bench, key: &str) -> Value {
    bench.get(&format!("/api/v2/instance_groups/{key}/")).body
}

#[test]
fn a_fresh_controller_has_two_groups() {
    for dialect in BOTH {
        let bench = Bench::start(Settings { dialect, ..Settings::default() });
        assert_eq!(bench.get("/api/v2/").body["instance_groups"], "/api/v2/instance_groups/");
        assert_eq!(listed(&bench, "/api/v2/instance_groups/"), "controlplane default");
        assert_eq!(listed(&bench, "/api/v2/instance_groups/controlplane/instances/"), "awx-control-1");
        assert_eq!(listed(&bench, "/api/v2/instance_groups/2/instances/"), "");
        assert_eq!(listed(&bench, "/api/v2/instances/awx-control-1/instance_groups/"), "controlplane");
        let row = group(&bench, "1");
        for (field, wanted) in [
            ("name", json!("controlplane")),
            ("instances", json!(1)),
            ("is_container_group", json!(false)),
            ("policy_instance_percentage", json!(100)),
            ("policy_instance_minimum", json!(0)),
            ("policy_instance_list", json!([])),
        ] {
            assert_eq!(row[field], wanted, "{field}");
        }
        assert_eq!(row["related"]["named_url"], "/api/v2/instance_groups/controlplane/");
        assert_eq!(row["related"]["instances"], "/api/v2/instance_groups/1/instances/");
        assert_eq!(row["summary_fields"]["user_capabilities"], json!({ "edit": true, "delete": false }));
    }
}

#[test]
fn groups_are_made_with_a_name_and_joined_by_id() {
    const GROUPS: &str = "/api/v2/instance_groups/";
    const ROWS: &[Row] = &[
        both!("a group", r#"POST /api/v2/instance_groups/ {"name": " west "}"#, "201"),
        both!("a number for a name", r#"POST /api/v2/instance_groups/ {"name": 5}"#, "201"),
        both!("no name", "POST /api/v2/instance_groups/ {}", "400 name"),
        both!("a blank name", r#"POST /api/v2/instance_groups/ {"name": " "}"#, "400 name"),
        both!("null for a name", r#"POST /api/v2/instance_groups/ {"name": null}"#, "400 name"),
        both!("a boolean for a name", r#"POST /api/v2/instance_groups/ {"name": true}"#, "400 name"),
        both!("a name that is taken", r#"POST /api/v2/instance_groups/ {"name": "edge"}"#, "400 name"),
        both!("one by id", "GET /api/v2/instance_groups/3/", "200"),
        both!("one by name", "GET /api/v2/instance_groups/edge/", "200"),
        both!("one that fits the parameters", "GET /api/v2/instance_groups/3/?name=edge", "200"),
        both!("one that does not", "GET /api/v2/instance_groups/3/?name=west", "404 detail"),
        both!("none by id", "GET /api/v2/instance_groups/9/", "404 detail"),
        both!("none by name", "GET /api/v2/instance_groups/west/", "404 detail"),
        both!("the instances of none", "GET /api/v2/instance_groups/9/instances/", "404 detail"),
        both!("an execution node joins", r#"POST /api/v2/instance_groups/3/instances/ {"id": 4}"#, "204"),
        both!("by the group's name", r#"POST /api/v2/instance_groups/edge/instances/ {"id": 4}"#, "204"),
        both!("one joins again", r#"POST /api/v2/instance_groups/3/instances/ {"id": 2}"#, "204"),
        both!("one leaves", r#"POST /api/v2/instance_groups/3/instances/ {"id": 2, "disassociate": true}"#, "204"),
        both!("one leaves that was not in", r#"POST /api/v2/instance_groups/3/instances/ {"id": 4, "disassociate": true}"#, "204"),
        both!("a hop joins", r#"POST /api/v2/instance_groups/3/instances/ {"id": 3}"#, "400 msg"),
        both!("a hop leaves", r#"POST /api/v2/instance_groups/3/instances/ {"id": 3, "disassociate": true}"#, "400 msg"),
        both!("a control node joins", r#"POST /api/v2/instance_groups/3/instances/ {"id": 1}"#, "400 msg"),
        both!("a control node leaves", r#"POST /api/v2/instance_groups/1/instances/ {"id": 1, "disassociate": true}"#, "400 msg"),
        both!("nobody joins", "POST /api/v2/instance_groups/3/instances/ {}", "400 msg"),
        both!("null joins", r#"POST /api/v2/instance_groups/3/instances/ {"id": null}"#, "400 msg"),
        both!("a text joins", r#"POST /api/v2/instance_groups/3/instances/ {"id": "2"}"#, "400 msg"),
        both!("a fraction joins", r#"POST /api/v2/instance_groups/3/instances/ {"id": 2.0}"#, "400 msg"),
        both!("an unknown instance joins", r#"POST /api/v2/instance_groups/3/instances/ {"id": 99}"#, "400 detail"),
        both!("nobody reads", "nobody GET /api/v2/instance_groups/", "401 detail"),
        both!("an auditor reads a list", "auditor GET /api/v2/instance_groups/", "200"),
        both!("an auditor reads one", "auditor GET /api/v2/instance_groups/3/", "200"),
        both!("an auditor reads who is in it", "auditor GET /api/v2/instance_groups/3/instances/", "200"),
        both!("an auditor creates", "auditor POST /api/v2/instance_groups/ {}", "403 detail"),
        both!("an auditor lets one join", r#"auditor POST /api/v2/instance_groups/3/instances/ {"id": 3}"#, "403 detail"),
        both!("an auditor lets nobody join", "auditor POST /api/v2/instance_groups/3/instances/ {}", "400 msg"),
        both!("a reader lets one join", r#"reader POST /api/v2/instance_groups/3/instances/ {"id": 4}"#, "403 detail"),
        both!("a normal user reads one", "normal GET /api/v2/instance_groups/3/", "403 detail"),
        both!("a normal user reads none", "normal GET /api/v2/instance_groups/9/", "404 detail"),
        both!("a normal user reads who is in it", "normal GET /api/v2/instance_groups/3/instances/", "403 detail"),
        both!("a normal user lets nobody join", "normal POST /api/v2/instance_groups/3/instances/ {}", "403 detail"),
        both!("methods of a list", "PUT /api/v2/instance_groups/ {}", "405 detail"),
        both!("methods of the instances", "DELETE /api/v2/instance_groups/3/instances/", "405 detail"),
        ("a lost slash", MESH, "GET /api/v2/instance_groups/3", "301", "200"),
        ("a lost slash after a name", MESH, "GET /api/v2/instance_groups/edge", "404 detail", "200"),
    ];
    hold(ROWS, still);
    for dialect in BOTH {
        let bench = mesh(still(dialect));
        let reply = bench.step(&format!(r#"POST {GROUPS} {{"name": " west "}}"#));
        assert_eq!((reply.header("location"), reply.body["name"].as_str()), ("/api/v2/instance_groups/4/", Some("west")));
        assert_eq!((&reply.body["policy_instance_percentage"], &reply.body["instances"]), (&json!(0), &json!(0)));
        for (id, text) in [
            (1, "Cannot change instance group membership of control-only node: awx-control-1."),
            (3, "Cannot change instance group membership of hop node : h."),
        ] {
            assert_eq!(bench.step(&format!(r#"POST {GROUPS}3/instances/ {{"id": {id}}}"#)).body["msg"], text);
        }
        assert_eq!(bench.step(&format!("normal GET {GROUPS}")).body["count"], 0, "a normal user sees none");
    }
}

#[test]
fn groups_tell_who_is_in_them() {
    for dialect in BOTH {
        let bench = mesh(Settings { dialect, jobs: vec![Jobs::endless("z", 2)], ..Settings::default() });
        bench.must(r#"POST /api/v2/instance_groups/edge/instances/ {"id": 4}"#).expect("joined");
        assert_eq!(listed(&bench, "/api/v2/instance_groups/edge/instances/"), "a z", "by name");
        assert_eq!(listed(&bench, "/api/v2/instance_groups/edge/instances/?order_by=-hostname"), "z a");
        assert_eq!(listed(&bench, "/api/v2/instance_groups/edge/instances/?hostname=z"), "z");
        assert_eq!(listed(&bench, "/api/v2/instances/a/instance_groups/"), "edge");
        let row = group(&bench, "edge");
        assert_eq!(row["policy_instance_list"], json!(["z", "a"]), "in the order in which they joined");
        assert_eq!((&row["instances"], &row["jobs_running"], &row["consumed_capacity"]), (&json!(2), &json!(2), &json!(4)));
        bench.must(r#"PATCH a {"enabled": false}"#).expect("disabled");
        assert_eq!(group(&bench, "edge")["instances"], 1, "what is disabled is in it and not counted");
        let ping = bench.get("/api/v2/ping/").body;
        let names: Vec<&str> = ping["instance_groups"].as_array().into_iter().flatten().filter_map(|row| row["name"].as_str()).collect();
        assert_eq!(names, ["controlplane", "default", "edge"]);
        assert_eq!(ping["instance_groups"][2]["instances"], json!(["a", "z"]));

        // It is asked for or not; what is asked for does not matter.
        bench.must(r#"POST /api/v2/instance_groups/3/instances/ {"id": 4, "disassociate": false}"#).expect("left");
        assert_eq!(listed(&bench, "/api/v2/instance_groups/edge/instances/"), "z");
        assert_eq!(group(&bench, "edge")["policy_instance_list"], json!(["z"]));
    }
}

#[test]
fn groups_are_found_by_their_instances_and_instances_by_their_groups() {
    for dialect in BOTH {
        let bench = mesh(still(dialect));
        for (query, wanted) in [
            ("instance_groups/?instances__id__in=2,4", "edge"),
            ("instance_groups/?instances__in=1,2", "controlplane edge"),
            ("instance_groups/?instances=2", "edge"),
            ("instance_groups/?instances__hostname=z", "edge"),
            ("instance_groups/?instances__isnull=true", "default"),
            ("instance_groups/?not__instances=2", "controlplane default"),
            ("instance_groups/?instances__rampart_groups__name=edge", "edge"),
            ("instance_groups/?instances__bogus=1", "400"),
            ("instance_groups/?name__in=edge,default&order_by=-name", "edge default"),
            ("instance_groups/?search=EDG", "edge"),
            ("instance_groups/?is_container_group=true", ""),
            ("instance_groups/?policy_instance_percentage=100", "controlplane default"),
            ("instance_groups/?capacity=0", "400"),
            ("instance_groups/?bogus=1", "400"),
            ("instance_groups/?page_size=1&page=3", "edge"),
            ("instances/2/instance_groups/?name=west", ""),
            ("instances/?rampart_groups__name=edge", "z"),
            ("instances/?rampart_groups__id__in=1,3", "awx-control-1 z"),
            ("instances/?rampart_groups__isnull=true", "h a"),
            ("instances/?instance_groups__name=edge", "400"),
        ] {
            assert_eq!(listed(&bench, &format!("/api/v2/{query}")), wanted, "{dialect}: {query}");
        }
    }
}

#[test]
fn a_removed_instance_leaves_its_groups() {
    for dialect in BOTH {
        let bench = mesh(Settings { dialect, jobs: vec![Jobs::endless("a", 1)], ..Settings::default() });
        bench.must(r#"POST /api/v2/instance_groups/3/instances/ {"id": 4}"#).expect("joined");
        for name in ["z", "a"] {
            bench.must(&format!(r#"PATCH {name} {{"node_state": "deprovisioning"}}"#)).expect("taken");
        }
        assert_eq!(listed(&bench, "/api/v2/instance_groups/3/instances/"), "a", "who waits for jobs is still in");
        assert_eq!(group(&bench, "3")["policy_instance_list"], json!(["z", "a"]), "the list is of names, not of rows");
        bench.must("POST z").expect("made anew");
        assert_eq!(listed(&bench, "/api/v2/instances/z/instance_groups/"), "");
    }
}

#[test]
fn a_state_file_keeps_groups_and_may_lack_them() {
    for dialect in BOTH {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("state.json");
        let settings = || Settings { state: Some(file.clone()), ..still(dialect) };
        let bench = mesh(settings());
        let before = group(&bench, "edge");
        bench.server.stop().expect("written");
        let bench = Bench::start(settings());
        assert_eq!(group(&bench, "edge"), before);
        assert_eq!(listed(&bench, "/api/v2/instance_groups/edge/instances/"), "z");
        bench.server.stop().expect("written");

        // As it was written before there were groups.
        let mut state: Value = serde_json::from_slice(&fs::read(&file).expect("the file")).expect("JSON");
        for place in ["/sequences", ""] {
            let part = state.pointer_mut(place).and_then(Value::as_object_mut).expect("an object");
            part.shift_remove("groups").expect("it is there");
        }
        fs::write(&file, state.to_string()).expect("written");
        let bench = Bench::start(settings());
        assert_eq!(listed(&bench, "/api/v2/instance_groups/"), "controlplane default");
        assert_eq!(listed(&bench, "/api/v2/instance_groups/1/instances/"), "awx-control-1");
        assert_eq!(bench.step(r#"POST /api/v2/instance_groups/ {"name": "edge"}"#).body["id"], 3);
    }
}
