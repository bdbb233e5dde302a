//! What a sandbox does as it runs: time, links, the journal, the state file.

use std::{fs, thread, time::Duration};

use serde_json::{Value, json};

use super::{Bench, still};
use meshform::sandbox::{Dialect, Jobs, Links, SandboxError, Server, Settings};

const BOTH: [Dialect; 2] = [Dialect::Addresses, Dialect::Hostnames];
const H: &str = r#"POST h {"node_type": "hop", "listener_port": 27199, "peers_from_control_nodes": true}"#;
const PEER: &str = r#"POST a {"peers": ["h"]}"#;

fn link_states(bench: &Bench) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mesh = bench.get("/api/v2/mesh_visualizer/").body;
    let links = mesh["links"].as_array().cloned().unwrap_or_default();
    links.iter().map(|link| (text(&link["source"]), text(&link["target"]), text(&link["link_state"]))).collect()
}

fn owned(source: &str, target: &str, state: &str) -> (String, String, String) {
    (source.to_owned(), target.to_owned(), state.to_owned())
}

#[test]
fn links_and_nodes_become_what_the_settings_say() {
    for (links, state, link) in [(Links::Established, "ready", "established"), (Links::Adding, "installed", "adding")] {
        for dialect in BOTH {
            let bench = Bench::start(Settings { dialect, links, ..Settings::default() });
            bench.must(H).expect("created");
            let made = bench.step(PEER).body;
            assert_eq!(made["node_state"], "installed", "the answer to a create is too early for more");
            bench.check("GET a", &format!(r#"200 | a.node_state="{state}" h.node_state="{state}""#)).expect("the state");
            assert_eq!(link_states(&bench), [owned("awx-control-1", "h", link), owned("a", "h", link)]);
        }
    }
    let bench = Bench::start(Settings { links: Links::After(Duration::from_millis(400)), ..Settings::default() });
    bench.must(H).expect("created");
    bench.check("GET h", r#"200 | h.node_state="installed""#).expect("not yet");
    assert_eq!(link_states(&bench), [owned("awx-control-1", "h", "adding")]);
    thread::sleep(Duration::from_millis(500));
    bench.check("GET h", r#"200 | h.node_state="ready""#).expect("now");
    assert_eq!(link_states(&bench), [owned("awx-control-1", "h", "established")]);
}

#[test]
fn a_ready_node_tells_of_itself() {
    let bench = Bench::start(Settings::default());
    for step in ["POST a", r#"POST h {"node_type": "hop"}"#, r#"POST b {"enabled": false}"#] {
        bench.must(step).expect("created");
    }
    let count = |query: &str| bench.get(&format!("/api/v2/instances/?{query}")).body["count"].as_i64();
    assert_eq!(count("last_seen__isnull=false"), Some(4));
    assert_eq!(count("capacity__gt=0"), Some(1), "hops run nothing, and neither does what is disabled");
    assert_eq!(count("cpu=4&memory__gt=0"), Some(2));
}

#[test]
fn a_ready_node_is_not_made_installed_again() {
    let bench = Bench::start(Settings::default());
    bench.must("POST a").expect("created");
    bench.check(r#"PATCH a {"node_state": "ready"}"#, "200").expect("the present state");
    bench.check(r#"PATCH a {"node_state": "installed"}"#, "400 node_state").expect("no way back");
    bench.check(r#"PUT a {"hostname": "a"}"#, "400 node_state").expect("a PUT asks for the default state");
}

#[test]
fn the_visualizer_has_every_node_and_link() {
    for dialect in BOTH {
        let bench = Bench::start(still(dialect));
        for step in [H, PEER] {
            bench.must(step).expect("created");
        }
        let mesh = bench.get("/api/v2/mesh_visualizer/").body;
        let names: Vec<&str> = mesh["nodes"].as_array().into_iter().flatten().filter_map(|node| node["hostname"].as_str()).collect();
        assert_eq!(names, ["a", "awx-control-1", "h"], "by name");
        assert_eq!(
            mesh["nodes"][0],
            json!({ "id": 3, "hostname": "a", "node_type": "execution", "node_state": "installed", "enabled": true })
        );
        let target = match dialect {
            Dialect::Addresses => json!("h:27199"),
            Dialect::Hostnames => Value::Null,
        };
        assert_eq!(mesh["links"][1]["target_full_address"], target);
        assert_eq!(bench.get("/api/v2/instances/a/").body["summary_fields"]["links"][0], mesh["links"][1], "{dialect}");
    }
}

#[test]
fn a_removal_takes_its_time_and_every_link() {
    for dialect in BOTH {
        let bench = Bench::start(Settings { removal_delay: Duration::from_millis(600), ..still(dialect) });
        for step in [H, PEER] {
            bench.must(step).expect("created");
        }
        bench
            .check(r#"PATCH h {"node_state": "deprovisioning"}"#, r#"200 | h.node_state="deprovisioning" a.peers=["h"]"#)
            .expect("under way");
        assert!(link_states(&bench).iter().all(|(.., state)| state == "removing"));
        bench.check("POST h", "400 hostname").expect("the name is taken while the row is there");
        bench.check(r#"PATCH h {"node_state": "installed"}"#, "400 node_state").expect("no way back");
        bench.check(r#"PATCH h {"enabled": false}"#, r#"200 | h.node_state="deprovisioning""#).expect("other changes are taken");
        thread::sleep(Duration::from_millis(700));
        bench.check("GET h", "404 detail | h=gone a.peers=[] awx-control-1.peers=[]").expect("gone");
        assert_eq!(link_states(&bench), []);
        bench.check(H, "201 | a.peers=[]").expect("the name is free again");
    }
}

#[test]
fn a_removal_waits_for_the_jobs_of_the_node() {
    for dialect in BOTH {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = |jobs: &[(&str, i64)]| Settings {
            jobs: jobs.iter().map(|(hostname, count)| Jobs::endless(hostname, *count)).collect(),
            state: Some(folder.path().join("state.json")),
            dialect,
            ..Settings::default()
        };
        let bench = Bench::start(settings(&[("a", 3), ("h", 2), ("nobody", 1)]));
        for step in [H, PEER, "POST idle"] {
            bench.must(step).expect("created");
        }
        bench
            .check("GET a", "200 | a.jobs_running=3 a.jobs_total=3 a.consumed_capacity=6 a.percent_capacity_remaining=89.47")
            .expect("busy");
        bench.check("GET idle", "200 | idle.jobs_running=0 idle.percent_capacity_remaining=100.0").expect("idle");
        assert_eq!(bench.get("/api/v2/instances/?hostname=a").body["results"][0]["jobs_running"], 3, "lists tell it, too");
        assert_eq!(bench.get("/api/v2/instances/h/").body["jobs_running"], 0, "a hop runs nothing");
        for (name, wanted) in [("idle", "gone"), ("h", "gone"), ("a", "there")] {
            bench
                .check(&format!(r#"PATCH {name} {{"node_state": "deprovisioning"}}"#), &format!("200 | {name}={wanted}"))
                .expect("only jobs are waited for");
        }
        bench.check("GET a", r#"200 | a.node_state="deprovisioning" a.jobs_running=3"#).expect("it waits");
        bench.server.stop().expect("written");

        let bench = Bench::start(settings(&[("a", 1)]));
        bench.check("GET a", r#"200 | a.node_state="deprovisioning""#).expect("it still waits");
        bench.server.stop().expect("written");
        let bench = Bench::start(settings(&[]));
        bench.check("GET a", "404 detail | a=gone").expect("the jobs are done");
    }
}

#[test]
fn the_journal_has_every_request() {
    let bench = Bench::start(still(Dialect::Addresses));
    bench.must(r#"POST a {"enabled": false}"#).expect("created");
    bench.get("/api/v2/instances/?page_size=1");
    let journal = bench.server.journal();
    let shown: Vec<_> =
        journal.iter().map(|exchange| (exchange.method.as_str(), exchange.path.as_str(), exchange.body.clone(), exchange.status)).collect();
    assert_eq!(
        shown,
        [
            ("POST", "/api/v2/instances/", Some(json!({ "enabled": false, "hostname": "a" })), 201),
            ("GET", "/api/v2/instances/?page_size=1", None, 200),
        ]
    );
}

#[test]
fn a_state_file_keeps_everything() {
    for dialect in BOTH {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("state.json");
        let settings = || Settings { state: Some(file.clone()), ..still(dialect) };
        let bench = Bench::start(settings());
        for step in [H, PEER, "POST gone", r#"PATCH gone {"node_state": "deprovisioning"}"#] {
            bench.must(step).expect("accepted");
        }
        let before =
            (bench.instance("a"), bench.instance("h"), bench.get("/api/v2/ping/").body["install_uuid"].clone(), link_states(&bench));
        let token = bench.step("POST /api/v2/tokens/ {}").body["token"].as_str().expect("a token").to_owned();
        bench.authorization("auditor");
        bench.server.stop().expect("written");
        assert!(!fs::read_to_string(&file).expect("the file").contains(&token), "no token in the file");

        let bench = Bench::start(settings());
        let after =
            (bench.instance("a"), bench.instance("h"), bench.get("/api/v2/ping/").body["install_uuid"].clone(), link_states(&bench));
        assert_eq!(after, before, "{dialect}");
        assert_eq!(bench.raw(&format!("Bearer {token}"), "GET", "/api/v2/instances/", None, "").status, 200, "tokens live on");
        assert_eq!(bench.raw("Basic YXVkaXRvcjpwdw==", "GET", "/api/v2/me/", None, "").status, 200, "users, too");
        assert_eq!(bench.step("POST b").body["id"], 5, "no id is given out twice");
        thread::sleep(Duration::from_millis(500));
        assert!(fs::read_to_string(&file).expect("the file").contains("\"b\""), "it is written while the server runs");
    }
}

#[test]
fn a_port_from_before_the_rule_blocks_every_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.json");
    let settings = || Settings { state: Some(file.clone()), ..still(Dialect::Hostnames) };
    let bench = Bench::start(settings());
    for step in [r#"POST low {"listener_port": 4430}"#, r#"POST used {"listener_port": 4430}"#, r#"POST a {"peers": ["used"]}"#] {
        bench.must(step).expect("created");
    }
    bench.server.stop().expect("written");
    // As an older version left it.
    fs::write(&file, fs::read_to_string(&file).expect("the file").replace("4430", "443")).expect("written");

    let bench = Bench::start(settings());
    for (step, wanted) in [
        (r#"PATCH low {"enabled": false}"#, "400 listener_port | low.enabled=true low.listener_port=443"),
        (r#"PATCH low {"peers": []}"#, "400 listener_port"),
        (r#"PATCH low {"listener_port": 443}"#, "400 listener_port"),
        (r#"PATCH low {"node_state": "deprovisioning"}"#, "400 listener_port"),
        (r#"PATCH used {"listener_port": null}"#, "400 __all__"),
        (r#"PATCH a {"enabled": false}"#, "200 | a.enabled=false"),
        (r#"PATCH low {"listener_port": null, "enabled": false}"#, "200 | low.enabled=false"),
        (r#"PATCH low {"listener_port": 27199}"#, "200"),
        (r#"PATCH a {"peers": []}"#, "200"),
        (r#"PATCH used {"listener_port": null, "node_state": "deprovisioning"}"#, "200 | used=gone"),
    ] {
        bench.check(step, wanted).expect("as measured");
    }
}

#[test]
fn a_state_file_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.json");
    let start = |dialect| Server::start(([127, 0, 0, 1], 0).into(), Settings { state: Some(file.clone()), dialect, ..Settings::default() });
    start(Dialect::Addresses).expect("fresh").stop().expect("written");
    let told = |result: Result<Server, SandboxError>| result.expect_err("refused").to_string();
    assert!(told(start(Dialect::Hostnames)).contains("holds a controller of the addresses dialect, asked for is hostnames"));
    for (text, wanted) in [
        ("{", "is no state file"),
        (r#"{"format": 99, "dialect": "addresses"}"#, "format 99"),
        (r#"{"format": 1, "dialect": "addresses"}"#, "missing field"),
    ] {
        fs::write(&file, text).expect("written");
        let message = told(start(Dialect::Addresses));
        assert!(message.contains(wanted) && message.contains("state.json"), "{message}");
    }
    let nowhere = Settings { state: Some(folder.path().join("no/such/state.json")), ..Settings::default() };
    assert!(told(Server::start(([127, 0, 0, 1], 0).into(), nowhere)).contains("cannot write"));
}

#[test]
fn an_address_that_is_taken_is_told() {
    let bench = Bench::start(Settings::default());
    let address = bench.server.url().trim_start_matches("http://").parse().expect("an address");
    let message = Server::start(address, Settings::default()).expect_err("taken").to_string();
    assert!(message.starts_with("cannot listen on 127.0.0.1:"), "{message}");
}

#[test]
fn a_server_starts_fails_and_stops_inside_another_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let server = Server::start(([127, 0, 0, 1], 0).into(), Settings::default()).expect("a free port");
        let taken = server.url().trim_start_matches("http://").parse().expect("an address");
        assert!(Server::start(taken, Settings::default()).is_err());
        let nowhere = Settings { state: Some("/no/such/folder/state.json".into()), ..Settings::default() };
        assert!(Server::start(([127, 0, 0, 1], 0).into(), nowhere).is_err());
        server.stop().expect("stopped");
    });
}
