//! HTTP as it should be: versions, compression, proxies, time limits, headers, and answers that are none.

use std::{io::Write, net::TcpListener};

use axum::http::Version;
use flate2::{Compress, Compression, FlushCompress, write::GzEncoder};
use insta::assert_snapshot;

use super::harness::{Authority, Bench, Canned, DIALECTS, Front, Tls, Valid};

const PLAN: &str = "plan mesh.yaml --detailed-exitcode --retry-timeout 0";

fn bench() -> Bench {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", "instances: [{hostname: e.example.com}]");
    bench
}

/// A front that answers nothing itself.
fn front(bench: &Bench) -> Front {
    Front::new(bench.url(), |_, _, _| None)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn http_2_is_spoken_where_it_is_offered() {
    let mut bench = bench();
    let authority = Authority::new();
    bench.file("ca.pem", &authority.root);
    for (offered, wanted) in [(["h2", "http/1.1"].as_slice(), Version::HTTP_2), (&["http/1.1"], Version::HTTP_11), (&[], Version::HTTP_11)]
    {
        let front = front(&bench);
        let tls = Tls::with(front.url(), &authority.server(&["127.0.0.1"], Valid::Now), None, offered);
        bench.set("CONTROLLER_HOST", &tls.url);
        let _ = bench.run(&format!("{PLAN} --ca-cert ca.pem")).expect(2);
        let heard = front.heard();
        assert!(!heard.is_empty() && heard.iter().all(|(version, _)| *version == wanted), "{offered:?}: {heard:?}");
    }
}

#[test]
fn each_request_says_who_asks_and_that_gzip_will_do() {
    let mut bench = bench();
    let front = front(&bench);
    bench.set("CONTROLLER_HOST", front.url());
    let _ = bench.run(PLAN).expect(2);
    for (_, headers) in front.heard() {
        assert_eq!(headers["user-agent"], concat!("meshform/", env!("CARGO_PKG_VERSION")));
        assert_eq!(headers["accept-encoding"], "gzip");
    }
}

#[test]
fn a_compressed_answer_is_read_and_a_damaged_one_told() {
    let mut bench = bench();
    let headers = "content-type: application/json\r\ncontent-encoding: gzip";
    let whole = gzip(br#"{"description": "AWX REST API", "current_version": "nowhere", "available_versions": {"v2": "/api/v2/"}}"#);
    let half = whole.get(..whole.len() / 2).expect("bytes");
    // What unpacks beyond the limit is left there, so that nobody asks for the check sum at its end.
    let mut mebibyte = Vec::with_capacity(1 << 16);
    let zeros = vec![b'0'; 1 << 20];
    Compress::new(Compression::fast(), false).compress_vec(&zeros, &mut mebibyte, FlushCompress::Full).expect("room for it");
    let bomb = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff], mebibyte.repeat(80).as_slice()].concat();
    assert!(bomb.len() < 1 << 20);
    let mut told = String::new();
    for body in [whole.as_slice(), half, b"not compressed at all", &bomb] {
        let canned = Canned::http(headers, body);
        bench.set("CONTROLLER_HOST", &canned.url);
        told += &bench.run(PLAN).to_string().replace(&canned.url, "http://CANNED");
    }
    assert_snapshot!(told, @"
    exit 3
    --- stdout
    --- stderr
    error: http://CANNED is no controller: nothing answers as one at /api/ or /api/controller/
    hint: check the address (--controller, CONTROLLER_HOST)
    exit 3
    --- stdout
    --- stderr
    error: GET /api/: the connection broke before the answer was complete: unexpected end of file
    hint: run the same command again: it plans from what is there now
    exit 3
    --- stdout
    --- stderr
    error: GET /api/: the answer is not what AWX answers: its compression is damaged: Invalid gzip header
    exit 3
    --- stdout
    --- stderr
    error: GET /api/: the answer has more than 64 MiB
    ");
}

#[test]
fn an_answer_that_is_no_json_is_told_by_its_beginning() {
    let mut bench = bench();
    let mut told = String::new();
    for (status, content_type, body) in [
        (200, "text/html; charset=utf-8", "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"),
        (401, "text/html", "<html>\n<head><title>401 Authorization Required</title></head>"),
        (302, "text/html", "https://sso.example.com/login?next=secret"),
        (200, "application/json", "{\"half\": "),
        (200, "text/plain", ""),
    ] {
        let front = Front::new(bench.url(), move |_, _, _| Some((status, content_type, body.to_owned())));
        bench.set("CONTROLLER_HOST", front.url());
        let output = bench.run(PLAN);
        assert_eq!(output.code, Some(3), "{output}");
        told += &output.stderr;
    }
    assert_snapshot!(told, @r#"
    error: GET /api/: 200: the answer is not JSON but begins `<!DOCTYPE html>`
    hint: what answers is an ingress, a proxy or another program: check the address
    error: GET /api/: 401: the answer is not JSON but begins `<html>`
    hint: what answers is an ingress, a proxy or another program: check the address
    error: GET /api/: the controller redirects to https://sso.example.com/login
    hint: give that address with --controller if it is the right one; an ingress that wants a login may take a --header
    error: GET /api/: 200: the answer is not JSON but begins `{"half":`
    hint: what answers is an ingress, a proxy or another program: check the address
    error: GET /api/: 200: the answer is not JSON but begins `nothing`
    hint: what answers is an ingress, a proxy or another program: check the address
    "#);
}

#[test]
fn what_is_no_http_is_told_and_not_tried_again() {
    let mut bench = bench();
    let canned = Canned::new(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec());
    bench.set("CONTROLLER_HOST", &canned.url);
    let output = bench.run("plan mesh.yaml");
    assert_snapshot!(output.to_string().replace(&canned.url, "http://CANNED"), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to http://CANNED: what answers there does not speak plain http
    hint: check the port; TLS is `https://...`
    ");
}

#[test]
fn who_never_answers_is_not_waited_for() {
    let mut bench = bench();
    // It takes connections, and never says a word of TLS in them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("an address").port();
    bench.set("CONTROLLER_HOST", &format!("https://127.0.0.1:{port}")).set("CONTROLLER_REQUEST_TIMEOUT", "0.2");
    let output = bench.run(&format!("{PLAN} --insecure"));
    // To connect and to answer have the same limit here: either may be over first.
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stderr.contains("no connection within 0.2 s") || output.stderr.contains("no answer within"), "{output}");
}

#[test]
fn proxies_are_taken_from_the_environment_and_never_for_this_machine() {
    let mut bench = bench();
    let proxy = front(&bench);
    let name = format!("{PLAN} --allow-plain-http");
    bench.set("HTTP_PROXY", proxy.url()).set("CONTROLLER_HOST", "http://awx.example.com");
    let _ = bench.run(&name).expect(2);
    let through = proxy.heard().len();
    assert!(through > 0);
    // Not loopback by its name, though it is this machine.
    let around = bench.url().replace("127.0.0.1", "0.0.0.0");
    bench.set("CONTROLLER_HOST", &around).set("NO_PROXY", "0.0.0.0");
    let _ = bench.run(&name).expect(2);
    let here = bench.url();
    bench.set("CONTROLLER_HOST", &here).set("NO_PROXY", "");
    let _ = bench.run(&name).expect(2);
    assert_eq!(proxy.heard().len(), through);
}

#[test]
fn what_fails_in_a_proxy_says_so() {
    let mut bench = bench();
    bench.set("CONTROLLER_HOST", "https://awx.example.com");
    let mut told = String::new();
    for status in [403, 407, 502] {
        let proxy = Front::new(bench.url(), move |_, _, _| Some((status, "text/html", "no".to_owned())));
        let with_login = proxy.url().replace("http://", "http://joe:hunter2@");
        bench.set("HTTPS_PROXY", &with_login);
        let output = bench.run(&format!("{PLAN} -vv"));
        assert!(!output.to_string().contains("hunter2"), "{output}");
        assert_eq!(output.code, Some(3), "{output}");
        told += &bench.run(PLAN).stderr.replace(proxy.url(), "http://PROXY");
    }
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    bench.set("HTTPS_PROXY", &format!("http://127.0.0.1:{port}"));
    told += &bench.run(PLAN).stderr.replace(&port.to_string(), "PORT");
    assert_snapshot!(told, @"
    error: cannot connect to https://awx.example.com: by the proxy http://PROXY: it does not let one through to there
    hint: check the address (--controller, CONTROLLER_HOST), the network and any proxy (HTTPS_PROXY, NO_PROXY)
    error: cannot connect to https://awx.example.com: by the proxy http://PROXY: it wants a login, as in HTTPS_PROXY=http://USER:PASSWORD@HOST
    hint: check the address (--controller, CONTROLLER_HOST), the network and any proxy (HTTPS_PROXY, NO_PROXY)
    error: cannot connect to https://awx.example.com: by the proxy http://PROXY: it does not let one through to there
    hint: check the address (--controller, CONTROLLER_HOST), the network and any proxy (HTTPS_PROXY, NO_PROXY)
    error: cannot connect to https://awx.example.com: by the proxy http://127.0.0.1:PORT: Connection refused (os error 111)
    hint: check the address (--controller, CONTROLLER_HOST), the network and any proxy (HTTPS_PROXY, NO_PROXY)
    ");
}

#[test]
fn a_header_for_an_ingress_goes_with_every_request_and_is_never_shown() {
    let mut bench = bench();
    let front = front(&bench);
    bench.set("CONTROLLER_HOST", front.url()).set("PASS", "hunter2\n").set("OTHER", "o");
    let output = bench.run(&format!("{PLAN} -vv --header X-Pass=PASS --header x-other=OTHER"));
    assert_eq!(output.code, Some(2), "{output}");
    assert!(!output.to_string().contains("hunter2"), "{output}");
    let heard = front.heard();
    assert!(!heard.is_empty() && heard.iter().all(|(_, headers)| headers["x-pass"] == "hunter2" && headers["x-other"] == "o"));
}

#[test]
fn a_header_that_cannot_be_sent_is_told_and_no_value_with_it() {
    let mut bench = bench();
    bench.set("PASS", "hunter2").set("LINES", "hunter2\nhunter2").set("EMPTY", "");
    let mut told = String::new();
    for header in [
        "X-Pass",
        "=PASS",
        "X:Pass=PASS",
        "X-Pass=",
        "X-Pass=hunter2.hunter2",
        "X-Pass=UNSET",
        "X-Pass=EMPTY",
        "X-Pass=LINES",
        "Authorization=PASS",
        "cookie=PASS",
        "Host=PASS",
        "Content-Type=PASS",
        "X-CSRFToken=PASS",
        "X-Pass=PASS --header x-pass=PASS",
    ] {
        let output = bench.run(&format!("{PLAN} --header {header}"));
        assert_eq!(output.code, Some(1), "{output}");
        told += output.stderr.lines().next().unwrap_or_default();
        told += "\n";
    }
    assert!(!told.contains("hunter2"), "{told}");
    assert_snapshot!(told, @"
    error: --header wants NAME=VARIABLE, the variable being the one that holds the value
    error: --header wants NAME=VARIABLE, the variable being the one that holds the value
    error: --header wants the name of a header before the `=`
    error: --header X-Pass wants the name of a variable after the `=`, not the value itself
    error: --header X-Pass wants the name of a variable after the `=`, not the value itself
    error: --header X-Pass names a variable that is not set or is empty
    error: --header X-Pass names a variable that is not set or is empty
    error: --header X-Pass: the value of the variable LINES is more than one line of printable characters
    error: --header cannot set Authorization: that header is the program's own
    error: --header cannot set cookie: that header is the program's own
    error: --header cannot set Host: that header is the program's own
    error: --header cannot set Content-Type: that header is the program's own
    error: --header cannot set X-CSRFToken: that header is the program's own
    error: --header sets x-pass twice
    ");
}
