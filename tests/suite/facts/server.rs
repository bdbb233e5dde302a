//! What holds for every path: discovery, who may do what, methods, slashes, bodies.

use super::{Bench, Row, hold, still};
use meshform::sandbox::Dialect;

macro_rules! both {
    ($name:literal, $setup:expr, $request:expr, $wanted:literal) => {
        ($name, $setup, $request, $wanted, $wanted)
    };
}

#[test]
fn discovery_tells_the_dialect() {
    for (dialect, version, has_addresses) in [(Dialect::Addresses, "24.6.1", true), (Dialect::Hostnames, "23.7.0", false)] {
        let bench = Bench::start(still(dialect));
        assert_eq!(bench.get("/api/").body["current_version"], "/api/v2/");
        assert_eq!(bench.get("/api/v2/").body.get("receptor_addresses").is_some(), has_addresses, "{dialect}");
        let reply = bench.step("nobody GET /api/v2/ping/");
        assert_eq!((reply.status, reply.body["version"].as_str()), (200, Some(version)));
        assert_eq!(reply.header("x-api-product-version"), "", "only who is known is told in a header");
        assert_eq!(reply.body["install_uuid"], bench.get("/api/v2/ping/").body["install_uuid"]);
        assert_eq!(bench.get("/api/v2/config/").body["version"], version);
        let reply = bench.get("/api/v2/instances/");
        assert_eq!((reply.header("x-api-product-version"), reply.header("x-api-product-name")), (version, "AWX"));
        let row = &reply.body["results"][0];
        for field in ["managed", "reverse_peers", "protocol"] {
            assert_eq!(row.get(field).is_some(), has_addresses, "{dialect}: {field}");
        }
    }
}

#[test]
fn options_list_fields_and_limits() {
    for dialect in [Dialect::Addresses, Dialect::Hostnames] {
        let bench = Bench::start(still(dialect));
        let body = bench.step("OPTIONS /api/v2/instances/").body;
        assert_eq!(body["max_page_size"], 200);
        let post = &body["actions"]["POST"];
        assert_eq!(post["hostname"]["required"], true);
        assert_eq!(post["hostname"]["max_length"], 250);
        assert_eq!(post["node_type"]["default"], "execution");
        assert_eq!(post["listener_port"].get("max_value").is_some(), dialect == Dialect::Hostnames);
        assert!(post.get("managed").is_none() && body["actions"].get("GET").is_some());
        assert!(bench.step("auditor OPTIONS /api/v2/instances/").body["actions"].get("POST").is_none());
    }
}

#[test]
fn who_may_do_what() {
    const ONE: &[&str] = &[r#"POST a {"listener_port": 27199}"#];
    const ROWS: &[Row] = &[
        both!("nobody reads", ONE, "nobody GET /api/v2/instances/", "401 detail"),
        both!("nobody deletes, which is not allowed anyway", ONE, "nobody DELETE a", "401 detail"),
        both!("a wrong password", ONE, "wrong GET /api/v2/instances/", "401 detail"),
        both!("an auditor reads a list", ONE, "auditor GET /api/v2/instances/", "200"),
        both!("an auditor reads one", ONE, "auditor GET a", "200"),
        both!("an auditor reads the visualizer", ONE, "auditor GET /api/v2/mesh_visualizer/", "200"),
        both!("an auditor reads the settings", ONE, "auditor GET /api/v2/settings/system/", "200"),
        both!("an auditor creates", ONE, "auditor POST b", "403 detail"),
        both!("an auditor changes", ONE, r#"auditor PATCH a {"enabled": true}"#, "403 detail"),
        both!("an auditor is refused before the fields are read", ONE, r#"auditor PATCH a {"enabled": "x"}"#, "403 detail"),
        ("an auditor reads addresses", ONE, "auditor GET /api/v2/receptor_addresses/", "404 detail", "200"),
        ("an auditor reads one address, where the server crashes", ONE, "auditor GET /api/v2/receptor_addresses/1/", "404 detail", "500"),
        both!("a normal user reads one", ONE, "normal GET a", "403 detail"),
        both!("a normal user creates", ONE, "normal POST b", "403 detail"),
        both!("a normal user changes", ONE, r#"normal PATCH a {"enabled": true}"#, "403 detail"),
        both!("a normal user reads the visualizer", ONE, "normal GET /api/v2/mesh_visualizer/", "403 detail"),
        both!("a normal user reads the settings", ONE, "normal GET /api/v2/settings/system/", "403 detail"),
        ("a normal user reads addresses, where the server crashes", ONE, "normal GET /api/v2/receptor_addresses/", "404 detail", "500"),
        both!("a normal user makes a user", ONE, r#"normal POST /api/v2/users/ {"username": "x", "password": "y"}"#, "403 detail"),
        both!("a token to read reads", ONE, "reader GET /api/v2/instances/", "200"),
        both!("a token to read creates", ONE, "reader POST b", "403 detail"),
        both!("a token to read changes", ONE, r#"reader PATCH a {"enabled": true}"#, "403 detail"),
        both!("a token to read makes a token", ONE, "reader POST /api/v2/tokens/ {}", "403 detail"),
    ];
    hold(ROWS, still);
}

#[test]
fn the_mesh_looks_empty_to_a_normal_user() {
    for dialect in [Dialect::Addresses, Dialect::Hostnames] {
        let bench = Bench::start(still(dialect));
        let reply = bench.step("normal GET /api/v2/instances/");
        assert_eq!((reply.status, reply.body["count"].as_i64()), (200, Some(0)));
        assert_eq!(bench.step("normal GET /api/v2/instances/?bogus=1").status, 400);
        let me = |who: &str| bench.step(&format!("{who} GET /api/v2/me/")).body["results"][0].clone();
        assert_eq!((me("normal")["is_superuser"].clone(), me("auditor")["is_system_auditor"].clone()), (false.into(), true.into()));
        assert_eq!(me("admin")["is_superuser"], true);
    }
}

#[test]
fn methods_paths_and_bodies() {
    const ONE: &[&str] = &["POST a"];
    const ROWS: &[Row] = &[
        both!("an instance is not deleted", ONE, "DELETE a", "405 detail"),
        both!("nor one that is not there", &[], "DELETE a", "405 detail"),
        both!("a list is not changed", ONE, "PATCH /api/v2/instances/ {}", "405 detail"),
        ("addresses are read only", ONE, "POST /api/v2/receptor_addresses/ {}", "404 detail", "405 detail"),
        both!("peers are read only below an instance", ONE, "POST /api/v2/instances/a/peers/ {}", "405 detail"),
        both!("no such instance", &[], "GET a", "404 detail"),
        both!("no such id", &[], "PATCH /api/v2/instances/99999/ {}", "404 detail"),
        both!("no such path", &[], "GET /api/v2/nosuch/", "404 detail"),
        both!("no such path, for nobody", &[], "nobody GET /api/v3/", "404 detail"),
        both!("a slash too many", &[], "GET /api//v2/instances/", "404 detail"),
        both!("two slashes at the end", &[], "GET /api/v2/instances//", "404 detail"),
        both!("a list without its slash", &[], "GET /api/v2/instances", "301"),
        both!("a create without its slash", &[], r#"POST /api/v2/instances {"hostname": "a"}"#, "301 | a=gone"),
        ("an instance without its slash", ONE, "GET /api/v2/instances/2", "301", "200"),
        ("a name without its slash", ONE, "GET /api/v2/instances/a", "404 detail", "200"),
        ("addresses of an instance", ONE, "GET /api/v2/instances/a/receptor_addresses/", "404 detail", "200"),
        both!("a name of digits reads as an id", &["POST 12345"], "GET 12345", "404 detail"),
        both!("it has its id", &["POST 12345"], "GET /api/v2/instances/2/", "200"),
        both!("a detail is filtered as a list is", ONE, "GET /api/v2/instances/a/?enabled=false", "404 detail"),
        both!("a detail knows its fields", ONE, "GET /api/v2/instances/a/?bogus=1", "400 detail"),
        both!("a token's scope", &[], r#"POST /api/v2/tokens/ {"scope": "bogus"}"#, "400 scope"),
        both!("no such token", &[], "DELETE /api/v2/tokens/99/", "404 detail"),
        both!("a user without a password", &[], r#"POST /api/v2/users/ {"username": "x"}"#, "400 password"),
        both!("a user without anything", &[], "POST /api/v2/users/ {}", "400 password username"),
        both!("the superuser's name", &[], r#"POST /api/v2/users/ {"username": "admin", "password": "x"}"#, "400 username"),
    ];
    hold(ROWS, still);

    let bench = Bench::start(still(Dialect::Addresses));
    let admin = bench.authorization("admin");
    let sent =
        |authorization: &str, body: &str, kind: &str| bench.raw(authorization, "POST", "/api/v2/instances/", Some(body), kind).status;
    assert_eq!(sent(&admin, "hostname=x", "text/plain"), 415);
    assert_eq!(sent("", "hostname=x", "text/plain"), 415, "the type of the body comes before the caller");
    assert_eq!(sent("", "{nope", "application/json"), 400, "and so does its shape");
    for body in ["{nope", "[1]", "null", "\"x\""] {
        assert_eq!(sent(&admin, body, "application/json"), 400, "{body}");
    }
    assert_eq!(sent(&admin, r#"{"hostname": "a"}"#, "application/json; charset=utf-8"), 201);
    assert_eq!(bench.step("GET /api/v2/instances?page_size=1").header("location"), "/api/v2/instances/?page_size=1");
    assert_eq!(bench.step("DELETE a").header("allow"), "GET, PUT, PATCH, HEAD, OPTIONS");
    assert_eq!(bench.step("POST b").header("location"), "/api/v2/instances/3/");
    assert_eq!(bench.get("/api/v2/instances/2001:db8::1/").status, 404);
    bench.must("POST 2001:db8::1").expect("created");
    assert_eq!(bench.get("/api/v2/instances/2001%3Adb8%3A%3A1/").body["related"]["named_url"], "/api/v2/instances/2001%3Adb8%3A%3A1/");
}

#[test]
fn a_token_works_until_it_is_deleted() {
    let bench = Bench::start(still(Dialect::Addresses));
    let made = bench.step(r#"POST /api/v2/tokens/ {"scope": "write", "description": "t"}"#).body;
    let bearer = format!("Bearer {}", made["token"].as_str().expect("a token"));
    let path = made["url"].as_str().expect("its path").to_owned();
    let status = |method: &str, path: &str, body: Option<&str>| bench.raw(&bearer, method, path, body, "application/json").status;
    assert_eq!(status("POST", "/api/v2/instances/", Some(r#"{"hostname": "a"}"#)), 201);
    assert_eq!(bench.get(&path).body["token"], "************", "it is told once");
    assert_eq!(status("DELETE", &path, None), 204);
    assert_eq!(status("GET", "/api/v2/instances/", None), 401);
}
