//! What stands before a controller: passes requests on, and answers some of them itself.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    thread,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, Version},
};
use tokio::{net::TcpListener, runtime, sync::oneshot};

use super::http;

/// Answers a request (method, path with query, how many such came before) with a status, a content type and a body, or not.
pub(crate) type Rule = dyn Fn(&str, &str, usize) -> Option<(u16, &'static str, String)> + Send + Sync;

/// A proxy on a thread of its own.
pub(crate) struct Front {
    url: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Shared {
    behind: String,
    /// What the API's `/api` is called here, as with a gateway; any other path is not found.
    prefix: &'static str,
    rule: Box<Rule>,
    /// Whether the answer to such a request (method, how many such came before) gets lost on its way back.
    loses: fn(&str, usize) -> bool,
    seen: Mutex<Vec<String>>,
    heard: Mutex<Vec<(Version, HeaderMap)>>,
    http: reqwest::Client,
}

impl Front {
    /// Passes to `behind` what the rule does not answer.
    pub(crate) fn new(
        behind: String,
        rule: impl Fn(&str, &str, usize) -> Option<(u16, &'static str, String)> + Send + Sync + 'static,
    ) -> Self {
        Self::gateway(behind, "/api", rule)
    }

    /// The same where the API is called something else.
    pub(crate) fn gateway(
        behind: String,
        prefix: &'static str,
        rule: impl Fn(&str, &str, usize) -> Option<(u16, &'static str, String)> + Send + Sync + 'static,
    ) -> Self {
        Self::start(behind, prefix, Box::new(rule), |_, _| false)
    }

    /// Passes everything on, and loses some answers: who asked gets a 504.
    pub(crate) fn lossy(behind: String, loses: fn(&str, usize) -> bool) -> Self {
        Self::start(behind, "/api", Box::new(|_, _, _| None), loses)
    }

    fn start(behind: String, prefix: &'static str, rule: Box<Rule>, loses: fn(&str, usize) -> bool) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared { behind, prefix, rule, loses, seen: Mutex::default(), heard: Mutex::default(), http: http() });
        let state = shared.clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let app = Router::new().fallback(pass).with_state(state);
            runtime.block_on(async move {
                tokio::select! {
                    served = axum::serve(listener, app) => served.expect("it serves"),
                    _ = stopped => {}
                }
            });
        });
        Self { url, shared, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The version and the headers of every request so far.
    pub(crate) fn heard(&self) -> Vec<(Version, HeaderMap)> {
        self.shared.heard.lock().expect("no test panics while it holds this").clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    shared.heard.lock().expect("no test panics while it holds this").push((request.version(), request.headers().clone()));
    let method = request.method().clone();
    let request_method = method.clone();
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let key = format!("{method} {path}");
    let before = {
        let mut seen = shared.seen.lock().expect("no test panics while it holds this");
        seen.push(key.clone());
        seen.iter().filter(|known| **known == key).count() - 1
    };
    if let Some((status, content_type, body)) = (shared.rule)(method.as_str(), &path, before) {
        let answer = Response::builder().status(status).header("content-type", content_type);
        let answer = if (300..400).contains(&status) { answer.header("location", body.clone()) } else { answer };
        return answer.body(Body::from(body)).expect("a response");
    }
    let Some(path) = path.strip_prefix(shared.prefix) else {
        let answer = Response::builder().status(StatusCode::NOT_FOUND).header("content-type", "text/html");
        return answer.body(Body::from("<html>not found</html>")).expect("a response");
    };
    let mut passed = shared.http.request(method, format!("{}/api{path}", shared.behind));
    for (name, value) in
        request.headers().iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length" | "accept-encoding"))
    {
        passed = passed.header(name, value);
    }
    let body = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
    let answer = passed.body(body).send().await.expect("the controller answers");
    if (shared.loses)(request_method.as_str(), before) {
        let late = Response::builder().status(StatusCode::GATEWAY_TIMEOUT).header("content-type", "text/html");
        return late.body(Body::from("<html>gateway time-out</html>")).expect("a response");
    }
    let mut response = Response::builder().status(answer.status());
    for name in ["content-type", "location", "set-cookie", "x-api-session-cookie-name"] {
        response = answer.headers().get_all(name).iter().fold(response, |response, value| response.header(name, value));
    }
    response.body(Body::from(answer.bytes().await.expect("a whole answer"))).expect("a response")
}
