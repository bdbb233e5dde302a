//! Who one is at the controller: proven once and not with every request, since each look at a password costs AWX 200 ms of
//! hashing; and ended at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    mem::take,
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
    client::{Answer, Http, retry_after},
    pass::{Door, Pass},
    retry::{Miss, Next, next},
    wire::{NewToken, Page, TokenRow},
};

/// Where the gateway of AAP 2.5 and later makes tokens.
const GATEWAY_TOKENS: &str = "/api/gateway/v1/tokens/";

/// The name of the cookie that the session is, where the answer does not say another one.
const SESSION_COOKIE: &str = "awx_sessionid";

/// What was made to log in, and has to be ended.
struct Made {
    what: What,
    /// By what it is ended.
    pass: Arc<Pass>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Session,
    /// A token, by its path.
    Token(String),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session => f.write_str("a session"),
            Self::Token(path) => write!(f, "the token {path}"),
        }
    }
}

/// Who one is, now and after the next login.
pub(super) struct Login {
    state: Mutex<State>,
    pass: Lock<Option<Arc<Pass>>>,
}

struct State {
    credentials: Credentials,
    /// Whose the tokens are that this run makes.
    description: String,
    door: Option<Door>,
    made: Vec<Made>,
    /// Where tokens may have been made of which nobody was told.
    lost_below: BTreeSet<String>,
    /// The pass that could not be renewed, and why: a wrong password that is tried again and again locks the account.
    failed: Option<(Arc<Pass>, ControllerError)>,
}

impl Login {
    pub(super) fn new(credentials: Credentials) -> Self {
        let (door, made, lost_below, failed) = (None, Vec::new(), BTreeSet::new(), None);
        let state = State { credentials, description: description(), door, made, lost_below, failed };
        Self { state: Mutex::new(state), pass: Lock::default() }
    }

    /// What requests are signed with at the moment.
    pub(super) fn pass(&self) -> Option<Arc<Pass>> {
        self.pass.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_pass(&self, pass: Option<Arc<Pass>>) {
        *self.pass.lock().unwrap_or_else(PoisonError::into_inner) = pass;
    }
}

impl Http {
    /// Logs in: what is sent from now on says who one is. It goes on when nobody waits for it any more, so that what is being made is
    /// known in the end.
    pub(super) async fn log_in(self: &Arc<Self>, door: Door) -> Result<(), ControllerError> {
        let own = Arc::clone(self);
        let login = tokio::spawn(async move {
            let mut state = own.login.state.lock().await;
            state.door = Some(door.clone());
            own.make_pass(&mut state, &door).await
        });
        login.await.unwrap_or_else(|error| Err(ControllerError::Login(error.to_string())))
    }

    /// Logs in once more after a request was refused that was signed with this pass: sessions end, and mounted secrets are replaced.
    /// False where there is nothing else to be tried. It goes on as [`log_in`](Self::log_in) does.
    pub(super) async fn renew(self: &Arc<Self>, refused: &Arc<Pass>) -> Result<bool, ControllerError> {
        let (own, refused) = (Arc::clone(self), Arc::clone(refused));
        let renewal = tokio::spawn(async move { own.renewed(&refused).await });
        renewal.await.unwrap_or_else(|error| Err(ControllerError::Login(error.to_string())))
    }

    async fn renewed(&self, refused: &Arc<Pass>) -> Result<bool, ControllerError> {
        let mut state = self.login.state.lock().await;
        if self.login.pass().is_none_or(|pass| !Arc::ptr_eq(&pass, refused)) {
            return Ok(true);
        }
        let Some(door) = state.door.clone() else { return Ok(false) };
        match state.credentials.reread() {
            Ok(Some(credentials)) => (state.credentials, state.failed) = (credentials, None),
            Ok(None) => {}
            // What is known may do all the same.
            Err(error) => self.pauses.say(&format!("{error}; what it held before is tried once more")),
        }
        // A token that was given, or a password that goes along with each request, was just refused itself.
        let is_same = match (&state.credentials, refused.as_ref()) {
            (Credentials::Token(token), Pass::Bearer(tried)) => token == tried,
            (Credentials::Basic { password, .. }, Pass::Basic { password: tried, .. }) => password == tried,
            _ => false,
        };
        if is_same {
            return Ok(false);
        }
        if let Some((_, error)) = state.failed.as_ref().filter(|(pass, _)| Arc::ptr_eq(pass, refused)) {
            return Err(error.clone());
        }
        tracing::debug!("logging in again");
        let result = self.make_pass(&mut state, &door).await;
        state.failed = result.as_ref().err().map(|error| (Arc::clone(refused), error.clone()));
        result.map(|()| true)
    }

    async fn make_pass(&self, state: &mut State, door: &Door) -> Result<(), ControllerError> {
        let pass = match state.credentials.clone() {
            Credentials::Token(token) => Arc::new(Pass::Bearer(token)),
            Credentials::Basic { username, password } => {
                if let Some((pass, what)) = self.by_password(state, door, &username, &password).await? {
                    let pass = Arc::new(pass);
                    state.made.push(Made { what, pass: Arc::clone(&pass) });
                    pass
                } else {
                    self.pauses.say("the controller makes neither sessions nor tokens: the password goes along with each request, and is looked at each time");
                    Arc::new(Pass::Basic { username, password })
                }
            }
        };
        self.login.set_pass(Some(pass));
        Ok(())
    }

    /// What a password is exchanged for: the first that this controller has. Controllers after AWX 24.6 make no tokens, those behind a
    /// gateway no sessions.
    async fn by_password(
        &self,
        state: &mut State,
        door: &Door,
        username: &str,
        password: &Secret,
    ) -> Result<Option<(Pass, What)>, ControllerError> {
        let mut found = if door.gateway { self.token(state, GATEWAY_TOKENS, username, password).await? } else { None };
        // AWX with SESSIONS_PER_USER: the next session of the same user ends this one, and two runs would do that to each other.
        let was_ended = state.made.iter().filter(|made| made.what == What::Session).count() > 1;
        if found.is_none() && !was_ended {
            found = self.session(door, username, password).await?;
        }
        if found.is_none() {
            found = self.token(state, &door.tokens(), username, password).await?;
        }
        if found.is_none() && was_ended {
            found = self.session(door, username, password).await?;
        }
        Ok(found)
    }

    /// A session of the controller; none where it has no log-in page.
    async fn session(&self, door: &Door, username: &str, password: &Secret) -> Result<Option<(Pass, What)>, ControllerError> {
        let path = door.login();
        let (page, _) = self.patiently(&self.request(&Method::GET, &path), "GET", &path).await?;
        let mut cookies = page.cookies();
        let Some(csrf) = cookies.get("csrftoken").filter(|_| page.status == StatusCode::OK) else { return Ok(None) };
        let form = [("username", username), ("password", password.expose()), ("next", "/api/")];
        let request = self.request(&Method::POST, &path).form(&form);
        let request = request.header(COOKIE, header(&cookies)).header("X-CSRFToken", csrf).header(REFERER, self.url.at(&path).to_string());
        // Sent again after its answer was lost it makes a second session, which ends by itself.
        let (answer, _) = self.patiently(&request, "POST", &path).await?;
        let new = answer.cookies();
        match answer.status {
            StatusCode::FOUND if new.contains_key(answer.text("X-API-Session-Cookie-Name").unwrap_or(SESSION_COOKIE)) => {
                cookies.extend(new);
                let csrf = cookies.get("csrftoken").cloned().unwrap_or_default();
                Ok(Some((Pass::Session { cookies: Secret::new(header(&cookies)), csrf: Secret::new(csrf) }, What::Session)))
            }
            StatusCode::UNAUTHORIZED => Err(refused(&path, username)),
            StatusCode::OK => Err(answer.error("POST", &path)),
            status => {
                tracing::debug!(status = status.as_u16(), "no session");
                Ok(None)
            }
        }
    }

    /// A token that is made below this path; none where there are no tokens.
    async fn token(
        &self,
        state: &mut State,
        path: &str,
        username: &str,
        password: &Secret,
    ) -> Result<Option<(Pass, What)>, ControllerError> {
        let body = json!({ "description": state.description, "scope": "write" });
        let request = self.request(&Method::POST, path).basic_auth(username, Some(password.expose())).json(&body);
        let result = self.patiently(&request, "POST", path).await;
        // Of one whose answer was lost nobody knows the name.
        let is_clear = result.as_ref().is_ok_and(|(answer, was_repeated)| {
            !was_repeated && (answer.status != StatusCode::CREATED || answer.json::<NewToken>().is_some())
        });
        if !is_clear {
            state.lost_below.insert(path.to_owned());
        }
        let (answer, _) = result?;
        match (answer.status, answer.json::<NewToken>()) {
            (StatusCode::CREATED, Some(NewToken { id, token })) => {
                Ok(Some((Pass::Bearer(Secret::new(token)), What::Token(format!("{path}{id}/")))))
            }
            (StatusCode::UNAUTHORIZED, _) => Err(refused(path, username)),
            (StatusCode::OK, None) => Err(answer.error("POST", path)),
            (status, _) => {
                tracing::debug!(path, status = status.as_u16(), "no token");
                Ok(None)
            }
        }
    }

    /// Sends one request of a login, again where it failed in passing; whether it was sent more than once.
    async fn patiently(&self, request: &RequestBuilder, method: &str, path: &str) -> Result<(Answer, bool), ControllerError> {
        let mut patience = self.pauses.of_request();
        let mut was_repeated = false;
        loop {
            let Some(attempt) = request.try_clone() else { return Err(ControllerError::Login("a request cannot be repeated".into())) };
            let miss = match self.answer(attempt, method, path).await {
                // What is not there is refused; what breaks or is busy says nothing of that.
                Ok(answer) if answer.status.as_u16() == 429 || answer.status.is_server_error() => {
                    Miss { error: answer.error(method, path), retry_after: retry_after(&answer) }
                }
                Ok(answer) => return Ok((answer, was_repeated)),
                Err(error) => error.into(),
            };
            // As a read is: what is made twice is ended twice, or ends by itself.
            match next(&Method::GET, &miss.error) {
                Next::Again if patience.wait(&miss).await => {}
                Next::Briefly if patience.wait_briefly(&miss).await => {}
                Next::Again => return Err(patience.gave_up(miss.error)),
                Next::Briefly | Next::LookThenAgain | Next::Look | Next::Stop => return Err(miss.error),
            }
            was_repeated = true;
        }
    }

    /// Ends all that was made to log in. An error says what is left.
    pub(super) async fn log_out(&self) -> Result<(), ControllerError> {
        let mut state = self.login.state.lock().await;
        let Some(door) = state.door.clone() else { return Ok(()) };
        let known = take(&mut state.made);
        let mut result = Ok(());
        let mut made = Vec::new();
        // Where no login came to its end there is still the password.
        let pass = match (self.login.pass(), &state.credentials) {
            (Some(pass), _) => pass,
            (None, Credentials::Basic { username, password }) => {
                Arc::new(Pass::Basic { username: username.clone(), password: password.clone() })
            }
            (None, Credentials::Token(_)) => return Ok(()),
        };
        for path in take(&mut state.lost_below) {
            match self.lost(&path, &state.description, &pass).await {
                Ok(lost) => made.extend(
                    lost.into_iter()
                        .filter(|what| known.iter().all(|made| made.what != *what))
                        .map(|what| Made { what, pass: Arc::clone(&pass) }),
                ),
                Err(error) => result = Err(error),
            }
        }
        // The one that is in use comes last, since it may be needed to end the others.
        made.extend(known);
        for Made { what, pass: own } in made {
            let mut status = self.end(&door, &what, &own).await;
            if matches!((&what, &status), (What::Token(_), Ok(StatusCode::UNAUTHORIZED))) {
                status = self.end(&door, &what, &pass).await;
            }
            match status {
                // Refused or unknown: it has ended already.
                Ok(StatusCode::FOUND | StatusCode::NO_CONTENT | StatusCode::OK | StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND) => {}
                Ok(status) => result = Err(ControllerError::NotEnded { what: what.to_string(), status: status.as_u16() }),
                Err(error) => result = Err(error),
            }
        }
        self.login.set_pass(None);
        result
    }

    async fn end(&self, door: &Door, what: &What, pass: &Pass) -> Result<StatusCode, ControllerError> {
        let (method, path) = match what {
            What::Session => (Method::POST, door.logout()),
            What::Token(path) => (Method::DELETE, path.clone()),
        };
        let request = pass.sign(self.request(&method, &path), &method, &self.url());
        self.patiently(&request, method.as_str(), &path).await.map(|(answer, _)| answer.status)
    }

    /// The tokens below a path that this run made, by their description.
    async fn lost(&self, path: &str, description: &str, pass: &Pass) -> Result<Vec<What>, ControllerError> {
        let request = pass.sign(self.request(&Method::GET, path), &Method::GET, &self.url());
        let request = request.query(&[("description", description), ("page_size", "200")]);
        let (answer, _) = self.patiently(&request, "GET", path).await?;
        let Some(page) = answer.json::<Page<TokenRow>>() else { return Err(answer.error("GET", path)) };
        let own = page.results.into_iter().filter(|token| token.description == description);
        Ok(own.map(|token| What::Token(format!("{path}{}/", token.id))).collect())
    }

    /// What requests say who one is with, in words.
    pub(super) async fn login_in_words(&self) -> String {
        let state = self.login.state.lock().await;
        match (state.made.last(), self.login.pass().as_deref()) {
            (Some(made), _) => format!("{} that was made for this run and ends with it", made.what),
            (None, Some(Pass::Bearer(_))) => "the token that was given".to_owned(),
            (None, _) => "the password with each request".to_owned(),
        }
    }

    /// Where tokens are listed here, and the paths of those that this run made.
    pub(super) async fn tokens(&self) -> (String, Vec<String>) {
        let state = self.login.state.lock().await;
        let path = |made: &Made| match &made.what {
            What::Token(path) => Some(path.clone()),
            What::Session => None,
        };
        (state.door.as_ref().map(tokens_of).unwrap_or_default(), state.made.iter().filter_map(path).collect())
    }
}

/// Where tokens are listed.
fn tokens_of(door: &Door) -> String {
    if door.gateway { GATEWAY_TOKENS.to_owned() } else { door.tokens() }
}

/// By this tokens are known that a run left behind.
pub(super) const DESCRIPTION: &str = "meshform";

/// Whose token it is. In containers many processes have the same number, and machines the same name.
fn description() -> String {
    let (host, since) = (rustix::system::uname(), jiff::Timestamp::now());
    format!("{DESCRIPTION} on {}, process {}, since {since}", host.nodename().to_string_lossy(), std::process::id())
}

/// A password that is wrong.
fn refused(path: &str, username: &str) -> ControllerError {
    let words = format!("the user name or the password of `{username}` is wrong, or nobody logs in by password there");
    ControllerError::Status { method: "POST".into(), path: path.to_owned(), status: 401, words }
}

/// Cookies as a request brings them along.
fn header(cookies: &BTreeMap<String, String>) -> String {
    cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}
