//! What stands before the handlers, as the front of a real controller does: it reads a request whole, lets it wait, has it
//! answered, writes the journal and sends the answer off; or does some of that and not the rest, where a fault strikes.

use std::{sync::Arc, time::Instant};

use axum::{
    body::{self, Body as HttpBody, HttpBody as _},
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use tokio::time::sleep;

use super::{
    answer::{Answer, Body},
    call::Call,
    connection::Knife,
    fault::{Delivery, Fault},
    routes,
    server::{Exchange, Shared},
};

const MAX_BODY: usize = 16 << 20;

pub(super) async fn handle(State(shared): State<Arc<Shared>>, ConnectInfo(knife): ConnectInfo<Knife>, request: Request) -> Response {
    let start = Instant::now();
    // Drawn as requests arrive, since how long they take is nothing that a seed could give again.
    let target = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let fault = shared.strike(request.method().as_str(), &target);
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
    let answer = if let Some(answer) = fault.as_ref().and_then(Fault::instead) {
        answer
    } else if too_large {
        Answer::detail(413, "The body is too large or was cut.")
    } else {
        shared.act(|tables| routes::answer(tables, &shared.settings, &call))
    };
    shared.note(Exchange {
        path: call.path_and_query(),
        body: serde_json::from_slice(&call.body).ok(),
        status: answer.status,
        milliseconds: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        fault: fault.as_ref().map(|fault| fault.name().to_owned()),
        method: call.method.clone(),
    });
    let response = respond(answer);
    match fault.as_ref().map_or(Delivery::Whole, Fault::delivery) {
        Delivery::Whole => {}
        Delivery::Torn => tear(&knife, &call.method, &response),
        Delivery::Reset => knife.cut(),
        Delivery::Never => {
            // Ended from here when the server stops, by the client's leaving otherwise.
            shared.stop.cancelled().await;
            knife.cut();
        }
    }
    response
}

/// Cuts the connection in the middle of the body. What has no middle is cut before it begins.
fn tear(knife: &Knife, method: &str, response: &Response) {
    let length = response.body().size_hint().exact().filter(|_| method != "HEAD").and_then(|length| usize::try_from(length).ok());
    match length {
        Some(length @ 2..) => knife.cut_in_body(length / 2),
        _ => knife.cut(),
    }
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
