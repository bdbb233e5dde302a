//! Every example: valid, applied, then nothing to do. In both dialects.

use std::{collections::BTreeSet, fs, path::PathBuf};

use insta::assert_snapshot;
use meshform::{
    config,
    sandbox::{Dialect, Settings},
};
use serde_json::json;

use super::harness::{Bench, DIALECTS};

/// The folders that are a mesh each; a move is two of them, and pipelines are none.
fn examples() -> Vec<PathBuf> {
    let folders = |root: PathBuf| fs::read_dir(root).expect("a folder").map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>();
    let all = folders(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples")).into_iter().filter(|folder| !folder.ends_with("ci"));
    let mut examples: Vec<PathBuf> =
        all.flat_map(|folder| if folder.join("before").is_dir() { folders(folder) } else { vec![folder] }).collect();
    examples.sort();
    examples
}

/// A data centre moves from an old hop to a new one.
#[test]
fn nobody_loses_a_path_when_a_data_centre_moves() {
    for dialect in DIALECTS {
        let mut bench = Bench::new(dialect);
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/migrate");
        let (before, after) = (root.join("before"), root.join("after"));
        let _ = bench.run(&format!("apply {} --yes", before.display())).expect(0);
        let _ = bench.writes();
        let shown = bench.run(&format!("plan {}", after.display())).expect(0).replace(&*root.to_string_lossy(), "migrate");
        insta::allow_duplicates! { assert_snapshot!(shown.replace("23.7.0", "VERSION").replace("24.6.1", "VERSION"), @r#"
        migrate/after against http://SANDBOX (AWX VERSION): 21 declared, 21 live

          + new-hop.fra.mesh.example.com       create                  migrate/after/mesh.yaml:11
              hop, listener_port 27199, peers_from_control_nodes true, no peers
          ~ exec-[01:20].fra.mesh.example.com  update 20, all alike    migrate/after/mesh.yaml:9
              peers  - old-hop.fra.mesh.example.com
                     + new-hop.fra.mesh.example.com

        Held until exec-[01:20].fra.mesh.example.com have a path of established links
          - old-hop.fra.mesh.example.com       remove                  migrate/after/mesh.yaml:6
              (not declared, and owns has "*.fra.mesh.example.com")
              (20 instances dial it now, 0 after; none outside this configuration)

        On the nodes after the apply, in this order
          1. new-hop.fra.mesh.example.com  install bundle (new)
          2. exec-[01:20].fra.mesh.example.com  install bundle (peers changed)

        Firewall: open before the bundles are run, close afterwards
          open  control nodes, exec-[01:20].fra.mesh.example.com -> new-hop.fra.mesh.example.com port 27199/tcp
          close control nodes, exec-[01:20].fra.mesh.example.com -> old-hop.fra.mesh.example.com port 27199/tcp

        Plan: 1 to create, 20 to update, 1 to remove (held), 0 unchanged. 22 requests. Digest 509cf2b2.
        An apply does what is not held; the rest goes on with a later one, or with --wait.
        "#); }
        let _ = bench.run(&format!("apply {} --yes", after.display())).expect(0);
        let writes = bench.writes();
        // The new hop, then whoever moves, then the old one.
        let kinds: Vec<&str> = writes
            .iter()
            .map(|write| match write {
                write if write.starts_with("POST") => "create",
                write if write.contains("deprovisioning") => "remove",
                _ => "move",
            })
            .collect();
        assert_eq!(kinds, [&["create"][..], &["move"; 20], &["remove"]].concat());
        assert_eq!(bench.refused(), [""; 0]);
        let _ = bench.run(&format!("plan {} --detailed-exitcode", after.display())).expect(0);
    }
}

#[test]
fn every_example_is_valid_and_converges() {
    let examples = examples();
    assert!(examples.len() >= 5);
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
