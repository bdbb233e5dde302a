//! Who one is at the controller: proven once and not with every request, since each look at a password costs AWX 200 ms of
//! hashing; and ended at the end.

use std::{
    collections::BTreeMap,
    fmt,
    mem::take,
    sync::{Arc, Mutex as Lock, PoisonError},
};

use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{COOKIE, HeaderValue, REFERER},
};
use serde_json::json;
use tokio::sync::Mutex;

use super::{
    ControllerError, Credentials, Secret,
    client::{Answer, Http, retry_after},
    retry::{Miss, Next, next},
    wire::{NewToken, Page, TokenRow},
};

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
            Self::Session { cookies, .. } if *method == Method::GET => request.header(COOKIE, hidden(cookies)),
            Self::Session { cookies, csrf } => {
                request.header(COOKIE, hidden(cookies)).header("X-CSRFToken", hidden(csrf)).header(REFERER, format!("{origin}/"))
            }
        }
    }
}

/// As a header that nothing shows.
fn hidden(secret: &Secret) -> HeaderValue {
    let mut value = HeaderValue::from_str(secret.expose()).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Where one logs in.
#[derive(Clone, Debug)]
pub(super) struct Door {
    /// The root of the controller's API, such as `/api/v2/`.
    pub(super) root: String,
    /// Whether a gateway stands before it that makes tokens.
    pub(super) gateway: bool,
}

impl Door {
    /// The controller's own log-in page (AWX), which makes sessions.
    fn login(&self) -> String {
        format!("{}login/", self.above())
    }

    fn logout(&self) -> String {
        format!("{}logout/", self.above())
    }

    /// Where the controller makes tokens.
    fn tokens(&self) -> String {
        format!("{}tokens/", self.root)
    }

    /// What the root is a version of.
    fn above(&self) -> &str {
        let root = self.root.trim_end_matches('/');
        root.rfind('/').and_then(|at| root.get(..=at)).unwrap_or("/api/")
    }
}

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
    /// Whether they were refused: tried again and again they would lock the account.
    is_refused: bool,
    door: Option<Door>,
    made: Vec<Made>,
    /// Whether a token may have been made of which nobody was told.
    may_have_lost_one: bool,
}

impl Login {
    pub(super) fn new(credentials: Credentials) -> Self {
        let state = State { credentials, is_refused: false, door: None, made: Vec::new(), may_have_lost_one: false };
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
            Ok(Some(credentials)) => (state.credentials, state.is_refused) = (credentials, false),
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
        if state.is_refused || is_same {
            return Ok(false);
        }
        tracing::debug!("logging in again");
        self.make_pass(&mut state, &door).await.map(|()| true)
    }

    async fn make_pass(&self, state: &mut State, door: &Door) -> Result<(), ControllerError> {
        let pass = match state.credentials.clone() {
            Credentials::Token(token) => Arc::new(Pass::Bearer(token)),
            Credentials::Basic { username, password } => match self.by_password(state, door, &username, &password).await {
                Err(error) => {
                    state.is_refused = matches!(error, ControllerError::Status { status: 401, .. });
                    return Err(error);
                }
                Ok(Some((pass, what))) => {
                    let pass = Arc::new(pass);
                    state.made.push(Made { what, pass: Arc::clone(&pass) });
                    pass
                }
                Ok(None) => {
                    self.pauses.say("the controller makes neither sessions nor tokens: the password goes along with each request, and is looked at each time");
                    Arc::new(Pass::Basic { username, password })
                }
            },
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
        let body = json!({ "description": description(), "scope": "write" });
        let request = self.request(&Method::POST, path).basic_auth(username, Some(password.expose())).json(&body);
        let result = self.patiently(&request, "POST", path).await;
        // Of one whose answer was lost nobody knows the name.
        state.may_have_lost_one |= result.as_ref().map_or(true, |(_, was_repeated)| *was_repeated);
        let (answer, _) = result?;
        match (answer.status, answer.json::<NewToken>()) {
            (StatusCode::CREATED, Some(NewToken { id, token })) => {
                Ok(Some((Pass::Bearer(Secret::new(token)), What::Token(format!("{path}{id}/")))))
            }
            (StatusCode::UNAUTHORIZED, _) => Err(refused(path, username)),
            (StatusCode::OK, None) => Err(answer.error("POST", path)),
            (status, _) => {
                state.may_have_lost_one |= status == StatusCode::CREATED;
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
        let (Some(door), Some(pass)) = (state.door.clone(), self.login.pass()) else { return Ok(()) };
        let known = take(&mut state.made);
        let mut made = Vec::new();
        if state.may_have_lost_one {
            let lost = self.lost(&door, &pass).await.into_iter().map(What::Token);
            let lost = lost.filter(|what| known.iter().all(|made| made.what != *what));
            made.extend(lost.map(|what| Made { what, pass: Arc::clone(&pass) }));
        }
        // The one that is in use comes last, since it may be needed to end the others.
        made.extend(known);
        let mut result = Ok(());
        for Made { what, pass: own } in made {
            let mut status = self.end(&door, &what, &own).await;
            if matches!(status, Ok(StatusCode::UNAUTHORIZED)) && !Arc::ptr_eq(&own, &pass) {
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

    /// The paths of tokens that this run made, by their description.
    async fn lost(&self, door: &Door, pass: &Pass) -> Vec<String> {
        let path = tokens_of(door);
        let request = pass.sign(self.request(&Method::GET, &path), &Method::GET, &self.url());
        let request = request.query(&[("description", description().as_str()), ("page_size", "200")]);
        let answer = self.patiently(&request, "GET", &path).await.ok();
        let page = answer.and_then(|(answer, _)| answer.json::<Page<TokenRow>>());
        page.map(|page| page.results.into_iter().map(|token| format!("{path}{}/", token.id)).collect()).unwrap_or_default()
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

/// Whose token it is.
fn description() -> String {
    let host = rustix::system::uname();
    format!("{DESCRIPTION} on {}, process {}", host.nodename().to_string_lossy(), std::process::id())
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
