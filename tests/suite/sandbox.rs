//! `meshform sandbox` and the simulated controller inside the program.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
};

use super::harness::{Bench, DIALECTS, request};

const MESH: &str = "
instances:
  - {hostname: hop-1.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - {hostname: 'exec-[1:3].example.com', peers: [hop-1.example.com]}
";

/// Starts `meshform sandbox` and reads its first line.
fn serve(bench: &Bench, arguments: &str) -> (Child, BufReader<ChildStdout>, String) {
    let mut child = bench
        .command()
        .arg("sandbox")
        .args(arguments.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a first line");
    let url = line.trim_end().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
    (child, stdout, url)
}

fn terminate(mut child: Child) -> (Option<i32>, String) {
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    let mut log = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut log).expect("UTF-8");
    (child.wait().expect("it ends").code(), log)
}

#[test]
fn a_mesh_is_applied_to_a_sandbox_in_another_process_and_kept() {
    for dialect in DIALECTS {
        let mut bench = Bench::new(dialect);
        bench.file("mesh.yaml", MESH);
        let arguments = format!("--dialect {dialect} --state mesh.json --username root --password pw --log requests");
        let (child, _stdout, url) = serve(&bench, &arguments);
        bench.set("CONTROLLER_HOST", &url).set("CONTROLLER_USERNAME", "root").set("CONTROLLER_PASSWORD", "pw");
        let _ = bench.run("apply mesh.yaml --yes").expect(0);
        let (code, log) = terminate(child);
        assert_eq!(code, Some(0), "{log}");
        assert_eq!(log.lines().filter(|line| line.starts_with("POST /api/v2/instances/ 201 ")).count(), 4, "{log}");

        let (child, _stdout, url) = serve(&bench, &arguments);
        bench.set("CONTROLLER_HOST", &url);
        let _ = bench.run("plan mesh.yaml --detailed-exitcode").expect(0);
        let (_, log) = terminate(child);
        let mut others = log.lines().filter(|line| !line.contains("/api/login/") && !line.contains("/api/logout/"));
        assert!(others.all(|line| line.starts_with("GET ") && line.contains(" 200 ")), "{log}");
    }
}

#[test]
fn a_simulated_controller_inside_the_program_keeps_its_state_in_a_file() {
    for scheme in ["sandbox", "sandbox+hostnames"] {
        let bench = Bench::new(DIALECTS[0]);
        bench.file("mesh.yaml", MESH);
        let _ = bench.run(&format!("plan mesh.yaml --controller {scheme}:kept.json --detailed-exitcode")).expect(2);
        let _ = bench.run(&format!("apply mesh.yaml --controller {scheme}:kept.json --yes")).expect(0);
        let shown = bench.run(&format!("plan mesh.yaml --controller {scheme}:kept.json --detailed-exitcode")).expect(0);
        assert!(shown.contains(&format!("against {scheme}:kept.json")), "{shown}");
        // Without a file nothing is kept.
        let _ = bench.run(&format!("apply mesh.yaml --controller {scheme}: --yes")).expect(0);
        let _ = bench.run(&format!("plan mesh.yaml --controller {scheme}: --detailed-exitcode")).expect(2);
    }
}

#[test]
fn a_state_file_of_another_dialect_or_none_at_all_is_refused() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH).file("broken.json", "{\"what\": ");
    let _ = bench.run("apply mesh.yaml --controller sandbox:kept.json --yes").expect(0);
    for name in ["sandbox+hostnames:kept.json", "sandbox:broken.json", "sandbox:no/such/folder.json"] {
        let output = bench.run(&format!("plan mesh.yaml --controller {name}"));
        let file = name.split_once(':').expect("a file").1;
        assert!(output.code == Some(1) && output.stderr.starts_with("error: ") && output.stderr.contains(file), "{name}: {output}");
    }
}

#[test]
fn the_first_line_says_where_it_listens() {
    let bench = Bench::new(DIALECTS[0]);
    let (child, mut stdout, url) = serve(&bench, "");
    assert_eq!(request(&url, "GET", "/api/v2/ping/", &serde_json::Value::Null)["version"], "24.6.1");
    assert_eq!(terminate(child).0, Some(0));
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(rest, "");
}

#[test]
fn faults_strike_as_the_arguments_say_and_are_logged() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    let (child, _stdout, url) = serve(&bench, "--fault 503,retry-after=0:#1:POST/api/v2/instances/ --fault 500:0% --seed 7 --log requests");
    let refused = bench.run(&format!("apply mesh.yaml --yes --controller {url}"));
    assert_eq!(request(&url, "GET", "/api/v2/ping/", &serde_json::Value::Null)["version"], "24.6.1");
    let (code, log) = terminate(child);
    assert_eq!(code, Some(0), "{log}");
    let struck: Vec<&str> = log.lines().filter(|line| line.contains("fault")).collect();
    let [line] = struck.as_slice() else { panic!("{log}{refused}") };
    assert!(line.starts_with("POST /api/v2/instances/ 503 ") && line.ends_with("ms fault=503"), "{line}");
    for (wrong, wanted) in [("--fault 503", "does not say how often"), ("--fault 404:5%", "is no fault"), ("--seed many", "--seed")] {
        let output = bench.run(&format!("sandbox {wrong}"));
        assert!(output.code == Some(1) && output.stderr.contains(wanted), "{wrong}: {output}");
    }
}

#[test]
fn jobs_run_where_the_arguments_say() {
    let bench = Bench::new(DIALECTS[0]);
    let (child, _stdout, url) = serve(&bench, "--latency 1 --jobs a.example.com=2,3600 --jobs 2001:db8::1=1 --jobs over.example.com=5,0");
    for (name, jobs) in [("a.example.com", 2), ("2001:db8::1", 1), ("over.example.com", 0), ("b.example.com", 0)] {
        let made = request(&url, "POST", "/api/v2/instances/", &serde_json::json!({ "hostname": name }));
        assert_eq!(made["jobs_running"], jobs, "{name}");
    }
    assert_eq!(terminate(child).0, Some(0));
    for wrong in
        ["a.example.com", "a.example.com=-1", "a.example.com=many", "=1", "a.example.com=1,", "a.example.com=1,soon", "a.example.com=1,-1"]
    {
        let output = bench.run(&format!("sandbox --jobs {wrong}"));
        assert!(output.code == Some(1) && output.stderr.contains("how many jobs"), "{wrong}: {output}");
    }
}

#[test]
fn the_costs_of_a_real_controller_are_asked_for_by_name() {
    let bench = Bench::new(DIALECTS[0]);
    for (arguments, row, password) in
        [("", 0, 0), ("--cost-model awx", 20, 200), ("--cost-model awx --cost-row 0", 0, 200), ("--cost-row 30", 30, 0)]
    {
        let (child, _stdout, url) = serve(&bench, &format!("--log requests {arguments}"));
        let _ = request(&url, "GET", "/api/v2/instances/", &serde_json::Value::Null);
        let (_, log) = terminate(child);
        let line = log.trim_end();
        let milliseconds = line.split(' ').nth(3).and_then(|time| time.strip_suffix("ms")).and_then(|time| time.parse::<u64>().ok());
        assert!(line.starts_with("GET /api/v2/instances/ 200 ") && line.ends_with("ms password"), "{log}");
        assert!(milliseconds.is_some_and(|found| found >= row + password), "{arguments}: {log}");
    }
    let output = bench.run("sandbox --cost-model tower");
    assert!(output.code == Some(1) && output.stderr.contains("none, awx"), "{output}");
}
