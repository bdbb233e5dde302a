//! What a request says who one is with, and where that is got and given back.

use reqwest::{
    Method, RequestBuilder,
    header::{COOKIE, HeaderValue, REFERER},
};

use super::Secret;

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
    pub(super) fn login(&self) -> String {
        format!("{}login/", self.above())
    }

    pub(super) fn logout(&self) -> String {
        format!("{}logout/", self.above())
    }

    /// Where the controller makes tokens.
    pub(super) fn tokens(&self) -> String {
        format!("{}tokens/", self.root)
    }

    /// What the root is a version of.
    fn above(&self) -> &str {
        let root = self.root.trim_end_matches('/');
        root.rfind('/').and_then(|at| root.get(..=at)).unwrap_or("/api/")
    }
}
