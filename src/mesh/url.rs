//! The address of a controller, as people write it.

use std::{fmt, net::IpAddr};

use thiserror::Error;
use url::Url;

/// Where a controller is: scheme, host, port and, behind an ingress, a path. Without a secret, without the API's own path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why a text is no address of a controller. The text itself is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Not a URL at all.
    #[error("is not a URL: {0}")]
    Syntax(String),
    /// `sandbox:` where an address is wanted, or misspelt.
    #[error("names a simulated controller: that is for --controller, as sandbox:, sandbox:FILE, sandbox+ingress: or sandbox+hostnames:")]
    Sandbox,
    /// Neither https nor http.
    #[error("has the scheme `{0}`: https or http")]
    Scheme(String),
    /// A user name or password in it.
    #[error("holds a user name or password: use CONTROLLER_USERNAME and CONTROLLER_PASSWORD")]
    UserInfo,
    /// A query or a fragment.
    #[error("has a `?` or a `#`: the address alone is wanted")]
    Query,
}

impl BaseUrl {
    /// Reads an address; one without a scheme means https. `/api/` and what follows it is the client's to find.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let scheme = text.split(':').next().unwrap_or_default();
        if scheme == "sandbox" || scheme.starts_with("sandbox+") {
            return Err(UrlError::Sandbox);
        }
        let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let mut url = Url::parse(&whole).map_err(|error| UrlError::Syntax(error.to_string()))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(UrlError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(UrlError::Query);
        }
        let segments: Vec<&str> = url.path().split('/').filter(|s| !s.is_empty()).take_while(|s| *s != "api").collect();
        let path = segments.iter().fold(String::from("/"), |path, segment| path + segment + "/");
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Whether requests travel without encryption.
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|a| a.is_loopback())
    }

    /// The URL of a path of the server, such as `/api/v2/ping/`.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let prefix = self.0.path().trim_end_matches('/');
        url.set_path(&format!("{prefix}{path}"));
        url
    }
}

/// Without a trailing slash.
impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_as_people_write_them() {
        for (text, wanted) in [
            ("https://awx.example.com", "https://awx.example.com"),
            ("awx.example.com", "https://awx.example.com"),
            ("awx.example.com:8043", "https://awx.example.com:8043"),
            ("HTTPS://AWX.example.com:443/", "https://awx.example.com"),
            ("http://127.0.0.1:8052/api/v2/", "http://127.0.0.1:8052"),
            ("https://aap.example.com/api/controller/v2/", "https://aap.example.com"),
            ("https://example.com/awx/", "https://example.com/awx"),
            ("https://u:secret@awx.example.com", "holds a user name or password: use CONTROLLER_USERNAME and CONTROLLER_PASSWORD"),
            ("ftp://awx.example.com", "has the scheme `ftp`: https or http"),
            ("https://awx.example.com/?x=1", "has a `?` or a `#`: the address alone is wanted"),
            ("https://", "is not a URL: empty host"),
        ] {
            let got = BaseUrl::parse(text).map_or_else(|e| e.to_string(), |u| u.to_string());
            assert_eq!(got, wanted, "{text}");
        }
    }

    #[test]
    fn knows_this_machine() {
        for (text, loopback) in [
            ("http://localhost:1", true),
            ("http://127.0.0.2", true),
            ("http://[::1]:8052", true),
            ("http://10.0.0.1", false),
            ("http://127.0.0.1.example.com", false),
        ] {
            assert_eq!(BaseUrl::parse(text).map(|u| u.is_loopback()), Ok(loopback), "{text}");
        }
    }
}
