//! `plan PATH --from OTHER_PATH`: what a change of the configuration would do, without a controller and without a secret.

use insta::assert_snapshot;
use meshform::sandbox::Dialect;
use serde_json::{Value as Json, json};

use crate::harness::{Bench, DIALECTS};

const BASE: &str = "\
owns: ['*.mesh.example.com']
external: [ingress.example.com, '[fd00::1]:443']
instances:
  - {hostname: hop-1.mesh.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - {hostname: hop-2.mesh.example.com, node_type: hop, listener_port: 27199, peers: [ingress.example.com]}
  - {hostname: 'exec-[1:4].mesh.example.com', peers: [hop-1.mesh.example.com], enabled: true}
  - {hostname: far.mesh.example.com, peers: ['[fd00::1]:443']}
  - {hostname: their.other.example.com, capacity_adjustment: 0.50}
";

fn bench() -> Bench {
    let mut bench = Bench::new(Dialect::Addresses);
    // As on a fork: nobody says where a controller is.
    bench.set("CONTROLLER_HOST", "").set("CONTROLLER_PASSWORD", "");
    bench.file("base.yaml", BASE);
    bench
}

#[test]
fn a_change_of_the_configuration_is_planned_without_a_controller() {
    let bench = bench();
    bench.file(
        "mesh.yaml",
        &BASE
            .replace("exec-[1:4].mesh.example.com', peers: [hop-1", "exec-[2:5].mesh.example.com', peers: [hop-2")
            .replace(", enabled: true", "")
            .replace("  - {hostname: their.other.example.com, capacity_adjustment: 0.50}\n", ""),
    );
    let shown = bench.run("plan mesh.yaml --from base.yaml").expect(0);
    assert_snapshot!(shown, @r#"
    mesh.yaml against the configuration base.yaml, no controller asked: 7 declared

      + exec-5.mesh.example.com      create                  mesh.yaml:6
          execution
          peers  hop-2.mesh.example.com
      ~ exec-[2:4].mesh.example.com  update 3, all alike     mesh.yaml:6
          peers  - hop-1.mesh.example.com
                 + hop-2.mesh.example.com
      - exec-1.mesh.example.com      remove                  mesh.yaml:1
          (not declared, and owns has "*.mesh.example.com")

    On the nodes after the apply, in this order
      1. exec-5.mesh.example.com  install bundle (new)
      1. exec-[2:4].mesh.example.com  install bundle (peers changed)

    Firewall: open before the bundles are run, close afterwards
      open  exec-[2:5].mesh.example.com -> hop-2.mesh.example.com port 27199/tcp
      close exec-[1:4].mesh.example.com -> hop-1.mesh.example.com port 27199/tcp

    Let go of
      exec-[2:4].mesh.example.com  enabled no longer managed: stays true
      their.other.example.com  no longer declared, and not owned: stays live as it is

    Plan: 1 to create, 3 to update, 1 to remove, 3 unchanged. 5 requests. Digest 1bfec86d.
    "#);
    let document: Json = serde_json::from_str(&bench.run("plan mesh.yaml --from base.yaml --format json").expect(0)).expect("JSON");
    assert_eq!((&document["controller"], &document["from"]), (&Json::Null, &json!("base.yaml")));
    assert_eq!(document["lets_go"][3], json!({"hostname": "their.other.example.com", "field": null, "value": null}));
    let _ = bench.run("plan mesh.yaml --from base.yaml --detailed-exitcode").expect(2);
    let _ = bench.run("plan base.yaml --from base.yaml --detailed-exitcode").expect(0);
    let _ = bench.run("plan base.yaml --from base.yaml --detailed-exitcode --dialect hostnames").expect(0);
    assert_eq!(bench.requests(), 0);
}

#[test]
fn what_an_apply_would_refuse_is_refused_offline_too() {
    let bench = bench();
    bench.file("mesh.yaml", &BASE.replace("27199, peers_from", "27200, peers_from"));
    let shown = bench.run("plan mesh.yaml --from base.yaml").expect(4);
    assert!(shown.contains("hint: give them a second path first"), "{shown}");
    let _ = bench.run("plan mesh.yaml --from base.yaml --allow-disrupt").expect(0);
    for (arguments, wanted) in [
        ("plan mesh.yaml --from nowhere.yaml", "nowhere.yaml"),
        ("plan mesh.yaml --from base.yaml --out mesh.plan", "cannot be used with"),
        ("plan mesh.yaml --from base.yaml --controller http://127.0.0.1:1", "cannot be used with"),
        ("plan mesh.yaml --dialect hostnames", "--from"),
    ] {
        let output = bench.run(arguments);
        assert!(output.code == Some(1) && output.stderr.contains(wanted), "{output}");
    }
}

/// Where the controller is as the base says, the plan is the same as with it.
#[test]
fn offline_and_on_line_the_same_requests_are_planned() {
    for dialect in DIALECTS {
        let bench = Bench::new(dialect);
        let base = "instances:\n  - {hostname: 'hop-[1:2].example.com', node_type: hop, listener_port: 27199, peers_from_control_nodes: true}\n  - {hostname: 'exec-[1:5].example.com', peers: [hop-1.example.com]}\n";
        bench.file("base.yaml", base).file("mesh.yaml", &base.replace("peers: [hop-1", "enabled: false, peers: [hop-2"));
        let _ = bench.run("apply base.yaml --yes").expect(0);
        let flag = if dialect == Dialect::Hostnames { "--dialect hostnames" } else { "" };
        let digest = |arguments: &str| {
            let shown = bench.run(&format!("plan mesh.yaml --format json {arguments}")).expect(0);
            serde_json::from_str::<Json>(&shown).expect("JSON")["digest"].clone()
        };
        assert_eq!(digest(&format!("--from base.yaml {flag}")), digest(""));
    }
}

#[test]
fn no_change_of_ten_thousand_is_a_few_lines() {
    let bench = bench();
    bench.file("big.yaml", "instances: [{hostname: 'exec-[00001:10000].example.com', enabled: true}]\n");
    let shown = bench.run("plan big.yaml --from big.yaml -v").expect(0);
    assert_eq!(
        shown,
        "big.yaml against the configuration big.yaml, no controller asked: 10000 declared\n\nNo changes. 10000 instances are as declared.\n"
    );
}
