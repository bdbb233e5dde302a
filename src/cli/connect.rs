//! The controller that a command is given: a real one, or a simulated one inside this process.

use std::{
    cell::Cell,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use clap::ValueEnum;
use tokio::time::timeout;

use super::{Exit, interrupt::Signals, output::Output, seconds};
use crate::{
    controller::{Client, Connection, ControllerError, Credentials, Decision, Flags, Retry, Secret, ServerInfo, Settings},
    mesh::{BaseUrl, Expected, Given, LiveMesh},
    sandbox::{self, Dialect, Server},
};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
#[group(id = "connection")]
pub(super) struct Args {
    /// Which controller: a URL, or `sandbox:` for a simulated one in memory, `sandbox:FILE` for one that is kept
    ///
    /// `sandbox+hostnames:` simulates AWX 23.7 in place of 24.6, `sandbox+ingress:` one that has a mesh ingress. Without this flag `CONTROLLER_HOST` says it. Credentials come
    /// from the environment (`CONTROLLER_OAUTH_TOKEN`, or `CONTROLLER_USERNAME` and `CONTROLLER_PASSWORD`) or from files.
    #[arg(long, value_name = "URL")]
    controller: Option<String>,
    /// Trust the certificates in this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    ca_cert: Option<PathBuf>,
    /// Show this certificate (PEM, with what leads to its CA) to a server that asks for one
    #[arg(long, value_name = "FILE")]
    client_cert: Option<PathBuf>,
    /// The private key of the client certificate (PEM, not encrypted), where it is not in the same file
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Send this header with every request, its value taken from an environment variable: for an ingress that wants one
    #[arg(long = "header", value_name = "NAME=VARIABLE")]
    headers: Vec<String>,
    /// Read what neither flags nor environment say from a `tower_cli.cfg`: YAML, JSON or INI
    ///
    /// `host`, `username`, `password`, `oauth_token`, `verify_ssl` and `request_timeout`. Only the file that is named here is read.
    #[arg(long, value_name = "FILE")]
    tower_cli_config: Option<PathBuf>,
    /// Do not verify the controller's certificate
    #[arg(long)]
    insecure: bool,
    /// Send credentials over plain http to another machine
    #[arg(long)]
    allow_plain_http: bool,
    /// How long a request that fails in passing (429, 502 to 504, a broken connection, no answer) is tried again
    ///
    /// A controller that has not answered at all yet is tried for ten seconds at most.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "120")]
    retry_timeout: Duration,
    /// How the mesh is read: `auto` asks for the rows that differ from what is declared, `full` for all of them
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "auto|full")]
    read: Reading,
}

/// How a mesh is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Reading {
    /// The rows that differ, as far as the server lets that be asked for
    #[default]
    Auto,
    /// All rows
    Full,
}

/// A controller that one is logged in to.
pub(super) struct Session {
    pub(super) client: Client,
    /// Which controller it is; a simulated one by the name that was given, since its port is another one each time.
    pub(super) server: ServerInfo,
    reading: Reading,
    signals: Rc<Cell<bool>>,
}

/// The way to a controller, and the sandbox behind it where it is simulated.
pub(super) struct Way {
    connection: Connection,
    name: Option<String>,
    reading: Reading,
    sandbox: Option<Server>,
    /// What decided each setting of it.
    pub(super) decisions: Vec<Decision>,
}

/// How long the end of a session is waited for: when all went well, and after a signal.
const LOGOUT: Duration = Duration::from_secs(10);
const HASTY_LOGOUT: Duration = Duration::from_secs(2);

/// The environment, or a file, names another controller than the configuration.
#[derive(Debug, thiserror::Error)]
#[error("this mesh is for {wanted}, and {by} names {given}")]
pub(super) struct OtherController {
    /// What the configuration says.
    wanted: String,
    /// What said otherwise.
    by: String,
    /// Where the run would have gone.
    given: BaseUrl,
}

impl Args {
    /// Which controller the flag names.
    pub(super) fn controller(&self) -> Option<&str> {
        self.controller.as_deref()
    }

    /// Logs in to the controller, provided that it is the one that the configuration is for, and does something there.
    pub(super) async fn with(
        &self,
        guard: &[Given<BaseUrl>],
        output: Output,
        work: impl AsyncFnOnce(&Session) -> anyhow::Result<Exit>,
    ) -> anyhow::Result<Exit> {
        self.way(guard, output)?.go(output, work).await
    }

    /// The controller as flags, environment and files name it; empty where they name none.
    pub(super) fn address(&self) -> String {
        match self.controller.as_deref().filter(|name| simulated(name).is_some()) {
            Some(name) => name.to_owned(),
            None => Settings::locate(&self.flags(Retry::default())).map(|located| located.url().to_string()).unwrap_or_default(),
        }
    }

    fn flags(&self, retry: Retry) -> Flags {
        Flags {
            controller: self.controller.clone(),
            ca_cert: self.ca_cert.clone(),
            client_cert: self.client_cert.clone(),
            client_key: self.client_key.clone(),
            headers: self.headers.clone(),
            tower_cli_config: self.tower_cli_config.clone(),
            insecure: self.insecure,
            allow_plain_http: self.allow_plain_http,
            retry,
        }
    }

    /// The way to the controller. Nothing is sent yet.
    pub(super) fn way(&self, guard: &[Given<BaseUrl>], output: Output) -> anyhow::Result<Way> {
        let name = self.controller.clone().unwrap_or_default();
        let notice = move |text: &str| output.warn(text);
        let retry = Retry { timeout: self.retry_timeout, notice: Arc::new(notice), ..Retry::default() };
        if let Some(settings) = simulated(&name) {
            let (username, password) = (settings.username.clone(), Secret::new(settings.password.clone()));
            let sandbox = Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings)?;
            let url = BaseUrl::parse(&sandbox.url()).map_err(|error| ControllerError::Prepare(error.to_string()))?;
            let settings = Settings { retry, ..Settings::new(url, Credentials::Basic { username, password }) };
            return Ok(Way {
                connection: Connection::new(settings)?,
                name: Some(name),
                reading: self.read,
                sandbox: Some(sandbox),
                decisions: Vec::new(),
            });
        }
        let flags = self.flags(retry);
        let located = Settings::locate(&flags)?;
        if !guard.is_empty() && !guard.iter().any(|address| address.value == *located.url()) {
            let wanted = guard.iter().map(|address| address.value.to_string()).collect::<Vec<_>>().join(" or ");
            // Only a flag is meant for this one run: a variable may be left from another.
            if flags.controller.is_none() {
                return Err(OtherController { wanted, by: located.by().to_owned(), given: located.url().clone() }.into());
            }
            output.warn(&format!("this mesh is for {wanted}; --controller overrides that"));
        }
        let (settings, warnings) = located.settings()?;
        for warning in warnings {
            output.warn(&warning);
        }
        let decisions = settings.decisions.clone();
        Ok(Way { connection: Connection::new(settings)?, name: None, reading: self.read, sandbox: None, decisions })
    }
}

impl Way {
    /// Logs in, does something, and logs out, however that ended. A signal ends it too, unless the work
    /// [takes them](Session::take_signals) itself. What fails while connecting or reading means that the controller could not be seen.
    pub(super) async fn go(self, output: Output, work: impl AsyncFnOnce(&Session) -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
        let Self { connection, name, reading, sandbox, decisions } = self;
        let mut signals = Signals::listen()?;
        let taken = Rc::new(Cell::new(false));
        let ended = {
            let mut work = Box::pin(async {
                let client = Client::connect(&connection).await?;
                let url = name.unwrap_or_else(|| client.server().url.clone());
                let server = ServerInfo { url, ..client.server().clone() };
                work(&Session { client, server, reading, signals: Rc::clone(&taken) }).await
            });
            loop {
                tokio::select! {
                    ended = &mut work => break ended,
                    exit = signals.next() => if !taken.get() {
                        output.note("interrupted\n");
                        break Ok(exit);
                    }
                }
            }
        };
        let ended = ended.map_err(|error| blamed(error, &decisions));
        end(&connection, &ended, output).await?;
        if let Some(sandbox) = sandbox {
            sandbox.stop()?;
        }
        ended
    }
}

/// What one gave that a controller refused, with what decided it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub(super) struct Blamed {
    error: ControllerError,
    pub(super) hint: String,
}

/// An error with a hint that names the variable, flag or file that is to blame for it.
fn blamed(error: anyhow::Error, decisions: &[Decision]) -> anyhow::Error {
    let error = match error.downcast::<ControllerError>() {
        Ok(error) => error,
        Err(other) => return other,
    };
    let by = |settings: &[&str]| {
        let decided = decisions.iter().filter(|decision| settings.contains(&decision.setting) && decision.by != "default");
        let by: Vec<&str> = decided.map(|decision| decision.by.as_str()).collect();
        (!by.is_empty()).then(|| by.join(" and "))
    };
    let hint = match error.root() {
        ControllerError::Status { status: 401, .. } => {
            by(&["token", "user", "password"]).map(|by| format!("check {by}; `meshform login --check` shows what else was decided by what"))
        }
        ControllerError::NotAController { .. } => by(&["path of the API"]).map(|by| format!("check {by}, which says where its API is")),
        _ => None,
    };
    match hint {
        Some(hint) => Blamed { error, hint }.into(),
        None => error.into(),
    }
}

/// Ends what was made to log in. A signal makes it hasty, another one leaves it.
async fn end(connection: &Connection, ended: &anyhow::Result<Exit>, output: Output) -> anyhow::Result<()> {
    let is_hasty = matches!(ended, Ok(Exit::Interrupted | Exit::Terminated));
    // From now on; those before may not have been taken off the other ones.
    let mut signals = Signals::of_people()?;
    if is_hasty {
        connection.hurry();
    }
    let logout = connection.end();
    tokio::pin!(logout);
    let mut limit = if is_hasty { HASTY_LOGOUT } else { LOGOUT };
    let mut was_told = is_hasty;
    let logout = loop {
        tokio::select! {
            logout = timeout(limit, &mut logout) => break logout,
            _ = signals.next() => if was_told {
                output.warn("left before the login was ended");
                return Ok(());
            }
        }
        (limit, was_told) = (HASTY_LOGOUT, true);
    };
    match logout {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
            output.warn(&format!("the login could not be ended: {error}{hint}"));
        }
        Err(_elapsed) => output.warn(&format!("the login could not be ended within {} s", limit.as_secs())),
    }
    Ok(())
}

impl Session {
    /// Reads the mesh.
    pub(super) async fn read(&self, expected: &Expected) -> Result<LiveMesh, ControllerError> {
        match self.reading {
            Reading::Auto => self.client.read(expected).await,
            Reading::Full => self.client.read_all().await,
        }
    }

    /// From now on, or not any more, signals are the work's own business.
    pub(super) fn take_signals(&self, taken: bool) {
        self.signals.set(taken);
    }
}

/// A simulated controller by its name: its dialect, whether it has an ingress, and its state file.
fn simulated(name: &str) -> Option<sandbox::Settings> {
    let (scheme, state) = name.split_once(':')?;
    let (dialect, ingress) = match scheme {
        "sandbox" | "sandbox+addresses" => (Dialect::Addresses, false),
        "sandbox+ingress" => (Dialect::Addresses, true),
        "sandbox+hostnames" => (Dialect::Hostnames, false),
        _ => return None,
    };
    let state = Some(PathBuf::from(state)).filter(|path| !path.as_os_str().is_empty());
    Some(sandbox::Settings { dialect, ingress, state, ..sandbox::Settings::default() })
}
