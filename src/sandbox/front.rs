//! What stands before the handlers, as the front of a real controller does: it reads a request whole, lets it wait, has it
//! answered, writes the journal and sends the answer off; or does some of that and not the rest, where a fault strikes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{self, Body as HttpBody, HttpBody as _},
    extract::{ConnectInfo, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
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
    let too_large = read.is_err().then(|| Answer::detail(413, "The body is too large or was cut."));
    let call = Call {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization: text(header::AUTHORIZATION),
        cookies: text(header::COOKIE),
        csrf: text(HeaderName::from_static("x-csrftoken")),
        content_type: text(header::CONTENT_TYPE),
        body: read.map(Vec::from).unwrap_or_default(),
    };
    pause(&shared, shared.settings.latency).await;
    let made = fault.as_ref().and_then(Fault::instead).or(too_large);
    let name = fault.as_ref().map(|fault| fault.name().to_owned());
    // As a task of its own, since a real server goes on with what a client no longer waits for.
    let serving = tokio::spawn(serve(Arc::clone(&shared), call, made, name, start));
    let answer = serving.await.unwrap_or_else(|_| Answer::crash(shared.settings.dialect));
    let response = respond(answer);
    match fault.as_ref().map_or(Delivery::Whole, Fault::delivery) {
        Delivery::Whole => {}
        Delivery::Torn => tear(&knife, &parts.method, &response),
        Delivery::Reset => knife.cut(),
        Delivery::Never => {
            // Ended from here when the server stops, by the client's leaving otherwise.
            shared.stop.cancelled().await;
            knife.cut();
        }
    }
    response
}

/// Has a request answered, unless that is `made` already, takes its time for it, and writes the journal.
async fn serve(shared: Arc<Shared>, call: Call, made: Option<Answer>, fault: Option<String>, start: Instant) -> Answer {
    let answer = match made {
        Some(answer) => answer,
        None => work(&shared, &call).await,
    };
    shared.note(Exchange {
        path: call.path_and_query(),
        body: serde_json::from_slice(&call.body).ok(),
        status: answer.status,
        milliseconds: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        password: answer.work.password,
        rows: answer.work.rows,
        fault,
        method: call.method,
    });
    answer
}

/// Requests cost their time beside each other, with the rows free meanwhile; but instances are written one after the other.
async fn work(shared: &Shared, call: &Call) -> Answer {
    let costs = shared.settings.costs;
    let waits = !costs.write.is_zero() && !call.reads();
    let turn = if waits { Some(shared.turn.lock().await) } else { None };
    let answer = shared.act(|tables| routes::answer(tables, &shared.settings, call));
    if answer.work.write {
        pause(shared, costs.write).await;
    }
    drop(turn);
    pause(shared, answer.work.beside(costs)).await;
    answer
}

/// Cuts the connection in the middle of the body. What has no middle is cut before it begins.
fn tear(knife: &Knife, method: &Method, response: &Response) {
    let length = response.body().size_hint().exact().filter(|_| *method != Method::HEAD).and_then(|length| usize::try_from(length).ok());
    match length {
        Some(length @ 2..) => knife.cut_in_body(length / 2),
        _ => knife.cut(),
    }
}

/// Waits, unless the server stops.
async fn pause(shared: &Shared, duration: Duration) {
    if !duration.is_zero() {
        tokio::select! {
            () = sleep(duration) => {}
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
            headers.append(name, value);
        }
    }
    response
}
