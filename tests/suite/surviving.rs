//! An apply that does not go through at once: held steps, signals, the first failure, saved plans that meet another world, reports for
//! programs, waiting and draining.

use std::{io::Read, process::Child, time::Duration};

use insta::assert_snapshot;
use meshform::sandbox::{Dialect, Jobs, Links, Settings};
use serde_json::{Value as Json, json};

use super::harness::{Bench, DIALECTS, Front, Output, kill, start};

const BEFORE: &str = "
owns: ['*.example.com']
instances:
  - {hostname: hop-1.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - {hostname: 'exec-[1:3].example.com', peers: [hop-1.example.com], enabled: true}
";

/// A mesh whose bundles were all run, and the declaration that moves it from one hop to another.
fn about_to_move(dialect: Dialect) -> Bench {
    let bench = Bench::with(Settings { dialect, links: Links::Adding, ..Settings::default() });
    bench.file("mesh.yaml", BEFORE);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    for name in ["hop-1", "exec-1", "exec-2", "exec-3"] {
        bench.run_bundle(&format!("{name}.example.com"));
    }
    bench.file("mesh.yaml", &BEFORE.replace("hop-1", "hop-2"));
    bench
}

#[test]
fn what_nodes_still_hang_on_is_held_until_their_bundles_are_run() {
    for dialect in DIALECTS {
        let mut bench = about_to_move(dialect);
        let _ = bench.writes();
        let shown = bench.run("apply mesh.yaml --yes -q").expect(0);
        let (_, end) = shown.split_once("\nHeld until").expect("something is held");
        insta::allow_duplicates! { assert_snapshot!(end.split_once("Apply:").expect("an end").1, @" 4 done, 1 held. Run it again when that is over."); }
        let writes = bench.writes();
        assert!(writes.len() == 4 && writes.iter().all(|write| !write.contains("deprovisioning")), "{writes:?}");
        // Nothing was run yet, so that nothing changes; and a pipeline that looks for changes finds none that it could make.
        let again = bench.run("plan mesh.yaml --detailed-exitcode").expect(0);
        insta::allow_duplicates! { assert_snapshot!(again.replace("23.7.0", "VERSION").replace("24.6.1", "VERSION"), @r#"
        mesh.yaml against http://SANDBOX (AWX VERSION): 4 declared, 5 live

        Held until exec-[1:3].example.com have a path of established links
          - hop-1.example.com         remove                  mesh.yaml:2
              (not declared, and owns has "*.example.com")

        On the nodes after the apply, in this order
          1. hop-2.example.com  install bundle (not connected yet)
          2. exec-[1:3].example.com  install bundle (not connected yet)

        Firewall: open before the bundles are run, close afterwards
          close control nodes -> hop-1.example.com port 27199/tcp

        Plan: 0 to create, 0 to update, 1 to remove (held), 4 unchanged. 1 request. Digest 30f4bb89.
        All of it is held: run the install bundles, then apply again, or apply with --wait.
        "#); }
        let _ = bench.run("apply mesh.yaml --yes").expect(0);
        assert_eq!(bench.writes(), [""; 0]);
        for name in ["hop-2", "exec-2", "exec-1", "exec-3"] {
            bench.run_bundle(&format!("{name}.example.com"));
        }
        let _ = bench.run("apply mesh.yaml --yes").expect(0);
        assert_eq!(bench.writes().iter().filter(|write| write.contains("deprovisioning")).count(), 1);
        assert!(bench.run("plan mesh.yaml").expect(0).contains("No changes."));
    }
}

#[test]
fn an_outage_can_be_accepted() {
    let mut bench = about_to_move(DIALECTS[0]);
    let _ = bench.writes();
    let _ = bench.run("apply mesh.yaml --yes --no-hold").expect(0);
    assert_eq!(bench.writes().iter().filter(|write| write.contains("deprovisioning")).count(), 1);
}

#[test]
fn a_saved_plan_goes_on_when_what_held_it_is_over() {
    let mut bench = about_to_move(DIALECTS[1]);
    let _ = bench.run("plan mesh.yaml --out move.plan").expect(0);
    let _ = bench.run("apply move.plan --yes").expect(0);
    for name in ["hop-2", "exec-2", "exec-1", "exec-3"] {
        bench.run_bundle(&format!("{name}.example.com"));
    }
    let _ = bench.writes();
    let _ = bench.run("apply move.plan --yes").expect(0);
    assert_eq!(bench.writes().len(), 1);
    assert!(bench.run("plan mesh.yaml").expect(0).contains("No changes."));
    let done = bench.run("apply move.plan --yes").expect(0);
    assert!(done.ends_with("Nothing to do: all of it was done before.\n"), "{done}");
}

#[test]
fn a_saved_plan_is_not_run_on_another_view_or_controller() {
    let mut bench = about_to_move(DIALECTS[0]);
    let _ = bench.run("plan mesh.yaml --out move.plan").expect(0);
    let path = format!("/api/v2/instances/{}/", bench.id("exec-2.example.com"));
    let _ = bench.request("PATCH", &path, &json!({ "enabled": false }));
    let _ = bench.writes();
    assert_snapshot!(bench.run("apply move.plan --yes"), @"
    exit 4
    --- stdout
    --- stderr
    error: the plan is stale, since then something moved: exec-2.example.com: enabled is false, and the plan counts on true
    hint: nothing was written; plan again, and look at what moved
    ");
    let _ = bench.request("PATCH", &path, &json!({ "enabled": true }));
    // Another installation at the same address would be as wrong as another address.
    let text = bench.read("move.plan");
    let other = Bench::new(DIALECTS[0]);
    other.file("move.plan", &text);
    let refused = other.run("apply move.plan --yes");
    assert!(refused.code == Some(4) && refused.stderr.contains("the plan was made for another controller"), "{refused}");
    let usage = bench.run("apply move.plan --yes --only exec-1.example.com");
    assert!(usage.code == Some(1) && usage.stderr.contains("hint: give those flags to `meshform plan --out`"), "{usage}");
    let _ = bench.writes();
    // Cut at five places and edited at three.
    let places = [1, 3, 5, 7, 9].map(|tenth| text.len() * tenth / 10);
    for cut in places {
        let at = (0..=cut).rev().find(|at| text.is_char_boundary(*at)).expect("a place");
        bench.file("cut.plan", text.get(..at).expect("a part"));
        let output = bench.run("apply cut.plan --yes");
        assert!(output.code == Some(1) && output.stderr.starts_with("error: cut.plan: "), "{output}");
    }
    for (from, to) in [("exec-1.example.com", "exec-9.example.com"), ("27199", "27198"), ("\"disrupt\": false", "\"disrupt\": true")] {
        bench.file("edited.plan", &text.replacen(from, to, 1));
        let output = bench.run("apply edited.plan --yes");
        assert!(output.code == Some(1) && output.stderr.starts_with("error: edited.plan: "), "{output}");
    }
    assert_eq!(bench.writes(), [""; 0]);
}

#[test]
fn a_saved_plan_does_not_cut_off_jobs_that_began_since() {
    let bench = about_to_move(DIALECTS[0]);
    let _ = bench.run("plan mesh.yaml --out move.plan").expect(0);
    bench.set_jobs("exec-1.example.com", 2);
    let output = bench.run("apply move.plan --yes");
    assert!(output.code == Some(4) && output.stderr.contains("jobs run on exec-1.example.com"), "{output}");
}

#[test]
fn only_what_was_reviewed_is_run() {
    let mut bench = about_to_move(DIALECTS[0]);
    let plan: Json = serde_json::from_str(&bench.run("plan mesh.yaml --format json").expect(0)).expect("JSON");
    let digest = plan["digest"].as_str().expect("a digest").trim_start_matches("sha256:").to_owned();
    let _ = bench.writes();
    for short in ["--expect=", "--expect=0123", "--expect=0123abcx"] {
        let _ = bench.run(&format!("apply mesh.yaml --yes {short}")).expect(1);
    }
    let _ = bench.run("apply mesh.yaml --yes --expect 0123abcd").expect(4);
    // What is held was reviewed as held.
    let _ = bench.run(&format!("apply mesh.yaml --yes --no-hold --expect {digest}")).expect(4);
    assert_eq!(bench.writes(), [""; 0]);
    let _ = bench.run(&format!("apply mesh.yaml --yes --expect {}", digest.get(..8).expect("eight digits"))).expect(0);
    assert_eq!(bench.writes().len(), 4);
}

/// A mesh of so many instances.
fn many(count: usize) -> String {
    format!("instances: [{{hostname: 'n-[0001:{count:04}].example.com'}}]")
}

/// What the program wrote to stdout, and how it ended.
fn end(mut child: Child) -> (String, Option<i32>) {
    let mut stdout = String::new();
    let _ = child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("UTF-8");
    (stdout, child.wait().expect("it ends").code())
}

/// Starts an apply of a thousand creates, and sends a signal when some of them are done.
fn interrupted(bench: &Bench, signal: &str) -> Output {
    bench.file("mesh.yaml", &many(1000));
    let (child, mut lines) = start(bench, "apply mesh.yaml --yes --report report.json");
    let mut seen: Vec<String> = lines.by_ref().take(100).collect();
    kill(&child, signal);
    seen.extend(lines);
    let (stdout, code) = end(child);
    Output { code, stdout, stderr: seen.join("\n") }
}

/// The steps of a report with this fate.
fn with_fate(report: &Json, fate: &str) -> usize {
    report["steps"].as_array().expect("steps").iter().filter(|step| step["fate"] == fate).count()
}

#[test]
fn a_signal_lets_what_is_under_way_end() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut bench = Bench::with(Settings { latency: Duration::from_millis(1), ..Settings::default() });
        let output = interrupted(&bench, signal);
        assert_eq!(output.code, Some(code), "{output}");
        let made = bench.writes().iter().filter(|write| write.starts_with("POST")).count();
        assert!((100..1000).contains(&made), "{made}");
        assert!(output.stderr.contains("interrupted: finishing what is under way; once more leaves at once"), "{output}");
        let left = 1000 - made;
        assert!(output.stdout.contains(&format!("Apply: {made} done, {left} not attempted. Run it again to continue.")), "{output}");
        let report: Json = serde_json::from_str(&bench.read("report.json")).expect("JSON");
        assert_eq!(
            (report["result"].as_str(), with_fate(&report, "done"), with_fate(&report, "not_attempted")),
            (Some("interrupted"), made, left)
        );
        let _ = bench.run("apply mesh.yaml --yes -q").expect(0);
        let more = bench.writes().iter().filter(|write| write.starts_with("POST")).count();
        assert_eq!(made + more, 1000, "nothing is made twice");
        assert!(bench.run("plan mesh.yaml").expect(0).contains("No changes."));
    }
}

#[test]
fn a_second_signal_leaves_at_once_and_says_what_is_not_known() {
    // Nothing is answered any more: what is under way would end never.
    let faults = vec![
        "silence:#60:POST/api/v2/instances/".parse().expect("a fault"),
        "silence:#61:POST/api/v2/instances/".parse().expect("a fault"),
    ];
    let bench = Bench::with(Settings { faults, ..Settings::default() });
    bench.file("mesh.yaml", &many(61));
    let (child, mut lines) = start(&bench, "apply mesh.yaml --yes --report report.json");
    assert_eq!(lines.by_ref().take(59).count(), 59);
    kill(&child, "-INT");
    assert!(lines.next().expect("a line").starts_with("interrupted: "));
    kill(&child, "-INT");
    let (stdout, code) = end(child);
    assert_eq!(code, Some(130));
    assert!(stdout.contains("Apply: 59 done, 2 not known. Run it again to continue."), "{stdout}");
    let report: Json = serde_json::from_str(&bench.read("report.json")).expect("JSON");
    assert_eq!(with_fate(&report, "unknown"), 2);
}

#[test]
fn the_first_failure_can_be_enough() {
    let bench = |arguments: &str| {
        let bench =
            Bench::with(Settings { faults: vec!["500:#1:POST/api/v2/instances/".parse().expect("a fault")], ..Settings::default() });
        bench.file("mesh.yaml", &many(5));
        bench.run(&format!("apply mesh.yaml --yes -q --parallelism 1 {arguments}"))
    };
    let end = |output: Output| output.expect(1).split_once("\nFailed").map(|(_, end)| end.to_owned()).expect("a failure");
    assert_snapshot!(end(bench("")), @"

      ! n-0001.example.com  mesh.yaml:1
          POST /api/v2/instances/: 500: A server error has occurred.

    Apply: 4 done, 1 failed. Run it again to continue.
    ");
    assert_snapshot!(end(bench("--fail-fast")), @"

      ! n-0001.example.com  mesh.yaml:1
          POST /api/v2/instances/: 500: A server error has occurred.
    Not attempted
        n-[0002:0005].example.com  the run was stopped at the first failure

    Apply: 0 done, 1 failed, 4 not attempted. Run it again to continue.
    ");
}

#[test]
fn failures_that_are_alike_are_told_together() {
    let bench =
        Bench::with(Settings { faults: vec!["503:100%:writes/api/v2/instances/".parse().expect("a fault")], ..Settings::default() });
    bench.file("mesh.yaml", &many(20));
    let output = bench.run("apply mesh.yaml --yes -q --retry-timeout 0.1");
    let (_, end) = output.stdout.split_once("\nFailed").expect("a failure");
    assert_snapshot!(end, @"

      ! n-[0001:0020].example.com  mesh.yaml:1
          20 times: POST /api/v2/instances/: 503: Service unavailable.
          hint: the controller or what stands before it is busy or down: try again later

    Apply: 0 done, 20 failed. Run it again to continue.
    ");
    assert_eq!(output.code, Some(1));
}

#[test]
fn a_stream_of_events_is_all_that_programs_get() {
    let bench = Bench::with(Settings { faults: vec!["500:#2:POST/api/v2/instances/".parse().expect("a fault")], ..Settings::default() });
    bench.file("mesh.yaml", "instances: [{hostname: a.example.com}, {hostname: b.example.com}]");
    let stream = |output: Output| -> Vec<Json> {
        let mut events: Vec<Json> = output.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        for event in &mut events {
            let time = event["time"].as_str().expect("a time").to_owned();
            assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
            assert!(event["message"].is_string() && event["type"].is_string(), "{event}");
            event["time"] = json!("TIME");
            if event["type"] == "plan" {
                event["plan"] = json!({ "digest": event["plan"]["digest"] });
            }
        }
        events
    };
    let output = bench.run("apply mesh.yaml --yes --format json --parallelism 1");
    assert_eq!(output.code, Some(1), "{output}");
    let lines: Vec<String> = stream(output).iter().map(ToString::to_string).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    {"type":"plan","time":"TIME","message":"2 requests","plan":{"digest":"sha256:6d05019b494d0dd2423833229a7bbfc1ecd1587f9e1ddab3f5c52a879022ebdf"}}
    {"type":"step_started","time":"TIME","message":"a.example.com","step":1,"hostname":"a.example.com","action":"create"}
    {"type":"step_done","time":"TIME","message":"created a.example.com","step":1,"hostname":"a.example.com","action":"create"}
    {"type":"step_started","time":"TIME","message":"b.example.com","step":2,"hostname":"b.example.com","action":"create"}
    {"type":"step_failed","time":"TIME","message":"failed b.example.com: POST /api/v2/instances/: 500: A server error has occurred.","step":2,"hostname":"b.example.com","action":"create","error":{"message":"POST /api/v2/instances/: 500: A server error has occurred.","method":"POST","path":"/api/v2/instances/","status":500,"words":"A server error has occurred.","hint":null,"unsettled":false}}
    {"type":"outcome","time":"TIME","message":"Apply: 1 done, 1 failed. Run it again to continue.","result":"failed","counts":{"done":1,"done_before":0,"failed":1,"unknown":0,"held":0,"not_attempted":0},"failures":[{"message":"POST /api/v2/instances/: 500: A server error has occurred.","count":1,"hostnames":["b.example.com"]}],"held":[],"bundles":[{"turn":1,"hostname":"a.example.com","why":"new"}]}
    "#);
    // Also where it does not come that far.
    bench.file("mesh.yaml", "instances: [{hostname: a.example.com, enabld: true}]");
    let output = bench.run("apply mesh.yaml --yes --format json");
    assert_eq!((output.code, stream(output).pop().expect("a line")["exit"].as_i64()), (Some(1), Some(1)));
    let output = bench.run("apply nowhere --format json");
    assert_eq!((output.code, stream(output).len()), (Some(1), 1));
}

#[test]
fn apply_waits_for_what_is_held_and_for_what_goes() {
    let jobs = vec!["gone.example.com=2,0.5".parse::<Jobs>().expect("jobs")];
    let bench = Bench::with(Settings { links: Links::After(Duration::from_millis(300)), jobs, ..Settings::default() });
    bench.file("mesh.yaml", &format!("{BEFORE}  - {{hostname: gone.example.com, peers: [hop-1.example.com]}}\n"));
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    let _ = bench.run("wait mesh.yaml --for linked").expect(0);
    bench.file("mesh.yaml", &BEFORE.replace("hop-1", "hop-2"));
    let output = bench.run("apply mesh.yaml --yes --allow-disrupt --wait --wait-timeout 20");
    assert!(output.stdout.contains(" done.\n") && !output.stdout.contains("not gone"), "{output}");
    assert!(bench.run("plan mesh.yaml").expect(0).contains("No changes."));
}

#[test]
fn a_removal_that_waits_says_which_jobs_hold_it() {
    let bench = Bench::with(Settings { jobs: vec![Jobs::endless("exec-1.example.com", 2)], ..Settings::default() });
    bench.file("mesh.yaml", BEFORE);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    bench.file("mesh.yaml", &BEFORE.replace("exec-[1:3]", "exec-[2:3]"));
    let output = bench.run("apply mesh.yaml --yes --wait --wait-timeout 0.2");
    let (_, end) = output.stdout.split_once("\nNot gone yet").expect("a wait");
    assert_snapshot!(end, @"

        exec-1.example.com  still deprovisioning, 2 jobs run on it: 4711, 4712

    Apply: 1 done.
    ");
    assert!(output.stderr.contains("exec-1.example.com is still deprovisioning, 2 jobs run on it: "), "{output}");
    assert_eq!(output.code, Some(0));
}

#[test]
fn waiting_tells_who_is_not_so_and_why() {
    let bench = Bench::with(Settings { links: Links::Adding, ..Settings::default() });
    bench.file("mesh.yaml", BEFORE);
    let missing = bench.run("wait mesh.yaml --for ready");
    assert!(missing.code == Some(1) && missing.stderr.contains("not on the controller"), "{missing}");
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    for name in ["hop-1", "exec-1", "exec-2"] {
        bench.run_bundle(&format!("{name}.example.com"));
    }
    bench.set_state("exec-2.example.com", "unavailable", "could not verify signature: token is expired by 3h");
    assert_snapshot!(bench.run("wait mesh.yaml --for ready --wait-timeout 0"), @"
    exit 1
    --- stdout
      ! exec-3.example.com  installed: its install bundle was not run yet
      ! exec-2.example.com  unavailable
          could not verify signature: token is expired by 3h
          hint: the clocks of the node and of the control plane differ: set both by NTP
    2 of 4 instances ready after 0 s.
    --- stderr
    ");
    assert_snapshot!(bench.run("wait mesh.yaml --for linked --wait-timeout 0 -q"), @"
    exit 1
    --- stdout
      ! exec-3.example.com  installed: its install bundle was not run yet
      ! exec-2.example.com  unavailable
          could not verify signature: token is expired by 3h
          hint: the clocks of the node and of the control plane differ: set both by NTP
    2 of 4 instances linked after 0 s.
    --- stderr
    ");
    assert_snapshot!(bench.run("wait mesh.yaml --for ready --only exec-1.example.com"), @"
    exit 0
    --- stdout
    1 of 1 instance ready.
    --- stderr
    ");
    let nobody = bench.run("wait mesh.yaml --for ready --exclude *.example.com");
    assert!(nobody.code == Some(1) && nobody.stderr.contains("leave nothing to wait for"), "{nobody}");
    bench.set_jobs("exec-3.example.com", 1);
    assert_snapshot!(bench.run("wait mesh.yaml --for idle --wait-timeout 0 -q").expect(1), @"
      ! exec-3.example.com  1 job on it
    3 of 4 instances idle after 0 s.
    ");
    bench.file("mesh.yaml", &BEFORE.replace("exec-[1:3]", "exec-[1:2]"));
    assert_snapshot!(bench.run("wait mesh.yaml --for gone --wait-timeout 0 -q").expect(1), @"
      ! exec-3.example.com  installed, 1 job on it
    0 of 1 instance gone after 0 s.
    ");
}

/// The bodies of the writes to an instance.
fn written(bench: &mut Bench, hostname: &str) -> Vec<String> {
    let path = format!("/{}/ ", bench.id(hostname));
    let own = bench.writes();
    own.iter().filter(|write| write.contains(&path)).filter_map(|write| Some(write.split_once(&path)?.1.to_owned())).collect()
}

/// Two nodes behind one hop, of which the second runs a job, and the declaration that moves both.
fn to_drain() -> Bench {
    let before = BEFORE.replace("exec-[1:3]", "exec-[1:2]");
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", &before);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    bench.file("mesh.yaml", &before.replace("hop-1", "hop-2"));
    bench.set_jobs("exec-2.example.com", 1);
    bench
}

#[test]
fn nodes_are_drained_before_they_are_cut_off() {
    for arguments in ["apply mesh.yaml --yes --drain", "apply drain.plan --yes"] {
        let mut bench = to_drain();
        let shown = bench.run("plan mesh.yaml --drain --out drain.plan").expect(0);
        assert!(shown.contains("Drained\n  exec-[1:2].example.com  disabled until their jobs are done"), "{shown}");
        let _ = bench.writes();
        let (mut child, mut lines) = start(&bench, arguments);
        assert!(lines.any(|line| line.contains("exec-2.example.com is still ready, 1 job runs on it: 4711")));
        assert_eq!(written(&mut bench, "exec-2.example.com"), ["{\"enabled\":false} -> 200"]);
        bench.set_jobs("exec-2.example.com", 0);
        assert_eq!((lines.count() > 0, child.wait().expect("it ends").code()), (true, Some(0)));
        let own = written(&mut bench, "exec-2.example.com");
        assert!(own.len() == 2 && own[0].starts_with("{\"peers\"") && own[1].starts_with("{\"enabled\":true}"), "{own:?}");
        assert!(bench.run("plan mesh.yaml").expect(0).contains("No changes."));
    }
}

#[test]
fn a_drain_that_is_interrupted_says_who_is_still_disabled() {
    let bench = to_drain();
    bench.set_jobs("exec-1.example.com", 1);
    let (child, mut lines) = start(&bench, "apply mesh.yaml --yes --drain");
    assert_eq!(lines.by_ref().filter(|line| line.contains("is still ready, 1 job runs on it")).take(2).count(), 2);
    kill(&child, "-INT");
    assert!(lines.any(|line| line.starts_with("interrupted: ")));
    let (stdout, code) = end(child);
    assert_eq!(code, Some(130));
    let (_, end) = stdout.split_once("\nNot attempted").expect("the rest");
    assert_snapshot!(end, @"

        exec-[1:2].example.com  the run was interrupted
    Disabled, and not enabled again before all of it is done
        exec-[1:2].example.com

    Apply: 3 done, 1 held, 4 not attempted. Run it again to continue.
    ");
    // The next plan knows, since it is declared.
    assert!(bench.run("plan mesh.yaml --allow-disrupt").expect(0).contains("enabled  false -> true"));
}

#[test]
fn who_is_held_is_not_drained_before_it_goes_on() {
    let mut bench = Bench::with(Settings { links: Links::Adding, ..Settings::default() });
    let before = "
instances:
  - {hostname: hop-1.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - {hostname: x.example.com, listener_port: 27199, peers: [hop-1.example.com], enabled: true}
  - {hostname: n.example.com, peers: [x.example.com], enabled: true}
";
    bench.file("mesh.yaml", before);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    for name in ["hop-1", "x", "n"] {
        bench.run_bundle(&format!("{name}.example.com"));
    }
    let after = before
        .replace("n.example.com, peers: [x", "n.example.com, peers: [hop-2")
        .replace("x.example.com, listener_port: 27199, peers: [hop-1", "x.example.com, listener_port: null, peers: [hop-2");
    bench.file(
        "mesh.yaml",
        &format!("{after}  - {{hostname: hop-2.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}}\n"),
    );
    let _ = bench.writes();
    let _ = bench.run("apply mesh.yaml --yes --drain").expect(0);
    let own = written(&mut bench, "x.example.com");
    assert!(own.len() == 3 && own[2].starts_with("{\"enabled\":true}"), "{own:?}");
    // Its listener is held, and nothing is sent for that.
    let _ = bench.run("apply mesh.yaml --yes --drain").expect(0);
    assert_eq!(bench.writes(), [""; 0]);
    for name in ["hop-2", "x", "n"] {
        bench.run_bundle(&format!("{name}.example.com"));
    }
    let _ = bench.run("apply mesh.yaml --yes --drain").expect(0);
    let own = written(&mut bench, "x.example.com");
    assert!(own.len() == 3 && own[1].starts_with("{\"listener_port\":null") && own[2].starts_with("{\"enabled\":true}"), "{own:?}");
    assert!(bench.run("plan mesh.yaml").expect(0).contains("No changes."));
}

#[test]
fn nobody_is_drained_whom_nobody_would_enable_again() {
    let bench = to_drain();
    bench.file("mesh.yaml", &BEFORE.replace("exec-[1:3]", "exec-[1:2]").replace("hop-1", "hop-3").replace(", enabled: true", ""));
    let refused = bench.run("plan mesh.yaml --drain").expect(4);
    assert!(refused.contains("exec-[1:2].example.com: it would be drained, and nobody declares whether it is enabled"), "{refused}");
}

#[test]
fn a_saved_plan_does_not_cut_off_who_came_back_since() {
    let mut bench = about_to_move(DIALECTS[0]);
    for name in ["exec-1", "exec-2", "exec-3"] {
        bench.set_state(&format!("{name}.example.com"), "unavailable", "");
    }
    let shown = bench.run("plan mesh.yaml --out move.plan").expect(0);
    assert!(!shown.contains("held"), "{shown}");
    bench.set_state("exec-2.example.com", "ready", "");
    let _ = bench.writes();
    let output = bench.run("apply move.plan --yes");
    assert!(
        output.code == Some(4) && output.stderr.contains("exec-2.example.com is ready, and may hang on what the plan takes away"),
        "{output}"
    );
    assert_eq!(bench.writes(), [""; 0]);
}

#[test]
fn what_is_held_goes_in_its_order_also_when_only_some_of_it_may() {
    let mut bench = Bench::with(Settings { links: Links::Adding, ..Settings::default() });
    let before = "
owns: ['*.example.com']
instances:
  - {hostname: hop-1.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - {hostname: hop-2.example.com, node_type: hop, listener_port: 27199, peers: [hop-1.example.com]}
  - {hostname: n1.example.com, peers: [hop-1.example.com]}
  - {hostname: n2.example.com, peers: [hop-2.example.com]}
";
    bench.file("mesh.yaml", before);
    let _ = bench.run("apply mesh.yaml --yes").expect(0);
    for name in ["hop-1", "hop-2", "n1", "n2"] {
        bench.run_bundle(&format!("{name}.example.com"));
    }
    let new = "
owns: ['*.example.com']
instances:
  - {hostname: new.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - {hostname: 'n[1:2].example.com', peers: [new.example.com]}
";
    bench.file("mesh.yaml", new);
    let _ = bench.run("plan mesh.yaml --out move.plan").expect(0);
    let _ = bench.run("apply move.plan --yes").expect(0);
    for name in ["new", "n1"] {
        bench.run_bundle(&format!("{name}.example.com"));
    }
    let _ = bench.writes();
    let _ = bench.run("apply move.plan --yes --wait --wait-timeout 0.5").expect(0);
    assert_eq!(bench.writes(), [""; 0]);
}

#[test]
fn what_cannot_be_reached_any_more_is_not_asked_a_thousand_times() {
    let mut bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", &many(1000));
    let front = Front::lossy(bench.url(), |_, _| false);
    bench.set("CONTROLLER_HOST", front.url());
    let (mut child, mut lines) = start(&bench, "apply mesh.yaml --yes --parallelism 1 --retry-timeout 0.5 --report report.json");
    assert!(lines.next().is_some());
    drop(front);
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    let report: Json = serde_json::from_str(&bench.read("report.json")).expect("JSON");
    let open = with_fate(&report, "failed") + with_fate(&report, "unknown");
    assert_eq!(open, 1, "{rest:?}");
    assert!(report["steps"].as_array().expect("steps").iter().any(|step| step["because"]["code"] == "unreachable"), "{rest:?}");
    // What was not made has no bundle.
    assert_eq!(report["bundles"].as_array().expect("a list").len(), with_fate(&report, "done"));
}
