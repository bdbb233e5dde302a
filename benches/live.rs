//! How long it takes to read a mesh from a controller that costs what a real one does, and how many requests and rows: by its
//! differences from what is declared, as a full list, and by one request an instance, as a task of Ansible for each does it.
//!
//! `cargo bench --bench live`; with `--test` a small run that only shows that it works. `benches/no_op_plan.py` measures the
//! program as a whole, against a sandbox in another process or a real controller.

use std::{
    env,
    io::{Write as _, stdout},
    net::Ipv4Addr,
    path::Path,
    time::Instant,
};

use meshform::{
    controller::{Client, Connection, Credentials, Secret, Settings},
    mesh::{BaseUrl, CapacityAdjustment, Declared, DeclaredMesh, Expected, Field, Given, Place, Value},
    sandbox::{self, Costs, Dialect, Server},
};
use rust_decimal::Decimal;

const HERE: Place = Place { file: 0, line: 1, column: 1 };

/// So many are asked for one by one; each takes the same time.
const ONE_BY_ONE: usize = 25;

fn main() {
    let is_test = env::args().any(|argument| argument == "--test");
    let sizes: &[usize] = if is_test { &[20] } else { &[700, 5_000] };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut out = stdout().lock();
    let mut line = |line: &str| writeln!(out, "{line}").expect("somebody reads");
    line("a plan without changes, 20 ms a listed row, 200 ms a look at a password (sandbox --cost-model awx)");
    line(&format!(
        "{:<11}{:>10}  {:<10}{:<28}{:>9}{:>7}{:>9}{:>8}",
        "dialect", "instances", "odd", "way", "requests", "rows", "seconds", "ratio"
    ));
    for dialect in [Dialect::Addresses, Dialect::Hostnames] {
        for size in sizes {
            for (odd, share) in [("none", usize::MAX), ("1 of 100", 100), ("every one", 1)] {
                for row in runtime.block_on(compare(dialect, *size, share, odd, is_test)) {
                    line(&row);
                }
            }
        }
    }
}

fn name(i: usize) -> String {
    format!("exec-{i:05}.mesh.example.com")
}

/// All alike: what is odd is so on the controller.
fn declared(size: usize) -> DeclaredMesh {
    let mut mesh = DeclaredMesh::default();
    for i in 0..size {
        let mut instance = Declared::new(HERE);
        let capacity = CapacityAdjustment::try_from(Decimal::new(75, 2)).expect("a capacity");
        instance.capacity_adjustment = Some(Given { value: capacity, place: HERE });
        mesh.instances.insert(name(i).parse().expect("a hostname"), instance);
    }
    mesh
}

fn start(dialect: Dialect, state: &Path, costs: Costs) -> Server {
    let settings = sandbox::Settings { dialect, costs, state: Some(state.to_owned()), ..sandbox::Settings::default() };
    Server::start((Ipv4Addr::LOCALHOST, 0).into(), settings).expect("a free port")
}

fn settings(server: &Server) -> Settings {
    let credentials = Credentials::Basic { username: "admin".into(), password: Secret::new("password") };
    Settings::new(BaseUrl::parse(&server.url()).expect("a URL"), credentials)
}

async fn compare(dialect: Dialect, size: usize, share: usize, odd: &str, is_test: bool) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state.json");
    let free = start(dialect, &state, Costs::default());
    let client = Client::connect(&Connection::new(settings(&free)).expect("a connection")).await.expect("the sandbox answers");
    for i in 0..size {
        let capacity = Decimal::new(if i % share == share - 1 { 50 } else { 75 }, 2);
        client.create(&name(i), &vec![(Field::CapacityAdjustment, Value::Decimal(capacity))]).await.expect("it is made");
    }
    free.stop().expect("the state is written");
    let server = start(dialect, &state, if is_test { Costs::default() } else { Costs::awx() });
    let client = Client::connect(&Connection::new(settings(&server)).expect("a connection")).await.expect("the sandbox answers");
    let mesh = Expected::declared(&declared(size));

    let mut lines = Vec::new();
    let mut tell = |way: &str, since: usize, seconds: f64, full: f64| {
        let journal = server.journal();
        let asked = journal.get(since..).unwrap_or_default();
        let rows: usize = asked.iter().map(|exchange| exchange.rows).sum();
        let ratio = full / seconds;
        lines.push(format!(
            "{:<11}{size:>10}  {odd:<10}{way:<28}{:>9}{rows:>7}{seconds:>9.2}{ratio:>8.1}",
            dialect.to_string(),
            asked.len()
        ));
    };
    let (since, begin) = (server.journal().len(), Instant::now());
    let all = client.read_all().await.expect("a mesh");
    let full = begin.elapsed().as_secs_f64();
    tell("full list, 4 pages at once", since, full, full);
    let (since, begin) = (server.journal().len(), Instant::now());
    let by_differences = client.read(&mesh).await.expect("a mesh");
    tell("by differences", since, begin.elapsed().as_secs_f64(), full);
    assert!(all == by_differences, "both ways give the same");
    if share == usize::MAX {
        let (since, begin) = (server.journal().len(), Instant::now());
        one_by_one(&server, size.min(ONE_BY_ONE)).await;
        let share = u32::try_from(size.min(ONE_BY_ONE)).expect("a number");
        let all = begin.elapsed() / share * u32::try_from(size).expect("a number");
        tell(&format!("one by one (from {share})"), since, all.as_secs_f64(), full);
    }
    lines
}

/// As a task for each instance does it: with the password each time.
async fn one_by_one(server: &Server, count: usize) {
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    for i in 0..count {
        let url = format!("{}/api/v2/instances/?hostname={}", server.url(), name(i));
        let answer = http.get(url).basic_auth("admin", Some("password")).send().await.expect("an answer");
        assert!(answer.status().is_success(), "it is there");
    }
}
