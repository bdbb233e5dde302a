//! What annotations of GitHub Actions say first, where, and how much of it.

use std::fmt::Write;

use serde_json::json;

use super::{Bench, DIALECTS};

/// A hostname that no pattern folds with others.
fn word(i: usize) -> String {
    [i / 676, i / 26 % 26, i % 26].iter().map(|n| char::from(b'a' + u8::try_from(*n).expect("a letter"))).collect()
}

#[test]
fn a_removal_is_shown_whatever_else_there_is() {
    let bench = Bench::new(DIALECTS[0]);
    let mesh = |port: u16, hosts: usize| {
        let mut text = "owns: [\"*.example.com\"]\ninstances:\n".to_owned();
        for i in 0..hosts {
            let _ = writeln!(text, "  - hostname: {}.example.com\n    peers_from_control_nodes: true\n    listener_port: {port}", word(i));
        }
        text
    };
    bench.file("mesh.yaml", &mesh(27199, 16));
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    // Fifteen are cut off for a while, and one goes.
    bench.file("mesh.yaml", &mesh(27200, 15));
    let text = bench.run("plan mesh.yaml --format github --allow-disrupt").expect(0);
    let warnings: Vec<&str> = text.lines().filter(|line| line.starts_with("::warning ")).collect();
    assert_eq!(warnings.len(), 10, "{text}");
    assert!(warnings[0].contains("title=meshform remove::aap.example.com: "), "{text}");
    // Whose it is stands before it, once.
    assert!(warnings[1].ends_with("::aaa.example.com: no path to the control plane until install bundles are run"), "{text}");
}

#[test]
fn an_annotation_and_a_difference_tell_of_a_hold() {
    let bench = Bench::new(DIALECTS[0]);
    let mesh = "owns: [\"*.example.com\"]\ninstances:\n  - hostname: hop-1.example.com\n    node_type: hop\n    listener_port: 27199\n    \
                peers_from_control_nodes: true\n  - {hostname: exec-1.example.com, peers: [hop-1.example.com]}\n";
    bench.file("mesh.yaml", mesh);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    bench.run_bundle("hop-1.example.com");
    bench.run_bundle("exec-1.example.com");
    bench.file("mesh.yaml", &mesh.replace("hop-1", "hop-2"));
    let _ = bench.run("plan mesh.yaml --format github=gh --format diff=diff").expect(0);
    let held = "Held until exec-1.example.com has a path of established links";
    let removal = bench.read("gh").lines().find(|line| line.contains("meshform remove::")).expect("a removal").to_owned();
    assert!(removal.ends_with(&format!("%0A{held}")), "{removal}");
    assert!(bench.read("diff").contains(&format!("# hop-1.example.com: {held}\n")), "{}", bench.read("diff"));
}

#[test]
fn a_change_is_shown_where_its_value_stands() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh/meshform.yaml", "defaults:\n  capacity_adjustment: 0.5\n");
    bench.file("mesh/site.yaml", "instances:\n  - {hostname: a.example.com, enabled: true}\n");
    let _ = bench.run("apply mesh --yes").expect(0);
    bench.file("mesh/meshform.yaml", "defaults:\n\n  capacity_adjustment: 0.6\n");
    let _ = bench.run("plan mesh --format github=gh --format diff=diff").expect(0);
    let wanted =
        "\n::notice file=mesh/meshform.yaml,line=3,col=24,title=meshform update::a.example.com: capacity_adjustment 0.50 -> 0.60\n";
    assert!(bench.read("gh").ends_with(wanted), "{}", bench.read("gh"));
    assert!(bench.read("diff").contains("\n+++ declared/a.example.com\tmesh/meshform.yaml:3\n"), "{}", bench.read("diff"));
}

#[test]
fn no_annotation_is_longer_than_anybody_reads() {
    let bench = Bench::new(DIALECTS[0]);
    let one = |i: usize| format!("  - {{hostname: {}.example.com}}\n", word(i));
    bench.file("mesh.yaml", &format!("instances:\n{}", (0..3_000).map(one).collect::<String>()));
    let text = bench.run("plan mesh.yaml --format github").expect(0);
    let unconnected = text.lines().find(|line| line.contains("title=meshform unconnected::")).expect("a warning");
    assert!(unconnected.len() < 1_000 && unconnected.ends_with(" and more: see the summary of the job"), "{unconnected}");
}

#[test]
fn drift_comes_with_the_warnings_of_the_configuration() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", "instances:\n  - {hostname: hop-1.example.com, node_type: hop, peers_from_control_nodes: false}\n");
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    bench.request("PATCH", &format!("/api/v2/instances/{}/", bench.id("hop-1.example.com")), &json!({"enabled": false}));
    let _ = bench.run("drift mesh.yaml --format markdown=md --format github=gh").expect(0);
    assert!(bench.read("gh").starts_with("::warning file=mesh.yaml,line=2,col=16,title=meshform MF0508::"), "{}", bench.read("gh"));
    assert!(bench.read("md").contains("\n**Warnings**\n\n- no `listener_port` is given for hop node "), "{}", bench.read("md"));
}

#[test]
fn a_summary_is_as_long_as_github_takes_it() {
    let mut bench = Bench::new(DIALECTS[0]);
    let one = |i: usize| {
        format!("  - {{hostname: {}.example.com, capacity_adjustment: {}.{:02}, enabled: {}}}\n", word(i), i / 100 % 10, i % 100, i < 1000)
    };
    bench.file("mesh.yaml", &format!("instances:\n{}", (0..1_900).map(one).collect::<String>()));
    bench.set("GITHUB_STEP_SUMMARY", bench.path("summary.md").to_str().expect("UTF-8"));
    let filled = |there: usize| {
        bench.file("summary.md", &"x".repeat(there));
        let _ = bench.run("plan mesh.yaml --format github").expect(0);
        bench.read("summary.md").split_off(there)
    };
    let most = 1 << 20;
    // More than a comment holds.
    let all = filled(0);
    assert!(all.len() > meshform::render::markdown::MOST && all.len() < most && !all.contains("\ncut: "), "{}", all.len());
    // In what is left is what it holds.
    let there = most - 60_000;
    let cut = filled(there);
    assert!(cut.len() > 58_000 && there + cut.len() < most && cut.contains("\ncut: "), "{}", cut.len());
    assert_eq!(filled(most - 10), "");
}
