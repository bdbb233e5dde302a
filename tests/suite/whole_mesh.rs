//! `meshform.yaml`: what holds for a whole folder, and what plan and apply make of it.

use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::harness::{Bench, DIALECTS};

const MESH_FILE: &str = "
owns: [\"*.mesh.example.com\", \"!*.lab.mesh.example.com\"]
defaults:
  enabled: true
  hop: {listener_port: 27199, peers_from_control_nodes: true}
";

/// A site of one hop and three execution nodes.
fn site(name: &str) -> String {
    format!(
        "instances:
  - hostname: hop-1.{name}.mesh.example.com
    node_type: hop
  - hostname: exec-[01:03].{name}.mesh.example.com
    peers: [hop-1.{name}.mesh.example.com]
"
    )
}

/// Two sites, applied.
fn applied(dialect: meshform::sandbox::Dialect) -> Bench {
    let mut bench = Bench::new(dialect);
    bench.file("mesh/meshform.yaml", MESH_FILE).file("mesh/sites/fra.yaml", &site("fra")).file("mesh/sites/mil.yaml", &site("mil"));
    let _ = bench.run("apply mesh --yes").expect(0);
    let _ = bench.writes();
    bench
}

#[test]
fn a_deleted_file_is_a_plan_to_remove_its_nodes_and_no_others() {
    for dialect in DIALECTS {
        let mut bench = applied(dialect);
        bench.request("POST", "/api/v2/instances/", &json!({"hostname": "theirs.lab.mesh.example.com"}));
        bench.request("POST", "/api/v2/instances/", &json!({"hostname": "other.example.com"}));
        bench.writes();
        bench.remove("mesh/sites/mil.yaml");
        let shown = bench.run("plan mesh").expect(0).replace("23.7.0", "VERSION").replace("24.6.1", "VERSION");
        insta::allow_duplicates! { assert_snapshot!(shown, @r#"
        mesh against http://SANDBOX (AWX VERSION): 4 declared, 10 live

          - exec-[01:03].mil.mesh.example.com  remove 3                mesh/meshform.yaml:2
              (not declared, and owns has "*.mesh.example.com")
          - hop-1.mil.mesh.example.com         remove                  mesh/meshform.yaml:2
              (not declared, and owns has "*.mesh.example.com")
              (3 instances dial it now, 0 after; none outside this configuration)

        Firewall: open before the bundles are run, close afterwards
          close control nodes, exec-[01:03].mil.mesh.example.com -> hop-1.mil.mesh.example.com port 27199/tcp

        2 instances on the controller are not declared here and stay as they are.
        Plan: 0 to create, 0 to update, 4 to remove, 4 unchanged. 4 requests. Digest 40c02c11.
        "#); }
        let _ = bench.run("apply mesh --yes").expect(0);
        let removed = bench.writes().iter().filter(|write| write.contains("{\"node_state\":\"deprovisioning\"} -> 200")).count();
        assert_eq!((removed, bench.refused()), (4, Vec::new()));
        let shown = bench.run("plan mesh --detailed-exitcode").expect(0);
        assert!(shown.contains("2 instances on the controller are not declared here and stay as they are."), "{shown}");
    }
}

#[test]
fn removals_are_in_the_json_too() {
    let bench = applied(DIALECTS[0]);
    bench.remove("mesh/sites/mil.yaml");
    bench.file("mesh/meshform.yaml", &MESH_FILE.replace("!*.lab", "!*.lap"));
    let document: Json = serde_json::from_str(&bench.run("plan mesh --format json").expect(0)).expect("JSON");
    assert_eq!(document["summary"]["remove"], 4);
    assert_eq!(
        document["instances"][3],
        json!({
            "hostname": "hop-1.mil.mesh.example.com", "action": "remove", "changes": [],
            "source": {"file": "mesh/meshform.yaml", "line": 2, "column": 8},
            "notes": ["not declared, and owns has \"*.mesh.example.com\"", "3 instances dial it now, 0 after; none outside this configuration"]
        })
    );
    assert_eq!(document["warnings"][0]["message"], "`!*.lap.mesh.example.com` in `owns` matches no instance, declared or live");
}

#[test]
fn what_is_protected_is_said_to_be() {
    let bench = applied(DIALECTS[0]);
    bench.file("mesh/meshform.yaml", &format!("{MESH_FILE}protect: [\"hop-*.mesh.example.com\"]\n"));
    bench.remove("mesh/sites/mil.yaml");
    bench.file("mesh/sites/fra.yaml", &site("fra").replace("node_type: hop", "node_type: execution\n    listener_port: 27199"));
    let shown = bench.run("plan mesh").expect(4);
    let refused = shown.split("Refused\n").nth(1).expect("something is refused");
    assert_snapshot!(refused, @"
      ! hop-1.fra.mesh.example.com, hop-1.mil.mesh.example.com  mesh/meshform.yaml:2 and 1 other place
          it is protected: no plan may remove or replace it
          hint: remove the protection first, if it shall go
      ! hop-1.fra.mesh.example.com  mesh/sites/fra.yaml:3
          node_type changes, so it is made again, and would lose what it has and nobody declares: peers_from_control_nodes
          hint: declare these fields, too, with the values that they have or shall have

    Not allowed
      ! hop-1.fra.mesh.example.com: a changed node_type means that the instance is removed and made again
          hint: --allow-replace if that is meant; else declare the live node_type

    Warning: 4 instances will have no path to the control plane: exec-[01:03].fra.mesh.example.com, hop-1.fra.mesh.example.com
    Warning: `!*.lab.mesh.example.com` in `owns` matches no instance, declared or live  mesh/meshform.yaml:2
    1 field of declared instances is not managed and differs from what a create would give.
    Plan: 0 to create, 0 to update, 1 to replace, 4 to remove, 3 unchanged. 3 refused, so nothing can be applied.
    Not all of it is allowed, so nothing is applied.
    ");
}

#[test]
fn control_nodes_are_nobodys_to_remove() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", "owns: ['*']\ninstances: [{hostname: exec-1.example.com}]");
    assert!(bench.run("plan mesh.yaml").expect(0).contains("1 to create, 0 to update, 0 unchanged"));
    let nodes = bench.request("GET", "/api/v2/instances/?node_type=control", &Json::Null);
    let control = nodes["results"][0]["hostname"].as_str().expect("a control node").to_owned();
    for text in ["{hostname: CONTROL, node_state: deprovisioning}", "{hostname: exec-1.example.com, replaces: CONTROL}"] {
        bench.file("mesh.yaml", &format!("instances: [{}]", text.replace("CONTROL", &control)));
        let shown = bench.run("plan mesh.yaml").expect(4);
        assert!(shown.contains("this control node belongs to the controller's installation: no plan removes it"), "{shown}");
        assert!(!shown.contains("  - "), "{shown}");
    }
}

#[test]
fn known_drift_is_left_alone_by_a_plan_that_does_other_things() {
    let bench = applied(DIALECTS[0]);
    let rule = "ignore: [{hostname: 'exec-*', field: enabled, until: 2999-12-31, reason: CHG0051}]\n";
    bench.file("mesh/meshform.yaml", &format!("{MESH_FILE}{rule}"));
    bench.file("mesh/sites/new.yaml", "instances: [{hostname: new.mesh.example.com, replaces: gone.mesh.example.com}]");
    // Nothing differs that shall be ignored, and what shall be replaced is not there.
    let _ = bench.run("plan mesh").expect(0);
    let id = bench.request("GET", "/api/v2/instances/?hostname=exec-02.fra.mesh.example.com", &Json::Null)["results"][0]["id"].clone();
    bench.request("PATCH", &format!("/api/v2/instances/{id}/"), &json!({"enabled": false}));
    bench.file("mesh/sites/new.yaml", "instances: [{hostname: new.mesh.example.com, replaces: exec-03.mil.mesh.example.com}]");
    bench.file("mesh/sites/mil.yaml", &site("mil").replace("[01:03]", "[01:02]"));
    let shown = bench.run("plan mesh --no-blame").expect(0);
    assert_snapshot!(shown, @"
    mesh against http://SANDBOX (AWX 24.6.1): 8 declared, 8 live

      + new.mesh.example.com          create                  mesh/sites/new.yaml:1
          execution, enabled true
      - exec-03.mil.mesh.example.com  remove                  mesh/sites/new.yaml:1
          (new.mesh.example.com takes its place)

    On the nodes after the apply, in this order
      1. new.mesh.example.com  install bundle (new)

    Firewall: open before the bundles are run, close afterwards
      close exec-03.mil.mesh.example.com -> hop-1.mil.mesh.example.com port 27199/tcp

    Left alone although it differs
      exec-02.fra.mesh.example.com  enabled: declared true, live false  mesh/meshform.yaml:6
          known until 2999-12-31: CHG0051

    Warning: 1 instance will be there without a path to the control plane: new.mesh.example.com
    Warning: `!*.lab.mesh.example.com` in `owns` matches no instance, declared or live  mesh/meshform.yaml:2
    Plan: 1 to create, 0 to update, 1 to remove, 6 unchanged, 1 field left alone. 2 requests. Digest 2a0ad9fc.
    ");
}

#[test]
fn overrides_are_planned_as_declared() {
    let bench = applied(DIALECTS[0]);
    bench.file("mesh/maintenance.yaml", "overrides: [{hostname: 'exec-[02:03].mil.mesh.example.com', enabled: false, reason: CHG0042}]");
    let shown = bench.run("plan mesh").expect(0);
    assert_snapshot!(shown, @"
    mesh against http://SANDBOX (AWX 24.6.1): 8 declared, 8 live

      ~ exec-[02:03].mil.mesh.example.com  update 2, all alike     mesh/maintenance.yaml:1
          enabled  true -> false

    Plan: 0 to create, 2 to update, 6 unchanged. 2 requests. Digest 7745f19b.
    ");
}

#[test]
fn the_controller_of_a_mesh_is_a_guard() {
    let bench = applied(DIALECTS[0]);
    let other = format!("{MESH_FILE}controller: https://awx.example.com\n");
    bench.file("mesh/meshform.yaml", &other);
    let before = bench.requests();
    assert_snapshot!(bench.run("plan mesh"), @"
    exit 4
    --- stdout
    --- stderr
    error: this mesh is for https://awx.example.com, and CONTROLLER_HOST names http://SANDBOX
    hint: set CONTROLLER_HOST to the right one, or give --controller if the other one is meant
    ");
    assert_eq!(bench.requests(), before, "the other controller sees no password");
    // Only the flag is meant for this one run.
    let url = bench.url();
    let output = bench.run(&format!("plan mesh --controller {url}"));
    assert!(output.stderr.contains("warning: this mesh is for https://awx.example.com; --controller overrides that"), "{output}");
    assert_eq!(output.code, Some(0));
    let _ = bench.run("plan mesh --controller sandbox:").expect(0);
    // Written otherwise it is the same one.
    let same = url.replace("http", "HTTP");
    bench.file("mesh/meshform.yaml", &format!("{MESH_FILE}controller: [https://awx.example.com, \"{same}/api/v2/\"]\n"));
    let output = bench.run("plan mesh");
    assert_eq!((output.code, &*output.stderr), (Some(0), ""), "{output}");
}

#[test]
fn keys_of_ones_own_go_into_the_json() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file(
        "mesh.yaml",
        "instances:\n  - {hostname: exec-1.example.com, x-rack: {row: 7, ids: [a, '1', 2.50, ~, yes, true]}}\n  - hostname: exec-2.example.com\n",
    );
    let document: Json = serde_json::from_str(&bench.run("plan mesh.yaml --format json").expect(0)).expect("JSON");
    assert_eq!(document["instances"][0]["x-rack"], json!({"row": 7, "ids": ["a", "1", 2.50, null, "yes", true]}));
    assert_eq!(document["instances"][1].as_object().map(|o| o.keys().any(|key| key.starts_with("x-"))), Some(false));
}
