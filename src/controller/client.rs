//! The client: every request of the API goes through its `once`, and every request at all through `answer`.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER, SET_COOKIE},
};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    ControllerError, Settings,
    address_book::AddressBook,
    discover::{Discovered, discover},
    http,
    login::Login,
    pass::Pass,
    retry::{Miss, Next, Pauses, next},
    rows::PAGES_AT_ONCE,
    transport::Transport,
    wire::{self, Me},
};
use crate::mesh::{BaseUrl, Capabilities, Dialect};

/// The most that an answer may have, in MiB: a page of 200 instances has about a third of one.
const ANSWER_LIMIT: usize = 64;

/// The way to a controller, with what was made there to log in.
pub struct Connection(Arc<Http>);

impl Connection {
    /// Prepares it. Nothing is sent yet.
    pub fn new(settings: Settings) -> Result<Self, ControllerError> {
        Http::new(settings).map(|http| Self(Arc::new(http)))
    }

    /// Ends all pauses: what fails from now on is not tried again.
    pub fn hurry(&self) {
        self.0.pauses.hurry().cancel();
    }

    /// Ends what was made to log in, a session or a token, also one that is being made at the moment; whoever goes on with a client
    /// of this connection is refused. An error says what is left.
    pub async fn end(&self) -> Result<(), ControllerError> {
        self.0.log_out().await
    }
}

/// A controller that was found and that lets itself be read.
pub struct Client {
    pub(super) http: Arc<Http>,
    /// The root of the API with a slash at the end, such as `/api/v2/`.
    pub(super) root: String,
    pub(super) server: ServerInfo,
    pub(super) me: Me,
    pub(super) activity_stream: Option<bool>,
    pub(super) addresses: Mutex<AddressBook>,
    /// Who may look at the moment what became of a row.
    pub(super) polls: Semaphore,
    /// Who may ask at the moment for a page of a list.
    pub(super) pages: Semaphore,
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
    /// Finds the API, logs in, and finds out who one is there. Fails for a user who cannot see the mesh, to whom it would look empty.
    /// Whatever comes of it, the connection has to be [ended](Connection::end).
    pub async fn connect(connection: &Connection) -> Result<Self, ControllerError> {
        let http = Arc::clone(&connection.0);
        let Discovered { root, server, me, activity_stream } = discover(&http).await?;
        let (polls, pages) = (Semaphore::new(POLLS), Semaphore::new(PAGES_AT_ONCE));
        Ok(Self { http, root, server, me, activity_stream, addresses: Mutex::default(), polls, pages })
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

    /// The root of the API with a slash at the end, such as `/api/v2/`.
    pub fn root(&self) -> &str {
        &self.root
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
    pub(super) url: BaseUrl,
    pub(super) login: Login,
    /// Where its API is, if somebody said it.
    pub(super) api_prefix: Option<String>,
    transport: Transport,
    pub(super) pauses: Pauses,
}

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Answer {
    /// Its JSON, if that is what it is.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        let is_json = self.text(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.contains("json"));
        is_json.then(|| serde_json::from_slice(&self.bytes).ok()).flatten()
    }

    /// It as an error, since it is not what was asked for.
    pub(super) fn error(&self, method: &str, path: &str) -> ControllerError {
        let (method, path, status) = (method.to_owned(), path.to_owned(), self.status.as_u16());
        if self.status.is_redirection() {
            return ControllerError::Redirect { method, path, to: location(self) };
        }
        match self.json::<Json>() {
            Some(json) => ControllerError::Status { method, path, status, words: wire::words(&json) },
            None => ControllerError::NotJson { method, path, status, first_line: first_line(&self.bytes) },
        }
    }

    /// The cookies that it sets.
    pub(super) fn cookies(&self) -> BTreeMap<String, String> {
        let pairs = self.headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok()?.split(';').next()?.split_once('='));
        pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
    }

    pub(super) fn text(&self, header: &str) -> Option<&str> {
        self.headers.get(header)?.to_str().ok()
    }
}

impl Http {
    fn new(settings: Settings) -> Result<Self, ControllerError> {
        let client = http::client(&settings)?;
        let transport = Transport::new(&settings);
        let Settings { url, api_prefix, credentials, retry, .. } = settings;
        Ok(Self { client, url, login: Login::new(credentials), api_prefix, transport, pauses: Pauses::new(retry) })
    }

    pub(super) fn url(&self) -> String {
        self.url.to_string()
    }

    /// Sends a request whose answer is JSON of a known shape.
    pub(super) async fn json<T: DeserializeOwned>(self: &Arc<Self>, call: Call<'_>) -> Result<T, ControllerError> {
        let json = self.send(call.clone()).await?;
        known(json, &call)
    }

    /// Sends a request, again where it failed in passing and certainly was not done. What becomes of a write whose answer was lost
    /// is the caller's to look up.
    pub(super) async fn send(self: &Arc<Self>, call: Call<'_>) -> Result<Json, ControllerError> {
        self.send_while(call, |error| next(&Method::GET, error)).await
    }

    /// Sends the look-up of what became of a write, again also where another request would be given up: by it many steps are known.
    pub(super) async fn look(self: &Arc<Self>, call: Call<'_>) -> Result<Json, ControllerError> {
        let step = |error: &ControllerError| match next(&Method::GET, error) {
            Next::Briefly => Next::Again,
            step => step,
        };
        self.send_while(call, step).await
    }

    async fn send_while(self: &Arc<Self>, call: Call<'_>, step: impl Fn(&ControllerError) -> Next) -> Result<Json, ControllerError> {
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

    /// Sends a request once; where it is refused since the session has ended or the secret was replaced, once more after a new login.
    pub(super) async fn once(self: &Arc<Self>, call: &Call<'_>) -> Result<Json, Miss> {
        let pass = if call.authenticated { self.login.pass() } else { None };
        let refused = match self.judged(call, pass.as_deref()).await {
            Err(miss)
                if matches!(miss.error, ControllerError::Status { status: 401, .. } | ControllerError::NotJson { status: 401, .. }) =>
            {
                miss
            }
            result => return result,
        };
        match pass {
            Some(pass) if self.renew(&pass).await.map_err(|error| ControllerError::NotLoggedIn(Box::new(error)))? => {
                self.judged(call, self.login.pass().as_deref()).await
            }
            _ => Err(refused),
        }
    }

    /// Sends a request once, and judges the answer.
    async fn judged(&self, call: &Call<'_>, pass: Option<&Pass>) -> Result<Json, Miss> {
        let (method, path) = (call.method.to_string(), shown_path(call));
        let mut request = self.request(&call.method, call.path).query(call.query);
        if let Some(pass) = pass {
            request = pass.sign(request, &call.method, &self.url());
        }
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let answer = self.answer(request, &method, &path).await?;
        match answer.json::<Json>() {
            Some(json) if answer.status.is_success() => Ok(json),
            None if answer.status == StatusCode::NO_CONTENT => Ok(Json::Null),
            _ => Err(Miss { error: answer.error(&method, &path), retry_after: retry_after(&answer) }),
        }
    }

    /// A request to a path of this controller, not yet signed.
    pub(super) fn request(&self, method: &Method, path: &str) -> RequestBuilder {
        self.client.request(method.clone(), self.url.at(path))
    }

    /// Sends a request and reads its answer whole: limits and what a broken connection means are here and nowhere else.
    pub(super) async fn answer(&self, request: RequestBuilder, method: &str, path: &str) -> Result<Answer, ControllerError> {
        let begin = Instant::now();
        let answer = request.send().await.map_err(|error| self.transport(method, path, &error))?;
        self.pauses.answered();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = self.read(answer, method, path).await?;
        tracing::debug!(method, path, status = status.as_u16(), ms = begin.elapsed().as_millis(), "request");
        Ok(Answer { status, headers, bytes })
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
pub(super) fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.text(RETRY_AFTER.as_str())?.trim();
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
fn location(answer: &Answer) -> String {
    let location = answer.text(LOCATION.as_str()).unwrap_or("nowhere");
    location.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// The beginning of an answer that is not JSON.
fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("nothing").chars().take(100).collect()
}
