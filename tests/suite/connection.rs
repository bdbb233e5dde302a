//! Finding a controller, being somebody there, and never telling a secret.

use insta::assert_snapshot;
use meshform::sandbox::Settings;
use serde_json::{Value as Json, json};

use super::harness::{Bench, DIALECTS, Front, Tls};

const MESH: &str = "instances: [{hostname: e.example.com}]";

fn bench() -> Bench {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    bench
}

#[test]
fn what_is_missing_is_said() {
    let mut bench = bench();
    bench.set("CONTROLLER_PASSWORD", "");
    assert_snapshot!(bench.run("plan mesh.yaml"), @"
    exit 1
    --- stdout
    --- stderr
    error: CONTROLLER_USERNAME is set, but no CONTROLLER_PASSWORD
    ");
    bench.set("CONTROLLER_USERNAME", "");
    assert_snapshot!(bench.run("plan mesh.yaml"), @"
    exit 1
    --- stdout
    --- stderr
    error: no credentials for http://SANDBOX: neither a token nor a user name and password is set
    hint: set CONTROLLER_OAUTH_TOKEN, or CONTROLLER_USERNAME and CONTROLLER_PASSWORD
    ");
    bench.set("CONTROLLER_HOST", "");
    assert_snapshot!(bench.run("plan mesh.yaml"), @"
    exit 1
    --- stdout
    --- stderr
    error: no controller: neither `--controller` nor CONTROLLER_HOST is set
    hint: set CONTROLLER_HOST, or try `--controller sandbox:` for a simulated one
    ");
}

#[test]
fn older_and_newer_names_work() {
    let mut bench = bench();
    let url = bench.url();
    for prefix in ["AAP", "TOWER"] {
        let host = if prefix == "AAP" { "AAP_HOSTNAME" } else { "TOWER_HOST" };
        for name in ["CONTROLLER_HOST", "CONTROLLER_USERNAME", "CONTROLLER_PASSWORD", "AAP_HOSTNAME", "AAP_USERNAME", "AAP_PASSWORD"] {
            bench.set(name, "");
        }
        bench.set(host, &url).set(&format!("{prefix}_USERNAME"), "admin").set(&format!("{prefix}_PASSWORD"), "password");
        let _ = bench.run("plan mesh.yaml --detailed-exitcode").expect(2);
    }
}

#[test]
fn a_token_does_and_beats_a_password() {
    let mut bench = bench();
    let token = bench.request("POST", "/api/v2/tokens/", &json!({"scope": "read"}))["token"].as_str().expect("a token").to_owned();
    bench.set("CONTROLLER_OAUTH_TOKEN", &token).set("CONTROLLER_PASSWORD", "wrong");
    let _ = bench.run("plan mesh.yaml --detailed-exitcode").expect(2);
    // It may only read.
    let output = bench.run("apply mesh.yaml --yes -vv");
    assert_eq!(output.code, Some(4), "{output}");
    assert!(!output.to_string().contains(&token), "{output}");
}

#[test]
fn a_refused_login_cannot_see_and_tells_no_password() {
    let mut bench = bench();
    bench.set("CONTROLLER_PASSWORD", "hunter2");
    let output = bench.run("plan mesh.yaml -vv");
    assert!(!output.to_string().contains("hunter2"), "{output}");
    assert_snapshot!(bench.run("plan mesh.yaml"), @"
    exit 3
    --- stdout
    --- stderr
    error: POST /api/login/: 401: the user name or the password of `admin` is wrong, or nobody logs in by password there
    hint: check CONTROLLER_USERNAME and CONTROLLER_PASSWORD; `meshform login --check` shows what else was decided by what
    ");
}

#[test]
fn a_user_who_sees_nothing_gets_no_plan_to_create_everything() {
    let mut bench = bench();
    bench.request("POST", "/api/v2/users/", &json!({"username": "joe", "password": "pw"}));
    bench.set("CONTROLLER_USERNAME", "joe").set("CONTROLLER_PASSWORD", "pw");
    assert_snapshot!(bench.run("plan mesh.yaml"), @"
    exit 3
    --- stdout
    --- stderr
    error: joe can see no instances: neither a system administrator nor a system auditor
    hint: log in as a system administrator; to plan, a system auditor is enough
    ");
}

#[test]
fn an_answer_that_does_not_say_who_one_is_is_no_leave_to_plan() {
    let mut bench = bench();
    let nobody = r#"{"count": 0, "next": null, "previous": null, "results": []}"#;
    let front = Front::new(bench.url(), move |_, path, _| path.ends_with("/me/").then(|| (200, "application/json", nobody.to_owned())));
    bench.set("CONTROLLER_HOST", front.url());
    assert_snapshot!(bench.run("plan mesh.yaml"), @"
    exit 3
    --- stdout
    --- stderr
    error: GET /api/v2/me/: the answer is not what AWX answers: it does not say who is logged in
    ");
}

#[test]
fn the_names_of_simulated_controllers_are_never_looked_up() {
    let mut bench = bench();
    let output = bench.run("plan mesh.yaml --controller sandbox+hostname:");
    assert_eq!(output.code, Some(1));
    assert_snapshot!(output.stderr, @"error: the controller's address in --controller names a simulated controller: that is for --controller, as sandbox:, sandbox:FILE, sandbox+ingress: or sandbox+hostnames:");
    bench.set("CONTROLLER_HOST", "sandbox:");
    assert_eq!(bench.run("plan mesh.yaml").code, Some(1));
}

#[test]
fn a_list_that_does_not_end_is_left() {
    let mut bench = bench();
    let url = bench.url();
    // It answers every page with the first one, and says that there are more.
    let front = Front::new(bench.url(), move |_, path, _| {
        path.contains("/instances/?").then(|| {
            let url = url.clone();
            let page = std::thread::spawn(move || super::harness::request(&url, "GET", "/api/v2/instances/", &Json::Null));
            let mut page = page.join().expect("a page");
            page["next"] = json!("/api/v2/instances/?page=2");
            page["count"] = json!(1_000_000_000_000_u64);
            (200, "application/json", page.to_string())
        })
    });
    bench.set("CONTROLLER_HOST", front.url());
    assert_snapshot!(bench.run("plan mesh.yaml"), @"
    exit 3
    --- stdout
    --- stderr
    error: the controller's instances changed 5 times while they were read
    hint: somebody else is changing them: try again when that is over
    ");
}

#[test]
fn nobody_answers() {
    let mut bench = bench();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    bench.set("CONTROLLER_HOST", &format!("http://127.0.0.1:{port}"));
    let output = bench.run("plan mesh.yaml --retry-timeout 0");
    assert_eq!(output.code, Some(3), "{output}");
    assert_snapshot!(output.stderr.replace(&port.to_string(), "PORT"), @"
    error: cannot connect to http://127.0.0.1:PORT: Connection refused (os error 111)
    hint: check the address (--controller, CONTROLLER_HOST), the network and any proxy (HTTPS_PROXY, NO_PROXY)
    ");
}

#[test]
fn something_else_answers() {
    let mut bench = bench();
    let html = || Some((200, "text/html", "<!doctype html>\n<title>Welcome</title>".to_owned()));
    let front = Front::new(bench.url(), move |_, _, _| html());
    bench.set("CONTROLLER_HOST", front.url());
    assert_snapshot!(bench.run("plan mesh.yaml"), @"
    exit 3
    --- stdout
    --- stderr
    error: GET /api/: 200: the answer is not JSON but begins `<!doctype html>`
    hint: what answers is an ingress, a proxy or another program: check the address
    ");
    let json = Front::new(bench.url(), |_, _, _| Some((200, "application/json", r#"{"hello": "world"}"#.to_owned())));
    bench.set("CONTROLLER_HOST", json.url());
    let output = bench.run("plan mesh.yaml");
    assert_eq!(output.code, Some(3), "{output}");
    assert_snapshot!(output.stderr.replace(json.url(), "http://FRONT"), @"
    error: http://FRONT is no controller: nothing answers as one at /api/ or /api/controller/
    hint: check the address (--controller, CONTROLLER_HOST)
    ");
}

#[test]
fn a_certificate_is_verified_unless_one_says_otherwise() {
    let mut bench = bench();
    let tls = Tls::new(&bench.url());
    bench.set("CONTROLLER_HOST", &tls.url).file("ca.pem", &tls.ca);
    let shown = |output: crate::harness::Output| output.stderr.replace(&tls.url, "https://TLS");
    let output = bench.run("plan mesh.yaml");
    assert_eq!(output.code, Some(3), "{output}");
    assert_snapshot!(shown(output), @"
    error: cannot connect to https://TLS: the server's certificate is signed by no CA that is trusted here
    hint: give its CA's certificate with --ca-cert FILE, which alone is trusted then
    ");
    let output = bench.run("plan mesh.yaml --ca-cert ca.pem --detailed-exitcode");
    assert_eq!((output.code, output.stderr.as_str()), (Some(2), ""), "{output}");
    let output = bench.run("plan mesh.yaml --insecure --detailed-exitcode");
    assert_eq!(output.code, Some(2), "{output}");
    assert_snapshot!(shown(output), @"warning: the certificate of https://TLS is not verified: whoever is on the way could read the credentials");
    bench.file("ca.pem", "not a certificate");
    assert_snapshot!(shown(bench.run("plan mesh.yaml --ca-cert ca.pem")), @"error: --ca-cert ca.pem holds no certificate in PEM form");
    assert_snapshot!(shown(bench.run("plan mesh.yaml --ca-cert nowhere.pem")), @"error: cannot read --ca-cert nowhere.pem: No such file or directory (os error 2)");
}

#[test]
fn credentials_follow_no_redirect() {
    let mut bench = bench();
    let elsewhere = Bench::new(DIALECTS[0]);
    let target = format!("{}/api/v2/instances/?token=secret", elsewhere.url());
    let front = Front::new(bench.url(), move |_, path, _| path.contains("/instances/").then(|| (302, "text/html", target.clone())));
    bench.set("CONTROLLER_HOST", front.url());
    let output = bench.run("plan mesh.yaml");
    assert_eq!(output.code, Some(3), "{output}");
    assert_snapshot!(output.stderr.replace(&elsewhere.url(), "http://ELSEWHERE"), @"
    error: GET /api/v2/instances/?order_by=id&page_size=200&id__gte=1&id__lte=1&or__not__capacity_adjustment=1.00&or__not__managed_by_policy=true&or__not__managed=true: the controller redirects to http://ELSEWHERE/api/v2/instances/
    hint: give that address with --controller if it is the right one; an ingress that wants a login may take a --header
    ");
    assert_eq!(elsewhere.refused(), [""; 0]);
    assert!(!output.stderr.contains("secret"));
}

#[test]
fn a_password_goes_over_plain_http_to_this_machine_only() {
    let mut bench = bench();
    bench.set("CONTROLLER_HOST", "http://awx.example.com");
    assert_snapshot!(bench.run("plan mesh.yaml"), @"
    exit 1
    --- stdout
    --- stderr
    error: http://awx.example.com is plain http: whoever is on the way could read the credentials
    hint: use https, or --allow-plain-http where the network is yours
    ");
    bench.set("CONTROLLER_HOST", "https://admin:hunter2@awx.example.com");
    let output = bench.run("plan mesh.yaml");
    assert!(!output.to_string().contains("hunter2"), "{output}");
}

#[test]
fn the_controller_of_a_gateway_is_found() {
    let mut bench = bench();
    let front = Front::gateway(bench.url(), "/api/controller", |_, path, _| {
        let json = |body: &str| Some((200, "application/json", body.to_owned()));
        match path {
            "/api/" => json(r#"{"description": "gateway", "apis": {"controller": "/api/controller/"}}"#),
            "/api/controller/" => json(r#"{"description": "AWX REST API", "current_version": "/api/controller/v2/"}"#),
            _ => None,
        }
    });
    bench.set("CONTROLLER_HOST", front.url());
    let _ = bench.run("plan mesh.yaml --detailed-exitcode").expect(2);
}

#[test]
fn a_list_of_many_pages_that_changes_while_it_is_read_is_read_again() {
    let mut bench = bench();
    bench.file("big.yaml", "instances: [{hostname: 'e-[001:230].example.com'}]");
    let _ = bench.run("apply big.yaml --yes -q").expect(0);
    let url = bench.url();
    let removed = std::sync::Mutex::new(false);
    // Between the first page and the second one, somebody removes an instance of the second.
    let front = Front::new(bench.url(), move |_, path, _| {
        let mut removed = removed.lock().expect("not poisoned");
        if path.contains("/instances/?") && path.contains("page=2") && !*removed {
            *removed = true;
            let url = url.clone();
            let other = std::thread::spawn(move || {
                super::harness::request(&url, "PATCH", "/api/v2/instances/e-230.example.com/", &json!({"node_state": "deprovisioning"}))
            });
            other.join().expect("it is removed");
        }
        None
    });
    let host = front.url().to_owned();
    bench.set("CONTROLLER_HOST", &host);
    let shown = bench.run("plan big.yaml --read full --detailed-exitcode").expect(2);
    assert!(shown.contains("1 to create, 0 to update, 229 unchanged"), "{shown}");
}

#[test]
fn of_a_server_before_peers_scalars_are_managed_alone() {
    let mut bench = Bench::with(Settings { dialect: DIALECTS[1], ..Settings::default() });
    bench.file("mesh.yaml", MESH);
    let url = bench.url();
    let front = Front::new(bench.url(), move |_, path, _| {
        path.contains("/instances/?").then(|| {
            let url = url.clone();
            let rows = std::thread::spawn(move || super::harness::request(&url, "GET", "/api/v2/instances/", &Json::Null));
            let mut rows = rows.join().expect("the rows");
            for row in rows["results"].as_array_mut().expect("rows") {
                row.as_object_mut().expect("a row").remove("peers");
            }
            (200, "application/json", rows.to_string())
        })
    });
    let host = front.url().to_owned();
    bench.set("CONTROLLER_HOST", &host);
    bench.file(
        "mesh.yaml",
        "instances: [{hostname: e.example.com, peers: [h.example.com]}, {hostname: h.example.com, node_type: hop, listener_port: 27199}]",
    );
    let shown = bench.run("plan mesh.yaml").expect(4);
    assert!(shown.contains("this controller (AWX before 23.0) has no peers in its API"), "{shown}");
    bench.file("mesh.yaml", "instances: [{hostname: e.example.com, enabled: false, listener_port: 27199, peers: []}]");
    let shown = bench.run("apply mesh.yaml --yes").expect(0);
    assert!(!shown.contains("path to the control plane"), "{shown}");
    let created = "POST /api/v2/instances/ {\"node_type\":\"execution\",\"enabled\":false,\"listener_port\":27199,\"hostname\":\"e.example.com\"} -> 201";
    assert_eq!(bench.writes(), [created]);
}
