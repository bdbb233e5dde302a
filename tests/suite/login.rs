//! Being logged in: proven once, by whatever the controller has, and ended at the end, however a run ends.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use insta::assert_snapshot;
use meshform::sandbox::{Costs, Dialect, Exchange, Fault, Links, Settings};
use serde_json::{Value as Json, json};

use super::harness::{Bench, Front, kill, request, start};

const MESH: &str = "instances: [{hostname: 'e-[1:5].example.com'}]";

fn bench(settings: Settings) -> Bench {
    let bench = Bench::with(settings);
    bench.file("mesh.yaml", MESH);
    bench
}

/// The requests of logging in and out, and those that had a password looked at.
fn logins(bench: &Bench) -> Vec<String> {
    let is_login = |e: &Exchange| e.password || ["/login/", "/logout/", "/tokens/"].iter().any(|path| e.path.contains(path));
    let line = |e: Exchange| format!("{} {} {}{}", e.method, e.path, e.status, if e.password { " password" } else { "" });
    bench.journal().into_iter().filter(is_login).map(line).collect()
}

/// Nothing that was made to log in is left.
#[track_caller]
fn nothing_is_left(bench: &Bench) {
    assert_eq!((bench.sandbox().sessions(), bench.sandbox().tokens()), (0, Vec::new()));
}

#[test]
fn a_password_is_looked_at_once_whatever_the_controller_has() {
    let with = |without_sessions, without_tokens, gateway| Settings { without_sessions, without_tokens, gateway, ..Settings::default() };
    let told = |settings: Settings| {
        let mut bench = bench(settings);
        let output = bench.run("apply mesh.yaml --yes -q");
        assert_eq!((output.code, bench.writes().len()), (Some(0), 5), "{output}");
        nothing_is_left(&bench);
        format!("{}\n{}", logins(&bench).join("\n"), output.stderr)
    };
    assert_snapshot!(told(with(false, false, false)), @"
    GET /api/login/ 200
    POST /api/login/ 302 password
    POST /api/logout/ 302
    ");
    assert_snapshot!(told(with(true, false, false)), @"
    GET /api/login/ 404
    POST /api/v2/tokens/ 201 password
    DELETE /api/v2/tokens/1/ 204
    ");
    assert_snapshot!(told(with(true, true, true)), @"
    POST /api/gateway/v1/tokens/ 201 password
    DELETE /api/gateway/v1/tokens/1/ 204
    ");
}

#[test]
fn where_nothing_can_be_made_the_password_goes_along_with_a_warning() {
    let bench = bench(Settings { without_sessions: true, without_tokens: true, ..Settings::default() });
    let output = bench.run("plan mesh.yaml --detailed-exitcode");
    assert_eq!(output.code, Some(2), "{output}");
    assert_snapshot!(output.stderr, @"warning: the controller makes neither sessions nor tokens: the password goes along with each request, and is looked at each time");
    assert!(bench.journal().iter().filter(|exchange| exchange.password).count() > 4);
}

#[test]
fn a_given_token_is_used_as_it_is_and_stays() {
    for gateway in [false, true] {
        let mut bench = bench(Settings { gateway, ..Settings::default() });
        let tokens = if gateway { "/api/gateway/v1/tokens/" } else { "/api/v2/tokens/" };
        let token =
            bench.request("POST", tokens, &json!({"scope": "write", "description": "mine"}))["token"].as_str().expect("a token").to_owned();
        bench.set("CONTROLLER_OAUTH_TOKEN", &token);
        let before = logins(&bench).len();
        let _ = bench.run("apply mesh.yaml --yes").expect(0);
        assert_eq!((logins(&bench).len() - before, bench.sandbox().tokens()), (0, vec!["mine".to_owned()]));
    }
}

/// What a run is ended by before it has done all.
#[test]
fn a_login_is_ended_where_a_run_fails() {
    let fails: [(&str, &str, i32); 4] = [
        // While reading, by the plan, while writing, and for want of rights.
        ("500:100%:GET/api/v2/me/", "plan mesh.yaml", 3),
        ("500:100%:GET/api/v2/instances/", "plan mesh.yaml --retry-timeout 0", 3),
        ("500:100%:POST/api/v2/instances/", "apply mesh.yaml --yes", 1),
        ("500:0%", "apply mesh.yaml --yes --expect 12345678", 4),
    ];
    for without_sessions in [false, true] {
        for (fault, arguments, code) in fails {
            let faults = vec![fault.parse::<Fault>().expect("a fault")];
            let bench = bench(Settings { faults, without_sessions, ..Settings::default() });
            let output = bench.run(arguments);
            assert_eq!(output.code, Some(code), "{arguments}: {output}");
            nothing_is_left(&bench);
            assert!(logins(&bench).len() >= 2, "{arguments}: {:?}", logins(&bench));
        }
        let mut bench = bench(Settings { without_sessions, ..Settings::default() });
        bench.request("POST", "/api/v2/users/", &json!({"username": "joe", "password": "pw"}));
        bench.set("CONTROLLER_USERNAME", "joe").set("CONTROLLER_PASSWORD", "pw");
        assert_eq!(bench.run("plan mesh.yaml").code, Some(3));
        nothing_is_left(&bench);
    }
}

/// Each signal comes when the run has shown that it is where it is meant to be.
#[test]
fn a_login_is_ended_after_a_signal() {
    for (fault, arguments, wanted) in [
        // While the mesh is read, while steps run, and while something is waited for that does not come.
        ("silence:#1:GET/api/v2/mesh_visualizer/", "plan mesh.yaml -vv", "settings/system"),
        ("silence:#3:POST/api/v2/instances/", "apply mesh.yaml --yes --parallelism 1", "created e-2.example.com"),
        ("silence:0%", "wait mesh.yaml --for ready", "0 of 5 ready"),
    ] {
        for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 143)] {
            let bench = bench(Settings { links: Links::Adding, ..Settings::default() });
            if arguments.starts_with("wait") {
                let _ = bench.run("apply mesh.yaml --yes -q").expect(0);
            }
            bench.sandbox().set_faults(&[fault.parse().expect("a fault")], 0);
            let (mut child, mut lines) = start(&bench, arguments);
            assert!(lines.any(|line| line.contains(wanted)), "{arguments}");
            kill(&child, signal);
            // What nobody answers is left by the second one; a terminal that goes counts once, however often it is told.
            if arguments.starts_with("apply") {
                assert!(lines.any(|line| line.starts_with("interrupted: ")));
                kill(&child, "-HUP");
                kill(&child, if signal == "-HUP" { "-TERM" } else { signal });
            }
            assert_eq!(child.wait().expect("it ends").code(), Some(code), "{arguments}");
            nothing_is_left(&bench);
        }
    }
}

#[test]
fn a_session_that_ends_in_mid_run_is_made_anew() {
    for without_sessions in [false, true] {
        let mut bench = bench(Settings { without_sessions, ..Settings::default() });
        let url = bench.url();
        let server = Arc::clone(bench.sandbox());
        // Before the third instance is made, all logins end.
        let front = Front::new(url, move |method, path, before| {
            if method == "POST" && path.ends_with("/instances/") && before == 2 {
                server.end_sessions();
                server.revoke_tokens();
            }
            None
        });
        bench.set("CONTROLLER_HOST", front.url());
        let output = bench.run("apply mesh.yaml --yes -q --parallelism 1");
        assert_eq!(output.code, Some(0), "{output}");
        assert_eq!(bench.writes().iter().filter(|write| write.ends_with("201")).count(), 5);
        nothing_is_left(&bench);
    }
}

/// A controller that refuses a token in passing gets another one, and both are ended.
#[test]
fn every_login_of_a_run_is_ended() {
    let mut bench = bench(Settings { without_sessions: true, ..Settings::default() });
    let front = Front::new(bench.url(), |_, path, before| {
        let refused = (401, "application/json", r#"{"detail": "no"}"#.to_owned());
        (path.ends_with("/mesh_visualizer/") && before == 0).then_some(refused)
    });
    bench.set("CONTROLLER_HOST", front.url());
    let _ = bench.run("apply mesh.yaml --yes -q").expect(0);
    assert_eq!(logins(&bench).iter().filter(|line| line.starts_with("POST")).count(), 2);
    nothing_is_left(&bench);
}

/// A token whose answer was lost is found by its description.
#[test]
fn a_token_that_nobody_was_told_of_is_ended() {
    for fault in ["reset-after:#1:POST/api/v2/tokens/", "503:#1:POST/api/v2/tokens/", "503:#1:DELETE"] {
        let faults = vec![fault.parse().expect("a fault")];
        let bench = bench(Settings { without_sessions: true, faults, ..Settings::default() });
        let _ = bench.run("plan mesh.yaml").expect(0);
        nothing_is_left(&bench);
    }
}

/// What fails in passing is tried again, and what goes on failing is no reason to send the password with each request.
#[test]
fn a_login_that_fails_is_not_taken_for_one_that_is_not_there() {
    let cases = [
        ("503:#1:POST/api/gateway/v1/tokens/", true, 0, ""),
        ("500:#1:POST/api/gateway/v1/tokens/", true, 0, ""),
        ("500:100%:POST/api/gateway/v1/tokens/", true, 3, "POST /api/gateway/v1/tokens/: 500"),
        ("html-200:100%:POST/api/gateway/v1/tokens/", true, 3, "POST /api/gateway/v1/tokens/: 200: the answer is not JSON"),
        ("429,retry-after=0:#1:POST/api/login/", false, 0, ""),
        ("reset-after:#1:POST/api/login/", false, 0, ""),
        ("html-200:100%:POST/api/login/", false, 3, "POST /api/login/: 200: the answer is not JSON"),
        ("500:100%:POST/api/login/", false, 3, "POST /api/login/: 500"),
    ];
    for (fault, gateway, code, words) in cases {
        let bench = bench(Settings { gateway, faults: vec![fault.parse().expect("a fault")], ..Settings::default() });
        let output = bench.run("plan mesh.yaml");
        assert!(output.code == Some(code) && output.stderr.contains(words) && !output.stderr.contains("warning"), "{fault}: {output}");
        let basic = bench.journal().iter().filter(|e| e.password && !e.path.contains("/login/") && !e.path.contains("/tokens/")).count();
        assert_eq!(basic, 0, "{fault}");
        assert_eq!(bench.sandbox().tokens(), [""; 0], "{fault}");
    }
}

/// Also one whose login came to no end, and if not even that can be done it is said.
#[test]
fn a_token_of_a_login_that_failed_is_ended_or_told() {
    let told = |faults: &[&str]| {
        let faults = faults.iter().map(|fault| fault.parse().expect("a fault")).collect();
        let bench = bench(Settings { gateway: true, faults, ..Settings::default() });
        let output = bench.run("plan mesh.yaml --retry-timeout 0");
        assert_eq!(output.code, Some(3), "{output}");
        (output.stderr, bench.sandbox().tokens().len())
    };
    let lost = "reset-after:#1:POST/api/gateway/v1/tokens/";
    let (stderr, left) = told(&[lost]);
    assert!(left == 0 && !stderr.contains("warning"), "{stderr}");
    let (stderr, left) = told(&[lost, "500:100%:GET/api/gateway/v1/tokens/"]);
    assert!(left == 1 && stderr.contains("warning: the login could not be ended: GET /api/gateway/v1/tokens/: 500"), "{stderr}");
}

/// Ten requests that fail together do not log in ten times.
#[test]
fn a_login_that_fails_in_mid_run_is_not_tried_by_each_request() {
    let mut bench = bench(Settings::default());
    bench.file("mesh.yaml", "instances: [{hostname: 'e-[01:30].example.com'}]");
    let server = Arc::clone(bench.sandbox());
    let front = Front::new(bench.url(), move |method, path, before| {
        if method == "POST" && path.ends_with("/instances/") && before == 5 {
            server.end_sessions();
            server.set_faults(&["503:100%:POST/api/login/".parse().expect("a fault")], 0);
        }
        None
    });
    bench.set("CONTROLLER_HOST", front.url());
    let output = bench.run("apply mesh.yaml --yes -q --retry-timeout 0");
    assert_eq!(output.code, Some(1), "{output}");
    assert_eq!(logins(&bench).iter().filter(|line| *line == "POST /api/login/ 503").count(), 1, "{:#?}", logins(&bench));
    assert!(!output.stdout.contains("not known"), "{output}");
}

/// Below `nohup` a run goes on when its terminal is gone.
#[test]
fn a_hangup_that_is_ignored_is_ignored() {
    let bench = bench(Settings { links: Links::Adding, ..Settings::default() });
    let _ = bench.run("apply mesh.yaml --yes -q").expect(0);
    let mut command = Command::new("nohup");
    let program = bench.command();
    command.arg(program.get_program()).args(["wait", "mesh.yaml", "--for", "ready"]).current_dir(bench.path("."));
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("nohup is there");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("0 of 5 ready")));
    kill(&child, "-HUP");
    kill(&child, "-INT");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    nothing_is_left(&bench);
}

#[test]
fn a_login_that_a_signal_cuts_off_is_ended() {
    let costs = Costs { password: Duration::from_millis(300), ..Costs::default() };
    let mut bench = bench(Settings { without_sessions: true, costs, ..Settings::default() });
    let front = Front::new(bench.url(), |_, path, _| {
        path.ends_with("/mesh_visualizer/").then(|| (401, "application/json", r#"{"detail": "no"}"#.to_owned()))
    });
    bench.set("CONTROLLER_HOST", front.url());
    let (mut child, mut lines) = start(&bench, "plan mesh.yaml -vv");
    assert!(lines.any(|line| line.contains("status=401")));
    kill(&child, "-INT");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    nothing_is_left(&bench);
}

/// Else the account would be locked.
#[test]
fn a_password_that_is_wrong_is_tried_once() {
    let mut bench = bench(Settings::default());
    bench.file("mesh.yaml", "instances: [{hostname: 'e-[01:30].example.com'}]");
    let server = Arc::clone(bench.sandbox());
    let front = Front::new(bench.url(), move |method, path, before| {
        if method == "POST" && path.ends_with("/instances/") && before == 5 {
            server.set_password("admin", "another").expect("there is an administrator");
        }
        None
    });
    bench.set("CONTROLLER_HOST", front.url());
    let output = bench.run("apply mesh.yaml --yes -q");
    assert_eq!(output.code, Some(1), "{output}");
    assert_eq!(logins(&bench).iter().filter(|line| line.contains(" 401")).count(), 1, "{:#?}", logins(&bench));
    assert!(output.stdout.contains("the user name or the password of `admin` is wrong"), "{output}");
}

/// Mounted secrets are replaced while a run goes on.
#[test]
fn a_secret_of_a_file_is_read_again() {
    for (name, first) in [("CONTROLLER_PASSWORD_FILE", "password"), ("CONTROLLER_OAUTH_TOKEN_FILE", "token")] {
        let mut bench = bench(Settings::default());
        let new_token = |bench: &Bench| {
            let token = bench.request("POST", "/api/v2/tokens/", &json!({"scope": "write"}));
            token["token"].as_str().expect("a token").to_owned()
        };
        let (old, new) = if first == "token" { (new_token(&bench), new_token(&bench)) } else { (first.to_owned(), "another".to_owned()) };
        bench.file("secret", &format!("{old}\n"));
        bench.set("CONTROLLER_PASSWORD", "").set(name, "secret");
        if first == "token" {
            bench.set("CONTROLLER_USERNAME", "");
        }
        let (server, path) = (Arc::clone(bench.sandbox()), bench.path("secret"));
        let tokens = format!("{}/api/v2/tokens/1/", bench.url());
        let front = Front::new(bench.url(), move |method, asked, before| {
            if method == "POST" && asked.ends_with("/instances/") && before == 2 {
                std::fs::write(&path, &new).expect("the file can be written");
                if new == "another" {
                    server.set_password("admin", &new).expect("there is an administrator");
                } else {
                    let tokens = tokens.clone();
                    thread::spawn(move || request(&tokens, "DELETE", "", &Json::Null)).join().expect("it is ended");
                }
            }
            None
        });
        bench.set("CONTROLLER_HOST", front.url());
        let output = bench.run("apply mesh.yaml --yes -q --parallelism 1");
        assert_eq!(output.code, Some(0), "{name}: {output}");
        assert_eq!(bench.writes().iter().filter(|write| write.ends_with("201")).count(), 5, "{name}");
    }
}

/// What `login --check` says, without what is another one each time.
fn checked(bench: &Bench) -> String {
    let output = bench.run("login --check");
    let mut text = output.to_string();
    for (key, rest) in [("installation ", 36), ("left over ", 0)] {
        let Some(at) = text.find(key) else { continue };
        let line = text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default().to_owned();
        let short = if rest > 0 {
            line.get(..line.len().saturating_sub(rest)).unwrap_or_default().to_owned() + "UUID"
        } else {
            let (before, after) = line.split_once(" of ").expect("when it was made");
            format!("{before} of TIME,{}", after.split_once(',').expect("what it is").1)
        };
        text = text.replace(&line, &short);
    }
    text
}

#[test]
fn a_check_tells_who_one_is_and_what_decided_it() {
    let mut bench = bench(Settings::default());
    bench.set("TOWER_USERNAME", "somebody").set("AAP_TIMEOUT", "5");
    assert_snapshot!(checked(&bench), @"
    exit 0
    --- stdout
    Settings, and what decided them
      controller              http://SANDBOX                  CONTROLLER_HOST
      path of the API         asked for                               default
      user                    admin                                   CONTROLLER_USERNAME
      password                (secret)                                CONTROLLER_PASSWORD
      verify the certificate  true                                    default
      trusted CAs             those of the system                     default
      client certificate      none                                    default
      seconds for one request 5                                       AAP_TIMEOUT
      tower_cli.cfg           none                                    default

    http://SANDBOX is AWX 24.6.1
      installation            UUID
      peers in its API        addresses
      runs                    on Kubernetes
      activity stream         on
      user                    admin, a system administrator: may plan and apply
      logged in by            a session that was made for this run and ends with it
    --- stderr
    warning: CONTROLLER_USERNAME and TOWER_USERNAME differ: CONTROLLER_USERNAME is used
    ");
    nothing_is_left(&bench);
    assert_eq!(bench.writes(), [""; 0]);
    let token = bench.request("POST", "/api/v2/tokens/", &json!({"scope": "read", "description": "meshform on ci-7, process 4711"}));
    bench.file("token", token["token"].as_str().expect("a token"));
    bench.set("CONTROLLER_OAUTH_TOKEN_FILE", "token");
    assert_snapshot!(checked(&bench), @"
    exit 0
    --- stdout
    Settings, and what decided them
      controller              http://SANDBOX                  CONTROLLER_HOST
      path of the API         asked for                               default
      token                   (secret)                                CONTROLLER_OAUTH_TOKEN_FILE (token)
      verify the certificate  true                                    default
      trusted CAs             those of the system                     default
      client certificate      none                                    default
      seconds for one request 5                                       AAP_TIMEOUT
      tower_cli.cfg           none                                    default

    http://SANDBOX is AWX 24.6.1
      installation            UUID
      peers in its API        addresses
      runs                    on Kubernetes
      activity stream         on
      user                    admin, a system administrator: may plan, not apply: the token may only read
      logged in by            the token that was given
      left over               /api/v2/tokens/1/ of TIME, meshform on ci-7, process 4711
    What is left over are tokens of runs that could not end them, or of such as run now. End them on the controller's pages.
    --- stderr
    ");
}

#[test]
fn a_check_tells_of_rights_and_kinds_of_controllers() {
    let mut bench = bench(Settings { dialect: Dialect::Hostnames, on_host: true, without_sessions: true, ..Settings::default() });
    for (user, flag) in [("eve", "is_system_auditor"), ("joe", "is_nobody")] {
        bench.request("POST", "/api/v2/users/", &json!({"username": user, "password": "pw", flag: true}));
    }
    bench.set("CONTROLLER_USERNAME", "eve").set("CONTROLLER_PASSWORD", "pw");
    assert_snapshot!(checked(&bench).split_once("\n\n").map(|(_, found)| found.to_owned()).expect("two parts"), @"
    http://SANDBOX is AWX 23.7.0
      installation            UUID
      peers in its API        hostnames
      runs                    on a host: creates, peers and states are refused by its API
      activity stream         on
      user                    eve, a system auditor: may plan, not apply
      logged in by            the token /api/v2/tokens/1/ that was made for this run and ends with it
    --- stderr
    ");
    bench.set("CONTROLLER_USERNAME", "joe");
    let output = bench.run("login --check");
    assert_eq!(output.code, Some(3), "{output}");
    // What decided it is told all the same.
    assert!(output.stdout.contains("CONTROLLER_USERNAME"), "{output}");
    assert_snapshot!(output.stderr, @"
    error: joe can see no instances: neither a system administrator nor a system auditor
    hint: log in as a system administrator; to plan, a system auditor is enough
    ");
    nothing_is_left(&bench);
    let output = bench.run("login --check --controller sandbox:");
    assert!(output.expect(0).contains("admin, a system administrator: may plan and apply"));
}
