//! Every code of the table, by one small broken file each: the snapshots are what people read.

use std::{collections::BTreeSet, fs, path::PathBuf};

use meshform::{
    config::{self, Code},
    render,
};
use serde_json::{Value as Json, json};

use super::harness::{Bench, DIALECTS};

const BROKEN: &str = "tests/suite/broken";

/// The findings for paths below the package, as text.
fn findings(paths: &[&str]) -> String {
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    render::findings::text(&config::load(&paths), false)
}

#[test]
fn broken_files() {
    insta::glob!("broken/*.yaml", |path| {
        let name = path.file_name().and_then(|name| name.to_str()).expect("the files have plain names");
        insta::assert_snapshot!(findings(&[&format!("{BROKEN}/{name}")]));
    });
}

/// A file is called after the code that it shows, and every code that a single file can show has one.
#[test]
fn every_code_has_its_file() {
    let mut shown = BTreeSet::new();
    for entry in fs::read_dir(BROKEN).expect("the folder of broken files") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let codes: BTreeSet<&str> = config::load(&[path]).findings.iter().map(|finding| finding.code.as_str()).collect();
        let wanted = name.split('-').next().unwrap_or_default();
        if wanted.bytes().all(|b| b.is_ascii_digit()) {
            assert!(codes.contains(&*format!("MF{wanted}")), "{name} shows {codes:?}");
        }
        shown.extend(codes);
    }
    let missing: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).filter(|code| !shown.contains(code)).collect();
    // What is about paths is shown below, and nobody wants a file of 256 MiB in the repository.
    assert_eq!(missing, ["MF0101", "MF0102", "MF0103", "MF0104", "MF0106", "MF0302"]);
}

/// What is wrong with paths and not with what stands in the files.
#[test]
fn broken_paths() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().canonicalize().expect("its real path");
    let at = |name: &str| root.join(name);
    let make = |name: &str, text: &str| {
        let path = at(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    make("no-yaml/readme.txt", "");
    make("no-yaml/.hidden.yaml", "");
    make("whole/meshform.yaml", "external: [mesh-ingress]\n");
    make("whole/sites/syd.yaml", "instances: []\n");
    make("other/meshform.yaml", "instances: []\n");
    make("below/sites/meshform.yml", "external: []\n");
    make("below/sites/syd.yaml", "instances: []\n");
    make("both/meshform.yaml", "");
    make("both/meshform.yml", "");
    make("misnamed/meshfrom.yaml", "owns: ['*.example.com']\n");
    make("misnamed/a.yaml", "instances: []\n");
    make("parts/a.yaml", "owns: ['*.example.com']\ninstances:\n  - hostname: exec-1.example.com\n");
    make("parts/b.yaml", "external: [mesh-ingress]\ninstances:\n  - hostname: exec-2.example.com\n    peers: [mesh-ingress]\n");
    make("whole/protect.yaml", "protect: ['*.example.com']\n");
    make("apart/a.yaml", "instances:\n  - hostname: exec-1.example.com\n    peers: [hop-1.example.com]\n");
    make("apart/b.yml", "instances:\n  - hostname: exec-1.example.com\n");
    let shown = |paths: &[&str]| {
        let paths: Vec<PathBuf> = paths.iter().map(|path| if *path == "-" { PathBuf::from(path) } else { at(path) }).collect();
        let text = render::findings::text(&config::load(&paths), false);
        text.replace(&*root.to_string_lossy(), "DIR")
    };
    insta::assert_snapshot!(
        [
            shown(&[]),
            shown(&["-", "missing.yaml", "no-yaml"]),
            shown(&["whole"]),
            shown(&["whole/sites", "apart/a.yaml"]),
            shown(&["apart"]),
            shown(&["below"]),
            shown(&["apart/../whole/sites/syd.yaml"]),
            shown(&["whole/meshform.yaml"]),
            shown(&["whole", "other"]),
            shown(&["both"]),
            shown(&["misnamed"]),
            shown(&["parts"]),
        ]
        .join("\n----\n\n")
    );
}

#[test]
fn findings_are_json_for_programs() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", "instances:\n  - hostname: hop-1.example.com\n    node_type: hop\n  - hostname: 'Zürich'\n    peers: [hop-2.example.com]\n  - hostname: hop-1.example.com\n");
    let document: Json = serde_json::from_str(&bench.run("validate mesh.yaml --format json").expect(1)).expect("JSON");
    insta::assert_json_snapshot!(document);
    let document: Json = serde_json::from_str(&bench.run("validate missing --format json").expect(1)).expect("JSON");
    assert_eq!(document["findings"][0]["source"], json!({"file": "missing"}));
}

#[test]
fn warnings_can_be_denied() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", "instances: [{hostname: hop-1.example.com, node_type: hop}]\n");
    let _ = bench.run("validate mesh.yaml").expect(0);
    let shown = bench.run("validate mesh.yaml --deny warnings").expect(1);
    assert!(shown.ends_with("\n\n1 warning\n1 instance in 1 file: no errors, and warnings are denied.\n"), "{shown}");
    let _ = bench.run("validate mesh.yaml --format json --deny warnings").expect(1);
    bench.file("mesh.yaml", "instances: [{hostname: exec-1.example.com}]\n");
    let _ = bench.run("validate mesh.yaml --deny warnings").expect(0);
}
