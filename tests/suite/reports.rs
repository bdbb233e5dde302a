//! The forms of reports, through the real binary: what each says of the same plan, drift, outcome and configuration.

mod annotations;
mod harmless;
mod schemas;
mod wanted;

use std::path::PathBuf;

use insta::assert_snapshot;
use meshform::sandbox::Settings;
use regex::Regex;
use serde_json::{Value as Json, json};

use super::harness::{Bench, DIALECTS, request_as};

const MESH: &str = "
owns: [\"*.example.com\"]
ignore:
  - {hostname: exec-03.example.com, field: managed_by_policy, until: 2999-12-01, reason: load test}
instances:
  - hostname: hop-[1:2].example.com
    node_type: hop
    listener_port: 27199
    peers_from_control_nodes: true
  - hostname: exec-[01:06].example.com
    enabled: true
    managed_by_policy: true
    capacity_adjustment: 0.75
    peers: [hop-1.example.com]
";

/// A mesh that was applied; then two users changed the controller, and the configuration changed and was not applied.
fn moved() -> Bench {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    let alice = json!({"username": "alice", "password": "secret", "is_superuser": true});
    bench.request("POST", "/api/v2/users/", &alice);
    let write = |user, method, path: &str, body| request_as(&bench.url(), user, method, path, &body);
    let at = |name: &str| format!("/api/v2/instances/{}/", bench.id(name));
    write(("alice", "secret"), "PATCH", &at("exec-02.example.com"), json!({"enabled": false}));
    write(("admin", "password"), "PATCH", &at("exec-03.example.com"), json!({"managed_by_policy": false}));
    write(("alice", "secret"), "POST", "/api/v2/instances/", json!({"hostname": "extra.example.com", "node_type": "execution"}));
    write(("alice", "secret"), "PATCH", &at("exec-06.example.com"), json!({"node_state": "deprovisioning"}));
    bench.file("mesh.yaml", &MESH.replace("0.75", "0.80").replace("peers: [hop-1", "peers: [hop-2"));
    bench
}

/// A text without what differs from run to run.
fn steady(bench: &Bench, text: &str) -> String {
    let mut text = text.replace(&bench.url(), "http://SANDBOX");
    for (pattern, to) in
        [(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME"), (r"since \d{4}-\d\d-\d\d", "since DAY"), (r"(_seconds\{[^}]*\}) [0-9.]+", "$1 NUMBER")]
    {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, to).into_owned();
    }
    text
}

fn file(bench: &Bench, name: &str) -> String {
    steady(bench, &bench.read(name))
}

#[test]
fn a_drift_report_in_every_form() {
    let bench = moved();
    let report = bench.run("drift mesh.yaml --format text --format json=json --format markdown=md --format github=gh --format sarif=sarif --format prometheus=prom --format diff=diff");
    assert!(report.expect(2).starts_with("drift: 2 drifted, 1 unknown, 10 pending, 1 ignored, 2 as declared"));
    assert_snapshot!("drift_markdown", file(&bench, "md"));
    assert_snapshot!("drift_github", file(&bench, "gh"));
    assert_snapshot!("drift_prometheus", file(&bench, "prom"));
    assert_snapshot!("drift_diff", file(&bench, "diff"));
    assert_snapshot!("drift_sarif", file(&bench, "sarif").replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    applies(&bench.read("diff"));
}

#[test]
fn what_is_known_again_has_the_same_fingerprint() {
    let bench = moved();
    let prints = || -> Vec<String> {
        let _ = bench.run("drift mesh.yaml --format sarif=sarif").expect(2);
        let log: Json = serde_json::from_str(&bench.read("sarif")).expect("JSON");
        let results = log["runs"][0]["results"].as_array().expect("results").clone();
        results.iter().map(|result| result["partialFingerprints"]["meshform/v1"].to_string()).collect()
    };
    let before = prints();
    // Everything stands a line lower now.
    bench.file("mesh.yaml", &format!("# A comment.\n{}", bench.read("mesh.yaml")));
    assert_eq!(prints(), before);
    let mut each = before.clone();
    each.sort();
    each.dedup();
    assert_eq!(each.len(), before.len());
}

#[test]
fn a_plan_in_every_form() {
    let bench = moved();
    let report = bench.run("plan mesh.yaml --format gitlab --format markdown=md --format github=gh --format diff=diff");
    assert_eq!(report.expect(0), "{\"create\":1,\"update\":5,\"delete\":1}\n");
    assert_snapshot!("plan_markdown", file(&bench, "md"));
    assert_snapshot!("plan_github", file(&bench, "gh"));
    assert_snapshot!("plan_diff", file(&bench, "diff"));
    applies(&bench.read("diff"));
}

#[test]
fn a_plan_that_is_refused_or_not_allowed_says_so_first() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    bench.file(
        "mesh.yaml",
        &MESH.replace("27199", "27200").replace("peers: [hop-1", "peers: [exec-01").replace("exec-[01:06]", "exec-[02:06]"),
    );
    bench.file("other.yaml", &MESH.replace("node_type: hop", "node_type: execution").replace("exec-[01:06]", "exec-[03:06]"));
    let _ = bench.run("validate mesh.yaml --format markdown=md --format github=gh").expect(1);
    assert_snapshot!("validate_markdown", file(&bench, "md"));
    assert_snapshot!("validate_github", file(&bench, "gh"));
    let _ = bench.run("plan other.yaml --format markdown=md --format github=gh --format gitlab=gl --no-blame").expect(4);
    assert_snapshot!("not_allowed_markdown", file(&bench, "md"));
    assert_snapshot!("not_allowed_github", file(&bench, "gh"));
    assert_eq!(bench.read("gl"), "{\"create\":2,\"update\":0,\"delete\":4}\n");
}

#[test]
fn a_plan_against_another_configuration_asks_nobody() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("base.yaml", MESH).file("mesh.yaml", &MESH.replace("0.75", "0.80"));
    let report = bench.run("plan mesh.yaml --from base.yaml --format markdown").expect(0);
    assert!(report.contains("`mesh.yaml` against the configuration `base.yaml`, no controller asked: 8 declared\n"), "{report}");
    assert_eq!(bench.requests(), 0);
}

#[test]
fn what_became_of_an_apply_in_every_form() {
    let bench = Bench::with(Settings { faults: vec!["500:#3:POST/api/v2/instances/".parse().expect("a fault")], ..Settings::default() });
    bench.file("mesh.yaml", MESH);
    let _ = bench
        .run("apply mesh.yaml --yes --parallelism 1 --format text=text --format json=json --format markdown=md --format github=gh")
        .expect(1);
    assert_snapshot!("apply_markdown", file(&bench, "md"));
    assert_snapshot!("apply_github", file(&bench, "gh"));
}

#[test]
fn what_validate_found_in_sarif() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file(
        "a folder/mesh#1.yaml",
        "instances:\n  - hostname: \"é \\\n      x\"\n  - {hostname: a.example.com, peers: [b.example.com]}\n",
    );
    let _ = bench.run("validate . --format sarif=sarif").expect(1);
    let log: Json = serde_json::from_str(&bench.read("sarif")).expect("JSON");
    assert_snapshot!("validate_sarif", serde_json::to_string_pretty(&log["runs"][0]["results"]).expect("JSON"));
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules").len();
    assert_eq!(rules, meshform::config::Code::ALL.len());
}

#[test]
fn places_are_those_of_the_checkout() {
    let mut bench = moved();
    let root = bench.path("");
    bench.set("GITHUB_WORKSPACE", root.parent().expect("a folder").to_str().expect("UTF-8"));
    let folder = root.canonicalize().expect("a folder").file_name().expect("a name").to_str().expect("UTF-8").to_owned();
    let absolute = root.join("mesh.yaml");
    for path in ["mesh.yaml", "./mesh.yaml", absolute.to_str().expect("UTF-8")] {
        let shown = bench.run(&format!("drift {path} --format github")).expect(2);
        assert!(shown.lines().all(|line| line.contains(&format!(" file={folder}/mesh.yaml,line="))), "{shown}");
    }
    // What lies outside is told as it was given.
    bench.set("GITHUB_WORKSPACE", "/nowhere");
    assert!(bench.run("drift mesh.yaml --format github").expect(2).contains(" file=mesh.yaml,line="));
}

#[test]
fn the_summary_of_a_job_has_the_markdown() {
    let mut bench = moved();
    bench.file("summary.md", "before\n");
    bench.set("GITHUB_STEP_SUMMARY", bench.path("summary.md").to_str().expect("UTF-8"));
    let _ = bench.run("drift mesh.yaml --format github=gh --format markdown=md").expect(2);
    assert_eq!(bench.read("summary.md"), format!("before\n{}", bench.read("md")));
}

#[test]
fn a_run_without_a_report_says_so_in_every_form() {
    let mut bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    bench.set("CONTROLLER_HOST", "http://127.0.0.1:1");
    for (command, forms) in [
        ("plan mesh.yaml", "text json markdown github gitlab diff"),
        ("drift mesh.yaml", "text json markdown github sarif prometheus diff"),
        ("apply mesh.yaml --yes", "text json markdown github"),
    ] {
        let wanted: Vec<String> = forms.split(' ').map(|form| format!("--format {form}={form}")).collect();
        let _ = bench.run(&format!("{command} --retry-timeout 0 {}", wanted.join(" "))).expect(3);
        for form in forms.split(' ') {
            let text = bench.read(form);
            let message = if form == "markdown" { "cannot" } else { "127.0.0.1:1" };
            match form {
                "gitlab" => assert_eq!(text, ""),
                "prometheus" => {
                    assert!(text.contains("\nmeshform_run_success{config=\"mesh.yaml\",controller=\"http://127.0.0.1:1\"} 0\n"), "{text}");
                    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 3);
                }
                _ => assert!(text.contains(message), "{command} {form}: {text}"),
            }
        }
        let first = bench.read("markdown").lines().next().map(str::to_owned);
        let kind = command.split(' ').next().expect("a word");
        assert_eq!(first, Some(format!("<!-- meshform:{kind}:mesh.yaml -->")));
    }
    let log: Json = serde_json::from_str(&bench.read("sarif")).expect("JSON");
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], json!(false));
}

/// Reads differences as `patch` does: each file has its two lines, and each hunk as many lines as its head says.
fn applies(text: &str) {
    let mut lines = text.lines().peekable();
    let mut files = 0;
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            continue;
        }
        assert!(line.starts_with("--- live/") || line.starts_with("--- base/") || line == "--- /dev/null", "{line}");
        let to = lines.next().expect("a line");
        assert!(to.starts_with("+++ declared/") || to.starts_with("+++ /dev/null\t"), "{to}");
        files += 1;
        while let Some(head) = lines.next_if(|line| line.starts_with("@@ ")) {
            let numbers: Vec<&str> = head.split(' ').collect();
            let count = |part: &str| part.split_once(',').map_or(1, |(_, count)| count.parse::<usize>().expect("a number"));
            let (mut old, mut new) = (count(numbers[1]), count(numbers[2]));
            while old + new > 0 {
                match lines.next().expect("a line").chars().next() {
                    Some(' ') => (old, new) = (old - 1, new - 1),
                    Some('-') => old -= 1,
                    Some('+') => new -= 1,
                    other => panic!("{other:?} in a hunk"),
                }
            }
        }
    }
    assert!(files > 0);
}

/// A file of the repository.
fn root(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}
