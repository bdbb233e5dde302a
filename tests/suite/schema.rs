//! The JSON Schema: current, complete, and of one mind with `validate`. `tests/editor/agree.mjs` asks the engine of editors the same.

use std::{fs, path::PathBuf};

use jsonschema::Validator;
use meshform::config;
use serde_json::Value as Json;

use super::{
    configuration::{folder, load},
    harness::{Bench, DIALECTS},
};

/// A row of the table.
#[derive(serde::Deserialize)]
struct Snippet {
    name: String,
    /// Whether it can be used.
    good: bool,
    /// Why a schema cannot know what is wrong.
    beyond: Option<String>,
    yaml: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> Validator {
    let schema: Json = serde_json::from_str(&config::schema()).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

#[test]
fn the_committed_file_is_current() {
    let committed = fs::read_to_string(root().join("schemas/mesh.schema.json")).expect("the file");
    let printed = Bench::new(DIALECTS[0]).run("schema").expect(0);
    assert!(committed == printed, "it is stale: target/release/meshform schema > schemas/mesh.schema.json");
}

#[test]
fn every_key_is_described() {
    fn walk(path: &str, schema: &Json, bare: &mut Vec<String>) {
        let Some(object) = schema.as_object() else { return };
        for (key, property) in object.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let is_described = property.get("description").or_else(|| property.get("$ref")).is_some();
            bare.extend((!is_described).then(|| format!("{path}/{key}")));
        }
        for (key, inner) in object {
            walk(&format!("{path}/{key}"), inner, bare);
        }
    }
    let schema: Json = serde_json::from_str(&config::schema()).expect("JSON");
    let mut bare = Vec::new();
    walk("", &schema, &mut bare);
    assert_eq!(bare, [""; 0]);
}

#[test]
fn it_refuses_what_validate_refuses() {
    let text = fs::read_to_string(root().join("tests/editor/snippets.yaml")).expect("the table");
    let snippets: Vec<Snippet> = serde_yaml::from_str(&text).expect("a table");
    let validator = validator();
    for Snippet { name, good, beyond, yaml } in &snippets {
        let folder = folder(&[("mesh.yaml", yaml)]);
        assert_eq!(!load(&[folder.path()]).has_errors(), *good, "validate: {name}");
        // What this reader of YAML refuses already an editor underlines, too.
        let value = serde_yaml::from_str::<Json>(yaml);
        let accepted = value.is_ok_and(|value| validator.is_valid(&value));
        if beyond.is_none() {
            assert_eq!(accepted, *good, "schema: {name}");
        }
    }
    assert!(snippets.len() >= 60, "{} snippets", snippets.len());
}

#[test]
fn the_examples_satisfy_it() {
    let validator = validator();
    let mut folders = vec![root().join("examples")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            // Pipelines are no configuration.
            if path.is_dir() && !path.ends_with("examples/ci") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                let value: Json = serde_yaml::from_str(&fs::read_to_string(&path).expect("a file")).expect("YAML");
                let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
                assert_eq!(errors, [""; 0], "{}", path.display());
                files += 1;
            }
        }
    }
    assert!(files > 10, "{files} files");
}
