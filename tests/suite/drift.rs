//! `meshform drift`: what moved, who moved it, and what is only not applied yet.

mod judged;
mod kept;

use std::time::Instant;

use insta::{allow_duplicates, assert_snapshot};
use meshform::sandbox::{Dialect, Settings};
use serde_json::{Value as Json, json};

use crate::harness::{Bench, DIALECTS, request_as};

const MESH: &str = "\
applied_by: ci
owns: ['*.example.com', '!*.other.example.com']
defaults: {enabled: true, managed_by_policy: true}
instances:
  - {hostname: hop-1.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - hostname: 'exec-[1:6].example.com'
    capacity_adjustment: 0.75
    peers: [hop-1.example.com]
";

/// What `ci` applied.
fn applied(settings: Settings) -> Bench {
    let mut bench = Bench::with(settings);
    bench.user("ci", "is_superuser").user("alice", "is_superuser").user("bob", "is_superuser");
    bench.file("mesh.yaml", MESH);
    bench.set("CONTROLLER_USERNAME", "ci").set("CONTROLLER_PASSWORD", "ci");
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    bench.writes();
    bench
}

fn of(dialect: Dialect) -> Bench {
    applied(Settings { dialect, ..Settings::default() })
}

/// A report without what differs between two runs.
fn timeless(text: &str) -> String {
    let mut timeless = text.replace("23.7.0", "VERSION").replace("24.6.1", "VERSION");
    let is_day = |text: &str| {
        text.len() == 10 && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
    };
    let mut at = 0;
    while let Some(text) = timeless.get(at..) {
        let Some(found) = (0..text.len()).find(|i| text.get(*i..*i + 10).is_some_and(is_day)) else { break };
        let behind = text.get(found + 10..).unwrap_or_default();
        let time = if behind.get(6..10) == Some(" UTC") { 20 } else { 10 };
        timeless.replace_range(at + found..at + found + time, "TIME");
        at += found + 4;
    }
    timeless
}

fn drift(bench: &Bench, arguments: &str, code: i32) -> Json {
    serde_json::from_str(&bench.run(&format!("drift mesh.yaml --format json {arguments}")).expect(code)).expect("JSON")
}

/// `HOSTNAME FIELD KIND ACTOR`, a line for each finding.
fn findings(document: &Json) -> Vec<String> {
    let text = |json: &Json| json.as_str().unwrap_or("-").replace(".example.com", "");
    let line = |f: &Json| [&f["hostname"], &f["field"], &f["kind"], &f["change"]["actor"]].map(text).join(" ");
    document["findings"].as_array().expect("a list").iter().map(line).collect()
}

#[test]
fn it_tells_who_moved_what_and_what_is_not_applied_yet() {
    for dialect in DIALECTS {
        let mut bench = of(dialect);
        bench.change("alice", "exec-1.example.com", &json!({"enabled": false}));
        bench.change("alice", "exec-2.example.com", &json!({"enabled": false, "capacity_adjustment": "0.10"}));
        bench.change("bob", "exec-2.example.com", &json!({"peers": []}));
        bench.change("bob", "exec-3.example.com", &json!({"node_state": "deprovisioning"}));
        bench.request("POST", "/api/v2/instances/", &json!({"hostname": "their.other.example.com"}));
        request_as(&bench.url(), ("bob", "bob"), "POST", "/api/v2/instances/", &json!({"hostname": "exec-9.example.com"}));
        let merged = MESH.replace(
            "  - hostname: 'exec-[1:6]",
            "  - {hostname: exec-7.example.com, peers: [hop-1.example.com]}\n  - hostname: 'exec-[1:6]",
        );
        let overrides = "overrides: [{hostname: exec-4.example.com, capacity_adjustment: 0.25, reason: CHG0042}]\n";
        bench.file("mesh.yaml", &(merged + overrides));
        bench.writes();
        let before = bench.requests();
        let shown = bench.run("drift mesh.yaml").expect(2);
        allow_duplicates! { assert_snapshot!(timeless(&shown), @"
        drift: 6 drifted, 2 pending, 3 as declared (http://SANDBOX)

        DRIFT    exec-[1:2].example.com  enabled: declared true, live false             mesh.yaml:3
                 alice, TIME, was true
        DRIFT    exec-2.example.com      capacity_adjustment: declared 0.75, live 0.10  mesh.yaml:8
                 alice, TIME, was 0.75
        DRIFT    exec-2.example.com      peers: declared hop-1.example.com, live none   mesh.yaml:9
                 bob, TIME, was hop-1.example.com
        DRIFT    exec-3.example.com      declared, and not there                        mesh.yaml:7
                 removed by bob, TIME
        DRIFT    exec-9.example.com      ready, and shall not be there                  mesh.yaml:2
                 made by bob, TIME
        PENDING  exec-4.example.com      capacity_adjustment: declared 0.25, live 0.75  mesh.yaml:10
                 not applied yet: live unchanged since TIME
        PENDING  exec-7.example.com      declared, and not there                        mesh.yaml:6
                 not applied yet

        Undo the drift:  meshform apply mesh.yaml --only 'exec-[1:3].example.com' --only exec-9.example.com
        Also seen: 1 not in this configuration
        "); }
        assert_eq!(bench.writes(), Vec::<String>::new());
        let asked = bench.journal().split_off(before);
        let streams = asked.iter().filter(|exchange| exchange.path.contains("/activity_stream/")).count();
        assert!(streams <= 4, "{streams} questions of the stream");
    }
}

#[test]
fn the_exit_code_tells_drift_from_what_is_pending() {
    let mut bench = of(Dialect::Addresses);
    let text = bench.run("drift mesh.yaml").expect(0);
    assert_eq!(text, "drift: none, 7 as declared (http://SANDBOX)\n");
    bench.file("mesh.yaml", &MESH.replace("0.75", "0.80"));
    let shown = timeless(&bench.run("drift mesh.yaml").expect(0));
    assert_snapshot!(shown, @"
    drift: 6 pending, 1 as declared (http://SANDBOX)

    PENDING  exec-[1:6].example.com  capacity_adjustment: declared 0.80, live 0.75  mesh.yaml:7
             not applied yet: live unchanged since TIME
    ");
    let _ = bench.run("drift mesh.yaml --pending-is-drift").expect(2);
    bench.file("mesh.yaml", MESH);
    bench.change("alice", "exec-1.example.com", &json!({"enabled": false}));
    let _ = bench.run("drift mesh.yaml").expect(2);
    let _ = bench.run("drift mesh.yaml --exit-zero").expect(0);
    let _ = bench.run("drift mesh.yaml --only exec-2.example.com").expect(0);
    let _ = bench.run("drift mesh.yaml --exclude exec-1.example.com").expect(0);
    let _ = bench.run("drift nowhere.yaml").expect(1);
    let _ = bench.run("drift mesh.yaml --format gitlab").expect(1);
    bench.set("CONTROLLER_PASSWORD", "wrong");
    let _ = bench.run("drift mesh.yaml").expect(3);
    let _ = bench.run("drift mesh.yaml --exit-zero").expect(3);
}

#[test]
fn who_may_only_read_sees_all_of_it() {
    let mut bench = of(Dialect::Addresses);
    bench.change("alice", "exec-1.example.com", &json!({"enabled": false}));
    bench.user("auditor", "is_system_auditor");
    bench.set("CONTROLLER_USERNAME", "auditor").set("CONTROLLER_PASSWORD", "auditor");
    assert_eq!(findings(&drift(&bench, "", 2)), ["exec-1 enabled drift alice"]);
    let token = bench.request("POST", "/api/v2/tokens/", &json!({"scope": "read"}))["token"].as_str().expect("a token").to_owned();
    bench.set("CONTROLLER_OAUTH_TOKEN", &token).set("CONTROLLER_PASSWORD", "");
    assert_eq!(findings(&drift(&bench, "", 2)), ["exec-1 enabled drift alice"]);
    assert!(
        bench.journal().iter().rev().take_while(|exchange| exchange.path != "/api/v2/tokens/").all(|exchange| exchange.method == "GET")
    );
}

#[test]
fn what_nobody_remembers_is_unknown_and_counts() {
    for (settings, arguments, why) in [
        (Settings { without_activity_stream: true, ..Settings::default() }, "", "the controller records no changes"),
        (Settings::default(), "--no-blame", "nobody was asked"),
    ] {
        let bench = applied(settings);
        bench.change("alice", "exec-1.example.com", &json!({"enabled": false}));
        let document = drift(&bench, arguments, 2);
        assert_eq!(findings(&document), ["exec-1 enabled unknown -"]);
        let told = document["findings"][0]["why"].as_str().expect("a text");
        assert!(told.contains(why), "{told}");
    }
    for dialect in DIALECTS {
        let bench = of(dialect);
        bench.change("alice", "exec-1.example.com", &json!({"enabled": false}));
        bench.sandbox().prune_activity(None);
        bench.change("bob", "exec-2.example.com", &json!({"enabled": false}));
        assert_eq!(findings(&drift(&bench, "", 2)), ["exec-1 enabled unknown -", "exec-2 enabled drift bob"]);
    }
}

#[test]
fn an_instance_that_somebody_made_is_told_from_one_that_was_declared() {
    for dialect in DIALECTS {
        let bench = of(dialect);
        request_as(&bench.url(), ("bob", "bob"), "POST", "/api/v2/instances/", &json!({"hostname": "exec-9.example.com"}));
        bench.file("mesh.yaml", &MESH.replace("exec-[1:6]", "exec-[1:5]"));
        assert_eq!(findings(&drift(&bench, "", 2)), ["exec-6 node_state pending ci", "exec-9 node_state drift bob"]);
        // As long as nobody says who applies, both could be either.
        bench.file("mesh.yaml", &MESH.replace("exec-[1:6]", "exec-[1:5]").replace("applied_by: ci\n", ""));
        assert_eq!(findings(&drift(&bench, "", 2)), ["exec-6 node_state unknown ci", "exec-9 node_state unknown bob"]);
        bench.file("mesh.yaml", &(MESH.to_owned() + "  - {hostname: exec-9.example.com, node_state: deprovisioning}\n"));
        assert_eq!(findings(&drift(&bench, "", 0)), ["exec-9 node_state pending bob"]);
        bench.set_jobs("exec-2.example.com", 2);
        bench.change("alice", "exec-2.example.com", &json!({"node_state": "deprovisioning"}));
        assert_eq!(findings(&drift(&bench, "--only exec-2.example.com", 2)), ["exec-2 node_state drift alice"]);
    }
}

#[test]
fn what_moves_by_itself_is_no_drift_and_is_seen_all_the_same() {
    let bench = of(Dialect::Addresses);
    bench.set_state("exec-1.example.com", "unavailable", "no heartbeat");
    bench.request("POST", "/api/v2/instances/", &json!({"hostname": "their-1.other.example.com"}));
    bench.request("POST", "/api/v2/instances/", &json!({"hostname": "their-2.other.example.com"}));
    let shown = bench.run("drift mesh.yaml --show-unmanaged").expect(0);
    assert_snapshot!(shown, @"
    drift: none, 7 as declared (http://SANDBOX)
    Also seen: 1 unavailable (exec-1.example.com), 2 not in this configuration
      their-[1:2].other.example.com
    ");
    let document = drift(&bench, "--show-unmanaged", 0);
    assert_eq!(document["summary"]["unreachable"], 1);
    assert_eq!(document["unmanaged"], json!(["their-1.other.example.com", "their-2.other.example.com"]));
}

#[test]
fn the_web_form_is_known_by_what_it_sends() {
    let bench = of(Dialect::Addresses);
    bench.file("mesh.yaml", &MESH.replace("enabled: true, managed_by_policy: true", "enabled: false, managed_by_policy: false"));
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    // Somebody saves another capacity, and the form sends along what nobody meant.
    bench.change("bob", "exec-1.example.com", &json!({"capacity_adjustment": "0.80", "enabled": true, "managed_by_policy": true}));
    let shown = bench.run("drift mesh.yaml").expect(2);
    assert_snapshot!(timeless(&shown), @"
    drift: 3 drifted, 6 as declared (http://SANDBOX)

    DRIFT    exec-1.example.com  capacity_adjustment: declared 0.75, live 0.80  mesh.yaml:7
             bob, TIME, was 0.75
    DRIFT    exec-1.example.com  enabled: declared false, live true             mesh.yaml:3
             bob, TIME, was false. The web form's Save does this by itself
    DRIFT    exec-1.example.com  managed_by_policy: declared false, live true   mesh.yaml:3
             bob, TIME, was false. The web form's Save does this by itself

    Undo the drift:  meshform apply mesh.yaml --only exec-1.example.com
    ");
}

#[test]
fn a_closed_listener_is_recorded_by_older_versions_alone() {
    let bench = of(Dialect::Hostnames);
    for i in 1..=6 {
        bench.change("alice", &format!("exec-{i}.example.com"), &json!({"peers": []}));
    }
    bench.change("alice", "hop-1.example.com", &json!({"peers_from_control_nodes": false}));
    bench.change("alice", "hop-1.example.com", &json!({"listener_port": null}));
    let found = findings(&drift(&bench, "", 2));
    assert_eq!(found.iter().filter(|line| line.ends_with("drift alice")).count(), 8, "{found:?}");
    let bench = of(Dialect::Addresses);
    bench.change("alice", "hop-1.example.com", &json!({"listener_port": null}));
    let shown = bench.run("drift mesh.yaml").expect(2);
    assert_snapshot!(timeless(&shown), @"
    drift: 8 unknown, 0 as declared (http://SANDBOX)

    UNKNOWN  exec-[1:6].example.com  peers: declared hop-1.example.com, live none         mesh.yaml:8
             drift or pending: AWX from 23.8 on does not record all that happens to listeners and the links to them
    UNKNOWN  hop-1.example.com       listener_port: declared 27199, live null             mesh.yaml:5
             drift or pending: AWX from 23.8 on does not record all that happens to listeners and the links to them; last set by ci, TIME
    UNKNOWN  hop-1.example.com       peers_from_control_nodes: declared true, live false  mesh.yaml:5
             drift or pending: AWX from 23.8 on does not record all that happens to listeners and the links to them; last set by ci, TIME
    ");
}

#[test]
fn what_somebody_made_again_is_drift() {
    for dialect in DIALECTS {
        let bench = of(dialect);
        bench.change("alice", "exec-1.example.com", &json!({"node_state": "deprovisioning"}));
        for hostname in ["exec-1.example.com", "exec-7.example.com"] {
            request_as(&bench.url(), ("bob", "bob"), "POST", "/api/v2/instances/", &json!({"hostname": hostname}));
        }
        // The other one was never there before: the configuration takes it over.
        bench.file("mesh.yaml", &MESH.replace("exec-[1:6]", "exec-[1:7]"));
        let found = findings(&drift(&bench, "", 2));
        let wanted = ["exec-1 capacity_adjustment drift bob", "exec-1 peers drift bob"];
        assert_eq!(found, [wanted.as_slice(), &["exec-7 capacity_adjustment pending bob", "exec-7 peers pending bob"]].concat());
    }
}

/// Nobody manages the listener, so that its going is no difference by itself: those who are declared to dial it lost their peer.
#[test]
fn a_peer_that_no_longer_listens_is_not_passed_over() {
    let bench = of(Dialect::Addresses);
    bench.change("alice", "hop-1.example.com", &json!({"listener_port": null}));
    bench.file("mesh.yaml", &MESH.replace(", listener_port: 27199, peers_from_control_nodes: true", ""));
    let shown = bench.run("drift mesh.yaml").expect(2);
    assert_snapshot!(timeless(&shown), @"
    drift: 6 unknown, 1 as declared (http://SANDBOX)

    UNKNOWN  exec-[1:6].example.com  peers: declared hop-1.example.com, live none  mesh.yaml:8
             it cannot be compared: peer `hop-1.example.com` does not listen: it has no listener_port
    ");
    let _ = drift(&bench, "", 2);
}

#[test]
fn many_are_asked_for_at_once() {
    let bench = of(Dialect::Addresses);
    bench.file("mesh.yaml", &MESH.replace("exec-[1:6]", "exec-[1:300]"));
    let _ = bench.run("apply mesh.yaml --yes --parallelism 50").expect(0);
    bench.file("mesh.yaml", &MESH.replace("exec-[1:6]", "exec-[1:300]").replace("0.75", "0.70"));
    let (before, begin) = (bench.requests(), Instant::now());
    let document = drift(&bench, "", 0);
    assert_eq!(document["summary"]["pending"], 300);
    let asked = bench.journal().split_off(before);
    let streams = asked.iter().filter(|exchange| exchange.path.contains("/activity_stream/")).count();
    // Two lists of ids, and three entries for each instance: itself, its link, and nothing else.
    assert!(streams <= 5, "{streams} questions of the stream in {:?}", begin.elapsed());
}

#[test]
fn known_drift_is_shown_and_not_counted() {
    let rule = "ignore: [{hostname: 'exec-*', field: enabled, until: 2999-12-31, reason: load test CHG0051}]\n";
    for dialect in DIALECTS {
        let mut bench = of(dialect);
        bench.file("mesh.yaml", &(MESH.to_owned() + rule));
        bench.change("alice", "exec-1.example.com", &json!({"enabled": false}));
        bench.writes();
        let shown = bench.run("drift mesh.yaml").expect(0);
        allow_duplicates! { assert_snapshot!(timeless(&shown), @"
        drift: 1 ignored, 6 as declared (http://SANDBOX)

        IGNORED  exec-1.example.com  enabled, until TIME: load test CHG0051  mesh.yaml:3
        "); }
        let shown = bench.run("apply mesh.yaml --yes").expect(0);
        allow_duplicates! { assert_snapshot!(timeless(&shown), @"
        mesh.yaml against http://SANDBOX (AWX VERSION): 7 declared, 7 live

        Left alone although it differs
          exec-1.example.com  enabled: declared true, live false  mesh.yaml:9
              known until TIME: load test CHG0051

        No changes. 6 instances are as declared, 1 field left alone.
        "); }
        assert_eq!(bench.writes(), Vec::<String>::new());
        // What the rule does not name is changed, and only that.
        bench.change("alice", "exec-1.example.com", &json!({"capacity_adjustment": "0.10"}));
        bench.writes();
        let _ = bench.run("apply mesh.yaml --yes").expect(0);
        assert_eq!(bench.writes().len(), 1);
        assert_eq!(bench.request("GET", &format!("/api/v2/instances/{}/", bench.id("exec-1.example.com")), &Json::Null)["enabled"], false);
        // A create makes what is declared: nothing of it is known.
        bench.file("mesh.yaml", &(MESH.replace("exec-[1:6]", "exec-[1:7]") + rule));
        let _ = bench.run("apply mesh.yaml --yes").expect(0);
        assert_eq!(bench.request("GET", &format!("/api/v2/instances/{}/", bench.id("exec-7.example.com")), &Json::Null)["enabled"], true);
        bench.file("mesh.yaml", &(MESH.to_owned() + &rule.replace("2999", "1999")));
        for command in ["drift", "plan", "validate"] {
            let _ = bench.run(&format!("{command} mesh.yaml")).expect(1);
        }
    }
}
