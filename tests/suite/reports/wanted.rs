//! Which reports there are, where they go, and what is there in their place.

use serde_json::{Value as Json, json};

use super::{Bench, DIALECTS, MESH, moved};

#[test]
fn findings_of_a_broken_configuration_are_in_every_form() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("typo.yaml", "instances:\n  - {hostname: a.example.com, peerz: []}\n");
    let place = "file=typo.yaml,line=2,col=31";
    for command in ["plan", "drift", "apply --yes"] {
        let _ = bench.run(&format!("{command} typo.yaml --format github=gh --format markdown=md --format json=json")).expect(1);
        let annotations = bench.read("gh");
        assert!(annotations.starts_with(&format!("::error {place},title=meshform MF0301::")), "{annotations}");
        assert!(!annotations.contains("the configuration has errors"), "{annotations}");
        let (kind, page) = (command.split(' ').next().expect("a word"), bench.read("md"));
        let begin = format!("<!-- meshform:{kind}:typo.yaml -->\n### meshform {kind} failed: 1 error\n");
        assert!(page.starts_with(&begin) && page.contains("\n- `MF0301` "), "{page}");
        let document: Json = serde_json::from_str(&bench.read("json")).expect("JSON");
        assert_eq!(document["error"]["message"], "the configuration has errors");
        assert_eq!(document["findings"][0]["code"], "MF0301");
    }
    let _ = bench.run("drift typo.yaml --format sarif=sarif").expect(1);
    let log: Json = serde_json::from_str(&bench.read("sarif")).expect("JSON");
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], json!(false));
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "MF0301");
}

#[test]
fn sarif_is_as_code_scanning_takes_it() {
    let bench = moved();
    let _ = bench.run("drift mesh.yaml --format sarif=sarif").expect(2);
    let log: Json = serde_json::from_str(&bench.read("sarif")).expect("JSON");
    let results = log["runs"][0]["results"].as_array().expect("results");
    for result in results {
        // It goes by this one, and takes what is suppressed for open.
        let prints = &result["partialFingerprints"];
        assert_eq!(prints["primaryLocationLineHash"], prints["meshform/v1"]);
        assert!(result.get("suppressions").is_none() && !result.to_string().contains("load test"), "{result}");
    }
    let _ = bench.run("validate nowhere.yaml --format sarif=sarif").expect(1);
    let log: Json = serde_json::from_str(&bench.read("sarif")).expect("JSON");
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "nowhere.yaml");
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
    let level = |id: &str| &rules.iter().find(|rule| rule["id"] == id).expect("a rule")["defaultConfiguration"]["level"];
    assert_eq!((level("MF0508"), level("MF0301")), (&json!("warning"), &json!("error")));
}

#[test]
fn no_report_is_written_over_another_one() {
    let bench = moved();
    std::os::unix::fs::symlink(bench.path("o.json"), bench.path("link")).expect("a link");
    bench.file("o.json", "");
    for command in [
        "plan mesh.yaml --format json=./o.json --format markdown=o.json",
        "plan mesh.yaml --format json=new --format markdown=./new",
        "plan mesh.yaml --format json=link --format markdown=o.json",
        "plan mesh.yaml --out new.plan --format json=./new.plan",
        "apply mesh.yaml --yes --report link --format json=o.json",
    ] {
        let output = bench.run(command);
        assert!(output.stderr.contains(" is named for "), "{command}: {}", output.stderr);
        let _ = output.expect(1);
    }
    assert_eq!(bench.files(), ["link", "mesh.yaml", "o.json"]);
}

#[test]
fn a_hyphen_is_stdout() {
    let bench = moved();
    let text = bench.run("plan mesh.yaml --format json=-").expect(0);
    assert!(text.starts_with("{\n  \"format_version\""), "{text}");
    assert_eq!(bench.files(), ["mesh.yaml"]);
}

#[test]
fn help_names_the_forms_of_the_command() {
    let bench = Bench::new(DIALECTS[0]);
    for (command, forms) in [
        ("explain", "text, json;"),
        ("validate", "text, json, markdown, github, sarif;"),
        ("show", "text, json, markdown, github, gitlab, diff;"),
        ("plan", "text, json, markdown, github, gitlab, diff, runbook;"),
        ("drift", "text, json, markdown, github, sarif, prometheus, diff;"),
        ("apply", "text, json, markdown, github;"),
    ] {
        let help = bench.run(&format!("{command} --help")).expect(0).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(&format!("as often as needed: {forms}")), "{help}");
    }
}

#[test]
fn a_run_whose_reports_go_into_files_says_how_it_ended() {
    let bench = moved();
    let said = |command: &str, code: i32| {
        let output = bench.run(command);
        let said = output.stderr.clone();
        let _ = output.expect(code);
        said
    };
    let headline = "drift: 2 drifted, 1 unknown, 10 pending, 1 ignored, 2 as declared (http://SANDBOX)\n";
    assert_eq!(said("drift mesh.yaml --format json=f", 2), headline);
    assert_eq!(said("drift mesh.yaml --format json=f -q", 2), headline);
    assert_eq!(said("drift mesh.yaml --format json=f -q --exit-zero", 0), "");
    assert_eq!(said("drift mesh.yaml --format text --format json=f", 2), "");
    let faults = vec!["500:#1:POST/api/v2/instances/".parse().expect("a fault")];
    let bench = Bench::with(meshform::sandbox::Settings { faults, ..meshform::sandbox::Settings::default() });
    bench.file("mesh.yaml", MESH);
    let output = bench.run("apply mesh.yaml --yes -q --parallelism 1 --format markdown=f");
    assert!(output.stderr.starts_with("Apply: ") && output.stderr.contains("1 failed"), "{}", output.stderr);
    let _ = output.expect(1);
}

#[test]
fn metrics_tell_controllers_apart_whether_they_answer_or_not() {
    let mut bench = moved();
    let labels = format!("{{config=\"mesh.yaml\",controller=\"{}\"}}", bench.url());
    let _ = bench.run("drift mesh.yaml --format prometheus=prom").expect(2);
    assert!(bench.read("prom").contains(&format!("\nmeshform_run_success{labels} 1\n")), "{}", bench.read("prom"));
    bench.set("CONTROLLER_PASSWORD", "wrong");
    let _ = bench.run("drift mesh.yaml --format prometheus=prom").expect(3);
    assert!(bench.read("prom").contains(&format!("\nmeshform_run_success{labels} 0\n")), "{}", bench.read("prom"));
    bench.file("broken.yaml", "instances: 1\n");
    let _ = bench.run("drift broken.yaml --format prometheus=prom").expect(1);
    let labels = labels.replace("mesh.yaml", "broken.yaml");
    assert!(bench.read("prom").contains(&format!("\nmeshform_run_success{labels} 0\n")), "{}", bench.read("prom"));
}

#[test]
fn what_stands_in_place_of_a_controller_is_not_called_live() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("base.yaml", MESH).file("mesh.yaml", &MESH.replace("0.75", "0.80"));
    let text = bench.run("plan mesh.yaml --from base.yaml --format diff").expect(0);
    assert!(text.contains("\n--- base/exec-01.example.com\n+++ declared/exec-01.example.com\t"), "{text}");
    assert!(!text.contains("live/"), "{text}");
}

#[test]
fn a_picture_says_that_it_leaves_links_out() {
    let bench = moved();
    let text = bench.run("plan mesh.yaml --format markdown").expect(0);
    assert!(text.contains("dotted ones go. Links that go with a removed instance alone are not shown.\n"), "{text}");
}
