//! `meshform apply`: what it sends, in which order, and what it says when something fails.

use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::harness::{Bench, DIALECTS, Front};

const CHAIN: &str = "
instances:
  - {hostname: exec-a.example.com, peers: [hop-1.example.com]}
  - {hostname: exec-b.example.com, peers: [hop-2.example.com]}
  - {hostname: hop-1.example.com, node_type: hop, listener_port: 27199, peers: [hop-2.example.com]}
  - {hostname: hop-2.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
";

/// 48 instances in three tiers, in an order that depends on `turn`.
fn three_tiers(turn: usize) -> String {
    let top = (1..=2)
        .map(|i| format!("  - {{hostname: top-{i}.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}}\n"));
    let middle = (1..=6).map(|i| format!("  - {{hostname: middle-{i}.example.com, node_type: hop, listener_port: 27199, peers: [top-1.example.com, top-2.example.com]}}\n"));
    let leaves = (1..=40).map(|i| format!("  - {{hostname: leaf-{i}.example.com, peers: [middle-{}.example.com]}}\n", i % 6 + 1));
    let mut all: Vec<String> = leaves.chain(middle).chain(top).collect();
    all.rotate_left(turn % 48);
    if turn > 0 {
        all.sort_by_key(|line| line.bytes().fold(turn, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte))));
    }
    format!("instances:\n{}", all.concat())
}

#[test]
fn three_tiers_in_any_order_take_a_post_each() {
    for (turn, dialect) in DIALECTS.into_iter().cycle().take(6).enumerate() {
        let mut bench = Bench::new(dialect);
        bench.file("mesh.yaml", &three_tiers(turn));
        let _ = bench.run("apply mesh.yaml --yes").expect(0);
        let writes = bench.writes();
        assert_eq!((writes.len(), writes.iter().filter(|w| w.starts_with("POST")).count()), (48, 48));
        assert_eq!(bench.refused(), [""; 0]);
        assert!(bench.run("plan mesh.yaml --detailed-exitcode").expect(0).contains("No changes."));
        assert_eq!(bench.writes(), [""; 0]);
    }
}

#[test]
fn each_changed_instance_takes_one_patch() {
    let mut bench = Bench::new(DIALECTS[1]);
    bench.file("mesh.yaml", CHAIN);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    let _ = bench.writes();
    bench.file(
        "mesh.yaml",
        &CHAIN
            .replace("exec-b.example.com, ", "exec-b.example.com, enabled: false, capacity_adjustment: 0.5, ")
            .replace("exec-a.example.com, peers: [hop-1", "exec-a.example.com, peers: [hop-2"),
    );
    let output = bench.run("apply mesh.yaml --yes --parallelism 1");
    assert_snapshot!(output, @"
    exit 0
    --- stdout
    mesh.yaml against http://SANDBOX (AWX 23.7.0): 4 declared, 4 live

      ~ exec-a.example.com        update                  mesh.yaml:3
          peers  - hop-1.example.com
                 + hop-2.example.com
      ~ exec-b.example.com        update                  mesh.yaml:4
          enabled  true -> false
          capacity_adjustment  1.00 -> 0.50

    On the nodes after the apply, in this order
      1. exec-a.example.com  install bundle (peers changed)

    Firewall: open before the bundles are run, close afterwards
      open  exec-a.example.com -> hop-2.example.com port 27199/tcp
      close exec-a.example.com -> hop-1.example.com port 27199/tcp

    Plan: 0 to create, 2 to update, 2 unchanged. 2 requests. Digest e8b5c97f.

    Apply: 2 done.
    --- stderr
    [1/2] updated exec-a.example.com
    [2/2] updated exec-b.example.com
    ");
    let shown = bench.writes();
    assert_snapshot!(shown.join("\n"), @r#"
    PATCH /api/v2/instances/5/ {"peers":["hop-2.example.com"]} -> 200
    PATCH /api/v2/instances/4/ {"enabled":false,"capacity_adjustment":"0.50"} -> 200
    "#);
    let _ = bench.run("plan mesh.yaml --detailed-exitcode").expect(0);
}

#[test]
fn without_a_terminal_it_wants_yes_before_anything_else() {
    let bench = Bench::new(DIALECTS[0]);
    assert_snapshot!(bench.run("apply no-such-file.yaml"), @"
    exit 1
    --- stdout
    --- stderr
    error: apply asks before it writes, and there is no terminal to ask on
    hint: give --yes, after `meshform plan` has shown what would be done
    ");
}

#[test]
fn a_failure_stops_what_depends_on_it_and_nothing_else() {
    let bench = Bench::new(DIALECTS[1]);
    let front = Front::new(bench.url(), |method, path, before| {
        // The second create is that of hop-1; before it came hop-2.
        (method == "POST" && path.ends_with("/instances/") && before == 1)
            .then(|| (500, "text/html", "<h1>Server Error (500)</h1>".to_owned()))
    });
    let mut bench = bench;
    bench.set("CONTROLLER_HOST", front.url());
    bench.file("mesh.yaml", CHAIN);
    let output = bench.run("apply mesh.yaml --yes --parallelism 1");
    assert_eq!(output.code, Some(1));
    assert_snapshot!(output.stdout.replace(front.url(), "http://FRONT"), @"
    mesh.yaml against http://FRONT (AWX 23.7.0): 4 declared, 0 live

      + hop-2.example.com         create                  mesh.yaml:6
          hop, listener_port 27199, peers_from_control_nodes true
      + exec-b.example.com        create                  mesh.yaml:4
          execution
          peers  hop-2.example.com
      + hop-1.example.com         create                  mesh.yaml:5
          hop, listener_port 27199
          peers  hop-2.example.com
      + exec-a.example.com        create                  mesh.yaml:3
          execution
          peers  hop-1.example.com

    On the nodes after the apply, in this order
      1. hop-2.example.com  install bundle (new)
      2. exec-b.example.com, hop-1.example.com  install bundle (new)
      3. exec-a.example.com  install bundle (new)

    Firewall: open before the bundles are run, close afterwards
      open  control nodes, exec-b.example.com, hop-1.example.com -> hop-2.example.com port 27199/tcp
      open  exec-a.example.com -> hop-1.example.com port 27199/tcp

    Plan: 4 to create, 0 to update, 0 unchanged. 4 requests. Digest 92adc313.

    Failed
      ! hop-1.example.com  mesh.yaml:5
          POST /api/v2/instances/: 500: the answer is not JSON but begins `<h1>Server Error (500)</h1>`
          hint: what answers is an ingress, a proxy or another program: check the address
    Not attempted
        exec-a.example.com  waits for hop-1.example.com

    Apply: 2 done, 1 failed, 1 not attempted. Run it again to continue.
    ");
    assert_snapshot!(output.stderr, @"
    [1/4] created hop-2.example.com
    [2/4] failed hop-1.example.com: POST /api/v2/instances/: 500: the answer is not JSON but begins `<h1>Server Error (500)</h1>`
    [3/4] created exec-b.example.com
    ");
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    let _ = bench.run("plan mesh.yaml --detailed-exitcode").expect(0);
}

#[test]
fn the_first_403_on_a_write_stops_the_run() {
    let mut bench = Bench::new(DIALECTS[0]);
    // Rights that go while it runs.
    let forbidden = r#"{"detail": "You do not have permission to perform this action."}"#;
    let front = Front::new(bench.url(), move |method, path, _| {
        (method == "POST" && path.ends_with("/instances/")).then(|| (403, "application/json", forbidden.to_owned()))
    });
    bench.set("CONTROLLER_HOST", front.url());
    bench.file("mesh.yaml", &three_tiers(0));
    let output = bench.run("apply mesh.yaml --yes --parallelism 1 -q");
    assert_eq!(output.code, Some(1));
    let outcome = output.stdout.split_once("Failed").expect("a failure").1;
    assert_snapshot!(outcome, @"

      ! top-1.example.com  mesh.yaml:48
          POST /api/v2/instances/: 403: You do not have permission to perform this action.
          hint: a system administrator and, for a token, the scope `write` is needed
    Not attempted
        leaf-[1:40].example.com, middle-[1:6].example.com  waits for top-1.example.com
        top-2.example.com  the controller refuses who asks, so the run was stopped

    Apply: 0 done, 1 failed, 47 not attempted. Run it again to continue.
    ");
}

#[test]
fn who_may_not_write_is_told_before_anything_is_written() {
    let mut bench = Bench::new(DIALECTS[0]);
    bench.request("POST", "/api/v2/users/", &json!({"username": "audrey", "password": "pw", "is_system_auditor": true}));
    bench.set("CONTROLLER_USERNAME", "audrey").set("CONTROLLER_PASSWORD", "pw");
    bench.file("mesh.yaml", &three_tiers(0));
    let _ = bench.run("plan mesh.yaml").expect(0);
    let output = bench.run("apply mesh.yaml --yes -q");
    assert_eq!((output.code, bench.writes().len()), (Some(4), 0), "{output}");
    assert_snapshot!(output.stderr, @"
    error: audrey may read and not write, so nothing was done
    hint: a system administrator is needed and, for a token, the scope `write`; `meshform login --check` tells who one is
    ");
}

/// As what answers preflight requests of browsers in the controller's place does.
#[test]
fn an_answer_that_says_nothing_of_rights_is_no_refusal() {
    for (status, body) in [(204, ""), (200, "{}"), (405, r#"{"detail": "no"}"#), (200, "<html>")] {
        let mut bench = Bench::new(DIALECTS[0]);
        let front =
            Front::new(bench.url(), move |method, _, _| (method == "OPTIONS").then(|| (status, "application/json", body.to_owned())));
        bench.set("CONTROLLER_HOST", front.url());
        bench.file("mesh.yaml", &three_tiers(0));
        let _ = bench.run("apply mesh.yaml --yes -q").expect(0);
    }
}

#[test]
fn a_403_of_what_stands_before_the_controller_stops_the_run_too() {
    let mut bench = Bench::new(DIALECTS[0]);
    let front = Front::new(bench.url(), |method, _, _| (method == "POST").then(|| (403, "text/html", "<h1>Forbidden</h1>".to_owned())));
    bench.set("CONTROLLER_HOST", front.url());
    bench.file("mesh.yaml", &three_tiers(0));
    let output = bench.run("apply mesh.yaml --yes --parallelism 1");
    assert!(output.code == Some(1) && output.stdout.contains("0 done, 1 failed, 47 not attempted"), "{output}");
}

#[test]
fn hostnames_that_look_like_ids_are_written_by_id() {
    let mut bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", "instances: [{hostname: '12345', listener_port: 27199}, {hostname: 2001:db8::1, peers: ['12345']}]");
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    bench.file(
        "mesh.yaml",
        "instances: [{hostname: '12345', listener_port: 27199, enabled: false}, {hostname: 2001:db8::1, peers: ['12345:27199']}]",
    );
    let _ = bench.writes();
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    assert_eq!(bench.writes().len(), 1);
    let rows = bench.request("GET", "/api/v2/instances/?hostname=12345", &Json::Null);
    assert_eq!(rows["results"][0]["enabled"], json!(false));
}
