//! What a handler gives back: a status, a body and the few headers that differ from answer to answer.

use serde_json::{Value, json};

use super::settings::Dialect;

#[derive(Debug)]
pub(super) enum Body {
    Empty,
    Json(Value),
    Html(&'static str),
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Body,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// Both an answer and a refusal are answers; `?` leaves a handler with the latter.
pub(super) type Outcome = Result<Answer, Answer>;

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, body: Body::Json(body), headers: Vec::new() }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    pub(super) fn created(location: String, body: Value) -> Self {
        Self::json(201, body).with("location", location)
    }

    pub(super) fn no_content() -> Self {
        Self { status: 204, body: Body::Empty, headers: Vec::new() }
    }

    pub(super) fn detail(status: u16, text: &str) -> Self {
        Self::json(status, json!({ "detail": text }))
    }

    pub(super) fn bad_request(text: &str) -> Self {
        Self::detail(400, text)
    }

    pub(super) fn unauthenticated() -> Self {
        Self::detail(401, "Authentication credentials were not provided or are not valid.")
            .with("www-authenticate", "Bearer realm=api".to_owned())
    }

    pub(super) fn forbidden() -> Self {
        Self::detail(403, "You do not have permission to perform this action.")
    }

    pub(super) fn no_such_row(model: &str) -> Self {
        Self::detail(404, &format!("No {model} matches the given query."))
    }

    pub(super) fn no_such_path() -> Self {
        Self::detail(404, "The requested resource could not be found.")
    }

    pub(super) fn method_not_allowed(method: &str, allow: &str) -> Self {
        Self::detail(405, &format!("Method \"{method}\" not allowed.")).with("allow", allow.to_owned())
    }

    pub(super) fn moved(location: String) -> Self {
        Self { status: 301, body: Body::Empty, headers: vec![("location", location)] }
    }

    /// What stands in the journal where there is no answer: a status that no answer has.
    pub(super) fn none() -> Self {
        Self { status: 0, body: Body::Empty, headers: Vec::new() }
    }

    /// AWX 24.6: a crash is a page of HTML. AWX 23.7: a detail in JSON.
    pub(super) fn crash(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Addresses => Self {
                status: 500,
                body: Body::Html(
                    "<!doctype html>\n<html lang=\"en\"><head><title>Server Error (500)</title></head><body><h1>Server Error (500)</h1></body></html>\n",
                ),
                headers: Vec::new(),
            },
            Dialect::Hostnames => Self::detail(500, "A server error has occurred."),
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}
