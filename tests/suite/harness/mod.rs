//! The bench: a folder, a simulated controller, a clean environment, and the built binary, whose output can be a snapshot.

mod canned;
mod certificates;
mod front;
mod running;
mod saving;
mod tls;
mod values;
mod words;

use std::{
    fmt, fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    process::{Command, Stdio},
    sync::Arc,
};

use meshform::{
    controller::{self, Client, Connection, ControllerError},
    sandbox::{Dialect, Exchange, Server, Settings},
};
use serde_json::Value as Json;

pub(crate) use canned::Canned;
pub(crate) use certificates::{Authority, Certificate, Valid};
pub(crate) use front::Front;
pub(crate) use running::{kill, start};
pub(crate) use saving::{origin, saved};
pub(crate) use tls::Tls;
pub(crate) use values::{HERE, given, live_instance};
pub(crate) use words::{connected, declared, live, on, planned, shown};

/// Both dialects of `peers`, for what has to hold in each.
pub(crate) const DIALECTS: [Dialect; 2] = [Dialect::Addresses, Dialect::Hostnames];

/// A folder, a controller on a thread of its own, and the program.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    sandbox: Arc<Server>,
    environment: Vec<(String, String)>,
    seen: usize,
}

impl Bench {
    /// A simulated controller of a dialect.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self::with(Settings { dialect, ..Settings::default() })
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let sandbox = Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings).expect("a free port").into();
        let folder = tempfile::tempdir().expect("a folder");
        let mut bench = Self { folder, sandbox, environment: Vec::new(), seen: 0 };
        let url = bench.sandbox.url();
        bench.set("CONTROLLER_HOST", &url);
        bench.set("CONTROLLER_USERNAME", "admin");
        bench.set("CONTROLLER_PASSWORD", "password");
        bench
    }

    /// The controller itself.
    pub(crate) fn sandbox(&self) -> &Arc<Server> {
        &self.sandbox
    }

    /// Sets a variable for the program; an empty value is as good as none.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn url(&self) -> String {
        self.sandbox.url()
    }

    /// Writes a file into the folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> &Self {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
        self
    }

    /// The path of a file of the folder.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// What stands in a file of the folder.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file can be read")
    }

    /// The names of everything in the folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder can be read");
        let mut names: Vec<String> = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    /// Removes a file from the folder.
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.folder.path().join(name)).expect("the file is there");
    }

    /// Runs the program in the folder, with words divided by spaces.
    pub(crate) fn run(&self, arguments: &str) -> Output {
        self.run_with_input(arguments, "")
    }

    pub(crate) fn run_with_input(&self, arguments: &str, input: &str) -> Output {
        let mut child = self
            .command()
            .args(arguments.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A program that does not read has closed its end: that is for the test to judge.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("the program ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").replace(&self.sandbox.url(), "http://SANDBOX");
        Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The program, not yet started.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshform"));
        command.current_dir(self.folder.path()).env_clear().env("HOME", self.folder.path()).envs(self.environment.iter().cloned());
        command
    }

    /// The writes under `/instances/` since the last call, a line each, in the order in which they came.
    pub(crate) fn writes(&mut self) -> Vec<String> {
        let journal = self.sandbox.journal();
        let new = journal.get(self.seen..).unwrap_or_default();
        let writes = new.iter().filter(|e| !matches!(e.method.as_str(), "GET" | "OPTIONS") && e.path.contains("/instances/"));
        let lines = writes.map(|e| format!("{} {} {} -> {}", e.method, e.path, e.body.clone().unwrap_or(Json::Null), e.status)).collect();
        self.seen = journal.len();
        lines
    }

    /// As if somebody had run the install bundle of a node.
    pub(crate) fn run_bundle(&self, hostname: &str) {
        self.sandbox.run_bundle(hostname).expect("the node is there");
    }

    /// Lets so many jobs run on a node.
    pub(crate) fn set_jobs(&self, hostname: &str, count: i64) {
        self.sandbox.set_jobs(hostname, count);
    }

    /// Puts a node into a state.
    pub(crate) fn set_state(&self, hostname: &str, node_state: &str, errors: &str) {
        self.sandbox.set_state(hostname, node_state, errors).expect("the node is there");
    }

    /// The id of an instance.
    pub(crate) fn id(&self, hostname: &str) -> i64 {
        let page = self.request("GET", &format!("/api/v2/instances/?hostname={hostname}"), &Json::Null);
        page["results"][0]["id"].as_i64().expect("an id")
    }

    /// How many requests the controller has seen.
    pub(crate) fn requests(&self) -> usize {
        self.sandbox.journal().len()
    }

    /// Every request that the controller has seen.
    pub(crate) fn journal(&self) -> Vec<Exchange> {
        self.sandbox.journal()
    }

    /// Every request that was answered with a 4xx or a 5xx, but for looking whether a row is gone.
    pub(crate) fn refused(&self) -> Vec<String> {
        let bad = |status: u16| status >= 400;
        let looks = |e: &Exchange| e.method == "GET" && e.status == 404 && !e.path.contains('?');
        self.sandbox
            .journal()
            .iter()
            .filter(|e| bad(e.status) && !looks(e))
            .map(|e| format!("{} {} -> {}", e.method, e.path, e.status))
            .collect()
    }

    /// A request of somebody else, as the administrator.
    pub(crate) fn request(&self, method: &str, path: &str, body: &Json) -> Json {
        request(&self.sandbox.url(), method, path, body)
    }

    /// Makes an account with the rights of this kind, such as `is_superuser`; its password is its name.
    pub(crate) fn user(&self, name: &str, rights: &str) -> &Self {
        self.request("POST", "/api/v2/users/", &serde_json::json!({ "username": name, "password": name, rights: true }));
        self
    }

    /// A change of an instance by an account that [`user`](Self::user) made.
    pub(crate) fn change(&self, name: &str, hostname: &str, body: &Json) {
        let path = format!("/api/v2/instances/{}/", self.id(hostname));
        request_as(&self.sandbox.url(), (name, name), "PATCH", &path, body);
    }
}

/// How many cases a property has: so many, or as `MESHFORM_TEST_CASES` says.
pub(crate) fn cases(default: u32) -> u32 {
    std::env::var("MESHFORM_TEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A request with the sandbox's own credentials; panics unless it succeeds.
pub(crate) fn request(url: &str, method: &str, path: &str, body: &Json) -> Json {
    request_as(url, ("admin", "password"), method, path, body)
}

/// A request of a user; panics unless it succeeds.
pub(crate) fn request_as(url: &str, (user, password): (&str, &str), method: &str, path: &str, body: &Json) -> Json {
    let method = method.parse().expect("a method");
    block_on(async {
        let mut request = http().request(method, format!("{url}{path}")).basic_auth(user, Some(password));
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer").error_for_status().expect("success");
        answer.json().await.unwrap_or(Json::Null)
    })
}

/// A client of a controller; what it made to log in ends with the controller.
pub(crate) async fn connect_with(settings: controller::Settings) -> Result<Client, ControllerError> {
    Client::connect(&Connection::new(settings)?).await
}

/// A client for loopback, whatever proxies the environment has.
pub(crate) fn http() -> reqwest::Client {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).tls_certs_only([]).build().expect("a client")
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// How the program ended and what it wrote.
#[must_use]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The report, provided that the program ended so.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self}");
        self.stdout
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or("signal".to_owned(), |code| code.to_string());
        write!(f, "exit {code}\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}
