//! What a plan does only if it is allowed, what it warns of, and which part of it is chosen.

use insta::assert_snapshot;
use meshform::sandbox::{Dialect, Jobs, Settings};
use serde_json::{Value as Json, json};

use super::harness::{Bench, DIALECTS};

const MESH: &str = "
owns: ['*.example.com']
instances:
  - {hostname: 'hop-[1:2].example.com', node_type: hop, listener_port: 27199, peers_from_control_nodes: true, peers: []}
  - {hostname: 'exec-[01:10].example.com', node_type: execution, peers: [hop-1.example.com]}
";

/// The mesh, applied, on a controller with these settings.
fn applied_with(settings: Settings) -> Bench {
    let mut bench = Bench::with(settings);
    bench.file("mesh.yaml", MESH);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    let _ = bench.writes();
    bench
}

fn applied(dialect: Dialect) -> Bench {
    applied_with(Settings { dialect, ..Settings::default() })
}

/// Plans, and gives what is said from a heading or a word on.
fn said_from(bench: &Bench, command: &str, code: i32, from: &str) -> String {
    let shown = bench.run(command).expect(code);
    let at = shown.find(from).unwrap_or_else(|| panic!("no `{from}` in {shown}"));
    shown.get(at..).expect("the rest").to_owned()
}

#[test]
fn a_replacement_needs_to_be_allowed() {
    for dialect in DIALECTS {
        let mut bench = applied(dialect);
        bench.file("mesh.yaml", &MESH.replace("hop-[1:2].example.com', node_type: hop", "hop-[1:2].example.com', node_type: execution"));
        let refused = said_from(&bench, "plan mesh.yaml --only hop-2.example.com", 4, "Not allowed");
        insta::allow_duplicates! { assert_snapshot!(refused, @"
        Not allowed
          ! hop-2.example.com: a changed node_type means that the instance is removed and made again
              hint: --allow-replace if that is meant; else declare the live node_type

        Plan: 0 to create, 0 to update, 1 to replace, 10 unchanged, 1 left out. 2 requests. 1 without a path until bundles are run. Digest 134650e0.
        Not all of it is allowed, so nothing is applied.
        "); }
        let _ = bench.run("apply mesh.yaml --only hop-2.example.com --yes").expect(4);
        assert_eq!(bench.writes(), [""; 0]);
        let _ = bench.run("apply mesh.yaml --only hop-2.example.com --yes --allow-replace").expect(0);
        assert_eq!(bench.writes().len(), 2);
        assert_eq!(bench.refused(), [""; 0]);
    }
}

#[test]
fn a_changed_port_needs_to_be_allowed_where_others_are_behind_it() {
    for dialect in DIALECTS {
        let mut bench = applied(dialect);
        bench.file("mesh.yaml", &MESH.replace("27199", "27200"));
        // Nobody is behind the second hop.
        let _ = bench.run("apply mesh.yaml --yes --only hop-2.example.com").expect(0);
        let refused = said_from(&bench, "plan mesh.yaml", 4, "Not allowed");
        insta::allow_duplicates! { assert_snapshot!(refused.replace("22 requests", "N requests").replace("13 requests", "N requests").lines().take(3).collect::<Vec<_>>().join("\n"), @"
        Not allowed
          ! exec-[01:10].example.com: no path to the control plane until install bundles are run, because of what changes at hop-1.example.com
              hint: give them a second path first; or change one after the other (--only) and run the install bundles in between; or --allow-disrupt
        "); }
        let _ = bench.writes();
        let _ = bench.run("apply mesh.yaml --yes --allow-disrupt").expect(0);
        assert_eq!(bench.refused(), [""; 0]);
        let _ = bench.run("plan mesh.yaml --detailed-exitcode").expect(0);
    }
}

#[test]
fn links_of_others_are_touched_only_if_that_is_allowed() {
    for dialect in DIALECTS {
        let bench = applied(dialect);
        bench.file("theirs.yaml", "external: [hop-1.example.com, hop-2.example.com]\ninstances: [{hostname: theirs.example.org, peers: [hop-1.example.com, hop-2.example.com]}]");
        let _ = bench.run("apply theirs.yaml --yes").expect(0);
        bench.file(
            "mesh.yaml",
            &MESH.replace(
                "hop-[1:2].example.com', node_type: hop, listener_port: 27199",
                "hop-[1:2].example.com', node_type: hop, listener_port: 27200",
            ),
        );
        let refused = said_from(&bench, "plan mesh.yaml --only hop-2.example.com", 4, "Not allowed");
        insta::allow_duplicates! { assert_snapshot!(refused.lines().take(3).collect::<Vec<_>>().join("\n"), @"
        Not allowed
          ! theirs.example.org: links that are not declared here are set again, moved or cut
              hint: --touch-foreign if whoever manages them agrees
        "); }
        // What is excluded stays as it is, whoever's it is.
        let left_out = said_from(&bench, "plan mesh.yaml --only hop-2.example.com --exclude theirs.*", 0, "Left out");
        assert!(left_out.contains("hop-2.example.com  needs theirs.example.org"), "{left_out}");
        let _ = bench.run("apply mesh.yaml --yes --only hop-2.example.com --touch-foreign").expect(0);
        let _ = bench.run("plan theirs.yaml --detailed-exitcode").expect(0);
        // A removal cuts it, and says whom.
        bench.file("mesh.yaml", &MESH.replace("hop-[1:2]", "hop-1"));
        let shown = said_from(&bench, "plan mesh.yaml --only hop-2.example.com", 4, "  - hop-2");
        insta::allow_duplicates! { assert_snapshot!(shown, @r#"
          - hop-2.example.com         remove                  mesh.yaml:2
              (not declared, and owns has "*.example.com")
              (1 instance dials it now, 0 after; not declared here: theirs.example.org)

        Firewall: open before the bundles are run, close afterwards
          close control nodes, theirs.example.org -> hop-2.example.com port 27200/tcp

        Links that are not declared here
          theirs.example.org -> hop-2.example.com  end with it

        Not allowed
          ! theirs.example.org: links that are not declared here are set again, moved or cut
              hint: --touch-foreign if whoever manages them agrees

        Plan: 0 to create, 0 to update, 1 to remove, 11 unchanged. 1 request. Digest b647619c.
        Not all of it is allowed, so nothing is applied.
        "#); }
        let _ = bench.run("apply mesh.yaml --yes --only hop-2.example.com --touch-foreign").expect(0);
        assert_eq!(bench.refused(), [""; 0]);
    }
}

#[test]
fn a_removal_budget_stops_a_slip() {
    let mut bench = applied(DIALECTS[0]);
    let fewer = MESH.replace("exec-[01:10]", "exec-[01:06]");
    bench.file("mesh.yaml", &fewer);
    assert_snapshot!(said_from(&bench, "plan mesh.yaml", 4, "Not allowed"), @"
    Not allowed
      ! 4 instances would be removed or made again, and 3 are allowed: 30% of the 12 instances that this configuration owns
          hint: look for a name that changed by a slip; if it is meant, --max-removals raises it for this run

    Plan: 0 to create, 0 to update, 4 to remove, 8 unchanged. 4 requests. Digest 17a6a58c.
    Not all of it is allowed, so nothing is applied.
    ");
    assert_snapshot!(said_from(&bench, "plan mesh.yaml --max-removals 4", 0, "Warning"), @"
    Warning: --max-removals raises the budget of removals from 3 to 4
    Plan: 0 to create, 0 to update, 4 to remove, 8 unchanged. 4 requests. Digest 17a6a58c.
    ");
    bench.file("mesh.yaml", &format!("max_removals: 2{fewer}"));
    assert!(
        said_from(&bench, "plan mesh.yaml", 4, "Not allowed")
            .contains("4 instances would be removed or made again, and 2 are allowed: `max_removals` of the configuration")
    );
    // It can only be raised.
    assert!(
        said_from(&bench, "plan mesh.yaml --max-removals 1", 4, "Not allowed")
            .contains("4 instances would be removed or made again, and 2 are allowed")
    );
    let _ = bench.run("apply mesh.yaml --yes --max-removals 50%").expect(0);
    assert_eq!(bench.writes().len(), 4);
    assert!(bench.run("plan mesh.yaml --max-removals 5x").stderr.contains("a number of instances such as `5`"));
}

#[test]
fn a_configuration_that_owns_and_declares_nothing_is_not_meant() {
    let mut bench = applied(DIALECTS[0]);
    bench.file("mesh.yaml", "owns: ['*.example.com']\ninstances: []");
    assert_snapshot!(said_from(&bench, "plan mesh.yaml", 4, "Not allowed"), @"
    Not allowed
      ! 12 instances would be removed or made again, and 3 are allowed: 30% of the 12 instances that this configuration owns
          hint: look for a name that changed by a slip; if it is meant, --max-removals raises it for this run
      ! the configuration declares no instance, so everything that it owns would go
          hint: --allow-empty if that is meant

    Plan: 0 to create, 0 to update, 12 to remove, 0 unchanged. 12 requests. Digest 3303a01b.
    Not all of it is allowed, so nothing is applied.
    ");
    let _ = bench.run("apply mesh.yaml --yes --allow-empty --max-removals 100%").expect(0);
    let _ = bench.writes();
    // Where nothing is left that could go, nothing has to be allowed.
    let _ = bench.run("plan mesh.yaml --detailed-exitcode").expect(0);
    assert_eq!(bench.writes(), [""; 0]);
}

#[test]
fn a_node_with_running_jobs_is_not_connected_otherwise() {
    let jobs = vec![Jobs::endless("exec-02.example.com", 3)];
    let bench = applied_with(Settings { jobs, ..Settings::default() });
    bench.file("mesh.yaml", &MESH.replace("peers: [hop-1", "enabled: false, peers: [hop-2"));
    assert_snapshot!(said_from(&bench, "plan mesh.yaml", 4, "Not allowed"), @"
    Not allowed
      ! exec-02.example.com: jobs run on it, and it is cut off or connected otherwise
          hint: --drain lets them end first; or --allow-disrupt

    Plan: 0 to create, 10 to update, 2 unchanged. 10 requests. Digest f85497c3.
    Not all of it is allowed, so nothing is applied.
    ");
    let _ = bench.run("plan mesh.yaml --allow-disrupt").expect(0);
    // Not to take on more is what one does first.
    bench.file("mesh.yaml", &MESH.replace("peers: [hop-1", "enabled: false, peers: [hop-1"));
    let _ = bench.run("plan mesh.yaml").expect(0);
}

#[test]
fn states_that_need_somebodys_eye_are_listed() {
    let mut bench = applied_with(Settings { removal_delay: std::time::Duration::from_hours(1), ..Settings::default() });
    bench.file("mesh.yaml", &MESH.replace("exec-[01:10]", "exec-[01:09]"));
    let id = bench.request("GET", "/api/v2/instances/?hostname=exec-10.example.com", &Json::Null)["results"][0]["id"].clone();
    bench.request("PATCH", &format!("/api/v2/instances/{id}/"), &json!({"node_state": "deprovisioning"}));
    let shown = bench.run("plan mesh.yaml --detailed-exitcode").expect(0);
    assert!(shown.contains("Warning: deprovisioning on the controller: exec-10.example.com"), "{shown}");
    let _ = bench.writes();
}

#[test]
fn a_part_is_chosen_with_all_that_it_needs() {
    let mut bench = applied(DIALECTS[0]);
    bench.file("mesh.yaml", &MESH.replace("hop-[1:2]", "hop-[2:3]").replace("peers: [hop-1", "peers: [hop-3"));
    assert_snapshot!(said_from(&bench, "plan mesh.yaml --only exec-*", 0, "Left out"), @"
    Left out, since it needs something that is left out
      exec-[01:10].example.com  needs hop-3.example.com

    No changes. 1 instance is as declared, 12 left out.
    ");
    assert_snapshot!(said_from(&bench, "plan mesh.yaml --exclude exec-0[1:2]*", 0, "Left out"), @"
    Left out, since it needs something that is left out
      hop-1.example.com  needs exec-01.example.com

    Plan: 1 to create, 8 to update, 1 unchanged, 3 left out. 9 requests. Digest 09c2d909.
    ");
    for flag in ["--only", "--exclude"] {
        let output = bench.run(&format!("apply mesh.yaml --yes {flag} exce-*"));
        assert!(output.code == Some(1) && output.stderr.contains(&format!("`{flag} exce-*` matches no instance")), "{output}");
    }
    assert_eq!(bench.writes(), [""; 0]);
    let document: Json = serde_json::from_str(&bench.run("plan mesh.yaml --exclude exec-01* --format json").expect(0)).expect("JSON");
    assert_eq!(document["left_out"], json!([{"hostname": "hop-1.example.com", "needs": "exec-01.example.com"}]));
    let _ = bench.run("apply mesh.yaml --yes --exclude exec-01*").expect(0);
    let writes = bench.writes();
    assert!(writes.len() == 10 && !writes.iter().any(|write| write.contains("deprovisioning")), "{writes:?}");
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    assert_eq!(bench.writes().len(), 2);
    let output = bench.run("plan mesh.yaml --only [1");
    assert!(output.code == Some(1) && output.stderr.contains("a bracket without its other half"), "{output}");
}

#[test]
fn an_instance_group_that_is_left_without_an_enabled_instance_is_named() {
    for dialect in DIALECTS {
        let mut bench = applied(dialect);
        let id = |bench: &Bench, name: &str| {
            let rows = bench.request("GET", &format!("/api/v2/instances/?hostname={name}.example.com"), &Json::Null);
            rows["results"][0]["id"].clone()
        };
        for (group, members) in [("gpu", &["exec-01", "exec-02"][..]), ("web", &["exec-02", "exec-03"])] {
            let made = bench.request("POST", "/api/v2/instance_groups/", &json!({"name": group}));
            for member in members {
                let path = format!("/api/v2/instance_groups/{}/instances/", made["id"]);
                let member = id(&bench, member);
                bench.request("POST", &path, &json!({"id": member}));
            }
        }
        let _ = bench.writes();
        bench.file("mesh.yaml", &MESH.replace("exec-[01:10]", "exec-[02:10]").replace("peers: [hop-1", "enabled: true, peers: [hop-1"));
        assert!(!bench.run("plan mesh.yaml").expect(0).contains("instance group"));
        bench.file(
            "off.yaml",
            "instances: [{hostname: exec-02.example.com, enabled: false}, {hostname: exec-01.example.com, node_state: deprovisioning}]",
        );
        let shown = bench.run("plan off.yaml").expect(0);
        assert!(shown.contains("Warning: instance group gpu will have no enabled instance"), "{shown}");
        assert!(!shown.contains("instance group web"), "{shown}");
        assert_eq!(bench.writes(), [""; 0]);
    }
}

#[test]
fn a_removal_tells_of_jobs_and_a_node_that_comes_back_is_not_held_up_by_them() {
    let jobs = vec![Jobs::endless("exec-02.example.com", 3)];
    let bench = applied_with(Settings { jobs, ..Settings::default() });
    bench.file("mesh.yaml", &MESH.replace("exec-[01:10]", "exec-[03:10]"));
    let shown = bench.run("apply mesh.yaml --yes").expect(0);
    assert!(shown.contains("(3 jobs run on it: it goes when they are done, and what waits for that waits)"), "{shown}");
    assert!(shown.ends_with("Apply: 2 done.\n2 removals asked for: they are gone when their jobs are done.\n"), "{shown}");
    // It is on its way out, and declared again.
    bench.file("mesh.yaml", MESH);
    assert!(bench.run("plan mesh.yaml").expect(0).contains("(when the one that is deprovisioning now is gone)"));
}

#[test]
fn who_replaces_nothing_is_told() {
    let bench = applied(DIALECTS[0]);
    bench.file("mesh.yaml", &format!("{MESH}  - {{hostname: new.example.com, replaces: exce-01.example.com}}\n"));
    let shown = bench.run("plan mesh.yaml").expect(0);
    assert!(shown.contains("Warning: new.example.com replaces exce-01.example.com, which is not on the controller"), "{shown}");
}
