//! How long it takes to read a configuration, and how much memory: a row for each claim. It has to grow with the instances alone,
//! whether they stand in one file or in 500, in ranges or one by one.
//!
//! `cargo bench --bench reading`; `benches/pyyaml.py` compares the first kind of file with what Python needs for it.

use std::{fmt::Write, fs, path::PathBuf};

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use meshform::config;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Instances as blocks of their own, each with five fields.
fn single_blocks(first: usize, count: usize) -> String {
    let mut text = String::from("instances:\n");
    for i in first..first + count {
        let _ = write!(
            text,
            "  - hostname: exec-{i:06}.mesh.example.com\n    node_type: execution\n    enabled: true\n    capacity_adjustment: 0.75\n    \
             peers: [hop-1.mesh.example.com]\n"
        );
    }
    text
}

/// The same instances in ranges of 100.
fn ranges(first: usize, count: usize) -> String {
    let mut text =
        String::from("defaults: {execution: {enabled: true, capacity_adjustment: 0.75, peers: [hop-1.mesh.example.com]}}\ninstances:\n");
    for from in (first..first + count).step_by(100) {
        let to = (from + 99).min(first + count - 1);
        let _ = writeln!(text, "  - hostname: exec-[{from:06}:{to:06}].mesh.example.com");
    }
    text
}

/// A folder with so many instances in so many files, and the hop that they dial.
fn folder(instances: usize, files: usize, text: fn(usize, usize) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("meshform.yaml"),
        "defaults: {managed_by_policy: true}\ninstances: [{hostname: hop-1.mesh.example.com, node_type: hop, listener_port: 27199}]\n",
    )
    .expect("a file");
    let each = instances / files;
    for i in 0..files {
        fs::write(folder.path().join(format!("site-{i:03}.yaml")), text(i * each, each)).expect("a file");
    }
    folder
}

fn read(bencher: Bencher<'_, '_>, instances: usize, files: usize, text: fn(usize, usize) -> String) {
    let folder = folder(instances, files, text);
    let paths: [PathBuf; 1] = [folder.path().to_owned()];
    let loaded = config::load(&paths);
    assert!(loaded.findings.is_empty() && loaded.mesh.instances.len() == instances + 1);
    drop(loaded);
    bencher.counter(ItemsCount::new(instances)).bench(|| config::load(&paths));
}

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

#[divan::bench(args = SIZES, max_time = 5)]
fn single_blocks_in_one_file(bencher: Bencher<'_, '_>, instances: usize) {
    read(bencher, instances, 1, single_blocks);
}

#[divan::bench(args = SIZES, max_time = 5)]
fn single_blocks_in_500_files(bencher: Bencher<'_, '_>, instances: usize) {
    read(bencher, instances, 500, single_blocks);
}

#[divan::bench(args = SIZES, max_time = 5)]
fn ranges_in_one_file(bencher: Bencher<'_, '_>, instances: usize) {
    read(bencher, instances, 1, ranges);
}

#[divan::bench(args = SIZES, max_time = 5)]
fn ranges_in_500_files(bencher: Bencher<'_, '_>, instances: usize) {
    read(bencher, instances, 500, ranges);
}

/// Every instance matched by a wildcard of an override and by `owns`.
#[divan::bench(args = SIZES, max_time = 5)]
fn ranges_with_overrides(bencher: Bencher<'_, '_>, instances: usize) {
    let folder = folder(instances, 10, ranges);
    let overrides = "overrides:\n  - {hostname: 'exec-*5.mesh.example.com', enabled: false}\n";
    fs::write(folder.path().join("maintenance.yaml"), overrides).expect("a file");
    let paths: [PathBuf; 1] = [folder.path().to_owned()];
    assert!(config::load(&paths).findings.is_empty());
    bencher.counter(ItemsCount::new(instances)).bench(|| config::load(&paths));
}
