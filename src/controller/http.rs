//! The HTTP client as it is set up: TLS, proxies, time limits. What goes over it is `client`'s.

use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::redirect;

use super::{ControllerError, Settings, transport::cause};

/// How long to connect may take, TLS included: who is there answers within that, and who is not shall not cost a minute a try.
const CONNECT: Duration = Duration::from_secs(10);

/// How long to connect may take where a request may take so long.
pub(super) fn connect_timeout(request: Duration) -> Duration {
    request.min(CONNECT)
}

/// The client of these settings. HTTP/2 is offered in TLS (ALPN) and gzip in every request: features of reqwest that need no word here.
pub(super) fn client(settings: &Settings) -> Result<reqwest::Client, ControllerError> {
    // A process has one provider; that it is there already is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("meshform/", env!("CARGO_PKG_VERSION")))
        .default_headers(settings.headers.clone())
        .redirect(redirect::Policy::none())
        .timeout(settings.timeout)
        .connect_timeout(connect_timeout(settings.timeout))
        // Shorter than what ingresses keep: a write into a connection that the other end is just closing would be lost.
        .pool_idle_timeout(Duration::from_secs(5));
    if settings.url.is_loopback() {
        builder = builder.no_proxy();
    }
    if let Some(bundle) = &settings.ca_cert {
        builder = builder.tls_certs_only(bundle.clone());
    } else if settings.url.is_plain_http() {
        // On an image without CA certificates the system's store cannot be loaded; plain http needs none.
        builder = builder.tls_certs_only([]);
    }
    if let Some(identity) = &settings.identity {
        builder = builder.identity(identity.clone());
    }
    if !settings.verify {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    builder.build().map_err(|error| ControllerError::Prepare(cause(&error)))
}

/// The proxy by which requests go, for messages: without the credentials that its URL may hold. It is found as reqwest finds it.
pub(super) fn proxy(settings: &Settings) -> Option<String> {
    if settings.url.is_loopback() {
        return None;
    }
    let intercept = Matcher::from_system().intercept(&settings.url.to_string().parse().ok()?)?;
    let uri = intercept.uri();
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{}{port}", uri.scheme_str().unwrap_or("http"), uri.host()?))
}
