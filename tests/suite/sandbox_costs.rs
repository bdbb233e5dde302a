//! The time that the sandbox takes for what a real controller works at.

use std::{
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use futures::future::join_all;
use meshform::sandbox::{Costs, Server, Settings};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::harness::{block_on, http};

const NONE: Costs = Costs { row: Duration::ZERO, password: Duration::ZERO, write: Duration::ZERO };
/// So long that no busy machine is mistaken for it.
const LONG: Duration = Duration::from_millis(400);

fn start(costs: Costs) -> Server {
    Server::start((Ipv4Addr::LOCALHOST, 0).into(), Settings { costs, ..Settings::default() }).expect("a free port")
}

/// What is sent by somebody with a token, so that no password is checked.
struct Peer {
    client: Client,
    url: String,
    token: String,
}

impl Peer {
    fn new(server: &Server) -> Self {
        let (client, url) = (http(), server.url());
        let made = block_on(async {
            let request = client.post(format!("{url}/api/v2/tokens/")).basic_auth("admin", Some("password")).json(&json!({}));
            request.send().await.expect("an answer").json::<Value>().await.expect("JSON")
        });
        Self { client, url, token: made["token"].as_str().expect("a token").to_owned() }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}/api/v2/{path}", self.url)).bearer_auth(&self.token)
    }

    fn create(&self, hostname: &str) -> RequestBuilder {
        let request = self.client.post(format!("{}/api/v2/instances/", self.url)).bearer_auth(&self.token);
        request.json(&json!({ "hostname": hostname }))
    }
}

/// How long it takes until all that is sent at once is answered.
fn took(requests: Vec<RequestBuilder>) -> Duration {
    let start = Instant::now();
    block_on(join_all(requests.into_iter().map(|request| async {
        let answer = request.send().await.expect("an answer");
        answer.text().await.expect("a body");
    })));
    start.elapsed()
}

#[test]
fn rows_of_instances_cost_and_others_do_not() {
    let server = start(Costs { row: LONG, ..NONE });
    let peer = Peer::new(&server);
    assert!(took(vec![peer.create("a"), peer.create("b")]) < LONG, "the answer to a write is no list");
    for (path, rows) in [
        ("instances/", 3),
        ("instances/?page_size=2", 2),
        ("instances/?enabled=false", 0),
        ("instances/a/", 1),
        ("mesh_visualizer/", 0),
        ("receptor_addresses/", 0),
        ("instance_groups/", 0),
        ("unified_jobs/", 0),
        ("ping/", 0),
    ] {
        let found = took(vec![peer.get(path)]);
        assert!(found >= LONG * rows && found < LONG * (rows + 1), "{path}: {found:?}");
    }
    let together = took((0..6).map(|_| peer.get("instances/a/")).collect());
    assert!(together < LONG * 2, "lists are made beside each other: {together:?}");
}

#[test]
fn writes_of_instances_cost_one_after_the_other() {
    let server = start(Costs { write: LONG, ..NONE });
    let peer = Peer::new(&server);
    let found = took(["a", "b", "c", "d"].map(|name| peer.create(name)).into());
    assert!(found >= LONG * 4, "{found:?}");
    assert!(took(vec![peer.get("instances/")]) < LONG, "reads cost nothing");
    assert!(took(vec![peer.create("a")]) < LONG, "nor does what is refused");
}

#[test]
fn passwords_cost_whenever_one_is_checked() {
    let server = start(Costs { password: LONG, ..NONE });
    let peer = Peer::new(&server);
    let (client, url) = (http(), server.url());
    let basic = |path: &str, password: &str| client.get(format!("{url}{path}")).basic_auth("admin", Some(password));
    for (path, password, checked) in [
        ("/api/v2/instances/", "password", true),
        ("/api/v2/instances/", "password", true),
        ("/api/v2/instances/", "wrong", true),
        ("/api/v2/", "password", true),
        ("/api/v2/ping/", "password", false),
        ("/api/v2/nosuch/", "password", false),
    ] {
        let found = took(vec![basic(path, password)]);
        assert_eq!(found >= LONG, checked, "{path} {password}: {found:?}");
    }
    assert!(took(vec![peer.get("instances/"), client.get(format!("{url}/api/v2/instances/"))]) < LONG, "nobody has a password here");
    let together = took((0..6).map(|_| basic("/api/v2/instances/", "password")).collect());
    assert!(together < LONG * 2, "passwords are checked beside each other: {together:?}");
    let unreadable = client.post(format!("{url}/api/v2/instances/")).basic_auth("admin", Some("password")).body("x");
    assert!(took(vec![unreadable]) < LONG, "a body that cannot be read comes before the caller");

    let journal = server.journal();
    let (checked, others): (Vec<_>, Vec<_>) = journal.iter().partition(|exchange| exchange.password);
    assert_eq!((checked.len(), others.len()), (1 + 4 + 6, 2 + 2 + 1), "{journal:#?}");
    let line = checked.first().map(ToString::to_string).unwrap_or_default();
    assert!(line.starts_with("POST /api/v2/tokens/ 201 ") && line.ends_with("ms password"), "{line}");
}

#[test]
fn a_server_that_stops_does_not_wait() {
    let hour = Duration::from_hours(1);
    let server = start(Costs { write: hour, row: hour, password: Duration::ZERO });
    let peer = Peer::new(&server);
    let requests = vec![peer.create("a"), peer.create("b"), peer.get("instances/")];
    let waiting = thread::spawn(move || took(requests));
    thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    server.stop().expect("stopped");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    waiting.join().expect("all are answered");
}

#[test]
fn a_write_goes_on_when_its_client_has_left() {
    let server = start(Costs { write: LONG, ..NONE });
    let peer = Peer::new(&server);
    block_on(async {
        for name in ["a", "b"] {
            peer.create(name).timeout(Duration::from_millis(50)).send().await.expect_err("too slow");
        }
    });
    let end = Instant::now() + Duration::from_secs(20);
    let made = || server.journal().iter().filter(|exchange| exchange.status == 201 && exchange.path.contains("instances")).count();
    while made() < 2 && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(made(), 2, "{:#?}", server.journal());
}

#[test]
fn the_model_is_what_was_measured() {
    let Costs { row, password, write } = Costs::awx();
    assert_eq!([row, password, write].map(|cost| cost.as_millis()), [20, 200, 75]);
    assert_eq!(Settings::default().costs, NONE);
}
