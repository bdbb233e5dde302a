//! Applying while requests fail: what is sent again, what is looked up first, when it is given up, and what is said of it. `law`
//! has random plans and random faults, here is a row for each fault.

mod law;

use std::{
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use meshform::{
    apply::{Because, Event, Fate, Options, Outcome, Stop, Work, apply},
    controller::{Client, ControllerError, Credentials, Retry, Secret, Settings},
    plan::{Permissions, Plan, plan},
    sandbox::{self, Dialect, Exchange, Fault, Server},
};
use serde_json::{Value as Json, json};
use tokio::time::sleep;

use super::{
    harness::{DIALECTS, block_on, connect_with, declared, http, request},
    properties,
};

fn start(dialect: Dialect, removal_delay: Duration) -> Server {
    let settings = sandbox::Settings { dialect, removal_delay, ..sandbox::Settings::default() };
    Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings).expect("a free port")
}

fn faults(specs: &[impl AsRef<str>]) -> Vec<Fault> {
    specs.iter().map(|spec| spec.as_ref().parse().expect("a fault")).collect()
}

/// Settings of a client that waits so long for an answer, and tries a request so long.
fn settings(server: &Server, timeout: Duration, patience: Duration) -> Settings {
    let retry =
        Retry { timeout: patience, first_pause: Duration::from_millis(1), longest_pause: Duration::from_millis(5), ..Retry::default() };
    Settings { timeout, retry, ..properties::settings(&server.url(), "admin", "password") }
}

/// A client that is in no hurry.
async fn connect(server: &Server) -> Client {
    connect_with(settings(server, SLOW, SLOW)).await.expect("the sandbox answers")
}

const SLOW: Duration = Duration::from_secs(20);

/// Whether a write did something, whatever the client heard of it.
fn took_effect(exchange: &Exchange) -> bool {
    let is_write = matches!(exchange.method.as_str(), "POST" | "PATCH");
    is_write && (200..300).contains(&exchange.status) && exchange.fault.as_deref() != Some("html-200")
}

/// What became of a plan, and the requests of its apply, without paths: `POST 0 reset-before, GET 200, POST 201`.
struct Brought {
    outcome: Outcome,
    requests: String,
}

/// Plans a mesh in a few words and applies it while these faults strike, one request at a time; then none strikes any more.
async fn bring(server: &Server, client: &Client, mesh: &str, specs: &[&str]) -> Brought {
    let plan = planned(client, mesh).await;
    let since = server.journal().len();
    server.set_faults(&faults(specs), 0);
    let outcome = applied(client, &plan, |_| {}).await;
    server.set_faults(&[], 0);
    let word = |Exchange { method, status, fault, .. }: &Exchange| match fault {
        Some(fault) => format!("{method} {status} {fault}"),
        None => format!("{method} {status}"),
    };
    let requests: Vec<String> = server.journal().iter().skip(since).map(word).collect();
    Brought { outcome, requests: requests.join(", ") }
}

async fn planned(client: &Client, mesh: &str) -> Plan {
    let permissions = Permissions { no_hold: true, ..Permissions::default() };
    let live = client.read_all().await.expect("a mesh");
    let plan = plan(&declared(mesh), &live, client.server().capabilities, &permissions);
    assert!(plan.refused.is_empty(), "{:?}", plan.refused);
    plan
}

async fn applied(client: &Client, plan: &Plan, on_event: impl FnMut(Event<'_>)) -> Outcome {
    let mut outcome = Outcome::new();
    let options = Options { parallelism: 1, ..Options::default() };
    apply(&Work::new(&plan.steps, &plan.holds), client, &options, &mut outcome, on_event).await;
    outcome
}

/// How the first step failed.
fn failure(outcome: &Outcome) -> &ControllerError {
    match outcome.fate(1) {
        Some(Fate::Failed(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// How many instances there are but for the control node.
fn count(server: &Server) -> usize {
    server.topology()["nodes"].as_array().map_or(0, Vec::len) - 1
}

/// What a write that met a fault has to lead to.
#[derive(Clone, Copy)]
enum Then {
    /// It was refused before it was looked at, and is sent again.
    Again,
    /// It was lost, is not there, and is sent again.
    LookAgain,
    /// It was lost, and is there.
    Found,
    /// It is not there, and sending it again would end the same way.
    Told,
}

#[test]
fn a_write_that_meets_a_fault_is_done_once_or_told() {
    for (what, status, then) in [
        ("429,retry-after=0", 429, Then::Again),
        ("500", 500, Then::Told),
        ("502", 502, Then::LookAgain),
        ("503", 503, Then::LookAgain),
        ("503,retry-after=0", 503, Then::LookAgain),
        ("504", 504, Then::LookAgain),
        ("reset-before", 0, Then::LookAgain),
        ("reset-after", 0, Then::Found),
        ("truncated", 0, Then::Found),
        ("html", 502, Then::LookAgain),
        ("html-200", 200, Then::Told),
        ("silence", 0, Then::LookAgain),
        ("silence-after", 0, Then::Found),
    ] {
        let fault = format!("{what}:#1:writes");
        let name = what.split(',').next().expect("a name");
        // Only silence is waited for.
        let timeout = if what.starts_with("silence") { Duration::from_millis(250) } else { SLOW };
        for dialect in DIALECTS {
            let server = start(dialect, Duration::ZERO);
            block_on(async {
                let client = connect_with(settings(&server, timeout, SLOW)).await.expect("the sandbox answers");
                // It is made, changed and removed.
                for (mesh, method, good, there, left) in
                    [("a :27199", "POST", 201, 200, 1), ("a :27199 off", "PATCH", 200, 200, 1), ("a gone", "PATCH", 200, 404, 0)]
                {
                    let wanted = match then {
                        Then::Again => format!("{method} {status} {name}, {method} {good}"),
                        Then::LookAgain => format!("{method} {status} {name}, GET 200, {method} {good}"),
                        Then::Found => format!("{method} {good} {name}, GET {there}"),
                        Then::Told => format!("{method} {status} {name}, GET 200"),
                    };
                    let Brought { outcome, requests } = bring(&server, &client, mesh, &[&fault]).await;
                    assert_eq!(requests, wanted, "{what} {mesh}");
                    if matches!(then, Then::Told) {
                        let error = failure(&outcome);
                        assert!(!error.leaves_open() && error.request().is_some(), "{what} {mesh}: {error}");
                        assert!(bring(&server, &client, mesh, &[]).await.outcome.is_success(), "{what} {mesh}");
                    } else {
                        assert_eq!(outcome.fate(1), Some(&Fate::Done), "{what} {mesh}");
                    }
                    assert_eq!(count(&server), left, "{what} {mesh}");
                    assert!(planned(&client, mesh).await.steps.is_empty(), "{what} {mesh}");
                }
            });
        }
    }
}

#[test]
fn what_cannot_be_looked_up_is_not_known() {
    for (specs, wanted) in [
        // The look-up is the first GET.
        (["reset-after:#1:POST", "html-200:#1:GET"], "POST 201 reset-after, GET 200 html-200"),
        (["reset-before:#1:POST", "500:#1:GET"], "POST 0 reset-before, GET 500 500"),
    ] {
        let server = start(DIALECTS[0], Duration::ZERO);
        block_on(async {
            let client = connect_with(settings(&server, SLOW, Duration::ZERO)).await.expect("the sandbox answers");
            let Brought { outcome, requests } = bring(&server, &client, "a", &specs).await;
            assert_eq!(requests, wanted);
            let error = failure(&outcome);
            assert!(error.leaves_open() && error.to_string().contains("whether it was done is not known"), "{error}");
            assert!(bring(&server, &client, "a", &[]).await.outcome.is_success());
            assert_eq!(count(&server), 1);
        });
    }
}

#[test]
fn a_look_up_is_tried_again_whatever_goes_wrong() {
    for fault in ["500", "html-200", "truncated", "503"] {
        let server = start(DIALECTS[0], Duration::ZERO);
        block_on(async {
            let client = connect(&server).await;
            let Brought { outcome, requests } = bring(&server, &client, "a", &["reset-after:#1:POST", &format!("{fault}:#1:GET")]).await;
            assert!(outcome.is_success() && requests.ends_with("GET 200"), "{fault}: {requests}");
            assert_eq!(count(&server), 1);
        });
    }
}

#[test]
fn without_patience_a_lost_write_is_looked_up_and_not_sent_again() {
    for (what, wanted) in [
        ("reset-before", Err("POST 0 reset-before, GET 200")),
        ("reset-after", Ok("POST 201 reset-after, GET 200")),
        ("503", Err("POST 503 503, GET 200")),
        ("429,retry-after=0", Err("POST 429 429")),
    ] {
        let server = start(DIALECTS[1], Duration::ZERO);
        block_on(async {
            let client = connect_with(settings(&server, SLOW, Duration::ZERO)).await.expect("the sandbox answers");
            let Brought { outcome, requests } = bring(&server, &client, "a", &[&format!("{what}:#1:POST")]).await;
            let result = if outcome.is_success() { Ok(requests.as_str()) } else { Err(requests.as_str()) };
            assert_eq!(result, wanted, "{what}");
            if result.is_err() {
                assert!(matches!(failure(&outcome), ControllerError::Broken { .. } | ControllerError::Status { .. }), "{what}");
            }
        });
    }
}

/// A create that is lost, and before it is looked up somebody else makes that instance so.
fn made_by_somebody_else(body: &Json) -> (Brought, Json) {
    let server = start(DIALECTS[0], Duration::ZERO);
    let brought = block_on(async {
        let client = connect_with(settings(&server, Duration::from_millis(700), SLOW)).await.expect("the sandbox answers");
        let somebody = async {
            while !server.journal().iter().any(|exchange| exchange.fault.is_some()) {
                sleep(Duration::from_millis(1)).await;
            }
            let url = format!("{}/api/v2/instances/", server.url());
            let answer = http().post(url).basic_auth("admin", Some("password")).json(body).send().await.expect("an answer");
            assert_eq!(answer.status(), 201);
        };
        tokio::join!(bring(&server, &client, "a :27199 off", &["silence:#1:POST"]), somebody).0
    });
    let row = request(&server.url(), "GET", "/api/v2/instances/?hostname=a", &Json::Null);
    (brought, row["results"][0].clone())
}

#[test]
fn what_somebody_else_made_meanwhile_is_brought_right() {
    for (body, wanted) in [
        (json!({ "hostname": "a", "listener_port": 27199, "enabled": false }), "POST 0 silence, POST 201, GET 200"),
        (json!({ "hostname": "a", "enabled": true }), "POST 0 silence, POST 201, GET 200, PATCH 200"),
    ] {
        let (brought, row) = made_by_somebody_else(&body);
        assert_eq!((brought.requests.as_str(), brought.outcome.fate(1)), (wanted, Some(&Fate::Done)));
        assert_eq!((&row["listener_port"], &row["enabled"]), (&json!(27199), &json!(false)));
    }
}

#[test]
fn what_somebody_else_made_of_another_type_is_left_alone() {
    let (brought, row) = made_by_somebody_else(&json!({ "hostname": "a", "node_type": "hop" }));
    assert_eq!(brought.requests, "POST 0 silence, POST 201, GET 200");
    assert_eq!(failure(&brought.outcome), &ControllerError::Taken { hostname: "a".into(), node_type: "hop".into() });
    assert_eq!((&row["node_type"], &row["listener_port"]), (&json!("hop"), &Json::Null));
}

/// The answer to a create that meets this fault, with so much patience, and how long it took.
fn create_with(fault: &str, patience: Duration) -> (Result<(), ControllerError>, Duration, usize) {
    let server = start(DIALECTS[0], Duration::ZERO);
    block_on(async {
        let client = connect_with(settings(&server, SLOW, patience)).await.expect("the sandbox answers");
        let begin = Instant::now();
        let Brought { outcome, requests } = bring(&server, &client, "a", &[fault]).await;
        let result = if outcome.is_success() { Ok(()) } else { Err(failure(&outcome).clone()) };
        (result, begin.elapsed(), requests.matches("POST").count())
    })
}

#[test]
fn a_server_that_wants_to_be_left_alone_is() {
    let (result, took, posts) = create_with("429,retry-after=1:#1:POST", SLOW);
    assert!(result.is_ok() && took >= Duration::from_secs(1) && posts == 2, "{result:?} {took:?} {posts}");
    let (result, took, posts) = create_with("429,retry-after=0:#1:POST", SLOW);
    assert!(result.is_ok() && took < Duration::from_secs(1) && posts == 2, "{result:?} {took:?} {posts}");
    // For longer than anybody has patience: told at once, and as what it is.
    for fault in ["429,retry-after=21:100%:POST", "503,retry-after=3600:100%:POST"] {
        let (result, took, posts) = create_with(fault, SLOW);
        let error = result.expect_err("a failure");
        assert!(matches!(error, ControllerError::Status { .. }) && took < Duration::from_secs(5) && posts == 1, "{error} {took:?} {posts}");
    }
}

#[test]
fn what_was_given_up_says_for_how_long() {
    let (result, took, posts) = create_with("503:100%:POST", Duration::from_secs(1));
    assert_eq!(
        result.expect_err("a failure").to_string(),
        "POST /api/v2/instances/: 503: Service unavailable. (tried again and again for 1 s)"
    );
    assert!(took >= Duration::from_millis(900) && posts > 10, "{took:?} {posts}");
}

#[test]
fn who_is_not_known_any_more_stops() {
    for dialect in DIALECTS {
        let server = start(dialect, Duration::ZERO);
        let url = server.url();
        let token = request(&url, "POST", "/api/v2/tokens/", &json!({ "scope": "write" }));
        let secret = token["token"].as_str().expect("a token");
        let of_token = Settings { credentials: Credentials::Token(Secret::new(secret)), ..settings(&server, SLOW, SLOW) };
        block_on(async {
            let client = connect_with(of_token).await.expect("the token is good");
            let plan = planned(&client, "a; b; c; d").await;
            let mut is_there = true;
            let outcome = applied(&client, &plan, |event| {
                if let Event::Done(step) = event {
                    assert!(step.id == 1 && std::mem::take(&mut is_there), "{step:?}");
                    let (url, path) = (url.clone(), format!("/api/v2/tokens/{}/", token["id"]));
                    // Not in the runtime of the client.
                    thread::spawn(move || request(&url, "DELETE", &path, &Json::Null)).join().expect("no panic");
                }
            })
            .await;
            let stopped = Fate::NotAttempted(Because::Stopped(Stop::Forbidden));
            assert_eq!([1, 3, 4].map(|id| outcome.fate(id).cloned()), [Some(Fate::Done), Some(stopped.clone()), Some(stopped)]);
            let Some(Fate::Failed(error)) = outcome.fate(2) else { panic!("{outcome:?}") };
            assert!(matches!(error, ControllerError::Status { status: 401, .. }), "{error}");
            assert_eq!(outcome.stopped(), Some(Stop::Forbidden));
            assert_eq!(count(&server), 1);
        });
    }
}
