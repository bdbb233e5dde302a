//! What users have in their environment, in mounted secrets and in a `tower_cli.cfg`.

use std::{fs, os::unix::fs::PermissionsExt};

use insta::assert_snapshot;
use serde_json::json;

use super::harness::{Bench, DIALECTS};

const PLAN: &str = "plan mesh.yaml --detailed-exitcode";

/// A controller, and an environment that says nothing.
fn bench() -> Bench {
    let mut bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", "instances: [{hostname: e.example.com}]");
    for name in ["CONTROLLER_HOST", "CONTROLLER_USERNAME", "CONTROLLER_PASSWORD"] {
        bench.set(name, "");
    }
    bench
}

fn token(bench: &Bench) -> String {
    bench.request("POST", "/api/v2/tokens/", &json!({"scope": "read"}))["token"].as_str().expect("a token").to_owned()
}

/// A file that nobody else may read.
fn private(bench: &Bench, name: &str, text: &str) {
    bench.file(name, text);
    fs::set_permissions(bench.path(name), fs::Permissions::from_mode(0o600)).expect("it is ours");
}

#[test]
fn every_name_of_a_token_works() {
    let mut bench = bench();
    let (url, token) = (bench.url(), token(&bench));
    bench.set("AAP_HOST", &url).file("token", &format!("{token}\n"));
    for name in ["CONTROLLER_OAUTH_TOKEN", "CONTROLLER_TOKEN", "AAP_TOKEN", "TOWER_OAUTH_TOKEN", "TOWER_TOKEN"] {
        for (name, value) in [(name.to_owned(), token.as_str()), (format!("{name}_FILE"), "token")] {
            bench.set(&name, value);
            let output = bench.run(PLAN);
            assert_eq!((output.code, output.stderr.as_str()), (Some(2), ""), "{name}: {output}");
            bench.set(&name, "");
        }
    }
}

#[test]
fn a_password_comes_from_a_file_too() {
    let mut bench = bench();
    let url = bench.url();
    bench.set("CONTROLLER_HOST", &url).set("CONTROLLER_USERNAME", "admin").file("password", "password\r\n");
    for name in ["CONTROLLER_PASSWORD_FILE", "AAP_PASSWORD_FILE", "TOWER_PASSWORD_FILE"] {
        bench.set(name, "password");
        let _ = bench.run(PLAN).expect(2);
        bench.set(name, "");
    }
}

#[test]
fn names_that_differ_are_told_without_their_values() {
    let mut bench = bench();
    let url = bench.url();
    bench.set("CONTROLLER_HOST", &url).set("TOWER_HOST", "https://other.example.com");
    bench.set("CONTROLLER_USERNAME", "admin").set("AAP_USERNAME", "admin");
    bench.set("CONTROLLER_PASSWORD", "password").set("CONTROLLER_PASSWORD_FILE", "hunter2").file("hunter2", "hunter2");
    // The same said twice, in two words and in the opposite sense, is no difference; what is wrong with one that is not used is one.
    bench.set("CONTROLLER_VERIFY_SSL", "yes").set("TOWER_VERIFY_SSL", "1").set("AAP_INSECURE_SKIP_VERIFY", "false");
    bench.set("AAP_TIMEOUT", "60").set("TOWER_REQUEST_TIMEOUT", "soon");
    let output = bench.run(PLAN);
    assert_eq!(output.code, Some(2), "{output}");
    assert_snapshot!(output.stderr, @"
    warning: CONTROLLER_HOST and TOWER_HOST differ: CONTROLLER_HOST is used
    warning: CONTROLLER_PASSWORD and CONTROLLER_PASSWORD_FILE differ: CONTROLLER_PASSWORD is used
    warning: AAP_TIMEOUT and TOWER_REQUEST_TIMEOUT differ: AAP_TIMEOUT is used
    ");
}

#[test]
fn a_file_without_a_secret_is_told_by_variable_and_path() {
    let mut bench = bench();
    let url = bench.url();
    bench.set("CONTROLLER_HOST", &url).set("CONTROLLER_TOKEN_FILE", "nowhere");
    let mut told = bench.run(PLAN).to_string();
    bench.set("CONTROLLER_TOKEN_FILE", "token");
    for text in ["\n", "hunter2\nhunter2"] {
        bench.file("token", text);
        told += &bench.run(PLAN).to_string();
    }
    fs::create_dir(bench.path("folder")).expect("it can be made");
    bench.set("CONTROLLER_TOKEN_FILE", "folder");
    told += &bench.run(PLAN).to_string();
    bench.set("CONTROLLER_TOKEN_FILE", "/dev/zero");
    told += &bench.run(PLAN).to_string();
    assert_snapshot!(told, @"
    exit 1
    --- stdout
    --- stderr
    error: CONTROLLER_TOKEN_FILE names nowhere, which gives no secret: No such file or directory (os error 2)
    hint: look whether the secret is mounted there and may be read
    exit 1
    --- stdout
    --- stderr
    error: CONTROLLER_TOKEN_FILE names token, which gives no secret: it is empty
    hint: look whether the secret is mounted there and may be read
    exit 1
    --- stdout
    --- stderr
    error: CONTROLLER_TOKEN_FILE names token, which gives no secret: it holds no token: one line of printable characters
    hint: look whether the secret is mounted there and may be read
    exit 1
    --- stdout
    --- stderr
    error: CONTROLLER_TOKEN_FILE names folder, which gives no secret: Is a directory (os error 21)
    hint: look whether the secret is mounted there and may be read
    exit 1
    --- stdout
    --- stderr
    error: CONTROLLER_TOKEN_FILE names /dev/zero, which gives no secret: it has more than 64 KiB
    hint: look whether the secret is mounted there and may be read
    ");
}

#[test]
fn the_opposite_sense_is_understood() {
    let mut bench = bench();
    bench.set("AAP_HOST", "https://127.0.0.1:1").set("AAP_TOKEN", "t").set("AAP_INSECURE_SKIP_VERIFY", "true");
    let output = bench.run("plan mesh.yaml --retry-timeout 0");
    assert!(output.stderr.contains("the certificate of https://127.0.0.1:1 is not verified"), "{output}");
}

#[test]
fn a_tower_cli_cfg_is_read_in_all_its_forms() {
    let mut bench = bench();
    let (url, token) = (bench.url(), token(&bench));
    for text in [
        format!("host: {url}\nusername: admin\npassword: password\nverify_ssl: false\ncolor: true\n"),
        format!("---\nhost: {url}\noauth_token: {token}\nrequest_timeout: 20\n"),
        format!("host: {url}\noauth_token: {{id: 3, token: {token}}}\n"),
        json!({"host": url, "username": "admin", "password": "password", "verify_ssl": true, "request_timeout": 10.5}).to_string(),
        format!("[general]\nhost = {url}\nusername = admin\npassword = password\nverify_ssl = False\nrequest_timeout = 5\n"),
        format!("# no section\nhost={url}\noauth_token={token}\n"),
        format!("host: {url}\nusername = admin\npassword: password\n"),
    ] {
        private(&bench, "tower_cli.cfg", &text);
        let output = bench.run(&format!("{PLAN} --tower-cli-config tower_cli.cfg"));
        assert_eq!((output.code, output.stderr.as_str()), (Some(2), ""), "{text}\n{output}");
        // Nobody looks for it, not even by a variable.
        bench.set("CONTROLLER_CONFIG_FILE", "tower_cli.cfg");
        assert_eq!(bench.run(PLAN).code, Some(1));
    }
}

#[test]
fn flags_and_variables_beat_the_file() {
    let mut bench = bench();
    let (url, token) = (bench.url(), token(&bench));
    private(&bench, "cfg", &format!("host: https://other.example.com\nusername: admin\npassword: password\noauth_token: {token}"));
    let _ = bench.run(&format!("{PLAN} --tower-cli-config cfg --controller {url}")).expect(2);
    bench.set("TOWER_HOST", &url).set("AAP_TOKEN", "wrong");
    let _ = bench.run(&format!("{PLAN} --tower-cli-config cfg")).expect(3);
    // A login that the environment has in full beats the token of the file; half of one is filled up.
    bench.set("AAP_TOKEN", "").set("TOWER_USERNAME", "admin").set("TOWER_PASSWORD", "wrong");
    let _ = bench.run(&format!("{PLAN} --tower-cli-config cfg")).expect(3);
    bench.set("TOWER_USERNAME", "");
    let _ = bench.run(&format!("{PLAN} --tower-cli-config cfg")).expect(2);
    private(&bench, "cfg", "username: admin");
    bench.set("TOWER_PASSWORD", "password");
    let _ = bench.run(&format!("{PLAN} --tower-cli-config cfg")).expect(2);
}

#[test]
fn what_is_wrong_with_a_tower_cli_cfg_is_told_by_its_place_and_never_quoted() {
    let bench = bench();
    let mut told = bench.run("plan mesh.yaml --tower-cli-config nowhere.cfg").to_string();
    for text in [
        "host: a.example.com\npassword: [hunter2, hunter2]\n",
        "host: a.example.com\npassword: \"hunter2\n",
        "{\"host\": \"a.example.com\", \"password\": hunter2\n",
        "[general]\nhost = a.example.com\nhunter2\n",
        "host = a.example.com\npassword = hunter2%\n",
        "host: a.example.com\nusername: admin\npassword: hunter2\nverify_ssl: hunter2\n",
        "[general]\nhost = a.example.com\nrequest_timeout = hunter2\n",
        "host: https://admin:hunter2@a.example.com",
        "username: admin\n",
        "hunter2",
    ] {
        private(&bench, "tower_cli.cfg", text);
        told += &bench.run("plan mesh.yaml --tower-cli-config tower_cli.cfg").stderr;
    }
    assert!(!told.contains("hunter2"), "{told}");
    assert_snapshot!(told, @"
    exit 1
    --- stdout
    --- stderr
    error: cannot read --tower-cli-config nowhere.cfg: No such file or directory (os error 2)
    error: tower_cli.cfg:2:11: this is no mapping of host, username, password, oauth_token, verify_ssl, request_timeout to texts
    hint: what `tower_cli.cfg` may be: YAML, JSON, or lines of `key = value` below `[general]`
    error: tower_cli.cfg:2:11: this is no mapping of host, username, password, oauth_token, verify_ssl, request_timeout to texts
    hint: what `tower_cli.cfg` may be: YAML, JSON, or lines of `key = value` below `[general]`
    error: tower_cli.cfg:1:1: this is no mapping of host, username, password, oauth_token, verify_ssl, request_timeout to texts
    hint: what `tower_cli.cfg` may be: YAML, JSON, or lines of `key = value` below `[general]`
    error: tower_cli.cfg:3: neither `key = value`, a section nor a comment
    hint: what `tower_cli.cfg` may be: YAML, JSON, or lines of `key = value` below `[general]`
    error: tower_cli.cfg:2: a `%` in a value of an INI file is written `%%`
    hint: what `tower_cli.cfg` may be: YAML, JSON, or lines of `key = value` below `[general]`
    error: verify_ssl of tower_cli.cfg is not true or false
    error: request_timeout of tower_cli.cfg is not a number of seconds above 0
    error: the controller's address in host of tower_cli.cfg holds a user name or password: use CONTROLLER_USERNAME and CONTROLLER_PASSWORD
    error: no controller: neither `--controller` nor CONTROLLER_HOST is set
    hint: set CONTROLLER_HOST, or try `--controller sandbox:` for a simulated one
    error: tower_cli.cfg:1:1: this is no mapping of host, username, password, oauth_token, verify_ssl, request_timeout to texts
    hint: what `tower_cli.cfg` may be: YAML, JSON, or lines of `key = value` below `[general]`
    ");
}

#[test]
fn a_tower_cli_cfg_that_others_may_read_is_warned_of() {
    let bench = bench();
    bench.file("tower_cli.cfg", &format!("host: {}\nusername: admin\npassword: password\n", bench.url()));
    fs::set_permissions(bench.path("tower_cli.cfg"), fs::Permissions::from_mode(0o640)).expect("it is ours");
    let output = bench.run(&format!("{PLAN} --tower-cli-config tower_cli.cfg"));
    assert_eq!(output.code, Some(2), "{output}");
    assert_snapshot!(output.stderr, @"warning: tower_cli.cfg may be read by others: chmod 600 it");
}

#[test]
fn a_file_is_no_way_around_the_guard() {
    let bench = bench();
    bench.file("mesh.yaml", "controller: https://awx.example.com\ninstances: [{hostname: e.example.com}]");
    private(&bench, "tower_cli.cfg", "host: other.example.com");
    assert_snapshot!(bench.run("plan mesh.yaml --tower-cli-config tower_cli.cfg"), @"
    exit 4
    --- stdout
    --- stderr
    error: this mesh is for https://awx.example.com, and host of tower_cli.cfg names https://other.example.com
    hint: set CONTROLLER_HOST to the right one, or give --controller if the other one is meant
    ");
}
