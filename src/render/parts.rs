//! What several JSON documents have in common. Its structs are their own, as those of each document.

use std::fmt::Write;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    config::Loaded,
    controller::ServerInfo,
    mesh::{DeclaredMesh, Peer, Place, Value},
    plan::{Bundle, Cause, Request, Step, drift::Known, saved::Warned},
};

use super::{
    findings_json,
    schemas::{Error, Failed, Shown},
    words::is_obeyed,
};

/// Which controller it is.
#[derive(Serialize, JsonSchema)]
pub(super) struct Controller<'a> {
    url: &'a str,
    version: &'a str,
    /// How its API names peers.
    #[schemars(extend("enum" = ["none", "hostnames", "addresses"]))]
    dialect: String,
    install_uuid: &'a str,
}

/// A change that the controller remembers.
#[derive(Serialize, JsonSchema)]
pub(super) struct Hand<'a> {
    /// The account; null where the controller itself did it or the account is not known.
    actor: Option<&'a str>,
    /// RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    time: String,
    /// The value before; null also where that is not known.
    #[schemars(with = "Option<Shown>")]
    before: serde_json::Value,
}

impl<'a> Hand<'a> {
    pub(super) fn new(known: &'a Known) -> Self {
        let Known { actor, time, before } = known;
        Self { actor: actor.as_deref(), time: time.to_string(), before: before.as_ref().map_or(serde_json::Value::Null, value) }
    }
}

/// A rule of `ignore`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Rule<'a> {
    #[schemars(extend("format" = "date"))]
    until: String,
    reason: &'a str,
    source: Source<'a>,
}

impl<'a> Rule<'a> {
    pub(super) fn new(declared: &'a DeclaredMesh, until: Date, reason: &'a str, place: Place) -> Self {
        Self { until: until.to_string(), reason, source: Source::new(declared, place) }
    }
}

/// Where something stands.
#[derive(Serialize, JsonSchema)]
pub(super) struct Source<'a> {
    file: &'a str,
    line: u32,
    column: u32,
}

impl<'a> Source<'a> {
    pub(super) fn new(declared: &'a DeclaredMesh, place: Place) -> Self {
        Self { file: declared.file(place.file), line: place.line, column: place.column }
    }
}

/// An install bundle to run.
#[derive(Serialize, JsonSchema)]
pub(super) struct Run<'a> {
    turn: usize,
    hostname: &'a str,
    #[schemars(extend("enum" = ["new", "made_again", "listener", "peers", "unconnected"]))]
    why: &'static str,
}

/// Something that deserves a look and stops nothing.
#[derive(Serialize, JsonSchema)]
pub(super) struct Warning<'a> {
    code: String,
    message: String,
    source: Option<Source<'a>>,
}

impl<'a> Warning<'a> {
    /// A warning, with its place if it has one.
    pub(super) fn new(declared: &'a DeclaredMesh, code: &str, message: String, place: Option<Place>) -> Self {
        Self { code: code.to_owned(), message, source: place.map(|place| Source::new(declared, place)) }
    }

    /// What the configuration warns of.
    pub(super) fn of(declared: &'a DeclaredMesh, Warned { code, message, place }: &Warned) -> Self {
        Self::new(declared, code, message.clone(), *place)
    }
}

pub(super) fn controller(server: &ServerInfo) -> Controller<'_> {
    Controller {
        url: &server.url,
        version: &server.version,
        dialect: server.capabilities.dialect.to_string(),
        install_uuid: &server.install_uuid,
    }
}

pub(super) fn run(bundle: &Bundle) -> Run<'_> {
    let why = match bundle.cause {
        Cause::New => "new",
        Cause::MadeAgain => "made_again",
        Cause::Listener => "listener",
        Cause::Peers => "peers",
        Cause::Unconnected => "unconnected",
    };
    Run { turn: bundle.turn, hostname: &bundle.hostname, why }
}

/// A document of one of these contracts, ending with a line break.
pub(super) fn pretty(document: &impl Serialize) -> String {
    let mut text = quiet(&serde_json::to_string_pretty(document).expect("strings, numbers and booleans are JSON"));
    text.push('\n');
    text
}

/// JSON that no terminal obeys and that reads as it is: JSON itself escapes the first 32 characters alone.
pub(super) fn quiet(json: &str) -> String {
    let mut quiet = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_obeyed(c) {
            let _ = write!(quiet, "\\u{:04x}", u32::from(c));
        } else {
            quiet.push(c);
        }
    }
    quiet
}

/// The document of a run that did not come to its report.
pub fn failed(message: &str, hint: Option<&str>, exit: u8, broken: Option<&Loaded>) -> String {
    let error = Error { message: message.to_owned(), hint: hint.map(str::to_owned), exit };
    pretty(&Failed { format_version: "1.0", error, findings: broken.map(findings_json::all) })
}

/// What a step does, as this contract has it: a removal is a change of state.
pub(super) fn action(step: &Step) -> &'static str {
    match step.action {
        Request::Create => "create",
        Request::Patch | Request::Remove => "patch",
        Request::Wait | Request::Idle => "wait",
    }
}

/// A value as the API would write it, with peers as a configuration names them.
pub(super) fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::Type(node_type) => node_type.as_str().into(),
        Value::Bool(value) => (*value).into(),
        Value::Decimal(value) => format!("{value:.2}").into(),
        Value::Port(port) => (*port).into(),
        Value::Peers(peers) => peers.iter().map(Peer::declared).collect(),
    }
}
