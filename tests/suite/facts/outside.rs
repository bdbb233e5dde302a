//! What happens to a mesh outside the API: install bundles are run, jobs start and end, nodes break.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use super::{Bench, still};
use meshform::sandbox::{Dialect, Jobs, Links, Settings};

const BOTH: [Dialect; 2] = [Dialect::Addresses, Dialect::Hostnames];
const H: &str = r#"POST h {"node_type": "hop", "listener_port": 27199, "peers_from_control_nodes": true}"#;

/// The links by `source target state`, in their order.
fn links(bench: &Bench) -> String {
    let topology = bench.server.topology();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let words = |link: &Value| ["source", "target", "link_state"].map(|key| text(&link[key])).join(" ");
    topology["links"].as_array().into_iter().flatten().map(words).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_bundle_that_is_run_brings_up_its_node_and_what_waits_for_it_alone() {
    for dialect in BOTH {
        let bench = Bench::start(still(dialect));
        for step in [H, r#"POST a {"peers": ["h"], "listener_port": 27199}"#, r#"POST b {"peers": ["a"]}"#] {
            bench.must(step).expect("created");
        }
        bench.server.run_bundle("a").expect("there");
        bench.check("GET a", r#"200 | a.node_state="ready" h.node_state="installed" b.node_state="installed""#).expect("one of them");
        assert_eq!(links(&bench), "awx-control-1 h adding, a h established, b a adding", "{dialect}");
        bench.server.run_bundle("h").expect("there");
        assert_eq!(links(&bench), "awx-control-1 h established, a h established, b a adding", "{dialect}");

        // A link that stays among the peers stays what it is.
        bench.check(r#"POST other {"node_type": "hop", "listener_port": 27199}"#, "201").expect("created");
        bench.check(r#"PATCH a {"peers": ["h", "other"]}"#, "200").expect("one more");
        assert_eq!(links(&bench), "awx-control-1 h established, a h established, b a adding, a other adding", "{dialect}");
        bench.check(r#"PATCH a {"peers": ["other"]}"#, "200").expect("one less");
        assert_eq!(links(&bench), "awx-control-1 h established, b a adding, a other adding", "{dialect}");
        let message = bench.server.run_bundle("nobody").expect_err("not there").to_string();
        assert_eq!(message, "the sandbox has no node `nobody`");
    }
}

#[test]
fn a_node_that_waits_for_its_jobs_goes_when_they_end() {
    for dialect in BOTH {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = |jobs: &[Jobs]| Settings { jobs: jobs.to_vec(), state: Some(folder.path().join("state.json")), ..still(dialect) };
        let bench = Bench::start(settings(&[Jobs::endless("a", 3)]));
        bench.must("POST a").expect("created");
        bench.check(r#"PATCH a {"node_state": "deprovisioning"}"#, "200 | a=there").expect("it waits");
        for (count, wanted) in
            [(1, "200 | a.jobs_running=1 a.jobs_total=3"), (2, "200 | a.jobs_running=2 a.jobs_total=4"), (0, "404 detail")]
        {
            bench.server.set_jobs("a", count);
            bench.check("GET a", wanted).expect("as many as were set");
        }
        bench.must("POST a").expect("created again");
        bench.server.set_jobs("a", 1);
        bench.check(r#"PATCH a {"node_state": "deprovisioning"}"#, "200 | a=there").expect("it waits");
        bench.server.stop().expect("written");

        let hour = Duration::from_hours(1);
        let bench = Bench::start(settings(&[Jobs { ends_after: Some(hour), ..Jobs::endless("a", 1) }]));
        bench.check("GET a", "200 | a.jobs_running=1").expect("not yet");
        bench.server.stop().expect("written");
        let bench = Bench::start(settings(&[Jobs { ends_after: Some(Duration::ZERO), ..Jobs::endless("a", 1) }]));
        bench.check("GET a", "404 detail").expect("they have ended");
    }
}

#[test]
fn the_jobs_of_a_node_are_listed() {
    for dialect in BOTH {
        let bench = Bench::start(Settings { jobs: vec![Jobs::endless("a", 2), Jobs::endless("h", 1)], ..still(dialect) });
        for step in ["POST a", H] {
            bench.must(step).expect("created");
        }
        let none = json!({ "count": 0, "next": null, "previous": null, "results": [] });
        let row = |id: i64| {
            json!({
                "id": id,
                "type": "job",
                "name": "sandbox job",
                "status": "running",
                "execution_node": "a",
                "controller_node": "awx-control-1",
            })
        };
        assert_eq!(bench.get("/api/v2/instances/h/jobs/").body, none, "a hop runs nothing");
        let page = bench.get("/api/v2/instances/a/jobs/?status__in=running,waiting&order_by=id").body;
        assert_eq!(page, json!({ "count": 2, "next": null, "previous": null, "results": [row(4711), row(4712)] }));
        bench.server.set_jobs("a", 1);
        bench.server.set_jobs("a", 3);
        let page = bench.get("/api/v2/instances/2/jobs/?status=running&page_size=2").body;
        assert_eq!(page["results"], json!([row(4711), row(4714)]), "an id is given out once");
        assert_eq!(page["next"], "/api/v2/instances/2/jobs/?page=2&page_size=2&status=running");
        assert_eq!(bench.get(page["next"].as_str().expect("a path")).body["results"], json!([row(4715)]));
        for (step, wanted) in [
            ("GET /api/v2/instances/a/jobs/?page=9", "404 detail"),
            ("GET /api/v2/instances/nobody/jobs/", "404 detail"),
            ("POST /api/v2/instances/a/jobs/ {}", "405 detail"),
            ("normal GET /api/v2/instances/a/jobs/", "403 detail"),
            ("auditor GET /api/v2/instances/a/jobs/", "200"),
        ] {
            bench.check(step, wanted).expect("as for other lists");
        }
    }
}

#[test]
fn the_jobs_of_all_nodes_are_listed() {
    for dialect in BOTH {
        let jobs = [("b", 1), ("a", 2), ("h", 1), ("nobody", 1)].map(|(hostname, count)| Jobs::endless(hostname, count));
        let bench = Bench::start(Settings { jobs: jobs.to_vec(), ..still(dialect) });
        for step in ["POST a", "POST b", H] {
            bench.must(step).expect("created");
        }
        assert_eq!(bench.get("/api/v2/").body["unified_jobs"], "/api/v2/unified_jobs/");
        let listed = |who: &str, query: &str| {
            let reply = bench.step(&format!("{who} GET /api/v2/unified_jobs/?{query}"));
            let Some(rows) = reply.body["results"].as_array() else { return reply.status.to_string() };
            let names: Vec<String> =
                rows.iter().map(|row| format!("{}@{}", row["id"], row["execution_node"].as_str().unwrap_or("?"))).collect();
            names.join(" ")
        };
        for (query, wanted) in [
            ("", "4711@b 4712@a 4713@a"),
            ("status__in=running,waiting", "4711@b 4712@a 4713@a"),
            ("status=waiting", ""),
            ("status__in=running,waiting&execution_node=a", "4712@a 4713@a"),
            ("execution_node__in=a,h", "4712@a 4713@a"),
            ("execution_node__in=a,b&id__gt=4712", "4713@a"),
            ("id__gt=4711&page_size=1&order_by=id", "4712@a"),
            ("order_by=execution_node,-id", "4713@a 4712@a 4711@b"),
            ("not__execution_node=a", "4711@b"),
            ("bogus=1", "400"),
        ] {
            assert_eq!(listed("admin", query), wanted, "{dialect}: {query}");
        }
        assert_eq!(listed("auditor", "execution_node=b"), "4711@b");
        assert_eq!((listed("normal", ""), listed("normal", "bogus=1"), listed("nobody", "")), (String::new(), "400".into(), "401".into()));
        for name in ["a", "b"] {
            let own = bench.get(&format!("/api/v2/instances/{name}/jobs/")).body;
            assert_eq!(own, bench.get(&format!("/api/v2/unified_jobs/?execution_node={name}")).body, "the same rows");
        }
        bench.check("POST /api/v2/unified_jobs/ {}", "405 detail").expect("read only");
        bench.server.set_jobs("a", 0);
        assert_eq!(listed("admin", ""), "4711@b");
        bench.server.set_jobs("b", i64::MAX);
        assert_eq!(bench.get("/api/v2/unified_jobs/?page_size=1").body["count"], 10_000, "no more of one node");
    }
}

#[test]
fn a_node_breaks_and_is_repaired() {
    for dialect in BOTH {
        let bench = Bench::start(Settings { dialect, ..Settings::default() });
        bench.must("POST a").expect("created");
        bench.server.set_state("a", "unavailable", "no route to host").expect("there");
        assert_eq!(bench.get("/api/v2/instances/a/").body["errors"], "no route to host");
        assert_eq!(bench.get("/api/v2/instances/?errors__contains=route").body["count"], 1);
        bench.check("GET a", r#"200 | a.node_state="unavailable" a.capacity=0 a.cpu="4.0""#).expect("it takes on nothing");
        bench.server.run_bundle("a").expect("there");
        bench.check("GET a", r#"200 | a.node_state="ready" a.errors="" a.capacity=57"#).expect("repaired");
        bench.server.set_state("a", "deprovisioning", "").expect("there");
        bench.check("GET a", "404 detail").expect("gone");
        assert_eq!(bench.server.set_state("h", "ready", "").expect_err("not there").to_string(), "the sandbox has no node `h`");
        assert_eq!(bench.server.set_state("a", "fine", "").expect_err("no state").to_string(), "`fine` is no state of a node");
    }
}

#[test]
fn what_is_established_stays_so_when_the_next_start_is_slower() {
    for dialect in BOTH {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = |links| Settings { dialect, links, state: Some(folder.path().join("state.json")), ..Settings::default() };
        let bench = Bench::start(settings(Links::Established));
        bench.must(H).expect("created");
        // The last request, after which nobody looks.
        bench.must(r#"POST a {"peers": ["h"]}"#).expect("created");
        bench.server.stop().expect("written");

        let bench = Bench::start(settings(Links::After(Duration::from_hours(1))));
        assert_eq!(links(&bench), "awx-control-1 h established, a h established", "{dialect}");
        bench.must(r#"POST b {"peers": ["h"]}"#).expect("created");
        assert_eq!(links(&bench), "awx-control-1 h established, a h established, b h adding", "{dialect}");
        bench.server.stop().expect("written");
        thread::sleep(Duration::from_millis(2));
        // Counted from when a link was made, not from the start.
        let bench = Bench::start(settings(Links::After(Duration::from_millis(1))));
        assert_eq!(links(&bench), "awx-control-1 h established, a h established, b h established", "{dialect}");
    }
}
