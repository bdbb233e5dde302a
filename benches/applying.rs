//! How long an apply takes beside what its requests need at least, and what an apply under faults leaves behind. Each is one
//! measured run, since both wait for a server most of the time.
//!
//! `cargo bench --bench applying`; with `--test` a small run that only shows that it works.

use std::{
    env,
    io::{Write as _, stdout},
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use meshform::{
    apply::{Counts, Options, Outcome, Work, apply},
    controller::{Client, Connection, Credentials, Retry, Secret, Settings},
    mesh::{BaseUrl, Declared, DeclaredMesh, DeclaredType, Given, ListenerPort, Place},
    plan::{Permissions, Plan, Step, plan},
    sandbox::{self, Dialect, Fault, Server},
};

const HERE: Place = Place { file: 0, line: 1, column: 1 };
const PARALLELISM: usize = 10;
const LATENCY: Duration = Duration::from_millis(20);

/// Every kind there is.
const FAULTS: [&str; 12] = [
    "429,retry-after=0:5%",
    "500:5%",
    "502:5%",
    "503:5%",
    "504:5%",
    "reset-before:5%",
    "reset-after:5%",
    "truncated:5%",
    "html:5%",
    "html-200:5%",
    "silence:5%",
    "silence-after:5%",
];

fn main() {
    let is_test = env::args().any(|argument| argument == "--test");
    let (sizes, few) = if is_test { ([2, 3, 15], 20) } else { ([4, 36, 960], 500) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut out = stdout().lock();
    let mut line = |line: String| writeln!(out, "{line}").expect("somebody reads");
    let took = runtime.block_on(lone_request()).as_secs_f64();
    line(format!("three tiers, 20 ms latency (a lone request takes {:.1} ms), 10 requests at once", took * 1000.0));
    line(format!(
        "{:<12}{:>9}{:>10}{:>9}{:>9}{:>7}{:>20}",
        "dialect", "writes", "requests", "seconds", "bound", "ratio", "by lone requests"
    ));
    for dialect in [Dialect::Addresses, Dialect::Hostnames] {
        line(runtime.block_on(three_tiers(dialect, sizes, took)));
    }
    line(format!("\n{few} creates, 5% of each fault"));
    line(format!("{:<12}{:>9}{:>9}{:>11}{:>12}{:>10}{:>9}", "dialect", "done", "failed", "not known", "not sent", "requests", "seconds"));
    for dialect in [Dialect::Addresses, Dialect::Hostnames] {
        line(runtime.block_on(under_faults(dialect, few)));
    }
}

fn name(tier: &str, i: usize) -> String {
    format!("{tier}-{i:03}.mesh.example.com")
}

/// An instance that dials others; with a port it is a hop.
fn instance(port: Option<i64>, flag: bool, peers: impl Iterator<Item = String>) -> Declared {
    let given = |value| Given { value, place: HERE };
    let mut instance = Declared::new(HERE);
    let node_type = if port.is_some() { DeclaredType::Hop } else { DeclaredType::Execution };
    instance.node_type = Some(Given { value: node_type, place: HERE });
    instance.listener_port = Some(Given { value: port.map(|port| ListenerPort::try_from(port).expect("a port")), place: HERE });
    instance.peers_from_control_nodes = Some(given(flag));
    instance.peers =
        Some(Given { value: peers.map(|peer| Given { value: peer.parse().expect("a peer"), place: HERE }).collect(), place: HERE });
    instance
}

/// So many hops that control nodes dial, so many that dial two of them, so many executions that dial two of those.
fn tiers([tops, middles, leaves]: [usize; 3]) -> DeclaredMesh {
    let mut mesh = DeclaredMesh { files: vec!["mesh.yaml".into()], ..DeclaredMesh::default() };
    let mut add = |name: String, instance| mesh.instances.insert(name.parse().expect("a hostname"), instance);
    let two = |tier: &'static str, i: usize, count: usize| [i % count, (i + 1) % count].into_iter().map(move |i| name(tier, i));
    for i in 0..tops {
        add(name("top", i), instance(Some(27199), true, [].into_iter()));
    }
    for i in 0..middles {
        add(name("middle", i), instance(Some(27199), false, two("top", i, tops)));
    }
    for i in 0..leaves {
        add(name("leaf", i), instance(None, false, two("middle", i, middles)));
    }
    mesh
}

fn start(dialect: Dialect, latency: Duration) -> Server {
    Server::start((Ipv4Addr::LOCALHOST, 0).into(), sandbox::Settings { dialect, latency, ..sandbox::Settings::default() })
        .expect("a free port")
}

async fn connect(server: &Server, timeout: Duration, retry: Retry) -> Client {
    let url = BaseUrl::parse(&server.url()).expect("a URL");
    let credentials = Credentials::Basic { username: "admin".into(), password: Secret::new("password") };
    let settings = Settings { timeout, retry, ..Settings::new(url, credentials) };
    Client::connect(&Connection::new(settings).expect("a connection")).await.expect("the sandbox answers")
}

async fn planned(client: &Client, mesh: &DeclaredMesh) -> Plan {
    let live = client.read_all().await.expect("a mesh");
    let plan = plan(mesh, &live, client.server().capabilities, &Permissions::default());
    assert!(plan.refused.is_empty() && plan.guards.is_empty(), "{:?}", plan.refused);
    plan
}

async fn applied(client: &Client, plan: &Plan) -> Outcome {
    let mut outcome = Outcome::new();
    let options = Options { parallelism: PARALLELISM, ..Options::default() };
    apply(&Work::new(&plan.steps, &plan.holds), client, &options, &mut outcome, |_| {}).await;
    outcome
}

/// How many steps the longest chain has.
fn critical_path(steps: &[Step]) -> usize {
    let mut chains = vec![0; steps.len() + 1];
    for step in steps {
        chains[step.id] = 1 + step.after.iter().map(|id| chains[*id]).max().unwrap_or(0);
    }
    chains.into_iter().max().unwrap_or(0)
}

/// How long a request takes that nothing runs beside: timers are late, and that is not the client's doing.
async fn lone_request() -> Duration {
    let server = start(Dialect::Hostnames, LATENCY);
    let client = connect(&server, Duration::from_mins(1), Retry::default()).await;
    let begin = Instant::now();
    for _ in 0..25 {
        client.topology().await.expect("an answer");
    }
    begin.elapsed() / 25
}

async fn three_tiers(dialect: Dialect, sizes: [usize; 3], lone: f64) -> String {
    let server = start(dialect, LATENCY);
    let client = connect(&server, Duration::from_mins(1), Retry::default()).await;
    let plan = planned(&client, &tiers(sizes)).await;
    let since = server.journal().len();
    let begin = Instant::now();
    let outcome = applied(&client, &plan).await;
    let seconds = begin.elapsed().as_secs_f64();
    assert!(outcome.is_success(), "{outcome:?}");
    let journal = server.journal();
    let requests = journal.len() - since;
    let writes = journal.iter().skip(since).filter(|exchange| exchange.method != "GET").count();
    // Of the writes alone: that peers have to be looked up is our own doing.
    let shares = u32::try_from(writes.div_ceil(PARALLELISM).max(critical_path(&plan.steps))).expect("a number");
    let bound = (LATENCY * shares).as_secs_f64();
    format!(
        "{:<12}{writes:>9}{requests:>10}{seconds:>9.2}{bound:>9.2}{:>7.2}{:>20.2}",
        dialect.to_string(),
        seconds / bound,
        seconds / (f64::from(shares) * lone)
    )
}

async fn under_faults(dialect: Dialect, count: usize) -> String {
    let server = start(dialect, Duration::ZERO);
    let retry = Retry {
        timeout: Duration::from_secs(2),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(50),
        ..Retry::default()
    };
    let client = connect(&server, Duration::from_millis(250), retry).await;
    // One that is not made keeps no other from being made.
    let mesh = tiers([count, 0, 0]);
    let plan = planned(&client, &mesh).await;
    let faults: Vec<Fault> = FAULTS.iter().map(|spec| spec.parse().expect("a fault")).collect();
    let since = server.journal().len();
    server.set_faults(&faults, 1);
    let begin = Instant::now();
    let outcome = applied(&client, &plan).await;
    let (seconds, requests) = (begin.elapsed().as_secs_f64(), server.journal().len() - since);
    server.set_faults(&[], 0);
    let Counts { done, failed, unknown, held, not_attempted } = outcome.counts(&plan.steps);
    assert_eq!((unknown, held), (0, 0), "{outcome:?}");
    let open = plan.steps.iter().filter_map(|step| outcome.fate(step.id));
    let open = open.filter(|fate| matches!(fate, meshform::apply::Fate::Failed(error) if error.leaves_open())).count();
    let second = planned(&client, &mesh).await;
    let rest = applied(&client, &second).await;
    assert!(rest.is_success() && planned(&client, &mesh).await.steps.is_empty(), "{rest:?}");
    format!(
        "{:<12}{done:>9}{:>9}{open:>11}{not_attempted:>12}{requests:>10}{seconds:>9.2}  then, without faults, {} done and nothing left",
        dialect.to_string(),
        failed - open,
        second.steps.len()
    )
}
