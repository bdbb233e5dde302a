//! Saved plans: `plan --out`, `show`, and the file between them.

use insta::assert_snapshot;
use meshform::{
    mesh::{Dialect, Peer},
    plan::saved::{Saved, SavedError, Warned, is_plan_file},
};
use serde_json::json;

use super::harness::{Bench, DIALECTS, HERE, declared, live, on, saved};

const MESH: &str = "
owns: ['exec-*', 'old-*', 'nothing-*']
max_removals: 9
instances:
  - hostname: hop-[1:2].example.com
    node_type: hop
    listener_port: 80
    peers_from_control_nodes: true
    x-rack: {z: [1, 0.1, null], a: 'täg'}
  - hostname: exec-[01:06].example.com
    enabled: true
    capacity_adjustment: 0.75
    peers: [hop-1.example.com]
";

fn small() -> Saved {
    let mut live = live("control-1 > hop-1; hop-1 hop :27199 flag; hop-2 hop :27199 flag; e-1 > hop-1; e-2 > hop-1; old > hop-2");
    let peers = &mut live.instances.get_mut("e-2").expect("an instance").peers;
    *peers = [Peer { hostname: "hop-1".into(), address: Some("10.0.0.1:27199".into()) }].into();
    let mut declared = declared("hop-1 hop :27200 flag; hop-2 hop :27199 flag; e-1 off > hop-2; e-2 > hop-1; new > hop-2; old gone");
    let keys = json!({"x-ticket": "CHG0042"}).as_object().expect("an object").clone();
    declared.instances.get_mut("e-1").expect("an instance").own_keys = keys.into();
    let mut saved = saved(&declared, &live, on(Dialect::Addresses));
    saved.origin.warnings.push(Warned { code: "MF0501".into(), message: "a port below 1024".into(), place: Some(HERE) });
    saved
}

#[test]
fn the_file_is_a_format() {
    // A name that changes here makes files of other versions unreadable: then FORMAT changes too.
    assert_snapshot!(small().to_text());
}

#[test]
fn what_is_read_is_what_was_written() {
    let saved = small();
    assert_eq!(Saved::parse(&saved.to_text()), Ok(saved.clone()));
    // Neither indentation nor the order of keys is damage.
    let value: serde_json::Value = serde_json::from_str(&saved.to_text()).expect("JSON");
    assert_eq!(Saved::parse(&value.to_string()), Ok(saved));
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_known_as_such() {
    let text = small().to_text();
    for tenth in 0..10 {
        let part = text.get(..text.floor_char_boundary(text.len() * tenth / 10)).expect("a boundary");
        assert!(matches!(Saved::parse(part), Err(SavedError::Cut { .. })), "{tenth}: {:?}", Saved::parse(part));
        assert_eq!(is_plan_file(part), tenth > 0);
    }
}

#[test]
fn what_is_no_plan_file_is_told_apart() {
    for (text, wanted) in [
        ("{", true),
        (" { \"form", true),
        ("{\"format_version\": \"9.0\"}", true),
        ("", false),
        ("instances: []", false),
        ("{instances: []}", false),
        ("{\"format\"", false),
    ] {
        assert_eq!(is_plan_file(text), wanted, "{text}");
    }
}

#[test]
fn every_edit_is_noticed() {
    let text = small().to_text();
    let major = "its format is version 2.0, and this meshform reads 1.x";
    let edited = "it was edited or damaged: its digest is not that of its content";
    for (from, to, wanted) in [
        ("\"enabled\"", "\"managed_by_policy\"", edited),
        ("\"hop-2\"", "\"hop-3\"", edited),
        ("\"id\": 1,", "\"id\": 2,", edited),
        ("CHG0042", "CHG0043", edited),
        ("https://awx", "https://other", edited),
        ("27200", "27201", edited),
        ("\"leaving\": null", "\"leaving\": \"deprovisioning\"", edited),
        ("\"digest\": \"sha256:", "\"digest\": \"sha256:0", edited),
        ("\"digest\": \"sha256:", "\"fingerprint\": \"sha256:", edited),
        ("\"format_version\": \"1.0\"", "\"format_version\": \"2.0\"", major),
        ("\"format_version\": \"1.0\"", "\"format_version\": 1", "it is not a plan file"),
        ("\"kind\"", "\"sort\"", "it is not a plan file"),
        ("\"kind\"", "\"instances\": [], \"sort\"", "it is the JSON report of a plan, not a plan file"),
        ("\"content\": {", "\"content\": {,", "line 5, column 15: key must be a string"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = Saved::parse(&text.replacen(from, to, 1)).expect_err(from);
        assert_eq!(error.to_string(), wanted, "{from}");
    }
    // A newer minor version only adds.
    assert_eq!(Saved::parse(&text.replacen("\"1.0\"", "\"1.7\"", 1)), Ok(small()));
}

#[test]
fn a_plan_is_shown_as_it_was() {
    for dialect in DIALECTS {
        let mut bench = Bench::new(dialect);
        bench.file("mesh/meshform.yaml", &MESH.replace("listener_port: 80", "listener_port: 27199"));
        let _ = bench.run("apply mesh --yes").expect(0);
        bench.request("POST", "/api/v2/instances/", &json!({"hostname": "old-1.example.com"}));
        let _ = bench.writes();
        let second = MESH.replace("0.75", "0.5").replace("[01:06]", "[02:07]").replace("listener_port: 80", "listener_port: 27199");
        bench.file("mesh/meshform.yaml", &second);
        bench.file(
            "mesh/more.yaml",
            "instances: [{hostname: hop-3.example.com, node_type: hop, listener_port: 27199, x-odd: [1.5e300, 'ß']}]",
        );
        for (flags, show) in [
            ("--out plan.meshform", "show plan.meshform"),
            ("-v --out plan.meshform", "show -v plan.meshform"),
            ("--format json --out plan.meshform", "show plan.meshform --format json"),
            ("--only exec-0[2:3].example.com --out plan.meshform", "show plan.meshform"),
        ] {
            let planned = bench.run(&format!("plan mesh {flags}"));
            assert_eq!(planned.stderr.lines().last(), Some("Saved to plan.meshform: meshform apply plan.meshform runs it."), "{planned}");
            let before = bench.requests();
            assert_eq!(bench.run(show).expect(0), planned.expect(0));
            assert_eq!(bench.requests(), before);
        }
        assert_eq!(bench.writes(), [""; 0]);
    }
}

#[test]
fn warnings_of_the_configuration_are_shown_again() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    let planned = bench.run("plan mesh.yaml --format json --out plan.meshform -q").expect(0);
    assert!(planned.contains("below 1024"), "{planned}");
    assert_eq!(bench.run("show plan.meshform --format json").expect(0), planned);
}

#[test]
fn nothing_to_do_is_a_plan_too() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    let planned = bench.run("plan mesh.yaml --detailed-exitcode --out plan.meshform").expect(0);
    assert_eq!(bench.run("show plan.meshform").expect(0), planned);
}

#[test]
fn what_is_refused_is_not_saved_and_nothing_else_is_touched() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    // Not allowed.
    bench.file("mesh.yaml", &MESH.replace("listener_port: 80", "listener_port: 27200"));
    assert!(!bench.run("plan mesh.yaml --out plan.meshform").expect(4).is_empty());
    assert_eq!(bench.files(), ["mesh.yaml"]);
    // Refused.
    bench.file("mesh.yaml", "external: [unknown.example.com]\ninstances: [{hostname: a.example.com, peers: [unknown.example.com]}]");
    let before = small().to_text();
    bench.file("plan.meshform", &before);
    let _ = bench.run("plan mesh.yaml --out plan.meshform").expect(4);
    assert_eq!(bench.files(), ["mesh.yaml", "plan.meshform"]);
    assert_eq!(bench.read("plan.meshform"), before);
    // A bad configuration.
    bench.file("mesh.yaml", "instances: [{hostname: a.example.com, peer: []}]");
    let _ = bench.run("plan mesh.yaml --out plan.meshform").expect(1);
    assert_eq!(bench.read("plan.meshform"), before);
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    bench.file("folder/other.txt", "");
    for (file, wanted) in [
        ("folder", "error: folder: cannot be written: Is a directory"),
        ("nowhere/plan", "error: nowhere/plan: cannot be written: No such file or directory"),
    ] {
        let output = bench.run(&format!("plan mesh.yaml --out {file}"));
        assert!(output.code == Some(1) && output.stderr.contains(wanted), "{output}");
    }
    assert_eq!(bench.files(), ["folder", "mesh.yaml"]);
}

#[cfg(unix)]
#[test]
fn the_file_has_the_rights_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    let _ = bench.run("plan mesh.yaml --out plan.meshform").expect(0);
    let mode = |name: &str| std::fs::metadata(bench.path(name)).expect("a file").permissions().mode();
    assert_eq!(mode("plan.meshform"), mode("mesh.yaml"));
}

#[test]
fn no_secret_is_in_the_file() {
    for dialect in DIALECTS {
        let mut bench = Bench::new(dialect);
        bench.request("POST", "/api/v2/users/", &json!({"username": "audrey", "password": "z4q-STRANGE-9x", "is_system_auditor": true}));
        bench.set("CONTROLLER_USERNAME", "audrey").set("CONTROLLER_PASSWORD", "z4q-STRANGE-9x");
        bench.file("mesh.yaml", &MESH.replace("listener_port: 80", "listener_port: 27199"));
        let _ = bench.run("plan mesh.yaml --out plan.meshform").expect(0);
        let text = bench.read("plan.meshform");
        assert!(!["STRANGE", "audrey", "YXVkcmV5"].iter().any(|secret| text.contains(secret)), "{text}");
    }
}

#[test]
fn a_damaged_file_is_an_error_of_its_own() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    let report = bench.run("plan mesh.yaml --out whole.meshform --format json").expect(0);
    let text = bench.read("whole.meshform");
    bench.file("report.json", &report);
    bench.file("cut.meshform", "{\n  \"format_version\": \"1.0\",\n  \"kind\": \"mesh");
    bench.file("edited.meshform", &text.replace("hop-2", "hop-9"));
    bench.file("future.meshform", &text.replace("\"1.0\"", "\"2.3\""));
    bench.file("merged.meshform", &text.replacen("  \"content\"", "<<<<<<< HEAD\n  \"content\"", 1));
    bench.file("empty.meshform", "");
    let all = "nowhere mesh.yaml report.json empty.meshform cut.meshform merged.meshform edited.meshform future.meshform";
    let told = all.split(' ').map(|file| {
        let output = bench.run(&format!("show {file}"));
        assert!(output.code == Some(1) && output.stdout.is_empty(), "{output}");
        output.stderr
    });
    assert_snapshot!(told.collect::<String>(), @"
    error: nowhere: cannot be read: No such file or directory (os error 2)
    error: mesh.yaml: it is not a plan file
    hint: `meshform plan PATH --out FILE` makes a plan file
    error: report.json: it is the JSON report of a plan, not a plan file
    hint: `meshform plan PATH --out FILE` makes a plan file
    error: empty.meshform: line 1, column 0: the file is cut off
    hint: copy it again, or make a new one with `meshform plan --out`: what was reviewed is what shall run
    error: cut.meshform: line 3, column 15: the file is cut off
    hint: copy it again, or make a new one with `meshform plan --out`: what was reviewed is what shall run
    error: merged.meshform: line 5, column 1: key must be a string
    hint: copy it again, or make a new one with `meshform plan --out`: what was reviewed is what shall run
    error: edited.meshform: it was edited or damaged: its digest is not that of its content
    hint: copy it again, or make a new one with `meshform plan --out`: what was reviewed is what shall run
    error: future.meshform: its format is version 2.3, and this meshform reads 1.x
    hint: make a new one with `meshform plan --out` of this version
    ");
}

#[test]
fn a_file_of_another_kind_is_not_written_over() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    bench.file("notes.txt", "mine");
    for (command, file) in [
        ("plan mesh.yaml --out mesh.yaml", "mesh.yaml"),
        ("plan mesh.yaml --out notes.txt", "notes.txt"),
        ("apply mesh.yaml --yes --report mesh.yaml", "mesh.yaml"),
    ] {
        let before = bench.read(file);
        let output = bench.run(command);
        assert!(output.code == Some(1) && output.stderr.contains("and would be lost\nhint: "), "{command}: {output}");
        assert_eq!(bench.read(file), before);
    }
    // Also where it fails before that.
    let before = bench.read("mesh.yaml");
    let _ = bench.run("apply mesh.yaml --report mesh.yaml").expect(1);
    assert_eq!(bench.read("mesh.yaml"), before);
    let _ = bench.run("plan mesh.yaml --out /dev/null").expect(0);
    let requests = bench.requests();
    let output = bench.run("apply mesh.yaml --yes --report nowhere/report.json");
    assert!(output.code == Some(1) && output.stderr.contains("nowhere/report.json: cannot be written"), "{output}");
    assert_eq!(bench.requests(), requests, "nothing is done of which nobody could be told");
    let _ = bench.run("plan mesh.yaml --out e.plan").expect(0);
    let _ = bench.run("plan mesh.yaml --out e.plan").expect(0);
    for command in ["plan e.plan", "apply mesh.yaml e.plan --yes", "wait e.plan --for ready", "validate e.plan"] {
        let output = bench.run(command);
        assert!(output.code == Some(1) && output.stderr.contains("e.plan is a saved plan and no configuration"), "{command}: {output}");
    }
    bench.file("empty.plan", "\n");
    let output = bench.run("apply empty.plan --yes");
    assert!(output.code == Some(1) && output.stderr.starts_with("error: empty.plan: "), "{output}");
}

#[test]
fn a_report_takes_the_place_of_the_one_before() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", "instances: [{hostname: a.example.com}]");
    let _ = bench.run("apply mesh.yaml --yes --report report.json").expect(0);
    let first = bench.read("report.json");
    let _ = bench.run("apply mesh.yaml --yes --report report.json").expect(0);
    assert!(first.contains("\"create\"") && !bench.read("report.json").contains("\"create\""));
    let output = bench.run("plan mesh.yaml --out report.json");
    assert!(output.code == Some(1) && output.stderr.contains("report.json is no saved plan, and would be lost"), "{output}");
    let _ = bench.run("apply mesh.yaml --report report.json").expect(1);
    assert!(bench.read("report.json").contains("\"result\": \"failed\""));
}
