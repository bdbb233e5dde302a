//! The server itself: a socket, a thread with its own runtime, the journal, the log and the writing of the state file. What
//! becomes of a single request is for `front` to say.

use std::{
    fmt, io,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use axum::Router;
use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    sync::{Mutex as AsyncMutex, Notify},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{
    auth,
    connection::{Connections, Knife},
    fault::{Fault, Faults},
    front, persist,
    settings::{Dialect, SandboxError, Settings},
    tables::Tables,
    wire,
};

/// How long the state file may lie behind the rows.
const WRITE_EVERY: Duration = Duration::from_millis(200);
/// How long requests under way get to end when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// A request that was answered, or was left without an answer by a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// The method, in capitals.
    pub method: String,
    /// The path with its query, as it was sent.
    pub path: String,
    /// The body, if there was one and it was JSON.
    pub body: Option<Value>,
    /// The status of the answer, also of one that never arrived; 0 where none was made.
    pub status: u16,
    /// How long the answer took.
    pub milliseconds: u64,
    /// Whether a password was checked for it, which a real controller takes long for.
    pub password: bool,
    /// How many rows of instances the answer has, which a real controller takes long for.
    pub rows: usize,
    /// The fault that struck it, by the first word of its specification.
    pub fault: Option<String>,
}

impl fmt::Display for Exchange {
    /// As the log has it: method, path, status, time, `password` where one was checked, fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, body: _, status, milliseconds, password, rows: _, fault } = self;
        write!(f, "{method} {path} {status} {milliseconds}ms{}", if *password { " password" } else { "" })?;
        match fault {
            Some(fault) => write!(f, " fault={fault}"),
            None => Ok(()),
        }
    }
}

/// A simulated controller that is being served. It stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread of the server and its owner share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    faults: Mutex<Faults>,
    tables: Mutex<Tables>,
    journal: Mutex<Vec<Exchange>>,
    changed: Notify,
    /// Whose turn it is to write an instance.
    pub(super) turn: AsyncMutex<()>,
    pub(super) stop: CancellationToken,
    ended: CancellationToken,
}

impl Server {
    /// Binds `listen` and serves from a thread with a runtime of its own. Who connects after this is answered: nothing has to
    /// wait.
    pub fn start(listen: SocketAddr, settings: Settings) -> Result<Self, SandboxError> {
        if settings.gateway && settings.dialect == Dialect::Hostnames {
            return Err(SandboxError::GatewayDialect);
        }
        let tables = persist::open(&settings)?;
        let bind = |source| SandboxError::Bind { address: listen, source };
        let listener = TcpListener::bind(listen).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let shared = Arc::new(Shared {
            faults: Mutex::new(Faults::new(&settings.faults, settings.seed)),
            settings,
            tables: Mutex::new(tables),
            journal: Mutex::default(),
            changed: Notify::new(),
            turn: AsyncMutex::default(),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
        });
        // The first file is written at once, so that a path that cannot be written is told now; and before there is a runtime,
        // which must not be dropped where the caller is in one of its own.
        shared.save(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(SandboxError::Start)?;
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, &served));
                runtime.shutdown_timeout(GRACE);
                served.ended.cancel();
            })
            .map_err(SandboxError::Start)?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Where it is to be reached, without a slash at the end.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    }

    /// Every request that was answered so far, in the order of the answers.
    pub fn journal(&self) -> Vec<Exchange> {
        lock(&self.shared.journal).clone()
    }

    /// All nodes and links as they are now, as the mesh visualizer gives them.
    pub fn topology(&self) -> Value {
        self.shared.act(|tables| wire::mesh(tables))
    }

    /// As if somebody had run the install bundle of a node: the controller sees it, and its links hold, those that it dials and
    /// those over which the control plane dials it. What other nodes dial waits for their own bundles.
    pub fn run_bundle(&self, hostname: &str) -> Result<(), SandboxError> {
        self.shared.act(|tables| tables.run_bundle(hostname))
    }

    /// As if the controller had seen two nodes connected, of which the first dials the second.
    pub fn establish(&self, source: &str, target: &str) -> Result<(), SandboxError> {
        self.shared.act(|tables| tables.establish(source, target))
    }

    /// Lets so many jobs run on a node from now on, until the next call. A node on its way out goes once there are none.
    pub fn set_jobs(&self, hostname: &str, count: i64) {
        self.shared.act(|tables| tables.set_jobs(hostname, count));
    }

    /// Puts a node into a state, by the name that the API has for it, with what it says is wrong. A node that is to be
    /// `deprovisioning` goes as if it had been asked to over the API.
    pub fn set_state(&self, hostname: &str, node_state: &str, errors: &str) -> Result<(), SandboxError> {
        self.shared.act(|tables| tables.set_state(hostname, node_state, errors))
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.shared.act(|tables| tables.sessions.len())
    }

    /// As if all sessions had lasted too long: the next request with one of them is that of a stranger.
    pub fn end_sessions(&self) {
        self.shared.act(|tables| tables.sessions.clear());
    }

    /// The descriptions of the tokens that there are, in the order in which they were made.
    pub fn tokens(&self) -> Vec<String> {
        self.shared.act(|tables| tables.tokens.values().map(|token| token.description.clone()).collect())
    }

    /// As if somebody had taken back all tokens.
    pub fn revoke_tokens(&self) {
        self.shared.act(Tables::revoke_tokens);
    }

    /// As if the controller had cleaned up its activity stream: it forgets what is older than a moment, or all.
    pub fn prune_activity(&self, older_than: Option<Timestamp>) {
        self.shared.act(|tables| tables.prune(older_than.map(Timestamp::as_microsecond)));
    }

    /// Gives a user another password: the old one is wrong from now on, and sessions that it opened are over. Tokens stay.
    pub fn set_password(&self, username: &str, password: &str) -> Result<(), SandboxError> {
        let hashed = auth::hash(password).ok_or(SandboxError::Random)?;
        self.shared.act(|tables| tables.set_password(username, hashed))
    }

    /// Lets other things go wrong from now on than the settings say, or nothing any more. Counting starts anew.
    pub fn set_faults(&self, faults: &[Fault], seed: u64) {
        *lock(&self.shared.faults) = Faults::new(faults, seed);
    }

    /// Returns when the server has ended by itself, which it does only when its socket breaks. For a program whose whole work
    /// is to serve: wait for this or for a signal, then [`stop`](Self::stop).
    pub async fn wait(&self) {
        self.shared.ended.cancelled().await;
    }

    /// Ends what is under way, stops serving and writes the state file.
    pub fn stop(mut self) -> Result<(), SandboxError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), SandboxError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        self.shared.stop.cancel();
        if thread.join().is_err() {
            tracing::error!("the sandbox's thread panicked");
        }
        self.shared.save(false)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(%error, "the sandbox could not be stopped cleanly");
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

/// A lock that outlives a panic elsewhere: the rows are never left half changed by one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, shared: &Arc<Shared>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the sandbox's socket cannot be used"),
    };
    let router = Router::new().fallback(front::handle).with_state(Arc::clone(shared)).into_make_service_with_connect_info::<Knife>();
    let stop = shared.stop.clone();
    let serving = axum::serve(Connections(listener), router).with_graceful_shutdown(stop.cancelled_owned());
    let writer = tokio::spawn(keep_writing(Arc::clone(shared)));
    let overdue = async {
        shared.stop.cancelled().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        result = serving => if let Err(error) = result {
            tracing::error!(%error, "the sandbox stopped serving");
        },
        () = overdue => {}
    }
    writer.abort();
}

/// Writes the state file a little after each change, however many follow it.
async fn keep_writing(shared: Arc<Shared>) {
    loop {
        shared.changed.notified().await;
        let shared = Arc::clone(&shared);
        let written = tokio::task::spawn_blocking(move || shared.save(false)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "the sandbox's rows are not kept");
        }
        sleep(WRITE_EVERY).await;
    }
}

impl Shared {
    /// Writes the state file if there is one and something changed, or `always`.
    fn save(&self, always: bool) -> Result<(), SandboxError> {
        let Some(path) = &self.settings.state else { return Ok(()) };
        let path: &Path = path;
        let snapshot = {
            let mut tables = lock(&self.tables);
            // Or else what the last request made would wait for the settings of the next start.
            tables.settle();
            if !tables.take_changed() && !always {
                return Ok(());
            }
            persist::snapshot(&tables)
        };
        let written =
            snapshot.map_err(|source| SandboxError::Write { path: path.to_owned(), source }).and_then(|bytes| persist::write(path, &bytes));
        if written.is_err() {
            lock(&self.tables).touch();
        }
        written
    }

    /// Something happens to the mesh. What was due before happens first, and it is written to the state file in a while.
    pub(super) fn act<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> T {
        let result = {
            let mut tables = lock(&self.tables);
            tables.settle();
            change(&mut tables)
        };
        self.changed.notify_one();
        result
    }

    /// The fault that strikes a request, which is counted.
    pub(super) fn strike(&self, method: &str, target: &str) -> Option<Fault> {
        lock(&self.faults).strike(method, target).cloned()
    }

    pub(super) fn note(&self, exchange: Exchange) {
        if self.settings.log_requests {
            // A log that nobody reads any more is no reason to fail a request.
            let _ = writeln!(io::stderr().lock(), "{exchange}");
        }
        lock(&self.journal).push(exchange);
    }
}
