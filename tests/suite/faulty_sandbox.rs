//! The sandbox with faults, over real HTTP: what a client sees, what was done, and what the journal says.

use std::{error::Error, net::Ipv4Addr, thread};

use meshform::sandbox::{Exchange, Fault, Server, Settings};
use serde_json::{Value, json};

use super::harness::{block_on, http};

fn faults(specs: &[&str]) -> Vec<Fault> {
    specs.iter().map(|spec| spec.parse().expect("a fault")).collect()
}

fn start(specs: &[&str], seed: u64) -> Server {
    let settings = Settings { faults: faults(specs), seed, ..Settings::default() };
    Server::start((Ipv4Addr::LOCALHOST, 0).into(), settings).expect("a free port")
}

/// What a client sees of an answer: its status, its type, its Retry-After and how its body begins; or where it broke.
async fn look(client: &reqwest::Client, method: &str, url: &str, body: &Value) -> String {
    let mut request = client.request(method.parse().expect("a method"), url).basic_auth("admin", Some("password"));
    if !body.is_null() {
        request = request.json(body);
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) if error.is_request() => return format!("no answer, reset: {}", is_reset(&error)),
        Err(error) => return format!("something else: {error}"),
    };
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
    let head = format!("{} {} {}", answer.status().as_u16(), header("content-type"), header("retry-after"));
    let body = answer.text().await.map_or_else(|_| "broken body".to_owned(), |text| text.chars().take(12).collect());
    format!("{head} {body}")
}

/// The same on a connection of its own.
fn seen(method: &str, url: &str, body: &Value) -> String {
    block_on(look(&http(), method, url, body))
}

fn is_reset(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::ConnectionReset;
        }
        source = error.source();
    }
    false
}

/// The hostnames that are there but for the controller's own.
fn nodes(server: &Server) -> String {
    let topology = server.topology();
    let names = topology["nodes"].as_array().into_iter().flatten().filter_map(|node| node["hostname"].as_str());
    names.filter(|name| *name != "awx-control-1").collect::<Vec<_>>().join(" ")
}

fn noted(exchange: &Exchange) -> String {
    let Exchange { method, path: _, body, status, milliseconds: _, password: _, fault, rows: _ } = exchange;
    let hostname = body.as_ref().and_then(|body| body["hostname"].as_str()).unwrap_or_default();
    format!("{method} {hostname} {status} {}", fault.as_deref().unwrap_or("-"))
}

#[test]
fn every_fault_looks_as_it_is_called_and_does_what_it_says() {
    const DONE: &str = "a b";
    const NOT: &str = "b";
    for (what, wanted, stored, note) in [
        ("429", r#"429 application/json 1 {"detail":"R"#, NOT, "POST a 429 429"),
        ("429,retry-after=0", r#"429 application/json 0 {"detail":"R"#, NOT, "POST a 429 429"),
        ("500", r#"500 application/json - {"detail":"A"#, NOT, "POST a 500 500"),
        ("502", r#"502 application/json - {"detail":"B"#, NOT, "POST a 502 502"),
        ("503", r#"503 application/json - {"detail":"S"#, NOT, "POST a 503 503"),
        ("503,retry-after=7", r#"503 application/json 7 {"detail":"S"#, NOT, "POST a 503 503"),
        ("504", r#"504 application/json - {"detail":"G"#, NOT, "POST a 504 504"),
        ("reset-before", "no answer, reset: true", NOT, "POST a 0 reset-before"),
        ("reset-after", "no answer, reset: true", DONE, "POST a 201 reset-after"),
        ("truncated", "201 application/json - broken body", DONE, "POST a 201 truncated"),
        ("html", "502 text/html; charset=utf-8 - <html>\r\n<hea", NOT, "POST a 502 html"),
        ("html-200", "200 text/html; charset=utf-8 - <!doctype ht", NOT, "POST a 200 html-200"),
    ] {
        let server = start(&[&format!("{what}:#1:POST/api/v2/instances/")], 0);
        let instances = format!("{}/api/v2/instances/", server.url());
        block_on(async {
            // One client: the fault strikes a connection that was in use before, which no client may take for an idle one.
            let client = http();
            assert!(look(&client, "GET", &instances, &json!(null)).await.starts_with("200 "), "{what}");
            assert_eq!(look(&client, "POST", &instances, &json!({ "hostname": "a" })).await, wanted, "{what}");
            assert!(look(&client, "POST", &instances, &json!({ "hostname": "b" })).await.starts_with("201 "), "{what}");
        });
        assert_eq!(nodes(&server), stored, "{what}");
        let journal: Vec<String> = server.journal().iter().map(noted).collect();
        assert_eq!(journal, ["GET  200 -", note, "POST b 201 -"], "{what}");
        server.stop().expect("stopped");
    }
}

#[test]
fn what_has_no_middle_is_cut_whole() {
    let server = start(&["truncated:100%"], 0);
    let url = server.url();
    assert_eq!(seen("GET", &format!("{url}/api/v2/instances/"), &json!(null)), "200 application/json - broken body");
    assert_eq!(seen("HEAD", &format!("{url}/api/v2/instances/"), &json!(null)), "no answer, reset: true");
    assert_eq!(seen("GET", &format!("{url}/api/v2/instances"), &json!(null)), "no answer, reset: true", "a redirect has no body");
}

#[test]
fn silence_lasts_until_the_server_stops() {
    for (what, stored, note) in [("silence", "", "POST a 0 silence"), ("silence-after", "a", "POST a 201 silence-after")] {
        let server = start(&[&format!("{what}:#1")], 0);
        let url = server.url();
        let waiting = thread::spawn({
            let url = url.clone();
            move || seen("POST", &format!("{url}/api/v2/instances/"), &json!({ "hostname": "a" }))
        });
        while server.journal().is_empty() {
            thread::yield_now();
        }
        assert!(seen("GET", &format!("{url}/api/v2/ping/"), &json!(null)).starts_with("200 "), "others are answered meanwhile");
        assert!(!waiting.is_finished(), "{what}");
        assert_eq!(nodes(&server), stored, "{what}");
        assert_eq!(server.journal().first().map(noted).as_deref(), Some(note));
        server.stop().expect("stopped");
        assert_eq!(waiting.join().expect("no panic"), "no answer, reset: true", "{what}");
    }
}

#[test]
fn the_same_seed_lets_the_same_requests_fail() {
    let run = |seed| {
        let server = start(&["503:20%:GET", "reset-before:20%:/api/v2/ping/", "truncated:10%"], seed);
        let url = server.url();
        let seen: Vec<String> = (0..40).map(|_| seen("GET", &format!("{url}/api/v2/ping/"), &json!(null))).collect();
        let faults: Vec<Option<String>> = server.journal().into_iter().map(|exchange| exchange.fault).collect();
        (seen, faults)
    };
    let once = run(1);
    assert_eq!(once, run(1));
    assert_ne!(once.1, run(2).1);
    for what in ["503", "reset-before", "truncated"] {
        assert!(once.1.iter().any(|fault| fault.as_deref() == Some(what)), "{what}");
    }
    assert!(once.1.contains(&None));
}
