//! What a handler gives back: a status, a body and the few headers that differ from answer to answer.

use serde_json::{Value, json};

use super::{costs::Work, settings::Dialect};

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
    pub(super) work: Work,
}

/// Both an answer and a refusal are answers; `?` leaves a handler with the latter.
pub(super) type Outcome = Result<Answer, Answer>;

impl Answer {
    fn new(status: u16, body: Body) -> Self {
        Self { status, body, headers: Vec::new(), work: Work::default() }
    }

    pub(super) fn json(status: u16, body: Value) -> Self {
        Self::new(status, Body::Json(body))
    }

    pub(super) fn html(status: u16, page: &'static str) -> Self {
        Self::new(status, Body::Html(page))
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    pub(super) fn created(location: String, body: Value) -> Self {
        Self::json(201, body).with("location", location)
    }

    pub(super) fn empty(status: u16) -> Self {
        Self::new(status, Body::Empty)
    }

    pub(super) fn no_content() -> Self {
        Self::empty(204)
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
        Self::empty(301).with("location", location)
    }

    pub(super) fn found(location: String) -> Self {
        Self::empty(302).with("location", location)
    }

    /// What stands in the journal where there is no answer: a status that no answer has.
    pub(super) fn none() -> Self {
        Self::empty(0)
    }

    /// AWX 24.6: a crash is a page of HTML. AWX 23.7: a detail in JSON.
    pub(super) fn crash(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Addresses => Self::html(
                500,
                "<!doctype html>\n<html lang=\"en\"><head><title>Server Error (500)</title></head><body><h1>Server Error (500)</h1></body></html>\n",
            ),
            Dialect::Hostnames => Self::detail(500, "A server error has occurred."),
        }
    }

    /// So many rows of instances are in it.
    pub(super) fn with_rows(mut self, rows: usize) -> Self {
        self.work.rows = rows;
        self
    }

    /// It tells of an instance that was written.
    pub(super) fn written(mut self) -> Self {
        self.work.write = true;
        self
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}
