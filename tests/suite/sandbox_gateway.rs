//! The sandbox behind the gateway of AAP 2.5 and later.

use std::net::Ipv4Addr;

use meshform::sandbox::{Dialect, SandboxError, Server, Settings};
use serde_json::{Value, json};

use super::harness::{Bench, DIALECTS, block_on, http};

const BASIC: &str = "Basic YWRtaW46cGFzc3dvcmQ=";
const TOKENS: &str = "/api/gateway/v1/tokens/";
const INSTANCES: &str = "/api/controller/v2/instances/";

struct Reply {
    status: u16,
    location: String,
    body: Value,
}

fn start() -> Server {
    Server::start((Ipv4Addr::LOCALHOST, 0).into(), Settings { gateway: true, ..Settings::default() }).expect("a free port")
}

/// A request with this `Authorization`, or none.
fn send(server: &Server, authorization: &str, method: &str, path: &str, body: &Value) -> Reply {
    let mut request = http().request(method.parse().expect("a method"), format!("{}{path}", server.url()));
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    if !body.is_null() {
        request = request.json(body);
    }
    block_on(async {
        let answer = request.send().await.expect("an answer");
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Reply { status: answer.status().as_u16(), location, body: answer.json().await.unwrap_or_default() }
    })
}

fn get(server: &Server, path: &str) -> Reply {
    send(server, BASIC, "GET", path, &Value::Null)
}

#[test]
fn the_roots_lead_to_the_controller() {
    let server = start();
    let anonymous = |path: &str| send(&server, "", "GET", path, &Value::Null);
    let root = anonymous("/api/").body;
    assert_eq!(
        root,
        json!({ "description": "AAP gateway REST API", "apis": { "gateway": "/api/gateway/", "controller": "/api/controller/" } })
    );
    assert_eq!(anonymous("/api/controller/").body["current_version"], "/api/controller/v2/");
    let paths = anonymous("/api/controller/v2/").body;
    assert_eq!((&paths["instances"], &paths["tokens"]), (&json!(INSTANCES), &Value::Null));
    let gateway = anonymous("/api/gateway/v1/");
    assert_eq!((gateway.status, &gateway.body["tokens"]), (200, &json!(TOKENS)));
    assert_eq!(anonymous("/api/controller/v2/ping/").body["version"], "24.6.1");
    for path in [
        "/api/v2/",
        "/api/v2/ping/",
        "/api/v2/instances/",
        "/api/v2/tokens/",
        "/api/login/",
        "/api/logout/",
        "/api/controller/login/",
        "/api/controller/v2/tokens/",
        "/api/controller/v2/tokens/1/",
        "/api/gateway/v2/",
        "/api/controller/v3/",
    ] {
        assert_eq!(get(&server, path).status, 404, "{path}");
    }
    for path in [INSTANCES, TOKENS] {
        assert_eq!((anonymous(path).status, get(&server, path).status), (401, 200), "{path}");
    }
}

#[test]
fn the_gateway_makes_tokens_for_the_controller() {
    let server = start();
    let body = json!({ "description": "meshform", "scope": "write" });
    assert_eq!(send(&server, "", "POST", TOKENS, &body).status, 401);
    let made = send(&server, BASIC, "POST", TOKENS, &body);
    let path = format!("{TOKENS}{}/", made.body["id"]);
    assert_eq!((made.status, made.location.as_str(), &made.body["url"]), (201, path.as_str(), &json!(path)));
    assert_eq!((&made.body["description"], &made.body["scope"]), (&json!("meshform"), &json!("write")));
    let bearer = format!("Bearer {}", made.body["token"].as_str().expect("a token"));
    assert_eq!(send(&server, &bearer, "POST", INSTANCES, &json!({ "hostname": "a" })).status, 201);
    let reader = send(&server, BASIC, "POST", TOKENS, &json!({ "scope": "read" }));
    let reader = format!("Bearer {}", reader.body["token"].as_str().expect("a token"));
    assert_eq!(send(&server, &reader, "POST", INSTANCES, &json!({ "hostname": "b" })).status, 403);
    assert_eq!(server.tokens(), ["meshform", ""]);
    for (query, count) in [("", 2), ("?description=meshform", 1), ("?scope=read&order_by=-id", 1)] {
        assert_eq!(get(&server, &format!("{TOKENS}{query}")).body["count"], count, "{query}");
    }
    assert_eq!(get(&server, &format!("{TOKENS}?bogus=1")).status, 400);
    assert_eq!(get(&server, &format!("{TOKENS}?page_size=1")).body["next"], format!("{TOKENS}?page=2&page_size=1"));
    assert_eq!(send(&server, &bearer, "DELETE", &path, &Value::Null).status, 204);
    assert_eq!(send(&server, &bearer, "GET", INSTANCES, &Value::Null).status, 401);
    let passwords = server.journal().iter().filter(|one| one.password).map(|one| one.path.starts_with(TOKENS)).collect::<Vec<_>>();
    assert!(passwords.len() >= 2 && passwords.iter().all(|own| *own), "{passwords:?}");
}

#[test]
fn every_path_that_is_named_is_the_gateways() {
    let server = start();
    let hop = json!({ "hostname": "h", "node_type": "hop", "listener_port": 27199, "peers_from_control_nodes": true });
    let made = send(&server, BASIC, "POST", INSTANCES, &hop);
    assert_eq!((made.status, made.location), (201, format!("{INSTANCES}2/")));
    let group = send(&server, BASIC, "POST", "/api/controller/v2/instance_groups/", &json!({ "name": "g" }));
    assert_eq!((group.status, group.location.as_str()), (201, "/api/controller/v2/instance_groups/3/"));
    assert_eq!(get(&server, &format!("{INSTANCES}?page_size=1")).body["next"], format!("{INSTANCES}?page=2&page_size=1"));
    assert_eq!(send(&server, BASIC, "POST", TOKENS, &json!({})).status, 201);
    for path in [
        "/api/",
        "/api/controller/",
        "/api/controller/v2/",
        "/api/controller/v2/instances/",
        "/api/controller/v2/instances/h/",
        "/api/controller/v2/instances/1/peers/",
        "/api/controller/v2/receptor_addresses/",
        "/api/controller/v2/mesh_visualizer/",
        "/api/controller/v2/instance_groups/",
        "/api/controller/v2/instance_groups/g/",
        "/api/controller/v2/users/",
        "/api/gateway/v1/tokens/",
    ] {
        let reply = get(&server, path);
        let text = reply.body.to_string();
        assert!(reply.status == 200 && text.contains("/api/") && !text.contains("/api/v2/"), "{path}: {text}");
    }
}

#[test]
fn controllers_of_the_hostnames_dialect_have_no_gateway() {
    let settings = Settings { gateway: true, dialect: Dialect::Hostnames, ..Settings::default() };
    let error = Server::start((Ipv4Addr::LOCALHOST, 0).into(), settings).expect_err("refused");
    assert!(matches!(error, SandboxError::GatewayDialect), "{error}");
    let output = Bench::new(DIALECTS[0]).run("sandbox --gateway --dialect hostnames");
    assert!(output.code == Some(1) && output.stderr.contains("a gateway stands before controllers of the addresses dialect"), "{output}");
}
