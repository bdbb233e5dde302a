//! Who one is at the controller: proven once and not with every request, since each look at a password costs AWX 200 ms of
//! hashing; and ended at the end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex as Lock, PoisonError},
};

use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{COOKIE, REFERER},
};
use serde_json::json;
use tokio::sync::Mutex;

use super::{
    ControllerError, Credentials, Secret,
    client::{Answer, Http},
    retry::{Next, next},
    wire::NewToken,
};

/// The controller's own log-in page (AWX), which makes sessions.
const LOGIN: &str = "/api/login/";
const LOGOUT: &str = "/api/logout/";

/// Where the gateway of AAP 2.5 and later makes tokens.
const GATEWAY_TOKENS: &str = "/api/gateway/v1/tokens/";

/// The name of the cookie that the session is, where the answer does not say another one.
const SESSION_COOKIE: &str = "awx_sessionid";

/// How requests say who one is.
#[derive(Debug)]
pub(super) enum Pass {
    /// A token, given or made.
    Bearer(Secret),
    /// A session, which writes have to prove with a second secret.
    Session { cookies: Secret, csrf: Secret },
    /// User name and password with each request.
    Basic { username: String, password: Secret },
}

impl Pass {
    /// Puts it on a request. Django compares the referer with the host where it is reached by https.
    pub(super) fn sign(&self, request: RequestBuilder, method: &Method, origin: &str) -> RequestBuilder {
        match self {
            Self::Bearer(token) => request.bearer_auth(token.expose()),
            Self::Basic { username, password } => request.basic_auth(username, Some(password.expose())),
            Self::Session { cookies, .. } if *method == Method::GET => request.header(COOKIE, cookies.expose()),
            Self::Session { cookies, csrf } => {
                request.header(COOKIE, cookies.expose()).header("X-CSRFToken", csrf.expose()).header(REFERER, format!("{origin}/"))
            }
        }
    }
}

/// Where one logs in.
#[derive(Clone, Debug)]
pub(super) struct Door {
    /// The root of the controller's API.
    pub(super) root: String,
    /// Whether a gateway stands before it that makes tokens.
    pub(super) gateway: bool,
}

/// What was made to log in, and has to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Made {
    Session,
    /// A token, by its path.
    Token(String),
}

/// Who one is, now and after the next login.
pub(super) struct Login {
    state: Mutex<State>,
    pass: Lock<Option<Arc<Pass>>>,
}

struct State {
    credentials: Credentials,
    door: Option<Door>,
    made: Option<Made>,
}

impl Login {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self { state: Mutex::new(State { credentials, door: None, made: None }), pass: Lock::default() }
    }

    /// What requests are signed with at the moment.
    pub(super) fn pass(&self) -> Option<Arc<Pass>> {
        self.pass.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_pass(&self, pass: Option<Pass>) {
        *self.pass.lock().unwrap_or_else(PoisonError::into_inner) = pass.map(Arc::new);
    }
}

impl Http {
    /// Logs in: what is sent from now on says who one is.
    pub(super) async fn log_in(&self, door: Door) -> Result<(), ControllerError> {
        let mut state = self.login.state.lock().await;
        state.door = Some(door.clone());
        self.make_pass(&mut state, &door).await
    }

    /// Logs in once more after a request was refused that was signed with this pass: sessions end, and mounted secrets are replaced.
    /// False where there is nothing else to be tried.
    pub(super) async fn renew(&self, refused: &Arc<Pass>) -> Result<bool, ControllerError> {
        let mut state = self.login.state.lock().await;
        if self.login.pass().is_none_or(|pass| !Arc::ptr_eq(&pass, refused)) {
            return Ok(true);
        }
        let Some(door) = state.door.clone() else { return Ok(false) };
        match state.credentials.reread().map_err(|error| ControllerError::Prepare(error.to_string()))? {
            Some(credentials) => state.credentials = credentials,
            None if state.made.is_none() => return Ok(false),
            None => {}
        }
        tracing::debug!("logging in again");
        self.make_pass(&mut state, &door).await.map(|()| true)
    }

    async fn make_pass(&self, state: &mut State, door: &Door) -> Result<(), ControllerError> {
        let (pass, made) = match &state.credentials {
            Credentials::Token(token) => (Pass::Bearer(token.clone()), None),
            Credentials::Basic { username, password } => self.by_password(door, username, password).await?,
        };
        state.made = made;
        self.login.set_pass(Some(pass));
        Ok(())
    }

    /// What a password is exchanged for: the first that this controller has. Controllers after AWX 24.6 make no tokens, those behind a
    /// gateway no sessions.
    async fn by_password(&self, door: &Door, username: &str, password: &Secret) -> Result<(Pass, Option<Made>), ControllerError> {
        let mut found = if door.gateway { self.token(GATEWAY_TOKENS, username, password).await? } else { None };
        if found.is_none() {
            found = self.session(username, password).await?;
        }
        if found.is_none() {
            found = self.token(&format!("{}tokens/", door.root), username, password).await?;
        }
        if let Some((pass, made)) = found {
            return Ok((pass, Some(made)));
        }
        self.pauses
            .say("the controller makes neither sessions nor tokens: the password goes along with each request, and is looked at each time");
        Ok((Pass::Basic { username: username.to_owned(), password: password.clone() }, None))
    }

    /// A session of the controller; none where it has no log-in page.
    async fn session(&self, username: &str, password: &Secret) -> Result<Option<(Pass, Made)>, ControllerError> {
        let page = self.patiently(&self.request(&Method::GET, LOGIN), "GET", LOGIN, &Method::GET).await?;
        let mut cookies = page.cookies();
        let Some(csrf) = cookies.get("csrftoken").filter(|_| page.status == StatusCode::OK) else { return Ok(None) };
        let form = [("username", username), ("password", password.expose()), ("next", "/api/")];
        let request = self.request(&Method::POST, LOGIN).form(&form);
        let request = request.header(COOKIE, header(&cookies)).header("X-CSRFToken", csrf).header(REFERER, self.url.at(LOGIN).to_string());
        // Sent again after its answer was lost it makes a second session, which ends by itself: as harmless as a read.
        let answer = self.patiently(&request, "POST", LOGIN, &Method::GET).await?;
        let new = answer.cookies();
        match answer.status {
            StatusCode::FOUND if new.contains_key(answer.text("X-API-Session-Cookie-Name").unwrap_or(SESSION_COOKIE)) => {
                cookies.extend(new);
                let csrf = cookies.get("csrftoken").cloned().unwrap_or_default();
                Ok(Some((Pass::Session { cookies: Secret::new(header(&cookies)), csrf: Secret::new(csrf) }, Made::Session)))
            }
            // AWX: the form again.
            StatusCode::UNAUTHORIZED | StatusCode::OK => Err(refused(LOGIN, username)),
            status => {
                tracing::debug!(status = status.as_u16(), "no session");
                Ok(None)
            }
        }
    }

    /// A token that is made below this path; none where there are no tokens.
    async fn token(&self, path: &str, username: &str, password: &Secret) -> Result<Option<(Pass, Made)>, ControllerError> {
        let body = json!({ "description": description(), "scope": "write" });
        let request = self.request(&Method::POST, path).basic_auth(username, Some(password.expose())).json(&body);
        // Not blindly sent again where it may have been made: it would be left behind.
        let answer = self.patiently(&request, "POST", path, &Method::POST).await?;
        match (answer.status, answer.json::<NewToken>()) {
            (StatusCode::CREATED, Some(NewToken { id, token })) => {
                Ok(Some((Pass::Bearer(Secret::new(token)), Made::Token(format!("{path}{id}/")))))
            }
            (StatusCode::UNAUTHORIZED, _) => Err(refused(path, username)),
            (status, _) => {
                tracing::debug!(path, status = status.as_u16(), "no token");
                Ok(None)
            }
        }
    }

    /// Sends one request of a login, again where what failed in passing may be sent again as a request of the method `like` may.
    async fn patiently(&self, request: &RequestBuilder, method: &str, path: &str, like: &Method) -> Result<Answer, ControllerError> {
        let mut patience = self.pauses.of_request();
        loop {
            let Some(attempt) = request.try_clone() else { return Err(ControllerError::Prepare("a request cannot be repeated".into())) };
            let error = match self.answer(attempt, method, path).await {
                Ok(answer) if matches!(answer.status.as_u16(), 429 | 502..=504) => {
                    let words = "the controller, or what stands before it, is busy".to_owned();
                    ControllerError::Status { method: method.to_owned(), path: path.to_owned(), status: answer.status.as_u16(), words }
                }
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if next(like, &error) != Next::Again {
                return Err(error);
            }
            let miss = error.into();
            if !patience.wait(&miss).await {
                return Err(patience.gave_up(miss.error));
            }
        }
    }

    /// Ends what was made to log in. An error says what is left; it is tried once, since whoever ends is waited for.
    pub(super) async fn log_out(&self) -> Result<(), ControllerError> {
        let mut state = self.login.state.lock().await;
        let (Some(made), Some(pass)) = (state.made.take(), self.login.pass()) else { return Ok(()) };
        self.login.set_pass(None);
        let (method, path) = match &made {
            Made::Session => (Method::POST, LOGOUT),
            Made::Token(path) => (Method::DELETE, path.as_str()),
        };
        let request = pass.sign(self.request(&method, path), &method, &self.url());
        let answer = self.answer(request, method.as_str(), path).await?;
        match answer.status {
            // Refused or unknown: it has ended already.
            StatusCode::FOUND | StatusCode::NO_CONTENT | StatusCode::OK | StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND => Ok(()),
            status => Err(ControllerError::NotEnded { what: made.to_string(), status: status.as_u16() }),
        }
    }

    /// What requests say who one is with, in words.
    pub(super) async fn login_in_words(&self) -> String {
        let state = self.login.state.lock().await;
        match (&state.made, self.login.pass().as_deref()) {
            (Some(made), _) => format!("{made} that was made for this run and ends with it"),
            (None, Some(Pass::Bearer(_))) => "the token that was given".to_owned(),
            (None, _) => "the password with each request".to_owned(),
        }
    }

    /// Where tokens are listed here, and the path of the one that this run made.
    pub(super) async fn tokens(&self) -> (String, Option<String>) {
        let state = self.login.state.lock().await;
        let list = match &state.door {
            Some(Door { root, gateway: false }) => format!("{root}tokens/"),
            _ => GATEWAY_TOKENS.to_owned(),
        };
        let own = match &state.made {
            Some(Made::Token(path)) => Some(path.clone()),
            _ => None,
        };
        (list, own)
    }
}

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Session => f.write_str("a session"),
            Self::Token(path) => write!(f, "the token {path}"),
        }
    }
}

/// By this tokens are known that a run left behind.
pub(super) const DESCRIPTION: &str = "meshform";

/// Whose token it is.
fn description() -> String {
    let host = rustix::system::uname();
    format!("{DESCRIPTION} on {}, process {}", host.nodename().to_string_lossy(), std::process::id())
}

/// A password that is wrong.
fn refused(path: &str, username: &str) -> ControllerError {
    let words = format!("the user name or the password of {username} is wrong");
    ControllerError::Status { method: "POST".into(), path: path.to_owned(), status: 401, words }
}

/// Cookies as a request brings them along.
fn header(cookies: &BTreeMap<String, String>) -> String {
    cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}
