//! TLS that will not come about: each reason is told with what to do about it, and none is tried again.

use insta::assert_snapshot;

use super::harness::{Authority, Bench, Certificate, DIALECTS, Output, Tls, Valid};

const PLAN: &str = "plan mesh.yaml --detailed-exitcode";

fn bench() -> Bench {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", "instances: [{hostname: e.example.com}]");
    bench
}

/// What a plan says of a server with this certificate; with `--insecure` it does connect.
fn told(certificate: &Certificate, authority: &Authority, flags: &str) -> Output {
    let mut bench = bench();
    let tls = Tls::with(&bench.url(), certificate, None, &[]);
    bench.set("CONTROLLER_HOST", &tls.url);
    let _ = bench.run(&format!("{PLAN} --insecure")).expect(2);
    with_ca(&bench, &tls, authority, flags)
}

fn with_ca(bench: &Bench, tls: &Tls, authority: &Authority, flags: &str) -> Output {
    bench.file("ca.pem", &authority.root);
    let mut output = bench.run(&format!("{PLAN} {flags}"));
    output.stderr = output.stderr.replace(&tls.url, "https://TLS").replace(&tls.url.replace("https", "http"), "http://TLS");
    output
}

#[test]
fn a_chain_by_way_of_another_ca_is_followed() {
    let mut bench = bench();
    let authority = Authority::new();
    let tls = Tls::with(&bench.url(), &authority.server(&["127.0.0.1"], Valid::Now), None, &[]);
    bench.set("CONTROLLER_HOST", &tls.url);
    let output = with_ca(&bench, &tls, &authority, "--ca-cert ca.pem");
    assert_eq!((output.code, output.stderr.as_str()), (Some(2), ""), "{output}");
}

#[test]
fn what_is_wrong_with_a_certificate_is_told() {
    let authority = Authority::new();
    let told = |certificate: &Certificate| told(certificate, &authority, "--ca-cert ca.pem");
    assert_snapshot!(told(&authority.server(&["127.0.0.1"], Valid::Past)), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server's certificate expired on 2020-01-01
    hint: renew it on the server; if it is valid, set this machine's clock right
    ");
    assert_snapshot!(told(&authority.server(&["127.0.0.1"], Valid::Future)), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server's certificate is not valid before 2100-01-01
    hint: set the clock right, this machine's or that of whoever made it
    ");
    assert_snapshot!(told(&authority.server(&["awx.example.com", "10.0.0.1"], Valid::Now)), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server's certificate is not for 127.0.0.1, but for awx.example.com, 10.0.0.1
    hint: give a name that it is for with --controller or CONTROLLER_HOST, or get it one for this name
    ");
    assert_snapshot!(told(&authority.server(&["a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "g.test"], Valid::Now)), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server's certificate is not for 127.0.0.1, but for a.test, b.test, c.test, d.test, e.test and 2 more
    hint: give a name that it is for with --controller or CONTROLLER_HOST, or get it one for this name
    ");
    assert_snapshot!(told(&authority.client(Valid::Now)), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server's certificate cannot be used: certificate does not allow extended key usage for server authentication, allows client authentication
    hint: have the server's certificate made anew
    ");
}

#[test]
fn a_ca_that_nobody_knows_is_told() {
    let (authority, other) = (Authority::new(), Authority::called("another"));
    let certificate = authority.server(&["127.0.0.1"], Valid::Now);
    assert_snapshot!(told(&certificate, &other, ""), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server's certificate is signed by no CA that is trusted here
    hint: give its CA's certificate with --ca-cert FILE, which alone is trusted then
    ");
    assert_snapshot!(told(&certificate, &other, "--ca-cert ca.pem"), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server's certificate is signed by no CA that is trusted here
    hint: give its CA's certificate with --ca-cert FILE, which alone is trusted then
    ");
    // As it is when somebody makes the CA anew.
    assert_snapshot!(told(&certificate, &Authority::new(), "--ca-cert ca.pem"), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server's certificate is signed by no CA that is trusted here
    hint: give its CA's certificate with --ca-cert FILE, which alone is trusted then
    ");
    assert_snapshot!(told(&Certificate::self_signed("127.0.0.1"), &other, "--ca-cert ca.pem"), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server's certificate is signed by no CA that is trusted here
    hint: give its CA's certificate with --ca-cert FILE, which alone is trusted then
    ");
}

#[test]
fn a_server_may_ask_who_calls() {
    let mut bench = bench();
    let (authority, clients) = (Authority::new(), Authority::new());
    let tls = Tls::with(&bench.url(), &authority.server(&["127.0.0.1"], Valid::Now), Some(&clients), &[]);
    let (good, late, other) = (clients.client(Valid::Now), clients.client(Valid::Past), Authority::called("another").client(Valid::Now));
    bench.set("CONTROLLER_HOST", &tls.url);
    bench.file("good.pem", &good.chain).file("good.key", &good.key).file("both.pem", &(good.key + &good.chain));
    bench.file("late.pem", &(late.chain + &late.key)).file("other.pem", &(other.chain + &other.key));
    for flags in ["--client-cert good.pem --client-key good.key", "--client-cert both.pem"] {
        let output = with_ca(&bench, &tls, &authority, &format!("--ca-cert ca.pem {flags}"));
        assert_eq!((output.code, output.stderr.as_str()), (Some(2), ""), "{output}");
    }
    let refused = |flags: &str| with_ca(&bench, &tls, &authority, &format!("--ca-cert ca.pem {flags}"));
    assert_snapshot!(refused(""), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server asks for a client certificate, and none was given
    hint: give one with --client-cert FILE, and its key with --client-key FILE
    ");
    assert_snapshot!(refused("--client-cert late.pem"), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server refuses the client certificate: it expired, or is not valid yet
    hint: give one with --client-cert that a CA of the server signed and that is valid
    ");
    assert_snapshot!(refused("--client-cert other.pem"), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://TLS: the server refuses the client certificate: it does not know its CA
    hint: give one with --client-cert that a CA of the server signed and that is valid
    ");
}

#[test]
fn a_client_certificate_is_looked_at_before_it_is_used() {
    let bench = bench();
    let authority = Authority::new();
    let (one, two) = (authority.client(Valid::Now), authority.client(Valid::Now));
    bench.file("one.pem", &one.chain).file("two.key", &two.key).file("no.pem", "nothing").file("ca.pem", &authority.root);
    let encrypted = two.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    bench.file("encrypted.key", &encrypted).file("both.pem", &(one.chain + &encrypted));
    bench.file("bad.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    bench.file(
        "old.key",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    );
    let mut told = String::new();
    for flags in [
        "--client-cert nowhere.pem",
        "--client-cert no.pem",
        "--client-cert one.pem",
        "--client-cert both.pem",
        "--client-cert one.pem --client-key nowhere.key",
        "--client-cert one.pem --client-key no.pem",
        "--client-cert one.pem --client-key two.key",
        "--client-cert one.pem --client-key encrypted.key",
        "--client-cert one.pem --client-key old.key",
        "--client-cert one.pem --client-key bad.key",
        "--client-key two.key",
    ] {
        let output = bench.run(&format!("{PLAN} {flags}"));
        assert_eq!(output.code, Some(1), "{output}");
        told += &output.stderr;
    }
    assert_snapshot!(told, @"
    error: cannot read --client-cert nowhere.pem: No such file or directory (os error 2)
    error: --client-cert no.pem holds no certificate in PEM form
    error: --client-cert one.pem holds no private key
    hint: name the key's file with --client-key
    error: --client-cert both.pem holds a private key that is encrypted
    hint: nobody is asked for a passphrase: `openssl pkey -in FILE -out KEY` takes it away
    error: cannot read --client-key nowhere.key: No such file or directory (os error 2)
    error: --client-key no.pem holds no private key in PEM form
    error: --client-key two.key holds the private key of another certificate
    error: --client-key encrypted.key holds a private key that is encrypted
    hint: nobody is asked for a passphrase: `openssl pkey -in FILE -out KEY` takes it away
    error: --client-key old.key holds a private key that is encrypted
    hint: nobody is asked for a passphrase: `openssl pkey -in FILE -out KEY` takes it away
    error: --client-key bad.key holds a private key that cannot be used: RSA, ECDSA and Ed25519 can
    error: the following required arguments were not provided:
      --client-cert <FILE>

    Usage: meshform plan --client-cert <FILE> --detailed-exitcode --client-key <FILE> <PATH>...

    For more information, try '--help'.
    ");
}

#[test]
fn the_wrong_port_is_told() {
    let mut bench = bench();
    let authority = Authority::new();
    let tls = Tls::with(&bench.url(), &authority.server(&["127.0.0.1"], Valid::Now), None, &[]);
    let plain = bench.url().replace("http://", "https://");
    bench.set("CONTROLLER_HOST", &tls.url.replace("https://", "http://"));
    assert_snapshot!(with_ca(&bench, &tls, &authority, ""), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to http://TLS: what answers there does not speak plain http
    hint: check the port; TLS is `https://...`
    ");
    bench.set("CONTROLLER_HOST", &plain);
    let output = with_ca(&bench, &tls, &authority, "--ca-cert ca.pem");
    assert_snapshot!(output.to_string().replace(&plain, "https://PLAIN"), @"
    exit 3
    --- stdout
    --- stderr
    error: cannot connect to https://PLAIN: what answers there does not speak TLS
    hint: check the port; plain http is `http://...`, where the network is yours with --allow-plain-http
    ");
}
