//! The client: every request goes through its one `send`.

use std::time::{Duration, Instant};

use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    ControllerError, Credentials, Settings,
    address_book::AddressBook,
    discover, http,
    retry::{Miss, Next, Pauses, next},
    transport::Transport,
    wire,
};
use crate::mesh::{BaseUrl, Capabilities, Dialect};

/// The most that an answer may have, in MiB: a page of 200 instances has about a third of one.
const ANSWER_LIMIT: usize = 64;

/// A controller that was found and that lets itself be read.
pub struct Client {
    pub(super) http: Http,
    /// The root of the API with a slash at the end, such as `/api/v2/`.
    pub(super) root: String,
    pub(super) server: ServerInfo,
    pub(super) addresses: Mutex<AddressBook>,
    /// Who may look at the moment what became of a row.
    pub(super) polls: Semaphore,
}

/// So many look at once what became of rows.
const POLLS: usize = 4;

/// Which controller this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    /// Where it is.
    pub url: String,
    /// Its version.
    pub version: String,
    /// Which installation it is; stays when its address changes.
    pub install_uuid: String,
    /// What it allows.
    pub capabilities: Capabilities,
}

impl Client {
    /// Finds the API and who one is there. Fails for a user who cannot see the mesh, to whom it would look empty.
    pub async fn connect(settings: Settings) -> Result<Self, ControllerError> {
        let http = Http::new(settings)?;
        let found = discover::discover(&http).await?;
        Ok(Self { http, root: found.root, server: found.server, addresses: Mutex::default(), polls: Semaphore::new(POLLS) })
    }

    /// Which controller this is.
    pub fn server(&self) -> &ServerInfo {
        &self.server
    }

    /// Ends all pauses: what fails from now on is not tried again, and nothing is waited for.
    pub fn hurry(&self) -> &CancellationToken {
        self.http.pauses.hurry()
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.server.capabilities.dialect
    }

    /// The path of a resource below the API's root.
    pub(super) fn path(&self, resource: &str) -> String {
        format!("{}{resource}", self.root)
    }
}

/// One request.
#[derive(Clone)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) query: &'a [(&'a str, String)],
    pub(super) body: Option<&'a Json>,
    /// Whether the credentials go along.
    pub(super) authenticated: bool,
}

impl<'a> Call<'a> {
    pub(super) fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, query: &[], body: None, authenticated: true }
    }
}

/// The connection to one host.
pub(super) struct Http {
    client: reqwest::Client,
    url: BaseUrl,
    credentials: Credentials,
    transport: Transport,
    pub(super) pauses: Pauses,
}

impl Http {
    fn new(settings: Settings) -> Result<Self, ControllerError> {
        let client = http::client(&settings)?;
        let transport = Transport::new(&settings);
        let Settings { url, credentials, retry, .. } = settings;
        Ok(Self { client, url, credentials, transport, pauses: Pauses::new(retry) })
    }

    pub(super) fn url(&self) -> String {
        self.url.to_string()
    }

    /// Sends a request whose answer is JSON of a known shape.
    pub(super) async fn json<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, ControllerError> {
        let json = self.send(call.clone()).await?;
        known(json, &call)
    }

    /// Sends a request, again where it failed in passing and certainly was not done. What becomes of a write whose answer was lost
    /// is the caller's to look up.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Json, ControllerError> {
        self.send_while(call, |error| next(&Method::GET, error)).await
    }

    /// Sends the look-up of what became of a write, again also where another request would be given up: by it many steps are known.
    pub(super) async fn look(&self, call: Call<'_>) -> Result<Json, ControllerError> {
        let step = |error: &ControllerError| match next(&Method::GET, error) {
            Next::Briefly => Next::Again,
            step => step,
        };
        self.send_while(call, step).await
    }

    async fn send_while(&self, call: Call<'_>, step: impl Fn(&ControllerError) -> Next) -> Result<Json, ControllerError> {
        let mut patience = self.pauses.of_request();
        loop {
            let miss = match self.once(&call).await {
                Ok(json) => return Ok(json),
                Err(miss) => miss,
            };
            match step(&miss.error) {
                Next::Again if patience.wait(&miss).await => {}
                Next::Briefly if patience.wait_briefly(&miss).await => {}
                Next::Again => return Err(patience.gave_up(miss.error)),
                Next::Briefly | Next::LookThenAgain | Next::Look | Next::Stop => return Err(miss.error),
            }
        }
    }

    /// Sends a request once: credentials, limits and the reading of every answer are here and nowhere else.
    pub(super) async fn once(&self, call: &Call<'_>) -> Result<Json, Miss> {
        let (method, path) = (call.method.to_string(), shown_path(call));
        let mut request = self.client.request(call.method.clone(), self.url.at(call.path)).query(call.query);
        if call.authenticated {
            request = match &self.credentials {
                Credentials::Token(token) => request.bearer_auth(token.expose()),
                Credentials::Basic { username, password } => request.basic_auth(username, Some(password.expose())),
            };
        }
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let begin = Instant::now();
        let answer = request.send().await.map_err(|error| self.transport(&method, &path, &error))?;
        self.pauses.answered();
        let status = answer.status();
        let location = location(&answer);
        let retry_after = retry_after(&answer);
        let is_json = answer.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("json"));
        let bytes = self.read(answer, &method, &path).await?;
        tracing::debug!(method, path, status = status.as_u16(), ms = begin.elapsed().as_millis(), "request");
        if status.is_redirection() {
            return Err(ControllerError::Redirect { method, path, to: location }.into());
        }
        let json: Option<Json> = if is_json { serde_json::from_slice(&bytes).ok() } else { None };
        let error = match json {
            Some(json) if status.is_success() => return Ok(json),
            None if status == StatusCode::NO_CONTENT => return Ok(Json::Null),
            Some(json) => ControllerError::Status { method, path, status: status.as_u16(), words: wire::words(&json) },
            None => ControllerError::NotJson { method, path, status: status.as_u16(), first_line: first_line(&bytes) },
        };
        Err(Miss { error, retry_after })
    }

    async fn read(&self, mut answer: Response, method: &str, path: &str) -> Result<Vec<u8>, ControllerError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.transport(method, path, &error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_LIMIT << 20 {
                return Err(ControllerError::TooLarge { method: method.to_owned(), path: path.to_owned(), limit: ANSWER_LIMIT });
            }
        }
        Ok(bytes)
    }

    fn transport(&self, method: &str, path: &str, error: &reqwest::Error) -> ControllerError {
        self.transport.error(method, path, error)
    }
}

/// JSON as a known shape.
pub(super) fn known<T: DeserializeOwned>(json: Json, call: &Call<'_>) -> Result<T, ControllerError> {
    let unexpected = |error: serde_json::Error| ControllerError::Unexpected {
        method: call.method.to_string(),
        path: shown_path(call),
        what: error.to_string(),
    };
    serde_json::from_value(json).map_err(unexpected)
}

/// How long the server wants to be left alone: in seconds, or until a date.
fn retry_after(answer: &Response) -> Option<Duration> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let left = until.duration_since(jiff::Timestamp::now());
    Some(Duration::try_from(left).unwrap_or_default())
}

/// The path with its query, as a message shows it.
fn shown_path(call: &Call<'_>) -> String {
    let query: Vec<String> = call.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if query.is_empty() { call.path.to_owned() } else { format!("{}?{}", call.path, query.join("&")) }
}

/// Where a redirect leads, without a query that may hold something secret.
fn location(answer: &Response) -> String {
    let location = answer.headers().get(LOCATION).and_then(|v| v.to_str().ok()).unwrap_or("nowhere");
    location.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// The beginning of an answer that is not JSON.
fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("nothing").chars().take(100).collect()
}
