//! What the whole program promises, against the simulated controllers of both dialects or, with `MESHFORM_TEST_CONTROLLER=URL`
//! and the usual credentials in the environment, against a real and throw-away one. There every test takes hostnames of its own
//! and removes what it made.

use std::{
    env,
    hash::{BuildHasher, Hasher, RandomState},
    io::{Write, stderr},
};

use serde_json::{Value as Json, json};

use super::harness::{Bench, DIALECTS, Front, block_on, http, request_as};

/// A controller to try things on.
struct Target {
    bench: Bench,
    /// What every hostname of this test ends in.
    suffix: String,
    url: String,
    real: bool,
}

/// The controllers: the real one if there is one, else one of each dialect.
fn targets(test: &str) -> Vec<Target> {
    // Not the process id, which is the same in many a container.
    let random = RandomState::new().build_hasher().finish() & 0xffff_ffff;
    let suffix = format!("{test}-{random:08x}.example.com");
    if let Ok(url) = env::var("MESHFORM_TEST_CONTROLLER") {
        let mut bench = Bench::new(DIALECTS[0]);
        for (name, value) in env::vars().filter(|(name, _)| ["CONTROLLER_", "AAP_", "TOWER_"].iter().any(|prefix| name.starts_with(prefix)))
        {
            bench.set(&name, &value);
        }
        bench.set("CONTROLLER_HOST", &url);
        return vec![Target { bench, suffix, url, real: true }];
    }
    DIALECTS
        .map(|dialect| {
            let bench = Bench::new(dialect);
            Target { url: bench.url(), bench, suffix: suffix.clone(), real: false }
        })
        .into()
}

impl Target {
    /// Declares a mesh; `@` stands for the suffix.
    fn declare(&self, mesh: &str) {
        self.bench.file("mesh.yaml", &mesh.replace('@', &self.suffix));
    }

    /// Runs a command on the mesh and gives its report and the requests that were sent but for logging in and out, as its own log tells
    /// them.
    fn run(&self, arguments: &str, code: i32) -> (String, Vec<String>) {
        let output = self.bench.run(&format!("{arguments} -vv"));
        assert_eq!(output.code, Some(code), "{output}");
        let requests = output.stderr.lines().filter(|line| line.contains("request method="));
        let requests = requests.filter(|line| !line.contains("/api/login/") && !line.contains("/api/logout/")).map(str::to_owned).collect();
        (output.stdout, requests)
    }

    /// Applies, and gives the methods of the writes; none may be refused.
    fn apply(&self) -> Vec<&'static str> {
        let (_, requests) = self.run("apply mesh.yaml --yes", 0);
        assert!(requests.iter().all(|r| r.contains("status=2")), "{requests:#?}");
        requests.iter().filter_map(|r| ["POST", "PATCH"].into_iter().find(|method| r.contains(&format!("\"{method}\"")))).collect()
    }

    /// Plans once more: there must be nothing to do, and nothing written.
    fn is_as_declared(&self) {
        let (shown, requests) = self.run("plan mesh.yaml --detailed-exitcode", 0);
        assert!(shown.contains("No changes."), "{shown}");
        assert!(requests.iter().all(|r| r.contains("\"GET\"") && r.contains("status=2")), "{requests:#?}");
    }

    fn request(&self, method: &str, path: &str, body: &Json) -> Json {
        self.try_request(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn try_request(&self, method: &str, path: &str, body: &Json) -> reqwest::Result<Json> {
        block_on(async {
            let client = if self.real { real_http() } else { http() };
            let request = client.request(method.parse().expect("a method"), format!("{}{path}", self.url.trim_end_matches('/')));
            let request = match variable("OAUTH_TOKEN").or_else(|| variable("TOKEN")).filter(|_| self.real) {
                Some(token) => request.bearer_auth(token.trim_end()),
                None if self.real => request.basic_auth(variable("USERNAME").unwrap_or_default(), variable("PASSWORD")),
                None => request.basic_auth("admin", Some("password")),
            };
            let request = if body.is_null() { request } else { request.json(body) };
            request.send().await?.error_for_status()?.json().await
        })
    }

    fn instances(&self) -> Vec<Json> {
        let rows = self.request(
            "GET",
            &format!("/api/v2/instances/?hostname__endswith={}&page_size=200&order_by=hostname", self.suffix),
            &Json::Null,
        );
        rows["results"].as_array().expect("rows").clone()
    }
}

/// A credential as the program itself would find it.
fn variable(name: &str) -> Option<String> {
    ["CONTROLLER", "AAP", "TOWER"].iter().find_map(|prefix| env::var(format!("{prefix}_{name}")).ok().filter(|value| !value.is_empty()))
}

/// A client for a real controller: its certificate is verified unless the environment says otherwise.
fn real_http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let verify = variable("VERIFY_SSL").or_else(|| variable("VALIDATE_CERTS"));
    let lax = verify.is_some_and(|text| ["0", "false", "f", "no", "n", "off"].contains(&text.to_lowercase().as_str()));
    reqwest::Client::builder().tls_danger_accept_invalid_certs(lax).build().expect("a client")
}

/// Whatever happens, a real controller is left as it was found; what cannot be removed is named.
impl Drop for Target {
    fn drop(&mut self) {
        if !self.real {
            return;
        }
        let list = format!("/api/v2/instances/?hostname__endswith={}&page_size=200", self.suffix);
        let rows = self.try_request("GET", &list, &Json::Null).ok().and_then(|page| page["results"].as_array().cloned());
        let Some(rows) = rows else {
            let _ = writeln!(stderr(), "cannot list what is left on {}: *{}", self.url, self.suffix);
            return;
        };
        for row in rows {
            let path = format!("/api/v2/instances/{}/", row["id"]);
            if let Err(error) = self.try_request("PATCH", &path, &json!({"node_state": "deprovisioning"})) {
                let _ = writeln!(stderr(), "left on {}: {}: {error}", self.url, row["hostname"]);
            }
        }
    }
}

#[test]
fn three_tiers_take_a_post_each() {
    for target in targets("tiers") {
        let leaves = "  - {hostname: 'leaf-[01:40].@', peers: [middle-2.@, middle-3.@]}\n";
        let middle = "  - {hostname: 'middle-[1:6].@', node_type: hop, listener_port: 27199, peers: ['top-[1:2].@']}\n";
        let top = "  - {hostname: 'top-[1:2].@', node_type: hop, listener_port: 27199, peers_from_control_nodes: true}\n";
        target.declare(&format!("instances:\n{leaves}{middle}{top}"));
        assert_eq!(target.apply(), ["POST"; 48]);
        target.is_as_declared();
    }
}

#[test]
fn every_field_is_made_as_declared_and_changed_by_one_patch() {
    for target in targets("fields") {
        target.declare(
            "
instances:
  - {hostname: hop.@, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - {hostname: other.@, node_type: hop, listener_port: 27200, peers: [hop.@]}
  - {hostname: e.@, enabled: false, managed_by_policy: false, capacity_adjustment: 0.5, peers: [hop.@]}
",
        );
        assert_eq!(target.apply(), ["POST"; 3]);
        target.is_as_declared();
        target.declare(
            "
instances:
  - {hostname: hop.@, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - {hostname: other.@, node_type: hop, listener_port: 27200, peers_from_control_nodes: true, peers: [hop.@]}
  - {hostname: e.@, enabled: true, managed_by_policy: true, capacity_adjustment: 1, listener_port: 27201, peers: [other.@]}
",
        );
        assert_eq!(target.apply(), ["PATCH"; 2]);
        target.is_as_declared();
        let rows = target.instances();
        let e = rows.iter().find(|row| row["hostname"].as_str().is_some_and(|h| h.starts_with("e."))).expect("e");
        let got = json!([
            e["node_type"],
            e["enabled"],
            e["managed_by_policy"],
            e["capacity_adjustment"],
            e["listener_port"],
            e["peers_from_control_nodes"]
        ]);
        assert_eq!(got, json!(["execution", true, true, "1.00", 27201, false]));
    }
}

#[test]
fn what_is_not_declared_stays() {
    for target in targets("stays") {
        let theirs = target.request(
            "POST",
            "/api/v2/instances/",
            &json!({"hostname": format!("theirs.{}", target.suffix), "capacity_adjustment": "0.30"}),
        );
        target.declare("instances: [{hostname: ours.@, enabled: true}]");
        assert_eq!(target.apply(), ["POST"]);
        let ours = target.instances().into_iter().find(|row| row["id"] != theirs["id"]).expect("ours");
        target.request("PATCH", &format!("/api/v2/instances/{}/", ours["id"]), &json!({"capacity_adjustment": "0.70", "enabled": false}));
        assert_eq!(target.apply(), ["PATCH"]);
        let values: Vec<Json> = target.instances().iter().map(|row| row["capacity_adjustment"].clone()).collect();
        assert_eq!(values, ["0.70", "0.30"]);
        target.is_as_declared();
    }
}

#[test]
fn listeners_open_before_and_close_after_those_that_dial_them() {
    for target in targets("listen") {
        let mesh = |first: &str| {
            format!("instances:\n  - {{hostname: hop.@, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}}\n{first}")
        };
        target.declare(&mesh("  - {hostname: a.@, listener_port: null}\n  - {hostname: b.@, peers: [hop.@]}\n"));
        assert_eq!(target.apply(), ["POST"; 3]);
        target.declare(&mesh("  - {hostname: a.@, listener_port: 27300, peers: [hop.@]}\n  - {hostname: b.@, peers: [a.@]}\n"));
        assert_eq!(target.apply(), ["PATCH"; 2]);
        target.is_as_declared();
        target.declare(&mesh("  - {hostname: a.@, listener_port: null, peers: [hop.@]}\n  - {hostname: b.@, peers: [hop.@]}\n"));
        assert_eq!(target.apply(), ["PATCH"; 2]);
        target.is_as_declared();
    }
}

/// A folder with a `meshform.yaml`: overrides, patterns, the guard, and what a deleted file means.
#[test]
fn a_deleted_site_is_a_plan_to_remove_just_its_nodes() {
    for target in targets("site") {
        let file = |name: &str, text: &str| _ = target.bench.file(name, &text.replace('@', &target.suffix).replace("URL", &target.url));
        file(
            "mesh/meshform.yaml",
            "
controller: URL
owns: ['*.@', '!theirs.@']
defaults: {enabled: true, hop: {listener_port: 27199, peers_from_control_nodes: true}}
",
        );
        for site in ["a", "b"] {
            let text = "
defaults: {execution: {peers: ['hop-*.S.@']}}
instances:
  - {hostname: hop-1.S.@, node_type: hop}
  - {hostname: ['exec-[01:04].S.@', '!exec-03.S.@']}
";
            file(&format!("mesh/sites/{site}.yaml"), &text.replace(".S.", &format!(".{site}.")));
        }
        file("mesh/maintenance.yaml", "overrides: [{hostname: 'exec-*.b.@', enabled: false}]");
        target.request("POST", "/api/v2/instances/", &json!({"hostname": format!("theirs.{}", target.suffix)}));
        let _ = target.run("apply mesh --yes", 0);
        let (shown, _) = target.run("plan mesh --detailed-exitcode", 0);
        assert!(shown.contains("No changes."), "{shown}");
        let off: Vec<Json> =
            target.instances().into_iter().filter(|row| row["enabled"] == false).map(|row| row["hostname"].clone()).collect();
        let of_b = |names: &[&str]| names.iter().map(|name| format!("{name}.b.{}", target.suffix)).collect::<Vec<_>>();
        assert_eq!(off, of_b(&["exec-01", "exec-02", "exec-04"]));
        target.bench.remove("mesh/sites/b.yaml");
        target.bench.remove("mesh/maintenance.yaml");
        let (shown, requests) = target.run("plan mesh --format json", 0);
        let plan: Json = serde_json::from_str(&shown).expect("JSON");
        let removed: Vec<&Json> = plan["instances"].as_array().expect("a list").iter().map(|change| &change["hostname"]).collect();
        assert_eq!(removed, of_b(&["exec-01", "exec-02", "exec-04", "hop-1"]).iter().collect::<Vec<_>>());
        assert_eq!(plan["summary"]["remove"], 4);
        assert!(requests.iter().all(|r| r.contains("\"GET\"")), "{requests:#?}");
        let (_, requests) = target.run("apply mesh --yes", 0);
        let removals = requests.iter().filter(|r| r.contains("\"PATCH\"") && r.contains("status=200")).count();
        assert_eq!(removals, 4, "{requests:#?}");
        let (shown, _) = target.run("plan mesh --detailed-exitcode", 0);
        assert!(shown.contains("No changes."), "{shown}");
    }
}

/// A hop changes its port, another one takes the place of a third, and a node becomes a hop.
#[test]
fn ports_types_and_names_change_and_every_link_is_set_again() {
    for target in targets("again") {
        target.declare(
            "
instances:
  - {hostname: a.@, node_type: hop, listener_port: 27199, peers_from_control_nodes: true, peers: []}
  - {hostname: old.@, node_type: hop, listener_port: 27199, peers_from_control_nodes: true, peers: []}
  - {hostname: t.@, node_type: execution, listener_port: 27199, peers: [a.@]}
  - {hostname: e.@, peers: [a.@, old.@, t.@]}
  - {hostname: theirs.@, peers: [a.@, old.@]}
",
        );
        assert_eq!(target.apply(), ["POST"; 5]);
        target.declare(
            "
instances:
  - {hostname: a.@, node_type: hop, listener_port: 27200, peers_from_control_nodes: true, peers: []}
  - {hostname: new.@, node_type: hop, listener_port: 27199, peers_from_control_nodes: true, replaces: old.@}
  - {hostname: t.@, node_type: hop, listener_port: 27199, peers: [a.@]}
  - {hostname: e.@, peers: [a.@, new.@, t.@]}
",
        );
        let (_, requests) = target.run("apply mesh.yaml --yes --allow-replace --allow-disrupt --touch-foreign", 0);
        let refused = requests.iter().filter(|r| r.contains("status=4") && !r.contains("\"GET\"")).count();
        assert_eq!(refused, 0, "{requests:#?}");
        target.is_as_declared();
        let rows = target.instances();
        let names: Vec<&str> = rows.iter().filter_map(|row| row["hostname"].as_str()?.split('.').next()).collect();
        assert_eq!(names, ["a", "e", "new", "t", "theirs"]);
        // What nobody declared here has its links, to the new port and to what took the place.
        let peers = |name: &str| {
            rows.iter()
                .find(|row| row["hostname"].as_str().is_some_and(|h| h.starts_with(name)))
                .map(|row| row["peers"].as_array().map(Vec::len))
        };
        assert_eq!(peers("theirs."), Some(Some(2)));
    }
}

#[test]
fn writes_whose_answers_are_lost_are_done_once() {
    for mut target in targets("lost") {
        if target.url.starts_with("https") {
            // What stands between speaks plain http.
            continue;
        }
        let front = Front::lossy(target.url.clone(), |method, before| matches!(method, "POST" | "PATCH") && before % 2 == 0);
        target.bench.set("CONTROLLER_HOST", front.url());
        let lost = |target: &Target, count: usize| {
            let (_, requests) = target.run("apply mesh.yaml --yes", 0);
            assert_eq!(requests.iter().filter(|r| r.contains("status=504")).count(), count, "{requests:#?}");
            assert_eq!(requests.iter().filter(|r| r.contains("status=4")).count(), 0, "{requests:#?}");
        };
        let before = "instances:
  - {hostname: hop.@, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}
  - {hostname: 'exec-[1:2].@', peers: [hop.@], capacity_adjustment: 0.5}
";
        // The path is the same for all creates: every second answer is lost.
        target.declare(before);
        lost(&target, 2);
        target.is_as_declared();
        assert_eq!(target.instances().len(), 3);
        target.declare(&before.replace("0.5", "0.25").replace("27199", "27200"));
        let (_, requests) = target.run("apply mesh.yaml --yes --allow-disrupt", 0);
        assert!(requests.iter().any(|r| r.contains("status=504")), "{requests:#?}");
        target.is_as_declared();
        target
            .declare("instances: [{hostname: 'exec-[1:2].@', node_state: deprovisioning}, {hostname: hop.@, node_state: deprovisioning}]");
        let _ = target.run("apply mesh.yaml --yes --no-hold --wait --wait-timeout 120", 0);
        assert_eq!(target.instances(), Vec::<Json>::new());
    }
}

#[test]
fn a_saved_plan_goes_on_and_notices_another_hand() {
    for target in targets("saved") {
        target.declare("instances: [{hostname: 'e-[1:3].@', enabled: true}]");
        let _ = target.run("plan mesh.yaml --out e.plan", 0);
        // Somebody was quicker with one of them, and did the same.
        let _ = target.request(
            "POST",
            "/api/v2/instances/",
            &json!({ "hostname": format!("e-2.{}", target.suffix), "node_type": "execution" }),
        );
        let (_, requests) = target.run("apply e.plan --yes", 0);
        assert_eq!(requests.iter().filter(|r| r.contains("\"POST\"")).count(), 2, "{requests:#?}");
        target.is_as_declared();
        assert!(target.run("apply e.plan --yes", 0).0.contains("Nothing to do: all of it was done before."));
        let id = target.instances()[0]["id"].clone();
        let _ = target.request("PATCH", &format!("/api/v2/instances/{id}/"), &json!({ "enabled": false }));
        let output = target.bench.run("apply e.plan --yes");
        let moved = format!("e-1.{}: enabled is false, and the plan counts on true", target.suffix);
        assert!(output.code == Some(4) && output.stderr.contains(&moved), "{output}");
        target.declare("instances: [{hostname: 'e-[1:3].@', node_state: deprovisioning}]");
        let _ = target.run("apply mesh.yaml --yes --wait --wait-timeout 120", 0);
        assert_eq!(target.instances(), Vec::<Json>::new());
    }
}

#[test]
fn drift_is_told_from_what_is_pending() {
    for target in targets("drift") {
        let alice = format!("alice-{}", target.suffix.split('.').next().unwrap_or_default());
        let account =
            target.request("POST", "/api/v2/users/", &json!({"username": alice, "password": "c0rrect-horse", "is_superuser": true}));
        let by_alice = |method: &str, hostname: &str, body: Json| {
            let rows = target.instances();
            let id = rows.iter().find(|row| row["hostname"] == format!("{hostname}.{}", target.suffix)).map(|row| row["id"].clone());
            let path = id.map_or("/api/v2/instances/".to_owned(), |id| format!("/api/v2/instances/{id}/"));
            request_as(target.url.trim_end_matches('/'), (&alice, "c0rrect-horse"), method, &path, &body);
        };
        let mesh = "owns: ['*.@']\ndefaults: {enabled: true}\ninstances:\n  - {hostname: hop.@, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}\n  - {hostname: 'e-[1:4].@', peers: [hop.@]}\n  - {hostname: e-5.@, capacity_adjustment: 0.50, peers: []}\n";
        let me = target.request("GET", "/api/v2/me/", &Json::Null)["results"][0]["username"].as_str().expect("a name").to_owned();
        let mesh = format!("applied_by: '{me}'\n{mesh}");
        target.declare(&mesh);
        let _ = target.apply();
        by_alice("PATCH", "e-1", json!({"enabled": false}));
        by_alice("PATCH", "e-2", json!({"peers": []}));
        by_alice("PATCH", "e-3", json!({"node_state": "deprovisioning"}));
        by_alice("POST", "e-9", json!({"hostname": format!("e-9.{}", target.suffix)}));
        target.declare("instances: [{hostname: e-3.@, node_state: deprovisioning}]");
        let _ = target.run("wait mesh.yaml --for gone --wait-timeout 120", 0);
        target.declare(&mesh.replace("0.50, peers: []", "0.60, peers: [hop.@]"));
        let (shown, requests) = target.run("drift mesh.yaml --format json", 2);
        assert!(requests.iter().all(|r| r.contains("\"GET\"") && r.contains("status=2")), "{requests:#?}");
        let document: Json = serde_json::from_str(&shown).expect("JSON");
        let line = |f: &Json| {
            let host = f["hostname"].as_str().unwrap_or_default().split('.').next().unwrap_or_default().to_owned();
            // Others may remove something on a real controller meanwhile: then nobody can say who asked for which.
            let unsure = if target.real && f["field"] == "node_state" { "alice" } else { "-" };
            let actor = f["change"]["actor"].as_str().map_or(unsure, |actor| if actor == alice { "alice" } else { "us" });
            format!("{host} {} {} {actor}", f["field"].as_str().unwrap_or_default(), f["kind"].as_str().unwrap_or_default())
        };
        let found: Vec<String> = document["findings"].as_array().expect("a list").iter().map(line).collect();
        let wanted = [
            "e-1 enabled drift alice",
            "e-2 peers drift alice",
            "e-3 node_state drift alice",
            "e-5 capacity_adjustment pending us",
            "e-5 peers pending us",
            "e-9 node_state drift alice",
        ];
        assert_eq!(found, wanted, "{shown}");
        let (_, requests) = target.run("apply mesh.yaml --yes --keep-drift", 0);
        assert_eq!(requests.iter().filter(|r| r.contains("\"PATCH\"")).count(), 1, "{requests:#?}");
        let (shown, _) = target.run("plan mesh.yaml", 0);
        // And so of the one that was removed.
        let marks = shown.matches(&format!("! reverts {alice}, ")).count();
        assert!(marks == 4 || target.real && marks == 3, "{shown}");
        let _ = target.run("apply mesh.yaml --yes --wait --wait-timeout 120", 0);
        let _ = target.run("drift mesh.yaml", 0);
        if target.real {
            let _ = target.try_request("DELETE", &format!("/api/v2/users/{}/", account["id"]), &Json::Null);
        }
        target.declare("instances: [{hostname: 'e-[1:5].@', node_state: deprovisioning}, {hostname: hop.@, node_state: deprovisioning}]");
        let _ = target.run("apply mesh.yaml --yes --no-hold --wait --wait-timeout 120", 0);
    }
}
