//! What stands before the handlers, as the front of a real controller does: it reads a request whole, lets it wait, has it
//! answered, writes the journal and sends the answer off.

use std::{sync::Arc, time::Instant};

use axum::{
    body::{self, Body as HttpBody},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use tokio::time::sleep;

use super::{
    answer::{Answer, Body},
    call::Call,
    routes,
    server::{Exchange, Shared},
};

const MAX_BODY: usize = 16 << 20;

pub(super) async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let start = Instant::now();
    let (parts, body) = request.into_parts();
    let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
    let read = body::to_bytes(body, MAX_BODY).await;
    let too_large = read.is_err();
    let call = Call {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization: text(header::AUTHORIZATION),
        content_type: text(header::CONTENT_TYPE),
        body: read.map(Vec::from).unwrap_or_default(),
    };
    pause(&shared).await;
    let answer = if too_large {
        Answer::detail(413, "The body is too large or was cut.")
    } else {
        shared.act(|tables| routes::answer(tables, &shared.settings, &call))
    };
    shared.note(Exchange {
        path: call.path_and_query(),
        body: serde_json::from_slice(&call.body).ok(),
        status: answer.status,
        milliseconds: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        method: call.method,
    });
    respond(answer)
}

/// The latency of the settings. The rows are free meanwhile, so that requests wait beside each other; a server that stops
/// does not wait.
async fn pause(shared: &Shared) {
    let latency = shared.settings.latency;
    if !latency.is_zero() {
        tokio::select! {
            () = sleep(latency) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

fn respond(answer: Answer) -> Response {
    let (kind, bytes) = match answer.body {
        Body::Empty => (None, Vec::new()),
        Body::Json(value) => (Some("application/json"), value.to_string().into_bytes()),
        Body::Html(text) => (Some("text/html; charset=utf-8"), text.as_bytes().to_vec()),
    };
    let mut response = Response::new(HttpBody::from(bytes));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Some(kind) = kind {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}
