//! A server of its own for each row, and a client that speaks in names where the dialect wants ids.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, sync::Once};

use meshform::sandbox::{Dialect, Server, Settings};
use reqwest::{Client, Method, Response, header, redirect::Policy};
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) dialect: Dialect,
    line: Rc<Line>,
    /// The `Authorization` of those who are not the superuser, made when they are first named.
    others: RefCell<BTreeMap<String, String>>,
}

/// What a test speaks through; reading the certificates of the system for each row would take most of the time.
struct Line {
    runtime: Runtime,
    client: Client,
}

thread_local! {
    static LINE: Rc<Line> = Rc::new(Line::new());
}

impl Line {
    fn new() -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // Another module of this binary may have been first, with the same one.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
        Self { runtime, client }
    }
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
    headers: header::HeaderMap,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Bench {
    pub(super) fn start(settings: Settings) -> Self {
        let dialect = settings.dialect;
        let server = Server::start(([127, 0, 0, 1], 0).into(), settings).expect("a free port");
        Self { server, dialect, line: LINE.with(Rc::clone), others: RefCell::default() }
    }

    /// A setup step, which has to succeed.
    pub(super) fn must(&self, step: &str) -> Result<(), String> {
        let reply = self.step(step);
        if reply.status < 300 { Ok(()) } else { Err(format!("setup `{step}` answered {} {}", reply.status, reply.body)) }
    }

    /// The step of a row and what is wanted of it.
    pub(super) fn check(&self, step: &str, wanted: &str) -> Result<(), String> {
        let (answer, stored) = wanted.split_once('|').unwrap_or((wanted, ""));
        let mut words = answer.split_whitespace();
        let status = words.next().unwrap_or_default();
        let keys: Vec<&str> = words.collect();
        let reply = self.step(step);
        let mut found: Vec<&str> = match (&reply.body, reply.status) {
            (Value::Object(body), 400..) => body.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        found.sort_unstable();
        if reply.status.to_string() != status || found != keys {
            return Err(format!("`{step}` answered {} {}, wanted {answer}", reply.status, reply.body));
        }
        for fact in stored.split_whitespace() {
            let (place, value) = fact.split_once('=').unwrap_or((fact, ""));
            let (name, field) =
                if ["there", "gone"].contains(&value) { (place, "") } else { place.rsplit_once('.').unwrap_or((place, "")) };
            let row = self.instance(name);
            let found = match (&row, field) {
                (Some(_), "") => "there".to_owned(),
                (None, _) => "gone".to_owned(),
                (Some(row), field) => row.get(field).unwrap_or(&Value::Null).to_string(),
            };
            let value = if field.is_empty() {
                value.to_owned()
            } else {
                serde_json::from_str::<Value>(value).map_or(value.to_owned(), |value| value.to_string())
            };
            if found != value {
                return Err(format!("after `{step}` ({}) {place} is {found}, wanted {value}", reply.status));
            }
        }
        Ok(())
    }

    /// Does what a step says, whatever comes of it.
    pub(super) fn step(&self, step: &str) -> Reply {
        let (who, rest) = ["admin", "auditor", "normal", "reader", "nobody", "wrong"]
            .into_iter()
            .find_map(|who| step.strip_prefix(who).map(|rest| (who, rest.trim_start())))
            .unwrap_or(("admin", step));
        let mut parts = rest.splitn(3, ' ');
        let method = parts.next().unwrap_or_default();
        let target = parts.next().unwrap_or_default();
        let mut body = parts.next().map(|text| serde_json::from_str::<Value>(text).expect("a body in JSON"));
        let path = match (target.starts_with('/'), method) {
            (true, _) => target.to_owned(),
            (false, "POST") => {
                let object = body.get_or_insert_with(|| json!({})).as_object_mut().expect("an object");
                object.entry("hostname").or_insert_with(|| json!(target));
                "/api/v2/instances/".to_owned()
            }
            (false, _) => format!("/api/v2/instances/{target}/"),
        };
        if let Some(Value::Object(object)) = &mut body {
            self.name_addresses(object);
        }
        self.send_as(who, method, &path, body.as_ref())
    }

    /// Names among the peers become what the dialect wants. What has no address stays and is refused.
    fn name_addresses(&self, body: &mut Map<String, Value>) {
        if self.dialect == Dialect::Hostnames {
            return;
        }
        let Some(Value::Array(peers)) = body.get_mut("peers") else { return };
        for peer in peers {
            if let Some(id) = peer.as_str().and_then(|name| self.address_of(name)) {
                *peer = json!(id);
            }
        }
    }

    /// The id of an instance's canonical address.
    pub(super) fn address_of(&self, name: &str) -> Option<i64> {
        let reply = self.get(&format!("/api/v2/receptor_addresses/?instance__hostname={name}&canonical=true"));
        reply.body.pointer("/results/0/id").and_then(Value::as_i64)
    }

    /// An instance as it is stored, with names for peers; `reverse_peers` are named too.
    pub(super) fn instance(&self, name: &str) -> Option<Value> {
        let mut reply = self.get(&format!("/api/v2/instances/{name}/"));
        if reply.status != 200 {
            return None;
        }
        if self.dialect == Dialect::Addresses {
            let peers = self.get(&format!("/api/v2/instances/{name}/peers/?page_size=200"));
            let mut names: Vec<String> = peers.body["results"].as_array()?.iter().map(|row| self.hostname_of(&row["instance"])).collect();
            names.sort_unstable();
            reply.body["peers"] = json!(names);
            let back: Vec<String> = reply.body["reverse_peers"].as_array()?.iter().map(|id| self.hostname_of(id)).collect();
            reply.body["reverse_peers"] = json!(back);
        }
        Some(reply.body)
    }

    fn hostname_of(&self, id: &Value) -> String {
        self.get(&format!("/api/v2/instances/{id}/")).body["hostname"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn get(&self, path: &str) -> Reply {
        self.send_as("admin", "GET", path, None)
    }

    fn send_as(&self, who: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let text = body.map(Value::to_string);
        self.raw(&self.authorization(who), method, path, text.as_deref(), "application/json")
    }

    /// A request in which nothing is made for you.
    pub(super) fn raw(&self, authorization: &str, method: &str, path: &str, body: Option<&str>, kind: &str) -> Reply {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.line.client.request(method, format!("{}{path}", self.server.url()));
        if !authorization.is_empty() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, kind).body(body.to_owned());
        }
        self.line.runtime.block_on(async {
            let response: Response = request.send().await.expect("an answer");
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let text = response.text().await.expect("a body");
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            Reply { status, body, headers }
        })
    }

    pub(super) fn authorization(&self, who: &str) -> String {
        match who {
            "nobody" => return String::new(),
            // `admin:password`, `admin:wrong`, `auditor:pw`, `normal:pw`.
            "admin" => return "Basic YWRtaW46cGFzc3dvcmQ=".to_owned(),
            "wrong" => return "Basic YWRtaW46d3Jvbmc=".to_owned(),
            _ => {}
        }
        if let Some(known) = self.others.borrow().get(who) {
            return known.clone();
        }
        let made = if who == "reader" {
            let reply = self.send_as("admin", "POST", "/api/v2/tokens/", Some(&json!({ "scope": "read" })));
            format!("Bearer {}", reply.body["token"].as_str().expect("a token"))
        } else {
            let user = json!({ "username": who, "password": "pw", "is_system_auditor": who == "auditor" });
            assert_eq!(self.send_as("admin", "POST", "/api/v2/users/", Some(&user)).status, 201, "{who} is made");
            if who == "auditor" { "Basic YXVkaXRvcjpwdw==" } else { "Basic bm9ybWFsOnB3" }.to_owned()
        };
        self.others.borrow_mut().insert(who.to_owned(), made.clone());
        made
    }
}
