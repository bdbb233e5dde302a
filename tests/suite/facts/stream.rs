//! The activity stream: what a write records, in which order, for whom, and how it is asked for. Ids are those of a fresh
//! server: the control node is 1, what a test makes follows in its order.

use serde_json::Value;

use super::{Bench, still};
use meshform::sandbox::{Dialect, Settings};

const BOTH: [Dialect; 2] = [Dialect::Addresses, Dialect::Hostnames];
const LIST: &str = "/api/v2/activity_stream/";
const H: &str = r#"POST h {"node_type": "hop", "listener_port": 27199}"#;
const A: &str = r#"POST a {"peers": ["h"], "capacity_adjustment": "0.50"}"#;

type Row = (&'static str, &'static [&'static str], &'static str, &'static [&'static str], &'static [&'static str]);

/// An entry as a line: who, what, and for a link both ends, else the changes.
fn line(entry: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("nobody").to_owned();
    let changes = &entry["changes"];
    let rest = match changes["action"].as_str() {
        Some(_) => {
            format!("{} {} {} {}", word(&changes["object1"]), changes["object1_pk"], word(&changes["object2"]), changes["object2_pk"])
        }
        None => format!("{} {changes}", word(&entry["object1"])),
    };
    format!("{} {} {rest}", word(&entry["summary_fields"]["actor"]["username"]), word(&entry["operation"]))
}

fn results(bench: &Bench, query: &str) -> Vec<Value> {
    let reply = bench.get(&format!("{LIST}?page_size=200&{query}"));
    reply.body["results"].as_array().unwrap_or_else(|| panic!("{query} answered {} {}", reply.status, reply.body)).clone()
}

fn lines(bench: &Bench, query: &str) -> Vec<String> {
    results(bench, query).iter().map(line).collect()
}

fn newest(bench: &Bench) -> i64 {
    results(bench, "order_by=-id").first().and_then(|row| row["id"].as_i64()).unwrap_or_default()
}

/// A bench on which some steps went well.
fn after(dialect: Dialect, steps: &[&str]) -> Bench {
    let bench = Bench::start(still(dialect));
    for step in steps {
        bench.must(step).expect("the setup");
    }
    bench
}

/// Holds what each request records, in both dialects.
fn hold(rows: &[Row]) {
    let mut failures = Vec::new();
    for (name, setup, request, hostnames, addresses) in rows {
        for (dialect, wanted) in [(Dialect::Hostnames, hostnames), (Dialect::Addresses, addresses)] {
            let bench = after(dialect, setup);
            let last = newest(&bench);
            let status = bench.step(request).status;
            // What is removed goes by the time of the next request.
            let found = lines(&bench, &format!("id__gt={last}"));
            if found != *wanted {
                failures.push(format!("{dialect}: {name} ({status}):\n  {}\nwanted\n  {}", found.join("\n  "), wanted.join("\n  ")));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

macro_rules! both {
    ($name:literal, $setup:expr, $request:expr, $wanted:expr) => {
        ($name, $setup, $request, $wanted, $wanted)
    };
}

#[test]
fn a_create_is_recorded_whole_and_then_its_links() {
    const ROWS: &[Row] = &[
        (
            "with everything",
            &[H],
            r#"POST a {"peers": ["h"], "listener_port": 27201, "enabled": false, "capacity_adjustment": 0.5}"#,
            &[
                r#"admin create instance {"hostname":"a","capacity_adjustment":"0.50","enabled":false,"managed_by_policy":true,"node_type":"execution","node_state":"installed","listener_port":27201,"peers":"main.Instance.None","peers_from_control_nodes":false,"id":3}"#,
                "admin associate instance 3 instance 2",
            ],
            &[
                r#"admin create instance {"hostname":"a","capacity_adjustment":"0.50","enabled":false,"managed_by_policy":true,"node_type":"execution","node_state":"installed","peers":"main.ReceptorAddress.None","listener_port":null,"peers_from_control_nodes":null,"id":3}"#,
                "admin associate instance 3 receptor_address 1",
            ],
        ),
        (
            "with the flag",
            &[],
            r#"POST h {"node_type": "hop", "listener_port": 27199, "peers_from_control_nodes": true}"#,
            &[
                "admin associate instance 2 instance 1",
                r#"admin create instance {"hostname":"h","capacity_adjustment":"1","enabled":true,"managed_by_policy":true,"node_type":"hop","node_state":"installed","listener_port":27199,"peers":"main.Instance.None","peers_from_control_nodes":true,"id":2}"#,
            ],
            &[
                r#"admin create instance {"hostname":"h","capacity_adjustment":"1","enabled":true,"managed_by_policy":true,"node_type":"hop","node_state":"installed","peers":"main.ReceptorAddress.None","listener_port":null,"peers_from_control_nodes":null,"id":2}"#,
            ],
        ),
        both!("refused", &[H], r#"POST a {"node_type": "control"}"#, &[]),
    ];
    hold(ROWS);
}

#[test]
fn a_change_is_recorded_with_the_value_before() {
    const ROWS: &[Row] = &[
        both!("nothing", &[H, A], "PATCH a {}", &[]),
        both!("the same values", &[H, A], r#"PATCH a {"enabled": true, "capacity_adjustment": 0.5, "hostname": "a", "peers": ["h"]}"#, &[]),
        both!("one", &[H, A], r#"PATCH a {"enabled": false}"#, &[r#"admin update instance {"enabled":[true,false]}"#]),
        both!(
            "several, and one that stays",
            &[H, A],
            r#"PATCH a {"managed_by_policy": false, "enabled": true, "capacity_adjustment": 1}"#,
            &[r#"admin update instance {"capacity_adjustment":["0.50","1.00"],"managed_by_policy":[true,false]}"#]
        ),
        both!(
            "all back to the defaults",
            &[H, A, r#"PATCH a {"enabled": false}"#],
            r#"PUT a {"hostname": "a"}"#,
            &[r#"admin update instance {"capacity_adjustment":["0.50","1"],"enabled":[false,true]}"#]
        ),
        both!("refused", &[H, A], r#"PATCH a {"enabled": false, "capacity_adjustment": -1}"#, &[]),
        both!(
            "a port that comes",
            &["POST a"],
            r#"PATCH a {"listener_port": 27199}"#,
            &[r#"admin update instance {"listener_port":[null,27199]}"#]
        ),
        (
            "a port that stays",
            &[H],
            r#"PATCH h {"listener_port": 27199}"#,
            &[],
            &[r#"admin update instance {"listener_port":[null,27199]}"#],
        ),
        ("a port that goes", &[H], r#"PATCH h {"listener_port": null}"#, &[r#"admin update instance {"listener_port":[27199,null]}"#], &[]),
        ("a port that goes while others dial it", &[H, A], r#"PATCH h {"listener_port": null}"#, &[], &[]),
        (
            "the flag",
            &[H],
            r#"PATCH h {"peers_from_control_nodes": true, "enabled": false}"#,
            &[
                r#"admin update instance {"enabled":[true,false],"peers_from_control_nodes":[false,true]}"#,
                "admin associate instance 2 instance 1",
            ],
            &[r#"admin update instance {"enabled":[true,false],"peers_from_control_nodes":[null,true]}"#],
        ),
        (
            "the flag again",
            &[H],
            r#"PATCH h {"peers_from_control_nodes": false}"#,
            &[],
            &[r#"admin update instance {"peers_from_control_nodes":[null,false]}"#],
        ),
        (
            "the flag off",
            &[H, r#"PATCH h {"peers_from_control_nodes": true}"#],
            r#"PATCH h {"peers_from_control_nodes": false}"#,
            &[r#"admin update instance {"peers_from_control_nodes":[true,false]}"#, "admin disassociate instance 2 instance 1"],
            &[r#"admin update instance {"peers_from_control_nodes":[null,false]}"#],
        ),
        (
            "peers, after the fields, those that go first",
            &[H, A, r#"POST i {"listener_port": 27199}"#, r#"POST j {"listener_port": 27199}"#],
            r#"PATCH a {"peers": ["j", "i"], "enabled": false}"#,
            &[
                r#"admin update instance {"enabled":[true,false]}"#,
                "admin disassociate instance 3 instance 2",
                "admin associate instance 3 instance 4",
                "admin associate instance 3 instance 5",
            ],
            &[
                r#"admin update instance {"enabled":[true,false]}"#,
                "admin disassociate instance 3 receptor_address 1",
                "admin associate instance 3 receptor_address 2",
                "admin associate instance 3 receptor_address 3",
            ],
        ),
        (
            "a removal, and then its end by nobody",
            &[H, A],
            r#"PATCH h {"node_state": "deprovisioning"}"#,
            &[
                r#"admin update instance {"node_state":["installed","deprovisioning"]}"#,
                r#"nobody delete instance {"hostname":"h","capacity_adjustment":"1.00","enabled":true,"managed_by_policy":true,"node_type":"hop","node_state":"deprovisioning","listener_port":27199,"peers":"main.Instance.None","peers_from_control_nodes":false,"id":2}"#,
            ],
            &[
                r#"admin update instance {"node_state":["installed","deprovisioning"]}"#,
                r#"nobody delete instance {"hostname":"h","capacity_adjustment":"1.00","enabled":true,"managed_by_policy":true,"node_type":"hop","node_state":"deprovisioning","peers":"main.ReceptorAddress.None","listener_port":null,"peers_from_control_nodes":null,"id":2}"#,
            ],
        ),
    ];
    hold(ROWS);
}

#[test]
fn groups_users_and_tokens_are_recorded_too() {
    const JOIN: &str = r#"POST /api/v2/instance_groups/2/instances/ {"id": 2}"#;
    const ROWS: &[Row] = &[
        both!(
            "who joins a group",
            &["POST a"],
            JOIN,
            &["admin associate instance_group 2 instance 2", r#"admin update instance_group {"policy_instance_list":["[]","[\"a\"]"]}"#]
        ),
        both!(
            "who leaves it",
            &["POST a", JOIN],
            r#"POST /api/v2/instance_groups/2/instances/ {"id": 2, "disassociate": true}"#,
            &["admin disassociate instance_group 2 instance 2", r#"admin update instance_group {"policy_instance_list":["[\"a\"]","[]"]}"#]
        ),
        both!(
            "a user",
            &[],
            r#"POST /api/v2/users/ {"username": "bob", "password": "pw", "is_superuser": true}"#,
            &[
                r#"admin create user {"username":"bob","first_name":"","last_name":"","email":"","is_superuser":true,"password":"hidden","id":2}"#,
                r#"admin update user {"password":["hidden","hidden"]}"#
            ]
        ),
        both!(
            "a token",
            &[],
            r#"POST /api/v2/tokens/ {"description": "t", "scope": "read"}"#,
            &[r#"admin create o_auth2_access_token {"description":"t","application":null,"scope":"read","id":1,"token":"************"}"#]
        ),
    ];
    hold(ROWS);
}

#[test]
fn an_entry_names_what_is_there_and_who_did_it() {
    for dialect in BOTH {
        let bench = after(dialect, &[H, A, r#"POST /api/v2/users/ {"username": "bob", "password": "pw", "is_superuser": true}"#]);
        // `bob:pw`.
        let reply = bench.raw("Basic Ym9iOnB3", "PATCH", "/api/v2/instances/a/", Some(r#"{"enabled": false}"#), "application/json");
        assert_eq!(reply.status, 200);
        assert_eq!(lines(&bench, "actor__username=bob"), [r#"bob update instance {"enabled":[true,false]}"#], "{dialect}");

        let entry = results(&bench, "object1=instance&order_by=-timestamp").remove(0);
        let id = &entry["id"];
        let keys: Vec<&str> = entry.as_object().expect("an object").keys().map(String::as_str).collect();
        let wanted =
            "id type url related summary_fields timestamp operation changes object1 object2 object_association action_node object_type";
        assert_eq!(keys.join(" "), wanted);
        assert_eq!(entry["url"], format!("{LIST}{id}/"));
        assert_eq!(entry["related"].to_string(), r#"{"actor":"/api/v2/users/2/","instance":["/api/v2/instances/3/"]}"#);
        let summary = r#"{"instance":[{"id":3,"hostname":"a"}],"actor":{"id":2,"username":"bob","first_name":"","last_name":""}}"#;
        assert_eq!(entry["summary_fields"].to_string(), summary);
        assert_eq!(bench.get(&format!("{LIST}{id}/")).body, entry);
        assert_eq!(bench.get(&format!("{LIST}999/")).status, 404);
        assert_eq!(bench.step(&format!("POST {LIST} {{}}")).status, 405);
        assert!(bench.get("/api/v2/").body["activity_stream"] == LIST);

        // Both ends of a link where both are instances, by their names.
        let link = results(&bench, "operation=associate").remove(0);
        let ends = match dialect {
            Dialect::Addresses => r#"["/api/v2/instances/3/"]"#,
            Dialect::Hostnames => r#"["/api/v2/instances/3/","/api/v2/instances/2/"]"#,
        };
        assert_eq!(link["related"]["instance"].to_string(), ends);
    }
}

#[test]
fn what_is_gone_is_found_by_its_kind_alone() {
    for dialect in BOTH {
        let bench = after(dialect, &[H, A, r#"PATCH a {"enabled": false}"#, r#"PATCH a {"node_state": "deprovisioning"}"#]);
        assert_eq!(bench.get("/api/v2/instances/a/").status, 404);
        assert_eq!(lines(&bench, "instance__id__in=3"), [""; 0], "{dialect}");
        let gone: Vec<String> =
            results(&bench, "object1=instance&instance__isnull=true").iter().map(|row| row["operation"].to_string()).collect();
        let link = if dialect == Dialect::Addresses { r#""associate" "# } else { "" };
        assert_eq!(gone.join(" "), format!(r#""create" {link}"update" "update" "delete""#), "{dialect}");
        for entry in results(&bench, "changes__icontains=%22hostname%22: %22a%22") {
            assert_eq!(entry["related"]["instance"], Value::Null, "{dialect}: {entry}");
        }
    }
}

#[test]
fn the_list_is_filtered_ordered_and_paged() {
    const ROWS: &[(&str, usize, usize)] = &[
        ("", 6, 6),
        ("instance__id=3", 4, 4),
        ("instance__id=2", 1, 2),
        ("instance__id__in=2,3", 5, 5),
        ("instance__in=2,3", 5, 5),
        ("instance=3", 4, 4),
        ("instance__id__in=2,3&instance__id=3", 4, 4),
        ("or__instance__id=2&or__instance__id=3", 5, 5),
        ("instance__hostname=a", 4, 4),
        ("instance__id=99", 0, 0),
        ("object1=instance", 5, 5),
        ("object1=instance&instance__id__in=3&operation=update", 2, 2),
        ("object2=receptor_address", 1, 0),
        ("operation=create", 3, 3),
        ("operation__in=associate,disassociate", 1, 1),
        ("timestamp__gt=2026-01-01T00:00:00Z", 6, 6),
        ("timestamp__lt=2026-01-01", 0, 0),
        ("changes__icontains=ENABLED", 4, 4),
        ("changes__icontains=%22object1_pk%22: 3,", 1, 1),
        ("changes__contains=%5Btrue, false%5D", 1, 1),
        ("actor__username=admin", 6, 6),
        ("actor__isnull=true", 0, 0),
        ("object_relationship_type__icontains=InstanceLink", 1, 1),
        ("instance_group__isnull=false", 0, 0),
        ("search=policy", 2, 2),
    ];
    for dialect in BOTH {
        let steps = [H, A, r#"PATCH a {"enabled": false}"#, r#"PATCH a {"enabled": true}"#, "POST /api/v2/tokens/ {}"];
        let bench = after(dialect, &steps);
        for (query, addresses, hostnames) in ROWS {
            let wanted = if dialect == Dialect::Addresses { addresses } else { hostnames };
            assert_eq!(results(&bench, query).len(), *wanted, "{dialect}: {query}");
        }
        for query in ["nonsense=1", "object_association=x", "instance__id__in=", "timestamp__gt=x", "order_by=nonsense", "instance__id=x"] {
            assert_eq!(bench.get(&format!("{LIST}?{query}")).status, 400, "{dialect}: {query}");
        }
        let status = if dialect == Dialect::Addresses { 200 } else { 400 };
        assert_eq!(bench.get(&format!("{LIST}?receptor_address__id=1")).status, status, "{dialect}");

        let ids = |query: &str| results(&bench, query).iter().filter_map(|row| row["id"].as_i64()).collect::<Vec<_>>();
        assert_eq!(ids("instance__id__in=2,3&order_by=-timestamp"), [5, 4, 3, 2, 1], "{dialect}");
        assert_eq!(ids(""), [1, 2, 3, 4, 5, 6], "{dialect}");
        let page = bench.get(&format!("{LIST}?order_by=-timestamp&page_size=2&page=2")).body;
        let found = (page["count"].as_u64(), page["results"][0]["id"].as_i64(), page["next"].as_str());
        assert_eq!(found, (Some(6), Some(4), Some("/api/v2/activity_stream/?order_by=-timestamp&page=3&page_size=2")), "{dialect}");
    }
}

#[test]
fn superusers_and_auditors_see_it_and_others_what_was_done_to_them() {
    for dialect in BOTH {
        let bench = after(dialect, &[H]);
        for (who, count) in [("admin", 1), ("auditor", 3), ("normal", 2), ("reader", 6)] {
            let reply = bench.step(&format!("{who} GET {LIST}"));
            assert_eq!((reply.status, reply.body["count"].as_u64()), (200, Some(count)), "{dialect}: {who}");
        }
        for (who, status) in [("auditor", 200), ("normal", 403), ("nobody", 401)] {
            assert_eq!(bench.step(&format!("{who} GET {LIST}1/")).status, status, "{dialect}: {who}");
        }
        assert_eq!(bench.step(&format!("normal GET {LIST}?object1=instance")).body["count"], 0, "{dialect}");
        assert_eq!(bench.step(&format!("normal GET {LIST}?nonsense=1")).status, 400, "{dialect}");
    }
}

#[test]
fn it_is_kept_cleaned_up_or_off() {
    for dialect in BOTH {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        let settings = || Settings { state: Some(path.clone()), ..still(dialect) };
        let bench = Bench::start(settings());
        bench.must(H).expect("made");
        let kept = results(&bench, "");
        bench.server.stop().expect("written");
        let bench = Bench::start(settings());
        assert_eq!(results(&bench, ""), kept, "{dialect}: the actor and all");

        bench.must("POST a").expect("made");
        let moment = results(&bench, "order_by=-id")[0]["timestamp"].as_str().and_then(|text| text.parse().ok()).expect("a moment");
        bench.server.prune_activity(Some(moment));
        assert_eq!(results(&bench, "").len(), 1, "{dialect}: the one of that moment stays");
        bench.server.prune_activity(None);
        assert_eq!(lines(&bench, ""), [""; 0], "{dialect}");
        bench.must("POST b").expect("made");
        assert_eq!(results(&bench, "")[0]["id"], 3, "{dialect}: numbers are never given out twice");
        bench.server.stop().expect("written");

        // A file from before there was a stream.
        let text = std::fs::read_to_string(&path).expect("a state file");
        let mut state: Value = serde_json::from_str(&text).expect("JSON");
        state.as_object_mut().expect("an object").remove("activity");
        state["sequences"].as_object_mut().expect("an object").remove("activity");
        std::fs::write(&path, state.to_string()).expect("written");
        let bench = Bench::start(Settings { without_activity_stream: true, ..settings() });
        bench.must(r#"PATCH a {"enabled": false}"#).expect("changed");
        assert_eq!(lines(&bench, ""), [""; 0], "{dialect}: off");
        assert_eq!(bench.get("/api/v2/settings/system/").body["ACTIVITY_STREAM_ENABLED"], false);
        drop(bench);
        assert_eq!(Bench::start(settings()).get("/api/v2/settings/system/").body["ACTIVITY_STREAM_ENABLED"], true);
    }
}
