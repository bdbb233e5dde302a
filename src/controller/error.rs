//! What can go wrong between this program and a controller.

use thiserror::Error;

use super::TlsProblem;

/// A request that did not do what it should, or a server that is not what it should be. Nothing in here holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ControllerError {
    /// The HTTP client cannot be made: certificates.
    #[error("cannot prepare the connection: {0}")]
    Prepare(String),
    /// No connection: name, route, refused, TLS.
    #[error("cannot connect to {url}: {cause}")]
    Connect {
        /// The controller.
        url: String,
        /// The innermost cause.
        cause: String,
    },
    /// TLS that will not come about, however often it is tried.
    #[error("cannot connect to {url}: {problem}")]
    Tls {
        /// The controller.
        url: String,
        /// What is wrong.
        problem: TlsProblem,
    },
    /// No answer in time.
    #[error("{method} {path}: no answer within {seconds} s")]
    Timeout {
        /// The request's method.
        method: String,
        /// Its path.
        path: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The connection broke before the answer was whole: nobody knows whether a write was done.
    #[error("{method} {path}: the connection broke before the answer was complete: {cause}")]
    Broken {
        /// The request's method.
        method: String,
        /// Its path.
        path: String,
        /// The innermost cause.
        cause: String,
    },
    /// The server said no.
    #[error("{method} {path}: {status}: {words}")]
    Status {
        /// The request's method.
        method: String,
        /// Its path.
        path: String,
        /// The HTTP status.
        status: u16,
        /// What the server said.
        words: String,
    },
    /// The server sends elsewhere. It is not followed, since the credentials would go along.
    #[error("{method} {path}: the controller redirects to {to}")]
    Redirect {
        /// The request's method.
        method: String,
        /// Its path.
        path: String,
        /// Where to, without a query.
        to: String,
    },
    /// An answer that is not JSON where JSON is due: an ingress, a proxy, another program.
    #[error("{method} {path}: {status}: the answer is not JSON but begins `{first_line}`")]
    NotJson {
        /// The request's method.
        method: String,
        /// Its path.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        first_line: String,
    },
    /// JSON, but not what AWX answers.
    #[error("{method} {path}: the answer is not what AWX answers: {what}")]
    Unexpected {
        /// The request's method.
        method: String,
        /// Its path.
        path: String,
        /// What is missing or wrong.
        what: String,
    },
    /// An answer larger than any that AWX gives.
    #[error("{method} {path}: the answer has more than {limit} MiB")]
    TooLarge {
        /// The request's method.
        method: String,
        /// Its path.
        path: String,
        /// The limit in MiB.
        limit: usize,
    },
    /// Something answers, but not an AWX API.
    #[error("{url} is no controller: nothing answers as one at {asked}")]
    NotAController {
        /// Where it is.
        url: String,
        /// Where it was asked.
        asked: String,
    },
    /// Neither superuser nor auditor: the server shows such a user an empty mesh.
    #[error("{user} can see no instances: neither a system administrator nor a system auditor")]
    CannotSee {
        /// Who was logged in.
        user: String,
    },
    /// The list of instances changed each time while it was read.
    #[error("the controller's instances changed {tries} times while they were read")]
    Unstable {
        /// How often it was tried.
        tries: usize,
    },
    /// It was tried again and again.
    #[error("{error} (tried again and again for {seconds} s)")]
    GaveUp {
        /// How it ended the last time.
        error: Box<Self>,
        /// For how long it was tried.
        seconds: u64,
    },
    /// The answer to a write was lost, and the look-up of what became of it failed as well.
    #[error("{error}; whether it was done is not known: {look_up}")]
    Unsettled {
        /// How the write ended.
        error: Box<Self>,
        /// How the look-up ended.
        look_up: Box<Self>,
    },
    /// After a create whose answer was lost there is another instance of that name.
    #[error("somebody else made {hostname} meanwhile, as {node_type}")]
    Taken {
        /// The instance.
        hostname: String,
        /// What it is.
        node_type: String,
    },
    /// The controller could not remove an instance.
    #[error("{hostname}: the controller could not remove it: {words}")]
    NotRemoved {
        /// The instance.
        hostname: String,
        /// What the controller says of it.
        words: String,
    },
    /// The login came to no end.
    #[error("cannot log in: {0}")]
    Login(String),
    /// A request was refused since the login had ended, and the next login failed: it was not done.
    #[error("{0}")]
    NotLoggedIn(Box<Self>),
    /// What was made to log in could not be ended.
    #[error("{what}: the answer was {status}")]
    NotEnded {
        /// What it is.
        what: String,
        /// The status of the answer.
        status: u16,
    },
    /// A step of a row that is nowhere.
    #[error("{hostname} is not on the controller")]
    NoRow {
        /// The instance.
        hostname: String,
    },
    /// A peer whose address the server does not list although its instance listens.
    #[error("the controller lists no address of peer `{peer}`")]
    NoAddress {
        /// The peer.
        peer: String,
    },
}

impl ControllerError {
    /// Whether the server refused for want of rights, so that every further write would be refused too.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.root(), Self::Status { status: 401 | 403, .. } | Self::NotJson { status: 401 | 403, .. })
    }

    /// What went wrong in the end, without how often it was tried.
    pub fn root(&self) -> &Self {
        match self {
            Self::GaveUp { error, .. } | Self::Unsettled { error, .. } | Self::NotLoggedIn(error) => error.root(),
            other => other,
        }
    }

    /// The request, the status of the answer and the server's words, as far as there are some.
    pub fn request(&self) -> Option<(&str, &str, Option<u16>, Option<&str>)> {
        match self.root() {
            Self::Status { method, path, status, words } => Some((method, path, Some(*status), Some(words))),
            Self::NotJson { method, path, status, first_line } => Some((method, path, Some(*status), Some(first_line))),
            Self::Timeout { method, path, .. }
            | Self::Broken { method, path, .. }
            | Self::Redirect { method, path, .. }
            | Self::Unexpected { method, path, .. }
            | Self::TooLarge { method, path, .. } => Some((method, path, None, None)),
            _ => None,
        }
    }

    /// Whether the server does not have what was asked for, or not in this form, while another question may be answered.
    pub(super) fn is_refusal(&self) -> bool {
        match self.root() {
            Self::Status { status, .. } | Self::NotJson { status, .. } => matches!(status, 400 | 403..=407 | 409..=428 | 430..=501),
            Self::Unexpected { .. } | Self::TooLarge { .. } => true,
            _ => false,
        }
    }

    /// Whether something that knows nothing of the API answered, as what guards a controller does where it dislikes a question.
    pub(super) fn is_odd(&self) -> bool {
        matches!(self.root(), Self::NotJson { status: 200..=299, .. })
    }

    /// Whether in the end no connection came about.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::GaveUp { error, .. } | Self::NotLoggedIn(error) => error.is_unreachable(),
            Self::Unsettled { look_up, .. } => look_up.is_unreachable(),
            Self::Connect { .. } | Self::Tls { .. } => true,
            _ => false,
        }
    }

    /// Whether nobody knows if a write was done.
    pub fn leaves_open(&self) -> bool {
        matches!(self, Self::Unsettled { .. })
    }

    /// What to do about it, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Prepare(_) => Some("look at --ca-cert, --client-cert and the machine's own certificates"),
            Self::Tls { problem, .. } => Some(problem.hint()),
            Self::Connect { .. } => {
                Some("check the address (--controller, CONTROLLER_HOST), the network and any proxy (HTTPS_PROXY, NO_PROXY)")
            }
            Self::Timeout { .. } => Some("set CONTROLLER_REQUEST_TIMEOUT to more seconds, or look whether the controller is well"),
            Self::Broken { .. } => Some("run the same command again: it plans from what is there now"),
            Self::Status { status: 401, .. } => Some("check CONTROLLER_OAUTH_TOKEN, or CONTROLLER_USERNAME and CONTROLLER_PASSWORD"),
            Self::Status { status: 403, .. } => Some("a system administrator and, for a token, the scope `write` is needed"),
            Self::Status { status: 429 | 502 | 503 | 504, .. } => {
                Some("the controller or what stands before it is busy or down: try again later")
            }
            Self::Redirect { .. } => {
                Some("give that address with --controller if it is the right one; an ingress that wants a login may take a --header")
            }
            Self::NotJson { .. } => Some("what answers is an ingress, a proxy or another program: check the address"),
            Self::NotAController { .. } => Some("check the address (--controller, CONTROLLER_HOST)"),
            Self::CannotSee { .. } => Some("log in as a system administrator; to plan, a system auditor is enough"),
            Self::Unstable { .. } => Some("somebody else is changing them: try again when that is over"),
            Self::GaveUp { error, .. } | Self::Unsettled { error, .. } | Self::NotLoggedIn(error) => error.hint(),
            Self::NotRemoved { .. } => Some("look at it on the controller; to plan and apply again asks for it again"),
            Self::Taken { .. } => Some("look who that was, then run the same command again: it plans from what is there now"),
            Self::NotEnded { .. } => {
                Some("a session ends by itself in half an hour; a token is ended under Users > Tokens, or by a DELETE of its path")
            }
            Self::Login(_)
            | Self::Status { .. }
            | Self::Unexpected { .. }
            | Self::TooLarge { .. }
            | Self::NoRow { .. }
            | Self::NoAddress { .. } => None,
        }
    }
}
