//! `plan --format runbook`: the script for controllers that are installed on hosts, and what it does when it is run.

mod host;
mod laws;

use std::{
    fs,
    process::{Command, Output},
};

use insta::{assert_snapshot, with_settings};
use meshform::{
    mesh::{self, Capabilities, Dialect::Addresses, Dialect::Hostnames, LiveMesh},
    plan::{Permissions, Selection, by_hand},
    sandbox::{Dialect, Settings},
};
use serde_json::{Value as Json, json};

use super::harness::{Bench, DIALECTS, connected, declared, live, shown};

const EXAMPLE: [(&str, &str); 2] = [
    ("two-sites/frankfurt.yaml", include_str!("../../examples/two-sites/frankfurt.yaml")),
    ("two-sites/sydney.yaml", include_str!("../../examples/two-sites/sydney.yaml")),
];

/// Another Frankfurt: a second hop, another port, moved peers, other scalars, and a node of another type.
const CHANGED: &str = "
owns: ['*.fra.example.com', '*.syd.example.com']
defaults: {enabled: true, managed_by_policy: true}
instances:
  - {hostname: hop-1.fra.example.com, node_type: hop, listener_port: 27200, peers_from_control_nodes: true}
  - {hostname: hop-2.fra.example.com, node_type: hop, listener_port: 27199, peers: [hop-1.fra.example.com]}
  - {hostname: 'exec-[01:11].fra.example.com', peers: [hop-2.fra.example.com], capacity_adjustment: 0.5}
  - {hostname: gpu-1.fra.example.com, node_type: hop, peers: [hop-1.fra.example.com], capacity_adjustment: 1}
";

/// A controller on a host with what an installer made of a configuration, and an edit of its rows.
fn installed(dialect: Dialect, files: &[(&str, &str)], edit: impl Fn(&mut Json)) -> Bench {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state.json");
    let settings = Settings { dialect, state: Some(state.clone()), ..Settings::default() };
    if !files.is_empty() {
        let bench = Bench::with(settings.clone());
        let mut paths = String::new();
        for (name, text) in files {
            bench.file(name, text);
            paths = format!("{paths} {name}");
        }
        let _ = bench.run(&format!("apply {paths} --yes")).expect(0);
        // Its end writes the rows.
        drop(bench);
        let mut rows: Json = serde_json::from_slice(&fs::read(&state).expect("the state")).expect("JSON");
        for row in rows["instances"].as_array_mut().expect("rows") {
            row["managed"] = json!(dialect == Dialect::Addresses || row["node_type"] == "control");
        }
        edit(&mut rows);
        fs::write(&state, rows.to_string()).expect("written");
    }
    let bench = Bench::with(Settings { on_host: true, ..settings });
    for (name, text) in files {
        bench.file(name, text);
    }
    bench
}

/// The script as text without what is the same in each, checked by bash.
fn checked(bench: &Bench, script: &str) -> String {
    bench.file("runbook", &script.replace("http://SANDBOX", &bench.url()));
    let check = Command::new("bash").args(["-n", "runbook"]).current_dir(bench.path("")).output().expect("bash");
    assert!(check.status.success(), "{}", text(&check.stderr));
    match (script.split_once("\nat='before"), script.split_once("# Who may do it")) {
        (Some((head, _)), Some((_, steps))) => format!("{head}\n[...]\n\n# Who may do it{steps}"),
        _ => script.to_owned(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

macro_rules! assert_script {
    ($name:expr, $script:expr) => {
        with_settings!({filters => vec![("[0-9a-f]{8}-[0-9a-f-]{27}", "UUID"), ("sha256:[0-9a-f]{64}", "DIGEST"), ("(?m)^patch [0-9]+", "patch ID"), ("id__in=[0-9,]+", "id__in=IDS")]}, {
            assert_snapshot!($name, $script)
        })
    };
}

/// What is planned by hand, in a few lines.
fn planned(dialect: mesh::Dialect, live: &LiveMesh, after: &str) -> String {
    let capabilities = Capabilities::new(dialect, false);
    shown(&by_hand(&declared(after), live, capabilities, &Permissions::default(), &Selection::default()).plan)
}

#[test]
fn a_port_changes_in_place_and_takes_the_same_paths_away() {
    for dialect in [Addresses, Hostnames] {
        let got = planned(dialect, &connected("h hop :1024 flag; e > h; x"), "h hop :1025 flag; e > h; x");
        assert_eq!(got, "1 PATCH h listener_port=1025\nwithout a path meanwhile: e h\nnot allowed disrupt: e");
    }
    // Who has another path waits for nobody.
    assert_snapshot!(planned(Addresses, &live("h hop :1024 flag; i hop :1024 flag; e > h i"), "h hop :1025 flag; i hop :1024 flag; e > h i"), @"
    1 PATCH h listener_port=1025
    without a path meanwhile: h
    ");
}

#[test]
fn what_awx_manage_made_changes_and_goes_and_the_control_plane_does_not() {
    let mut made = live("control-1; h hop :27199; e > h");
    made.instances.values_mut().for_each(|row| row.managed = true);
    assert_snapshot!(planned(Addresses, &made, "h hop; e off >"), @"
    1 PATCH e enabled=false peers=
    2 PATCH h listener_port=null after [1]
    ");
    assert_snapshot!(planned(Addresses, &made, "control-1 gone; h gone"), @"
    refused control-1: this control node belongs to the controller's installation: no plan removes it
    not allowed foreign: e
    ");
}

#[test]
fn where_a_flag_goes_with_its_address_the_links_of_others_are_guarded() {
    let made_by_hand = |mesh: &str| {
        let mut made = connected(mesh);
        made.instances.values_mut().for_each(|row| row.managed = true);
        made.instances.values_mut().filter(|row| row.node_type == mesh::NodeType::Execution).for_each(|row| row.jobs_running = 3);
        made
    };
    let before = "i hop :27199 flag; h hop :27199 flag > i; e > h";
    // No command takes the flag away, so the address is made anew, and what dials it is cut off meanwhile.
    assert_snapshot!(planned(Addresses, &made_by_hand(before), "i hop :27199 flag; h hop :27199 > i"), @"
    1 PATCH h peers_from_control_nodes=false
    without a path meanwhile: e
    not allowed disrupt: e
    not allowed jobs: e
    not allowed foreign: e
    ");
    assert_snapshot!(planned(Addresses, &made_by_hand(before), "i hop :27199 flag; h hop :1024 > i; e > h"), @"
    1 PATCH h listener_port=1024 peers_from_control_nodes=false
    without a path meanwhile: e
    not allowed disrupt: e
    not allowed jobs: e
    ");
    // The API takes it from what it made, and AWX 23.0 to 23.7 from everything.
    assert_snapshot!(planned(Addresses, &connected(before), "i hop :27199 flag; h hop :27199 > i"), @"1 PATCH h peers_from_control_nodes=false");
    assert_snapshot!(planned(Hostnames, &connected(before), "i hop :27199 flag; h hop :27199 > i"), @"1 PATCH h peers_from_control_nodes=false");
    // Two that dial each other, as AWX before 23.8 stored them, could not both be set again.
    assert_snapshot!(planned(Addresses, &made_by_hand("i hop :27199 flag; h hop :27199 flag > i e; e :27199 > h"), "i hop :27199 flag; h hop :27199 > i"), @"
    refused h: it and `e` would peer to each other, which this controller (AWX 23.8 and later) refuses
    not allowed foreign: e
    ");
}

#[test]
fn a_low_port_that_an_older_version_stored_can_be_changed_by_hand() {
    assert_snapshot!(planned(Hostnames, &live("h hop :27 flag; e > h"), "h hop :1024 flag off; e > h"), @"
    1 PATCH h enabled=false listener_port=1024
    without a path meanwhile: e h
    not allowed disrupt: e
    ");
    assert_snapshot!(planned(Hostnames, &live("h hop :27 flag; e > h"), "h gone; e >"), @"
    1 PATCH e peers=
    2 REMOVE h listener_port=null after [1]
    ");
    // The API still refuses to write such a row.
    assert_snapshot!(planned(Hostnames, &live("h hop :27 flag; e > h"), "h hop :27 flag off; e > h"), @"refused h: its stored listener_port 27 is below 1024, so this controller (AWX 23.0 to 23.7) refuses every change of it");
}

#[test]
fn a_removal_by_hand_waits_for_no_job() {
    let mut busy = live("e");
    busy.instances.get_mut("e").expect("e").jobs_running = 2;
    assert_snapshot!(planned(Addresses, &busy, "e gone"), @"
    1 REMOVE e
    not allowed jobs: e
    ");
}

#[test]
fn a_mesh_is_made() {
    for dialect in DIALECTS {
        let bench = installed(dialect, &[], |_| {});
        for (name, text) in EXAMPLE {
            bench.file(name, text);
        }
        let script = bench.run("plan two-sites --format runbook").expect(0);
        assert_script!(format!("runbook_new_{dialect}"), checked(&bench, &script));
    }
}

#[test]
fn a_mesh_is_changed() {
    for dialect in DIALECTS {
        let mut bench = installed(dialect, &EXAMPLE, |_| {});
        bench.file("two-sites/frankfurt.yaml", CHANGED).remove("two-sites/sydney.yaml");
        let flags = "--allow-replace --allow-disrupt --max-removals 100%";
        let script = bench.run(&format!("plan two-sites --format runbook --no-hold {flags}")).expect(0);
        assert_script!(format!("runbook_changed_{dialect}"), checked(&bench, &script));
        assert_eq!(bench.writes(), Vec::<String>::new());
    }
}

#[test]
fn what_is_held_is_left_for_the_next_one() {
    const BEFORE: &str = "
instances:
  - {hostname: 'hop-[1:2].example.com', node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - {hostname: e.example.com, peers: [hop-1.example.com]}
";
    for dialect in DIALECTS {
        let bench = installed(dialect, &[("mesh.yaml", BEFORE)], |_| {});
        bench.file(
            "mesh.yaml",
            "
owns: ['*.example.com']
instances:
  - {hostname: hop-2.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - {hostname: e.example.com, peers: [hop-2.example.com]}
",
        );
        let script = bench.run("plan mesh.yaml --format runbook").expect(0);
        let _ = checked(&bench, &script);
        assert!(script.contains("\n# - Held until e.example.com has a path of established links: plan again then\n"), "{script}");
        assert!(script.contains("manage register_peers e.example.com --peers hop-2.example.com"), "{script}");
        assert!(!script.contains("manage deprovision_instance"), "{script}");
    }
}

#[test]
fn where_nothing_is_left_it_does_nothing() {
    let bench = installed(Dialect::Addresses, &EXAMPLE, |_| {});
    let script = bench.run("plan two-sites --format runbook").expect(0);
    let _ = checked(&bench, &script);
    let run = run(&bench, "true", &[]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert_eq!(text(&run.stdout), "nothing to do: all is as declared\n");
}

#[test]
fn what_is_not_allowed_is_a_script_that_says_why() {
    let bench = installed(Dialect::Addresses, &EXAMPLE, |_| {});
    bench.file("two-sites/frankfurt.yaml", CHANGED).remove("two-sites/sydney.yaml");
    let script = bench.run("plan two-sites --format runbook").expect(4);
    let _ = checked(&bench, &script);
    assert!(!script.contains("\nmanage "), "{script}");
    let run = run(&bench, "true", &[]);
    assert_eq!(run.status.code(), Some(1));
    assert_snapshot!(text(&run.stderr), @"
    this plan cannot be run:
    not allowed: gpu-1.fra.example.com: a changed node_type means that the instance is removed and made again
      hint: --allow-replace if that is meant; else declare the live node_type
    not allowed: exec-[01:11].fra.example.com, gpu-1.fra.example.com: no path to the control plane until install bundles are run, because of what changes at hop-1.fra.example.com
      hint: give them a second path first; or change one after the other (--only) and run the install bundles in between; or --allow-disrupt
    not allowed: 12 instances would be removed or made again, and 7 are allowed: 30% of the 24 instances that this configuration owns
      hint: look for a name that changed by a slip; if it is meant, --max-removals raises it for this run
    ");
}

#[test]
fn on_kubernetes_an_apply_does_it() {
    let bench = Bench::new(Dialect::Addresses);
    bench.file("mesh.yaml", "instances: [{hostname: a.example.com}]");
    let output = bench.run("plan mesh.yaml --format runbook");
    assert_eq!(output.code, Some(1), "{output}");
    assert_snapshot!(output.stderr, @"
    error: a runbook is for a controller that is installed on hosts, and this one runs on Kubernetes or OpenShift
    hint: `meshform apply` does all of it here
    ");
    // What was meant to be run says it, too.
    let _ = checked(&bench, &output.stdout);
    assert_eq!(run(&bench, "true", &[]).status.code(), Some(1));
}

#[test]
fn where_there_is_no_plan_the_script_says_why() {
    let bench = Bench::new(Dialect::Addresses);
    let _ = checked(&bench, &meshform::render::runbook::failed("no `$(touch pwned)`\nmesh", Some("look 'there'")));
    let run = run(&bench, "true", &[]);
    assert_eq!(run.status.code(), Some(1));
    assert_snapshot!(text(&run.stderr), @r"
    this plan cannot be run:
    no `$(touch pwned)`\u{a}mesh
      hint: look 'there'
    ");
    assert!(!bench.files().contains(&"pwned".to_owned()));
}

/// Runs the script with an awx-manage that is a bash script, and other variables.
fn run(bench: &Bench, awx_manage: &str, variables: &[(&str, &str)]) -> Output {
    bench.file("fake", awx_manage);
    let mut command = Command::new("bash");
    command.arg("runbook").current_dir(bench.path("")).env_clear().env("PATH", std::env::var("PATH").unwrap_or_default());
    command.env("CONTROLLER_USERNAME", "admin").env("CONTROLLER_PASSWORD", "password").env("AWX_MANAGE", "bash ./fake");
    command.envs(variables.iter().copied()).output().expect("bash")
}

/// Writes what it is given, each word ended by a NUL and each call by another one.
const RECORDS: &str = r#"printf '%s\0' "$@" >>calls; printf '\0' >>calls; echo '(changed: True)'"#;

/// The calls of awx-manage.
fn calls(bench: &Bench) -> Vec<Vec<String>> {
    let text = bench.read("calls");
    text.split_terminator("\0\0").map(|call| call.split('\0').map(str::to_owned).collect()).collect()
}

/// What a server can hold and a shell would run.
const HOSTILE: &str = "$(touch pwned)`touch pwned`'; touch pwned; '\" & touch pwned\ntouch pwned #\\\u{1b}[2J *";

#[test]
fn hostile_names_arrive_unharmed() {
    const MESH: &str = "
instances:
  - {hostname: old.example.com, node_type: hop, listener_port: 27199}
  - {hostname: outside.example.com, node_type: hop, listener_port: 27199}
  - {hostname: theirs.example.com, peers: [old.example.com]}
  - {hostname: bad.example.com}
  - {hostname: dials.example.com}
";
    let bench = installed(Dialect::Addresses, &[("mesh.yaml", MESH)], |rows| {
        let address = rows["addresses"].as_array_mut().expect("addresses").iter_mut();
        address.filter(|row| row["address"] == "outside.example.com").for_each(|row| row["address"] = json!(HOSTILE));
        for row in rows["instances"].as_array_mut().expect("rows") {
            match row["hostname"].as_str() {
                Some("theirs.example.com") => row["hostname"] = json!(format!("theirs {HOSTILE}")),
                Some("bad.example.com") => row["hostname"] = json!(format!("bad {HOSTILE}")),
                _ => {}
            }
        }
    });
    bench.file(
        "mesh.yaml",
        "
owns: ['bad*']
external: [outside.example.com]
instances:
  - {hostname: new.example.com, node_type: hop, listener_port: 27199, replaces: old.example.com}
  - {hostname: dials.example.com, enabled: false, peers: [outside.example.com]}
",
    );
    let script = bench.run("plan mesh.yaml --format runbook --touch-foreign --no-hold").expect(0);
    assert!(!script.contains('\u{1b}'), "{script}");
    let _ = checked(&bench, &script);
    let output = run(&bench, RECORDS, &[]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(!bench.files().contains(&"pwned".to_owned()));
    assert!(!output.stdout.contains(&0x1b), "{}", text(&output.stdout));
    let mut calls = calls(&bench);
    calls.sort();
    let (theirs, bad) = (format!("theirs {HOSTILE}"), format!("bad {HOSTILE}"));
    let new = "new.example.com";
    let mut wanted = [
        vec!["provision_instance", "--hostname", new, "--node_type", "hop"],
        vec!["add_receptor_address", "--instance", new, "--address", new, "--port", "27199", "--canonical"],
        vec!["register_peers", &theirs, "--peers", new],
        vec!["register_peers", &theirs, "--disconnect", "old.example.com"],
        vec!["register_peers", "dials.example.com", "--exact", HOSTILE],
        vec!["deprovision_instance", "--hostname", &bad],
        vec!["deprovision_instance", "--hostname", "old.example.com"],
    ];
    wanted.sort();
    assert_eq!(calls, wanted);
    let dials = bench.request("GET", "/api/v2/instances/?hostname=dials.example.com", &Json::Null);
    assert_eq!(dials["results"][0]["enabled"], json!(false));
}

#[test]
fn a_hostile_name_in_what_an_administrator_is_told_to_run_does_no_harm() {
    const HOP: &str = "instances: [{hostname: hop-1.example.com, node_type: hop, listener_port: 27199}]";
    let bench = installed(Dialect::Hostnames, &[("mesh.yaml", HOP)], |rows| {
        let control = rows["instances"].as_array_mut().expect("rows").iter_mut().find(|row| row["node_type"] == "control");
        control.expect("a control node")["hostname"] = json!(HOSTILE);
    });
    bench.file("mesh.yaml", &HOP.replace("27199", "27199, peers_from_control_nodes: true"));
    let script = bench.run("plan mesh.yaml --format runbook").expect(0);
    let told = script.lines().find_map(|line| line.strip_prefix("#      awx-manage ")).unwrap_or_else(|| panic!("{script}"));
    bench.file("runbook", &format!("bash ./fake {told}"));
    let output = run(&bench, RECORDS, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(calls(&bench), [["register_peers", HOSTILE, "--peers", "hop-1.example.com"]]);
    assert!(!bench.files().contains(&"pwned".to_owned()));
}

#[test]
fn a_name_that_looks_like_an_option_is_not_given_to_awx_manage() {
    let bench = installed(Dialect::Hostnames, &[("mesh.yaml", "instances: [{hostname: bad.example.com}]")], |rows| {
        let row = rows["instances"].as_array_mut().expect("rows").iter_mut().find(|row| row["hostname"] == "bad.example.com");
        row.expect("bad")["hostname"] = json!("--exact");
    });
    bench.file("mesh.yaml", "owns: ['*exact']\ninstances: [{hostname: a.example.com}]");
    let script = bench.run("plan mesh.yaml --format runbook").expect(4);
    let _ = checked(&bench, &script);
    let output = run(&bench, RECORDS, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(text(&output.stderr), @"
    this plan cannot be run:
    awx-manage takes no such name: `--exact`
    ");
}

/// One that is removed and one that is changed.
fn two_changes(edit: impl Fn(&mut Json)) -> Bench {
    const MESH: &str = "instances: [{hostname: 'a-[1:2].example.com', listener_port: 27199}]";
    let bench = installed(Dialect::Addresses, &[("mesh.yaml", MESH)], |rows| {
        rows["install_uuid"] = json!("00000000-0000-4000-8000-000000000000");
        edit(rows);
    });
    bench.file("mesh.yaml", "owns: ['a-*']\ninstances: [{hostname: a-1.example.com, enabled: false, listener_port: 27200}]");
    let script = bench.run("plan mesh.yaml --format runbook --no-hold").expect(0);
    let _ = checked(&bench, &script);
    bench
}

#[test]
fn it_stops_at_the_first_failure() {
    for (says, wanted) in
        [("echo 'CommandError: no' >&2; exit 1", "failed"), ("echo 'Error adding receptor address: no'", "changed nothing")]
    {
        let mut bench = two_changes(|_| {});
        let output = run(&bench, &format!("echo >>calls; {says}"), &[]);
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        assert!(said.contains(wanted) && said.contains("Plan again and run the new runbook"), "{said}");
        assert_eq!(bench.read("calls"), "\n", "{said}");
        assert_eq!(bench.writes(), Vec::<String>::new());
    }
}

#[test]
fn it_does_nothing_to_a_mesh_that_moved_or_to_another_controller() {
    let bench = two_changes(|_| {});
    let moved = two_changes(|rows| {
        rows["instances"].as_array_mut().expect("rows").retain(|row| row["hostname"] != "a-2.example.com");
        rows["addresses"].as_array_mut().expect("rows").retain(|row| row["address"] != "a-2.example.com");
    });
    let other = installed(Dialect::Addresses, &[], |_| {});
    let elsewhere = format!("{}/elsewhere", other.url());
    for (url, wanted) in [
        (moved.url(), "other instances are there than when this was planned"),
        (other.url(), "this is another controller"),
        (elsewhere, "404"),
    ] {
        let output = run(&bench, RECORDS, &[("CONTROLLER_HOST", &url)]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(wanted), "{}", text(&output.stderr));
    }
    assert!(!bench.files().contains(&"calls".to_owned()));
}

#[test]
fn secrets_stand_on_no_command_line() {
    let bench = two_changes(|_| {});
    let path = std::env::var("PATH").unwrap_or_default();
    bench.file("bin/curl", &format!("#!/bin/bash\nprintf '%s\\n' \"$@\" >>arguments\nPATH='{path}' exec curl \"$@\"\n"));
    let made = Command::new("chmod").arg("+x").arg(bench.path("bin/curl")).status().expect("chmod");
    assert!(made.success());
    let with_fake = format!("{}:{path}", bench.path("bin").display());
    let output = run(&bench, RECORDS, &[("PATH", &with_fake)]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let wrong = run(&bench, RECORDS, &[("PATH", &with_fake), ("CONTROLLER_OAUTH_TOKEN", "wrong\"secret\\")]);
    assert!(text(&wrong.stderr).contains("401"), "{}", text(&wrong.stderr));
    let arguments = bench.read("arguments");
    assert!(arguments.contains("PATCH") && !arguments.contains("password") && !arguments.contains("secret"), "{arguments}");
}
