//! The controller that a command is given: a real one, or a simulated one inside this process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::{output::Output, seconds};
use crate::{
    controller::{Client, ControllerError, Credentials, Flags, Retry, Secret, ServerInfo, Settings},
    mesh::{BaseUrl, Given},
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
}

/// A controller, and the sandbox behind it where it is simulated.
pub(super) struct Session {
    pub(super) client: Client,
    /// Which controller it is; a simulated one by the name that was given, since its port is another one each time.
    pub(super) server: ServerInfo,
    sandbox: Option<Server>,
}

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
    /// Connects, provided that it is the controller that the configuration is for. What fails later or while reading means that
    /// the controller could not be seen.
    pub(super) async fn connect(&self, guard: &[Given<BaseUrl>], output: Output) -> anyhow::Result<Session> {
        let name = self.controller.clone().unwrap_or_default();
        let notice = move |text: &str| output.warn(text);
        let retry = Retry { timeout: self.retry_timeout, notice: Arc::new(notice), ..Retry::default() };
        if let Some(settings) = simulated(&name) {
            let (username, password) = (settings.username.clone(), Secret::new(settings.password.clone()));
            let sandbox = Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings)?;
            let url = BaseUrl::parse(&sandbox.url()).map_err(|error| ControllerError::Prepare(error.to_string()))?;
            let credentials = Credentials::Basic { username, password };
            let settings = Settings { retry, ..Settings::new(url, credentials) };
            let client = Client::connect(settings).await?;
            let server = ServerInfo { url: name, ..client.server().clone() };
            return Ok(Session { client, server, sandbox: Some(sandbox) });
        }
        let flags = Flags {
            controller: self.controller.clone(),
            ca_cert: self.ca_cert.clone(),
            client_cert: self.client_cert.clone(),
            client_key: self.client_key.clone(),
            headers: self.headers.clone(),
            tower_cli_config: self.tower_cli_config.clone(),
            insecure: self.insecure,
            allow_plain_http: self.allow_plain_http,
            retry,
        };
        let (given, by) = Settings::address(&flags)?;
        if !guard.is_empty() && !guard.iter().any(|address| address.value == given) {
            let wanted = guard.iter().map(|address| address.value.to_string()).collect::<Vec<_>>().join(" or ");
            // Only a flag is meant for this one run: a variable may be left from another.
            if flags.controller.is_none() {
                return Err(OtherController { wanted, by, given }.into());
            }
            output.warn(&format!("this mesh is for {wanted}; --controller overrides that"));
        }
        let (settings, warnings) = Settings::resolve(&flags)?;
        for warning in warnings {
            output.warn(&warning);
        }
        let client = Client::connect(settings).await?;
        let server = client.server().clone();
        Ok(Session { client, server, sandbox: None })
    }
}

impl Session {
    /// Ends it: a simulated controller that is kept writes its state.
    pub(super) fn close(self) -> anyhow::Result<()> {
        self.sandbox.map_or(Ok(()), |sandbox| sandbox.stop().map_err(Into::into))
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
