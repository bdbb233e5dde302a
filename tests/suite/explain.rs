//! `meshform explain`: where each value of an instance comes from.

use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::harness::{Bench, DIALECTS};

/// Every layer gives `enabled`, and each instance lacks another one.
fn bench() -> Bench {
    let bench = Bench::new(DIALECTS[0]);
    bench
        .file(
            "mesh/meshform.yaml",
            "
owns: [\"*.example.com\"]
protect: [\"hop-*\"]
external: [mesh-ingress]
defaults:
  enabled: true
  capacity_adjustment: 1
  hop: {listener_port: 27199, peers_from_control_nodes: true}
  execution: {enabled: true, peers: [\"hop-*.fra.example.com\", \"!hop-2.fra.example.com\"]}
instances:
  - hostname: far.example.com
    node_type: execution
    peers: [mesh-ingress]
",
        )
        .file(
            "mesh/fra.yaml",
            "
defaults:
  enabled: false
  execution: {enabled: true, capacity_adjustment: 0.5}
instances:
  - hostname: hop-[1:2].fra.example.com
    node_type: hop
  - hostname: exec-[01:03].fra.example.com
    x-rack: 7
  - hostname: last.fra.example.com
    replaces: old.example.com
    peers: [exec-01.fra.example.com]
    listener_port: null
  - hostname: exec-09.fra.example.com
    node_state: deprovisioning
  - hostname: alone.fra.example.com
    peers: []
",
        )
        .file(
            "mesh/maintenance.yaml",
            "
overrides:
  - hostname: [\"exec-*.fra.example.com\", \"!exec-0[2:3].fra.example.com\", \"!exec-09.fra.example.com\"]
    enabled: false
    reason: CHG0042, PDU swap
    until: 2999-12-04
  - hostname: exec-01.fra.example.com
    peers: [\"hop-*.fra.example.com\"]
",
        );
    bench
}

#[test]
fn each_value_with_its_place_and_what_it_hides() {
    assert_snapshot!(bench().run("explain exec-01.fra.example.com mesh").expect(0), @"
    exec-01.fra.example.com  mesh/fra.yaml:8

      owned                     *.example.com                                  mesh/meshform.yaml:2
      node_type                 execution                                      mesh/fra.yaml:8          no type is given, so that it takes the defaults for execution nodes
      enabled                   false                                          mesh/maintenance.yaml:4  override until 2999-12-04: CHG0042, PDU swap
                                true                                           mesh/fra.yaml:4          hidden: defaults of the file for execution nodes
                                false                                          mesh/fra.yaml:3          hidden: defaults of the file
                                true                                           mesh/meshform.yaml:9     hidden: defaults of the mesh for execution nodes
                                true                                           mesh/meshform.yaml:6     hidden: defaults of the mesh
      capacity_adjustment       0.50                                           mesh/fra.yaml:4          defaults of the file for execution nodes
                                1.00                                           mesh/meshform.yaml:7     hidden: defaults of the mesh
      managed_by_policy         not managed
      listener_port             not managed
      peers_from_control_nodes  not managed
      peers                     hop-[1:2].fra.example.com                      mesh/maintenance.yaml:8  override
                                hop-*.fra.example.com, !hop-2.fra.example.com  mesh/meshform.yaml:9     hidden: defaults of the mesh for execution nodes

      dials                     hop-[1:2].fra.example.com
      dialled by                last.fra.example.com
      path to control plane     exec-01.fra.example.com -> hop-1.fra.example.com <- control nodes
    ");
}

#[test]
fn what_holds_for_a_hop() {
    assert_snapshot!(bench().run("explain hop-1.fra.example.com mesh").expect(0), @"
    hop-1.fra.example.com  mesh/fra.yaml:6

      protect                   true           mesh/meshform.yaml:3
      owned                     *.example.com  mesh/meshform.yaml:2
      node_type                 hop            mesh/fra.yaml:7       the instance
      enabled                   false          mesh/fra.yaml:3       defaults of the file
                                true           mesh/meshform.yaml:6  hidden: defaults of the mesh
      capacity_adjustment       1.00           mesh/meshform.yaml:7  defaults of the mesh
      managed_by_policy         not managed
      listener_port             27199          mesh/meshform.yaml:8  defaults of the mesh for hops
      peers_from_control_nodes  true           mesh/meshform.yaml:8  defaults of the mesh for hops
      peers                     not managed

      dials                     not managed
      dialled by                exec-[01:03].fra.example.com, the control nodes
      path to control plane     hop-1.fra.example.com <- control nodes
    ");
}

#[test]
fn paths_over_others_and_out_of_the_mesh() {
    let bench = bench();
    let end = |host: &str| {
        let shown = bench.run(&format!("explain {host} mesh")).expect(0);
        shown.split_once("\n\n  dials").map(|(_, end)| format!("  dials{end}")).expect("it ends with the links")
    };
    assert_snapshot!(["last.fra.example.com", "far.example.com", "exec-09.fra.example.com", "alone.fra.example.com"].map(end).join("\n"), @"
    dials                     exec-01.fra.example.com
    dialled by                nobody here
    path to control plane     last.fra.example.com -> exec-01.fra.example.com -> hop-1.fra.example.com <- control nodes

    dials                     mesh-ingress
    dialled by                nobody here
    path to control plane     far.example.com -> mesh-ingress (external)

    dials                     nobody
    dialled by                nobody here
    path to control plane     none, since it shall not exist

    dials                     nobody
    dialled by                nobody here
    path to control plane     none that is declared
    ");
}

#[test]
fn an_unknown_host_gets_a_suggestion() {
    assert_snapshot!(bench().run("explain exec-1.fra.example.com mesh"), @"
    exit 1
    --- stdout
    --- stderr
    error: `exec-1.fra.example.com` is not declared
    hint: did you mean `exec-01.fra.example.com`?
    ");
    assert_snapshot!(bench().run("explain exec-[01:03].fra.example.com mesh"), @"
    exit 1
    --- stdout
    --- stderr
    error: `exec-[01:03].fra.example.com` is a pattern
    hint: give one hostname
    ");
}

#[test]
fn json_has_the_same() {
    let document: Json = serde_json::from_str(&bench().run("explain exec-01.fra.example.com mesh --format json").expect(0)).expect("JSON");
    insta::assert_json_snapshot!(document);
    let document: Json = serde_json::from_str(&bench().run("explain hop-2.fra.example.com mesh --format json").expect(0)).expect("JSON");
    let told = json!([document["protect"], document["owned"], document["fields"][4]["layer"], document["path"]["nodes"]]);
    assert_eq!(told, json!([true, true, "mesh_defaults.hop", ["hop-2.fra.example.com"]]));
}

#[test]
fn a_value_behind_a_merge_key_belongs_to_who_merges_it() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file(
        "mesh.yaml",
        "
x-b: &b {enabled: true}
defaults: {<<: *b, capacity_adjustment: 1}
instances:
  - {<<: *b, hostname: a.example.com}
  - hostname: b.example.com
",
    );
    let enabled = |host: &str| {
        let shown = bench.run(&format!("explain {host} mesh.yaml")).expect(0);
        let lines: Vec<String> =
            shown.lines().filter(|line| line.contains("true")).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        lines.join("; ")
    };
    assert_eq!(enabled("a.example.com"), "enabled true mesh.yaml:2 the instance; true mesh.yaml:2 hidden: defaults of the file");
    assert_eq!(enabled("b.example.com"), "enabled true mesh.yaml:2 defaults of the file");
}

#[test]
fn an_external_peer_is_said_to_be_one() {
    assert_snapshot!(bench().run("explain mesh-ingress mesh"), @"
    exit 1
    --- stdout
    --- stderr
    error: `mesh-ingress` is external: the controller alone knows it, so none of its values is declared here
    hint: `meshform plan` says where the controller does not know it
    ");
}
