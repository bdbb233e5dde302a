//! The schemas of the JSON documents: current, and satisfied by what the program writes.

use std::fs;

use meshform::sandbox::Settings;
use serde_json::{Value as Json, json};

use super::{Bench, DIALECTS, MESH, moved, root};

const KINDS: [&str; 4] = ["plan", "drift", "outcome", "findings"];

fn committed(kind: &str) -> String {
    fs::read_to_string(root(&format!("schemas/{kind}.schema.json"))).expect("the file")
}

#[test]
fn the_committed_files_are_current() {
    let bench = Bench::new(DIALECTS[0]);
    for kind in KINDS {
        let printed = bench.run(&format!("schema {kind}")).expect(0);
        assert!(committed(kind) == printed, "it is stale: target/release/meshform schema {kind} > schemas/{kind}.schema.json");
    }
}

/// That a schema has nothing against a document.
#[track_caller]
fn satisfies(kind: &str, document: &str) {
    let mut schema: Json = serde_json::from_str(&committed(kind)).expect("JSON");
    let document: Json = serde_json::from_str(document).expect("JSON");
    // It is a report or tells why there is none; which one is known, so that a mistake is told by its place.
    let part = if document.get("error").is_some() { "Failed" } else { "Document" };
    let place = format!("#/$defs/{part}");
    assert!(schema["anyOf"].as_array().expect("a list").contains(&json!({ "$ref": place })));
    schema["anyOf"] = json!([{ "$ref": place }]);
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, [""; 0], "{document:#}");
}

#[test]
fn what_is_no_version_digest_or_time_does_not_satisfy_them() {
    let bench = moved();
    let refuses = |kind: &str, document: &str, place: &str, value: &str| {
        let schema: Json = serde_json::from_str(&committed(kind)).expect("JSON");
        assert_eq!(schema["$id"], json!(format!("urn:meshform:{kind}:1")));
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        let mut document: Json = serde_json::from_str(document).expect("JSON");
        assert!(validator.is_valid(&document), "{document:#}");
        *document.pointer_mut(place).expect("a place") = json!(value);
        assert!(!validator.is_valid(&document), "{kind}: {place} may be {value}");
    };
    let _ = bench.run("drift mesh.yaml --format json=drift").expect(2);
    let drift: Json = serde_json::from_str(&bench.read("drift")).expect("JSON");
    let findings = drift["findings"].as_array().expect("findings");
    let index = findings.iter().position(|finding| finding["change"].is_object()).expect("a change");
    refuses("drift", &bench.read("drift"), "/format_version", "7.0");
    refuses("drift", &bench.read("drift"), &format!("/findings/{index}/change/time"), "yesterday");
    refuses("plan", &bench.run("plan mesh.yaml --format json").expect(0), "/digest", "nonsense");
    refuses("findings", &bench.run("validate mesh.yaml --format json").expect(0), "/format_version", "2.0");
    let _ = bench.run("apply mesh.yaml --yes --format json=outcome").expect(0);
    refuses("outcome", &bench.read("outcome"), "/digest", "sha256:1");
}

#[test]
fn documents_satisfy_them() {
    let bench = moved();
    for more in ["", "--no-blame", "--show-unmanaged"] {
        let _ = bench.run(&format!("drift mesh.yaml --format json=drift {more}")).expect(2);
        satisfies("drift", &bench.read("drift"));
    }
    satisfies("plan", &bench.run("plan mesh.yaml --format json").expect(0));
    bench.file("kept.yaml", &format!("applied_by: ci\n{}", bench.read("mesh.yaml")));
    satisfies("plan", &bench.run("plan kept.yaml --format json --keep-drift").expect(0));
    bench.file("base.yaml", MESH);
    satisfies("plan", &bench.run("plan mesh.yaml --from base.yaml --format json").expect(0));
    satisfies("findings", &bench.run("validate mesh.yaml --format json").expect(0));
    let _ = bench.run("apply mesh.yaml --yes --format json=outcome").expect(0);
    satisfies("outcome", &bench.read("outcome"));
    bench.file("broken.yaml", "instances: [{hostname: a b, peers: [c]}, {hostname: d.example.com, peers: [d.example.com]}]\nx: 1\n");
    satisfies("findings", &bench.run("validate broken.yaml --format json").expect(1));
    satisfies("findings", &bench.run("validate nowhere --format json").expect(1));
    satisfies("plan", &bench.run("plan broken.yaml --format json").expect(1));
    bench.file("other.yaml", &MESH.replace("node_type: hop", "node_type: execution").replace("exec-[01:06]", "exec-[03:06]"));
    satisfies("plan", &bench.run("plan other.yaml --format json").expect(4));
    let _ = bench.run("apply other.yaml --yes --format json=outcome --report report").expect(4);
    satisfies("outcome", &bench.read("outcome"));
    satisfies("outcome", &bench.read("report"));
    let _ = bench.run("apply broken.yaml --yes --format json=outcome --report report").expect(1);
    satisfies("outcome", &bench.read("outcome"));
    satisfies("outcome", &bench.read("report"));
    let faults = vec!["500:#3:POST/api/v2/instances/".parse().expect("a fault")];
    let bench = Bench::with(Settings { faults, ..Settings::default() });
    bench.file("mesh.yaml", MESH);
    let _ = bench.run("apply mesh.yaml --yes --report report").expect(1);
    satisfies("outcome", &bench.read("report"));
}
