//! What became of a request that has no whole answer: reqwest's error as one of ours.

use std::{error::Error, io, time::Duration};

use reqwest::Method;

use super::{ControllerError, Settings, http, tls};

/// What is to be told of one host whatever the request was.
pub(super) struct Transport {
    url: String,
    is_plain: bool,
    proxy: Option<String>,
    timeout: Duration,
}

impl Transport {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            url: settings.url.to_string(),
            is_plain: settings.url.is_plain_http(),
            proxy: http::proxy(settings),
            timeout: settings.timeout,
        }
    }

    pub(super) fn error(&self, method: &str, path: &str, error: &reqwest::Error) -> ControllerError {
        let (url, words) = (self.url.clone(), cause(error));
        if error.is_builder() {
            return ControllerError::Prepare(words);
        }
        // Also where it is no failed connection for reqwest: in TLS 1.3 a server refuses the client's certificate after that.
        // But what garbles an answer may have done so after a write was done.
        if let Some(problem) = tls::problem(error).filter(|problem| error.is_connect() || *problem != tls::Problem::NotTls) {
            return ControllerError::Tls { url, problem };
        }
        if error.is_connect() {
            let connect = http::connect_timeout(self.timeout).as_secs_f64();
            let words = if error.is_timeout() { format!("no connection within {connect} s") } else { words };
            let cause = match &self.proxy {
                Some(proxy) => format!("by the proxy {proxy}: {}", of_proxy(&words)),
                None => words,
            };
            return ControllerError::Connect { url, cause };
        }
        let (method, path) = (method.to_owned(), path.to_owned());
        if error.is_timeout() {
            return ControllerError::Timeout { method, path, seconds: self.timeout.as_secs().max(1) };
        }
        // Nothing that could be told apart was done by a request that only reads, and it would end the same way again.
        if self.is_plain && method == Method::GET.as_str() && is_no_http(error) {
            return ControllerError::Tls { url, problem: tls::Problem::NotHttp };
        }
        if is_damaged(error) {
            return ControllerError::Unexpected { method, path, what: format!("its compression is damaged: {words}") };
        }
        ControllerError::Broken { method, path, cause: words }
    }
}

/// An error and what lies below it. What an `io::Error` wraps is not among its sources, so that it is asked for.
pub(super) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
        Some(error)
    })
}

/// The innermost cause: the outer ones say only that a request failed.
pub(super) fn cause(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// Whether what came back is no HTTP at all.
fn is_no_http(error: &reqwest::Error) -> bool {
    causes(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse)
}

/// Whether a compressed body is none, rather than that it or its connection ended too early.
fn is_damaged(error: &reqwest::Error) -> bool {
    let ended = |cause: &(dyn Error + 'static)| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        cause.is::<hyper::Error>() || kind == Some(io::ErrorKind::UnexpectedEof)
    };
    error.is_decode() && !causes(error).any(ended)
}

/// What hyper-util says of a proxy that makes no tunnel, in words for people.
fn of_proxy(words: &str) -> &str {
    match words {
        "tunnel error: unsuccessful" => "it does not let one through to there",
        "tunnel error: proxy authorization required" => "it wants a login, as in HTTPS_PROXY=http://USER:PASSWORD@HOST",
        other => other,
    }
}
