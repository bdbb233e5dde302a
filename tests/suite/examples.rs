//! Every example: valid, applied, then nothing to do. In both dialects.

use std::{fs, path::PathBuf};

use super::harness::{Bench, DIALECTS};

#[test]
fn every_example_is_valid_and_converges() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut examples: Vec<PathBuf> = fs::read_dir(root).expect("the examples").map(|entry| entry.expect("an entry").path()).collect();
    examples.sort();
    assert!(examples.len() >= 2);
    for example in &examples {
        let example = example.display();
        for dialect in DIALECTS {
            let mut bench = Bench::new(dialect);
            let validated = bench.run(&format!("validate {example}"));
            assert!(validated.stdout.contains("no errors") && validated.stderr.is_empty(), "{validated}");
            let _ = bench.run(&format!("apply {example} --yes")).expect(0);
            assert_eq!(bench.refused(), [""; 0], "{example}");
            assert!(bench.writes().iter().all(|write| write.starts_with("POST")), "{example}");
            assert!(bench.run(&format!("plan {example} --detailed-exitcode")).expect(0).contains("No changes."), "{example}");
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
