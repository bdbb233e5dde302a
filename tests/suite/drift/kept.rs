//! `--keep-drift`, and what a plan says of those whose changes it undoes.

use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::{MESH, of, timeless};
use crate::harness::{Bench, DIALECTS, request_as};

fn field(bench: &Bench, hostname: &str, field: &str) -> Json {
    bench.request("GET", &format!("/api/v2/instances/{}/", bench.id(hostname)), &Json::Null)[field].clone()
}

#[test]
fn only_what_was_not_applied_yet_is_applied() {
    for dialect in DIALECTS {
        let mut bench = of(dialect);
        bench.change("alice", "exec-1.example.com", &json!({"enabled": false}));
        bench.change("alice", "exec-2.example.com", &json!({"peers": []}));
        bench.change("bob", "exec-3.example.com", &json!({"node_state": "deprovisioning"}));
        request_as(&bench.url(), ("bob", "bob"), "POST", "/api/v2/instances/", &json!({"hostname": "exec-9.example.com"}));
        bench.file("mesh.yaml", &MESH.replace("0.75", "0.70").replace("exec-[1:6]", "exec-[1:5]"));
        bench.writes();
        let _ = bench.run("apply mesh.yaml --yes --keep-drift").expect(0);
        let writes = bench.writes();
        // exec-1, 2, 4 and 5 get another capacity; exec-6 goes.
        assert_eq!(writes.len(), 5, "{writes:?}");
        assert_eq!(field(&bench, "exec-1.example.com", "enabled"), false);
        assert_eq!(field(&bench, "exec-1.example.com", "capacity_adjustment"), "0.70");
        assert_eq!(field(&bench, "exec-2.example.com", "peers"), json!([]));
        assert_ne!(field(&bench, "exec-9.example.com", "id"), Json::Null);
        let shown = bench.run("plan mesh.yaml --keep-drift --detailed-exitcode").expect(0);
        if dialect == DIALECTS[0] {
            assert_snapshot!(timeless(&shown), @"
            mesh.yaml against http://SANDBOX (AWX VERSION): 6 declared, 6 live

            Left alone although it differs
              exec-3.example.com  declared, and not there  mesh.yaml:6
                  bob, TIME; --keep-drift leaves it
              exec-1.example.com  enabled: declared true, live false  mesh.yaml:3
                  alice, TIME; --keep-drift leaves it
              exec-2.example.com  peers: declared hop-1.example.com, live none  mesh.yaml:8
                  alice, TIME; --keep-drift leaves it
              exec-9.example.com  there, and shall not be there  mesh.yaml:2
                  bob, TIME; --keep-drift leaves it

            No changes. 3 instances are as declared, 2 left out, 2 fields left alone.
            ");
        }
        // Without it all of that is undone.
        let _ = bench.run("apply mesh.yaml --yes").expect(0);
        let _ = bench.run("plan mesh.yaml --detailed-exitcode").expect(0);
    }
}

#[test]
fn what_needs_something_that_is_kept_is_left_out() {
    let bench = of(DIALECTS[0]);
    bench.change("alice", "hop-1.example.com", &json!({"listener_port": null}));
    bench.file("mesh.yaml", &(MESH.replace("exec-[1:6]", "exec-[1:7]") + "  - {hostname: exec-8.example.com}\n"));
    let shown = bench.run("plan mesh.yaml --keep-drift").expect(0);
    assert_snapshot!(timeless(&shown), @"
    mesh.yaml against http://SANDBOX (AWX VERSION): 9 declared, 7 live

      + exec-8.example.com        create                  mesh.yaml:9
          execution, enabled true, managed_by_policy true

    On the nodes after the apply, in this order
      1. exec-8.example.com  install bundle (new)

    Left out, since it needs something that is left out
      exec-7.example.com  needs what is left alone

    Left alone although it differs
      hop-1.example.com  listener_port: declared 27199, live null  mesh.yaml:5
          nobody knows whether somebody changed it, so --keep-drift leaves it
      exec-[1:6].example.com  peers: declared hop-1.example.com, live none  mesh.yaml:8
          nobody knows whether somebody changed it, so --keep-drift leaves it
      hop-1.example.com  peers_from_control_nodes: declared true, live false  mesh.yaml:5
          nobody knows whether somebody changed it, so --keep-drift leaves it

    Warning: 1 instance will be there without a path to the control plane: exec-8.example.com
    Plan: 1 to create, 0 to update, 0 unchanged, 1 left out, 8 fields left alone. 1 request. Digest ad176503.
    ");
}

#[test]
fn a_plan_says_whose_changes_it_undoes() {
    let bench = of(DIALECTS[0]);
    bench.change("alice", "exec-1.example.com", &json!({"enabled": false}));
    bench.change("bob", "exec-2.example.com", &json!({"enabled": false}));
    bench.change("ci", "exec-3.example.com", &json!({"enabled": false}));
    let shown = bench.run("plan mesh.yaml").expect(0);
    assert_snapshot!(timeless(&shown), @"
    mesh.yaml against http://SANDBOX (AWX VERSION): 7 declared, 7 live

      ~ exec-1.example.com        update                  mesh.yaml:3
          enabled  false -> true      ! reverts alice, TIME (--keep-drift leaves it)
      ~ exec-2.example.com        update                  mesh.yaml:3
          enabled  false -> true      ! reverts bob, TIME (--keep-drift leaves it)
      ~ exec-3.example.com        update                  mesh.yaml:3
          enabled  false -> true

    Plan: 0 to create, 3 to update, 4 unchanged. 3 requests. Digest c47372bf.
    ");
    let document: Json = serde_json::from_str(&bench.run("plan mesh.yaml --format json").expect(0)).expect("JSON");
    let reverts = |i: usize| document["instances"][i]["changes"][0]["reverts"].clone();
    assert_eq!((&reverts(0)["actor"], &reverts(0)["before"]), (&json!("alice"), &json!(true)));
    assert_eq!((&reverts(1)["actor"], reverts(2)), (&json!("bob"), Json::Null));
    // A saved plan says it as well, and is the same plan.
    let _ = bench.run("plan mesh.yaml --out mesh.plan").expect(0);
    assert_eq!(bench.run("show mesh.plan").expect(0), shown);
    let unblamed: Json = serde_json::from_str(&bench.run("plan mesh.yaml --no-blame --format json").expect(0)).expect("JSON");
    assert_eq!(unblamed["digest"], document["digest"]);
    assert!(bench.run("plan mesh.yaml --no-blame --keep-drift").expect(1).is_empty());
    bench.file("mesh.yaml", &MESH.replace("applied_by: ci\n", ""));
    let unknown = bench.run("plan mesh.yaml --keep-drift");
    assert!(unknown.code == Some(1) && unknown.stderr.contains("in `applied_by`"), "{unknown}");
    let refused = bench.run("apply mesh.plan --yes --keep-drift");
    assert!(refused.stderr.contains("give those flags to `meshform plan --out`"), "{refused}");
}

#[test]
fn what_would_be_made_again_stays_as_a_hand_left_it() {
    let bench = of(DIALECTS[0]);
    bench.change("alice", "exec-1.example.com", &json!({"enabled": false}));
    bench.file("mesh.yaml", &MESH.replace("    capacity_adjustment: 0.75\n", "    node_type: hop\n    listener_port: 27199\n"));
    let shown = bench.run("plan mesh.yaml --keep-drift --allow-replace --allow-disrupt --only exec-1.example.com").expect(0);
    assert!(shown.contains("exec-1.example.com  node_type: declared hop, live execution"), "{shown}");
    assert!(shown.contains("alice, ") && !shown.contains("reverts"), "{shown}");
}

#[test]
fn a_rule_lets_the_rest_of_the_mesh_be_applied() {
    let bench = of(DIALECTS[0]);
    bench.change("alice", "hop-1.example.com", &json!({"listener_port": null}));
    let rule = "ignore: [{hostname: hop-1.example.com, field: listener_port, until: 2999-12-31, reason: CHG0051}]\n";
    bench.file("mesh.yaml", &(MESH.to_owned() + "  - {hostname: exec-8.example.com}\n" + rule));
    let shown = bench.run("plan mesh.yaml").expect(0);
    assert_snapshot!(timeless(&shown), @"
    mesh.yaml against http://SANDBOX (AWX VERSION): 8 declared, 7 live

      + exec-8.example.com        create                  mesh.yaml:9
          execution, enabled true, managed_by_policy true

    On the nodes after the apply, in this order
      1. exec-8.example.com  install bundle (new)

    Left out, since it needs something that is left out
      exec-[1:6].example.com, hop-1.example.com  needs what is left alone

    Left alone although it differs
      hop-1.example.com  listener_port: declared 27199, live null  mesh.yaml:10
          known until TIME: CHG0051

    Warning: 1 instance will be there without a path to the control plane: exec-8.example.com
    Plan: 1 to create, 0 to update, 5 unchanged, 1 left out, 1 field left alone. 1 request. Digest ad176503.
    ");
}
