//! What a sandbox is started with, and what can go wrong while it starts or stops.

use std::{fmt, io, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{costs::Costs, fault::Fault};

/// How an item of `peers` is written: the two shapes of the API that are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// By the primary key of a receptor address: AWX 23.8 and later. The sandbox answers as 24.6.1.
    #[default]
    Addresses,
    /// By hostname: AWX 23.0 to 23.7. The sandbox answers as 23.7.0.
    Hostnames,
}

impl Dialect {
    /// The version that the sandbox gives for itself.
    pub fn version(self) -> &'static str {
        match self {
            Self::Addresses => "24.6.1",
            Self::Hostnames => "23.7.0",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Addresses => "addresses",
            Self::Hostnames => "hostnames",
        })
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "addresses" => Ok(Self::Addresses),
            "hostnames" => Ok(Self::Hostnames),
            other => Err(format!("`{other}` is no dialect; use `addresses` or `hostnames`")),
        }
    }
}

/// When a new link counts as established and a new node as ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Links {
    /// At once: seen so by the request after the one that made it.
    #[default]
    Established,
    /// Never, as on a controller whose nodes did not run their install bundles.
    Adding,
    /// That long after it was made.
    After(Duration),
}

impl Links {
    /// How long after its making, or `None` for never.
    pub(super) fn delay(self) -> Option<Duration> {
        match self {
            Self::Established => Some(Duration::ZERO),
            Self::Adding => None,
            Self::After(delay) => Some(delay),
        }
    }
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Established => f.write_str("established"),
            Self::Adding => f.write_str("adding"),
            Self::After(delay) => write!(f, "after:{}", delay.as_secs_f64()),
        }
    }
}

impl FromStr for Links {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "established" => return Ok(Self::Established),
            "adding" => return Ok(Self::Adding),
            _ => {}
        }
        text.strip_prefix("after:")
            .and_then(|seconds| seconds.parse().ok())
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .map(Self::After)
            .ok_or_else(|| format!("`{text}` is no state of links; use `established`, `adding` or `after:SECONDS`"))
    }
}

/// Jobs that run on the node of a hostname, whenever it is made. Hops and control nodes execute none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jobs {
    /// Whose they are.
    pub hostname: String,
    /// How many.
    pub count: i64,
    /// How long after the start of the server they end, or `None` for never.
    pub ends_after: Option<Duration>,
}

impl Jobs {
    /// Jobs that never end.
    pub fn endless(hostname: &str, count: i64) -> Self {
        Self { hostname: hostname.to_owned(), count, ends_after: None }
    }
}

impl FromStr for Jobs {
    type Err = String;

    /// `HOSTNAME=N` or `HOSTNAME=N,SECONDS`.
    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (hostname, rest) = text.rsplit_once('=').filter(|(hostname, _)| !hostname.is_empty())?;
            let (count, seconds) = rest.split_once(',').map_or((rest, None), |(count, seconds)| (count, Some(seconds)));
            let count = count.parse::<u32>().ok()?.into();
            let ends_after = match seconds {
                Some(seconds) => Some(Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?),
                None => None,
            };
            Some(Self { hostname: hostname.to_owned(), count, ends_after })
        };
        read().ok_or_else(|| {
            "a hostname, an equals sign and how many jobs, then a comma and after how many seconds they end, if they do".to_owned()
        })
    }
}

/// How the simulated controller behaves. The default is one control node, nothing else, and no waiting anywhere.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, and named where it is set")]
pub struct Settings {
    /// Which of the two shapes of the API it speaks.
    pub dialect: Dialect,
    /// When links are established and nodes ready.
    pub links: Links,
    /// How long a node that is deprovisioned stays visible.
    pub removal_delay: Duration,
    /// The jobs that run when it starts.
    pub jobs: Vec<Jobs>,
    /// How much later each request is answered. Requests wait beside each other, not one after the other.
    pub latency: Duration,
    /// How long it works at what it is asked for, beside the latency.
    pub costs: Costs,
    /// What goes wrong now and then. The first that strikes a request decides.
    pub faults: Vec<Fault>,
    /// What the shares of the faults are drawn from: the same requests in the same order fail the same way.
    pub seed: u64,
    /// Whether there is a mesh ingress: a managed hop node with two addresses (`addresses` dialect only).
    pub ingress: bool,
    /// Whether it stands behind the gateway of AAP 2.5 and later, which makes the tokens and has the controller's API below
    /// `/api/controller/` (`addresses` dialect only).
    pub gateway: bool,
    /// Whether nobody can log in at `/api/login/`, as where people come by single sign-on alone.
    pub without_sessions: bool,
    /// Whether there is no `/api/v2/tokens/`, as on controllers after AWX 24.6.1.
    pub without_tokens: bool,
    /// Whether nothing is recorded in the activity stream.
    pub without_activity_stream: bool,
    /// Whether it is a controller installed on a host (`IS_K8S` false): no creates, no new peers, no removals.
    pub on_host: bool,
    /// The superuser's name.
    pub username: String,
    /// The superuser's password.
    pub password: String,
    /// Where its rows are kept; without it they end with the server.
    pub state: Option<PathBuf>,
    /// Whether each request is written to stderr as one line.
    pub log_requests: bool,
}

impl Settings {
    /// Whether the controller itself can be logged in to.
    pub(super) fn has_sessions(&self) -> bool {
        !self.gateway && !self.without_sessions
    }

    /// Whether the controller itself makes tokens.
    pub(super) fn has_tokens(&self) -> bool {
        !self.gateway && !self.without_tokens
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            links: Links::default(),
            removal_delay: Duration::ZERO,
            jobs: Vec::new(),
            latency: Duration::ZERO,
            costs: Costs::default(),
            faults: Vec::new(),
            seed: 0,
            ingress: false,
            gateway: false,
            without_sessions: false,
            without_tokens: false,
            without_activity_stream: false,
            on_host: false,
            username: "admin".to_owned(),
            password: "password".to_owned(),
            state: None,
            log_requests: false,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            dialect,
            links,
            removal_delay,
            jobs,
            latency,
            costs,
            faults,
            seed,
            ingress,
            gateway,
            without_sessions,
            without_tokens,
            without_activity_stream,
            on_host,
            username,
            password: _,
            state,
            log_requests,
        } = self;
        f.debug_struct("Settings")
            .field("dialect", dialect)
            .field("links", links)
            .field("removal_delay", removal_delay)
            .field("jobs", jobs)
            .field("latency", latency)
            .field("costs", costs)
            .field("faults", faults)
            .field("seed", seed)
            .field("ingress", ingress)
            .field("gateway", gateway)
            .field("without_sessions", without_sessions)
            .field("without_tokens", without_tokens)
            .field("without_activity_stream", without_activity_stream)
            .field("on_host", on_host)
            .field("username", username)
            .field("password", &"***")
            .field("state", state)
            .field("log_requests", log_requests)
            .finish()
    }
}

/// Why a sandbox did not start, did not stop cleanly, or did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A node was named that is not there.
    #[error("the sandbox has no node `{0}`")]
    UnknownNode(String),
    /// A user was named who is not there.
    #[error("the sandbox has no user `{0}`")]
    UnknownUser(String),
    /// A state was named that nodes do not have.
    #[error("`{0}` is no state of a node")]
    UnknownState(String),
    /// A gateway was asked for before a controller that never had one.
    #[error("a gateway stands before controllers of the addresses dialect alone (AAP 2.5 and later), never before the hostnames dialect")]
    GatewayDialect,
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}; choose another address, or port 0 for a free one")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The thread or its runtime could not be made.
    #[error("cannot start the sandbox's server: {0}")]
    Start(#[source] io::Error),
    /// The system gave no random numbers, which tokens and identifiers need.
    #[error("the system gives no random numbers, so that no token can be made")]
    Random,
    /// The state file is there but cannot be read.
    #[error("cannot read the sandbox's state file {}: {source}", path.display())]
    Read {
        /// The state file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The state file is not one of ours, or was cut.
    #[error("{} is no state file of a sandbox: {reason}; move it away to start afresh", path.display())]
    Malformed {
        /// The state file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// The state file was written by another version of the format.
    #[error("{} is a sandbox's state file of format {found}, this program knows format {known}; move it away to start afresh", path.display())]
    Version {
        /// The state file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// The state file belongs to a controller of the other dialect.
    #[error("{} holds a controller of the {found} dialect, asked for is {asked}; ask for {found}, or name another file", path.display())]
    DialectMismatch {
        /// The state file.
        path: PathBuf,
        /// Its dialect.
        found: Dialect,
        /// The dialect of the settings.
        asked: Dialect,
    },
    /// The state file could not be written.
    #[error("cannot write the sandbox's state file {}: {source}", path.display())]
    Write {
        /// The state file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}
