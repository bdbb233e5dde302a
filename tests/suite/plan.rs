//! `meshform plan`: what it shows, how it exits, and that it writes nothing.

use insta::assert_snapshot;
use meshform::sandbox::Settings;
use serde_json::{Value as Json, json};

use super::harness::{Bench, DIALECTS};

const MESH: &str = "
instances:
  - hostname: hop-[1:2].example.com
    node_type: hop
    listener_port: 27199
    peers_from_control_nodes: true
  - hostname: exec-[01:06].example.com
    enabled: true
    capacity_adjustment: 0.75
    peers: [hop-1.example.com]
";

fn applied(dialect: meshform::sandbox::Dialect) -> Bench {
    let mut bench = Bench::new(dialect);
    bench.file("mesh.yaml", MESH);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    let _ = bench.writes();
    bench
}

#[test]
fn a_new_mesh_is_shown_folded_and_in_dependency_order() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    assert_snapshot!(bench.run("plan mesh.yaml").expect(0), @"
    mesh.yaml against http://SANDBOX (AWX 24.6.1): 8 declared, 0 live

      + hop-[1:2].example.com     create 2, all alike     mesh.yaml:3
          hop, listener_port 27199, peers_from_control_nodes true
      + exec-[01:06].example.com  create 6, all alike     mesh.yaml:7
          execution, enabled true, capacity_adjustment 0.75
          peers  hop-1.example.com

    On the nodes after the apply, in this order
      1. hop-[1:2].example.com  install bundle (new)
      2. exec-[01:06].example.com  install bundle (new)

    Firewall: open before the bundles are run, close afterwards
      open  control nodes -> hop-2.example.com port 27199/tcp
      open  control nodes, exec-[01:06].example.com -> hop-1.example.com port 27199/tcp

    Plan: 8 to create, 0 to update, 0 unchanged. 8 requests. Digest 5ec9120e.
    ");
}

#[test]
fn one_odd_field_does_not_split_a_range() {
    for dialect in DIALECTS {
        let mut bench = applied(dialect);
        let id = bench.request("GET", "/api/v2/instances/?hostname=exec-04.example.com", &Json::Null)["results"][0]["id"].clone();
        bench.request("PATCH", &format!("/api/v2/instances/{id}/"), &json!({"enabled": false, "capacity_adjustment": "0.50"}));
        bench.request("POST", "/api/v2/instances/", &json!({"hostname": "theirs.example.com"}));
        bench.writes();
        bench.file("mesh.yaml", &MESH.replace("peers: [hop-1", "peers: [hop-2").replace("hop-[1:2]", "hop-[1:3]"));
        let shown = bench.run("plan mesh.yaml --no-blame").expect(0).replace("23.7.0", "VERSION").replace("24.6.1", "VERSION");
        insta::allow_duplicates! { assert_snapshot!(shown, @"
        mesh.yaml against http://SANDBOX (AWX VERSION): 9 declared, 9 live

          + hop-3.example.com         create                  mesh.yaml:3
              hop, listener_port 27199, peers_from_control_nodes true
          ~ exec-[01:06].example.com  update 6, all alike     mesh.yaml:10
              peers  - hop-1.example.com
                     + hop-2.example.com
          ~ exec-04.example.com       and also                mesh.yaml:8 and 1 other place
              enabled  false -> true
              capacity_adjustment  0.50 -> 0.75

        On the nodes after the apply, in this order
          1. hop-3.example.com  install bundle (new)
          1. exec-[01:06].example.com  install bundle (peers changed)

        Firewall: open before the bundles are run, close afterwards
          open  control nodes -> hop-3.example.com port 27199/tcp
          open  exec-[01:06].example.com -> hop-2.example.com port 27199/tcp
          close exec-[01:06].example.com -> hop-1.example.com port 27199/tcp

        1 instance on the controller is not declared here and stays as it is.
        Plan: 1 to create, 6 to update, 2 unchanged. 7 requests. Digest 61c04207.
        "); }
        assert_eq!(bench.writes(), [""; 0]);
    }
}

#[test]
fn verbose_unfolds() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    let shown = bench.run("plan -v mesh.yaml").expect(0);
    assert!((1..=6).all(|i| shown.contains(&format!("+ exec-0{i}.example.com"))), "{shown}");
}

#[test]
fn detailed_exit_codes_tell_changes_from_none() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    let _ = bench.run("plan mesh.yaml").expect(0);
    let _ = bench.run("plan mesh.yaml --detailed-exitcode").expect(2);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    assert_snapshot!(bench.run("plan mesh.yaml --detailed-exitcode").expect(0), @"
    mesh.yaml against http://SANDBOX (AWX 24.6.1): 8 declared, 8 live

    No changes. 8 instances are as declared.
    ");
}

#[test]
fn a_field_that_is_not_declared_is_left_alone_and_counted() {
    let mut bench = applied(DIALECTS[0]);
    bench.file("mesh.yaml", "instances: [{hostname: 'exec-[01:02].example.com', enabled: true}]");
    assert_snapshot!(bench.run("plan mesh.yaml --detailed-exitcode").expect(0), @"
    mesh.yaml against http://SANDBOX (AWX 24.6.1): 2 declared, 8 live

    6 instances on the controller are not declared here and stay as they are.
    4 fields of declared instances are not managed and differ from what a create would give.
    No changes. 2 instances are as declared.
    ");
    assert_eq!(bench.writes(), [""; 0]);
}

#[test]
fn json_is_one_versioned_document() {
    let bench = applied(DIALECTS[1]);
    bench.file("mesh.yaml", &MESH.replace("0.75", "0.5").replace("[01:06]", "[06:07]"));
    let mut document: Json = serde_json::from_str(&bench.run("plan mesh.yaml --format json").expect(0)).expect("JSON");
    assert!(document["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:") && digest.len() == 71), "{document}");
    document["digest"] = json!("sha256:...");
    document["controller"]["install_uuid"] = json!("UUID");
    insta::assert_json_snapshot!(document);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let bench = Bench::new(DIALECTS[0]);
    let (a, b) = MESH.split_once("  - hostname: exec").expect("two blocks");
    bench.file("one/mesh.yaml", MESH);
    bench.file("one/other.yaml", "instances: [{hostname: z.example.com, peers: [hop-1.example.com, hop-2.example.com]}]");
    let first = bench.run("plan one").expect(0);
    bench.file("one/other.yaml", "instances: [{hostname: z.example.com, peers: [hop-2.example.com, hop-1.example.com]}]");
    assert_eq!(first, bench.run("plan one").expect(0));
    let swapped = format!("instances:\n  - hostname: exec{b}{}", a.trim_start_matches("\ninstances:\n"));
    bench.file("two/mesh.yaml", &swapped);
    bench.file("two/other.yaml", "instances: [{hostname: z.example.com, peers: [hop-2.example.com, hop-1.example.com]}]");
    let digest = |text: &str| text.split("Digest").nth(1).map(str::to_owned);
    assert_eq!(digest(&first), digest(&bench.run("plan two").expect(0)));
}

#[test]
fn what_is_not_allowed_is_shown_in_full_and_refused() {
    let mut bench = applied(DIALECTS[0]);
    bench.file("mesh.yaml", &MESH.replace("27199", "27200").replace("0.75", "0.5"));
    assert_snapshot!(bench.run("plan mesh.yaml"), @"
    exit 4
    --- stdout
    mesh.yaml against http://SANDBOX (AWX 24.6.1): 8 declared, 8 live

      ~ exec-[01:06].example.com  update 6, all alike     mesh.yaml:9
          capacity_adjustment  0.75 -> 0.50
      ~ hop-[1:2].example.com     update 2, all alike     mesh.yaml:5
          listener_port  27199 -> 27200
      ~ hop-1.example.com         and also                mesh.yaml:3
          (listener_port: null first, which drops every link to it, then 27200; 6 instances dial it and are set again)
          (no path to the control plane until its install bundle is run: itself, and 6 behind it: exec-[01:06].example.com)
      ~ hop-2.example.com         and also                mesh.yaml:3
          (listener_port: null first, which drops every link to it, then 27200)
          (no path to the control plane until its install bundle is run: itself)

    On the nodes after the apply, in this order
      1. hop-[1:2].example.com  install bundle (listener changed)
      2. exec-[01:06].example.com  install bundle (peers changed)

    Firewall: open before the bundles are run, close afterwards
      open  control nodes -> hop-2.example.com port 27200/tcp
      open  control nodes, exec-[01:06].example.com -> hop-1.example.com port 27200/tcp
      close control nodes -> hop-2.example.com port 27199/tcp
      close control nodes, exec-[01:06].example.com -> hop-1.example.com port 27199/tcp

    Not allowed
      ! exec-[01:06].example.com: no path to the control plane until install bundles are run, because of what changes at hop-1.example.com
          hint: give them a second path first; or change one after the other (--only) and run the install bundles in between; or --allow-disrupt

    Plan: 0 to create, 8 to update, 0 unchanged. 10 requests. 8 without a path until bundles are run. Digest f1430e1c.
    Not all of it is allowed, so nothing is applied.
    --- stderr
    ");
    assert_eq!(bench.run("apply mesh.yaml --yes").code, Some(4));
    let output = bench.run("plan mesh.yaml --format json");
    let document: Json = serde_json::from_str(&output.expect(4)).expect("JSON");
    let told = json!([document["summary"]["refused"], document["not_allowed"][0]["code"], document["disruptions"][0]["by"]]);
    assert_eq!(told, json!([0, "disrupt", "hop-1.example.com"]));
    assert_eq!(bench.writes(), [""; 0]);
}

#[test]
fn a_bad_configuration_shows_every_mistake_and_makes_no_request() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", include_str!("broken/a-dozen.yaml"));
    for command in ["validate", "plan", "apply --yes"] {
        let output = bench.run(&format!("{command} mesh.yaml"));
        let text = if command == "validate" { &output.stdout } else { &output.stderr };
        assert_eq!(output.code, Some(1), "{output}");
        assert_eq!(text.matches("error[MF").count(), 17, "{output}");
        assert_eq!(text.matches("--> mesh.yaml:").count(), 17, "{output}");
    }
    assert_eq!(bench.requests(), 0);
}

#[test]
fn a_hop_never_takes_the_defaults_of_execution_nodes_unseen() {
    let bench = applied(DIALECTS[0]);
    bench.file("mesh.yaml", "defaults: {execution: {capacity_adjustment: 0.5}}\ninstances: [{hostname: hop-1.example.com}]");
    let output = bench.run("plan mesh.yaml");
    assert!(output.stdout.contains("node_type  hop -> execution"), "{output}");
    // Without such defaults the type is not managed.
    bench.file("mesh.yaml", "instances: [{hostname: hop-1.example.com, enabled: true}]");
    assert!(bench.run("plan mesh.yaml").expect(0).contains("No changes."));
}

#[test]
fn who_loses_the_control_plane_is_said() {
    let bench = applied(DIALECTS[0]);
    bench.file("mesh.yaml", &MESH.replace("nodes: true", "nodes: false"));
    let shown = bench.run("plan mesh.yaml").expect(0);
    assert!(
        shown.contains("Warning: 8 instances will have no path to the control plane: exec-[01:06].example.com, hop-[1:2].example.com"),
        "{shown}"
    );
}

#[test]
fn a_removal_is_shown_last_with_who_dials_it() {
    let bench = applied(DIALECTS[0]);
    bench.file("mesh.yaml", "instances: [{hostname: exec-01.example.com, node_state: deprovisioning}, {hostname: hop-2.example.com, node_state: deprovisioning}, {hostname: gone.example.com, node_state: deprovisioning}]");
    assert_snapshot!(bench.run("plan mesh.yaml"), @"
    exit 0
    --- stdout
    mesh.yaml against http://SANDBOX (AWX 24.6.1): 3 declared, 8 live

      - exec-01.example.com       remove 2                mesh.yaml:1
        hop-2.example.com
          (declared with node_state deprovisioning)

    Firewall: open before the bundles are run, close afterwards
      close control nodes -> hop-2.example.com port 27199/tcp
      close exec-01.example.com -> hop-1.example.com port 27199/tcp

    6 instances on the controller are not declared here and stay as they are.
    Plan: 0 to create, 0 to update, 2 to remove, 1 unchanged. 2 requests. Digest b914382d.
    --- stderr
    ");
}

#[test]
fn the_outer_address_of_a_mesh_ingress_is_dialled() {
    let mut bench = Bench::with(Settings { ingress: true, ..Settings::default() });
    let nodes = bench.request("GET", "/api/v2/instances/?node_type=hop", &Json::Null);
    let ingress = nodes["results"][0]["hostname"].as_str().expect("an ingress").to_owned();
    bench.file("mesh.yaml", &format!("external: [{ingress}]\ninstances: [{{hostname: e.example.com, peers: [{ingress}]}}]"));
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    let addresses = bench.request("GET", "/api/v2/receptor_addresses/?is_internal=false", &Json::Null);
    let writes = bench.writes();
    assert!(writes[0].contains(&format!("\"peers\":[{}]", addresses["results"][0]["id"])), "{writes:?}");
    let _ = bench.run("plan mesh.yaml --detailed-exitcode").expect(0);
}

#[test]
fn off_kubernetes_the_plan_says_what_the_server_would_refuse() {
    for dialect in DIALECTS {
        let bench = Bench::with(Settings { on_host: true, dialect, ..Settings::default() });
        bench.file("mesh.yaml", MESH);
        let output = bench.run("plan mesh.yaml");
        assert_eq!(output.code, Some(4), "{output}");
        assert!(output.stdout.contains("its API refuses to create instances"), "{output}");
    }
}
