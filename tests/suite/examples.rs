//! Every example: valid, applied, then nothing to do. In both dialects.

use std::{collections::BTreeSet, fs, path::PathBuf};

use meshform::{
    config,
    sandbox::{Dialect, Settings},
};
use serde_json::json;

use super::harness::{Bench, DIALECTS};

#[test]
fn every_example_is_valid_and_converges() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut examples: Vec<PathBuf> = fs::read_dir(root).expect("the examples").map(|entry| entry.expect("an entry").path()).collect();
    examples.sort();
    assert!(examples.len() >= 3);
    for example in &examples {
        let example = example.display();
        for dialect in DIALECTS {
            // What `external` names is there already: the ingress, or in the older dialect a hop of that name.
            let mut bench = Bench::with(Settings { dialect, ingress: true, ..Settings::default() });
            if dialect == Dialect::Hostnames {
                let hop = json!({"hostname": "mesh-ingress", "node_type": "hop", "listener_port": 27199});
                bench.request("POST", "/api/v2/instances/", &hop);
                let _ = bench.writes();
            }
            // The flag, since an example may be for another controller.
            let url = bench.url();
            let validated = bench.run(&format!("validate {example}"));
            assert!(validated.stdout.contains("no errors") && validated.stderr.is_empty(), "{validated}");
            let _ = bench.run(&format!("apply {example} --yes --controller {url}")).expect(0);
            assert_eq!(bench.refused(), [""; 0], "{example}");
            assert!(bench.writes().iter().all(|write| write.starts_with("POST")), "{example}");
            assert!(
                bench.run(&format!("plan {example} --detailed-exitcode --controller {url}")).expect(0).contains("No changes."),
                "{example}"
            );
            assert_eq!(bench.writes(), [""; 0], "{example}");
        }
    }
}

#[test]
fn two_sites_has_two_hops_and_24_nodes() {
    let bench = Bench::new(DIALECTS[0]);
    let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/two-sites");
    let shown = bench.run(&format!("plan {}", example.display())).expect(0);
    assert!(shown.contains("24 declared"), "{shown}");
}

/// The promise of the example: a large mesh that is quickly read.
#[test]
fn twelve_sites_are_300_nodes_in_110_lines() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/twelve-sites");
    let lines: usize = [root.clone(), root.join("sites")]
        .into_iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).expect("a file").lines().count())
        .sum();
    let mesh = config::load(&[root]).mesh;
    let sites: BTreeSet<&str> = mesh.instances.keys().filter_map(|name| name.as_str().split('.').nth(1)).collect();
    assert!(lines <= 110, "{lines} lines");
    assert_eq!((mesh.instances.len(), sites.len()), (305, 12));
}
