//! Where the controller is and who one is there: from the flags, then from the environment under the names that the awx.awx
//! collection, awxkit and the provider for terraform use.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Certificate, header::HeaderValue};
use thiserror::Error;

use super::{Retry, Secret};
use crate::mesh::{BaseUrl, UrlError};

/// How to reach a controller.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub url: BaseUrl,
    /// Who one is there.
    pub credentials: Credentials,
    /// Whether the server's certificate is verified.
    pub verify: bool,
    /// Certificates (PEM) to trust in place of the system's.
    pub ca_cert: Option<Vec<Certificate>>,
    /// How long one request may take.
    pub timeout: Duration,
    /// How what fails in passing is tried again.
    pub retry: Retry,
}

/// Who one is.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A bearer token.
    Token(Secret),
    /// Basic authentication.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
}

/// What the command line says of the connection.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--controller`, where it is a URL.
    pub controller: Option<String>,
    /// `--ca-cert`.
    pub ca_cert: Option<PathBuf>,
    /// `--insecure`.
    pub insecure: bool,
    /// `--allow-plain-http`.
    pub allow_plain_http: bool,
    /// How what fails in passing is tried again.
    pub retry: Retry,
}

/// Why there is no connection to try.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// No address.
    #[error("no controller: neither `--controller` nor CONTROLLER_HOST is set")]
    NoController,
    /// A bad address.
    #[error("the controller's address in {from} {error}")]
    Url {
        /// The flag or variable.
        from: String,
        /// What is wrong with it.
        error: UrlError,
    },
    /// Nobody to be.
    #[error("no credentials for {0}: neither a token nor a user name and password is set")]
    NoCredentials(BaseUrl),
    /// Half of a pair.
    #[error("{given} is set, but no {missing}")]
    HalfCredentials {
        /// The variable that is there.
        given: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// A variable that cannot be read.
    #[error("{name} is not {wanted}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// The network would see the secret.
    #[error("{0} is plain http: whoever is on the way could read the credentials")]
    PlainHttp(BaseUrl),
    /// `--ca-cert` names no file that can be read.
    #[error("cannot read --ca-cert {path}: {error}")]
    CaCert {
        /// The file.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// `--ca-cert` names a file of another kind.
    #[error("--ca-cert {0} holds no certificate in PEM form")]
    NoCertificate(String),
}

const HOST: [&str; 4] = ["CONTROLLER_HOST", "AAP_HOSTNAME", "AAP_HOST", "TOWER_HOST"];
const USERNAME: [&str; 3] = ["CONTROLLER_USERNAME", "AAP_USERNAME", "TOWER_USERNAME"];
const PASSWORD: [&str; 3] = ["CONTROLLER_PASSWORD", "AAP_PASSWORD", "TOWER_PASSWORD"];
const TOKEN: [&str; 5] = ["CONTROLLER_OAUTH_TOKEN", "CONTROLLER_TOKEN", "AAP_TOKEN", "TOWER_OAUTH_TOKEN", "TOWER_TOKEN"];
const VERIFY: [&str; 3] = ["CONTROLLER_VERIFY_SSL", "AAP_VALIDATE_CERTS", "TOWER_VERIFY_SSL"];
const TIMEOUT: [&str; 3] = ["CONTROLLER_REQUEST_TIMEOUT", "AAP_REQUEST_TIMEOUT", "TOWER_REQUEST_TIMEOUT"];

const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

impl Settings {
    /// A controller and who one is there; everything else as it is by default.
    pub fn new(url: BaseUrl, credentials: Credentials) -> Self {
        Self { url, credentials, verify: true, ca_cert: None, timeout: DEFAULT_TIMEOUT, retry: Retry::default() }
    }

    /// Reads flags and environment. The second value is warnings for people: they name variables, never values.
    pub fn resolve(flags: &Flags) -> Result<(Self, Vec<String>), SettingsError> {
        Self::from(flags, environment)
    }

    /// Where the controller is, before anybody asks who one is there.
    pub fn address(flags: &Flags) -> Result<BaseUrl, SettingsError> {
        address(flags, environment, &mut Vec::new())
    }

    fn from(flags: &Flags, variable: impl Fn(&str) -> Option<Result<String, ()>>) -> Result<(Self, Vec<String>), SettingsError> {
        let mut warnings = Vec::new();
        let url = address(flags, &variable, &mut warnings)?;
        let mut read = |names| first_set(names, &variable, &mut warnings);
        let (token, username, password) = (read(&TOKEN)?, read(&USERNAME)?, read(&PASSWORD)?);
        let credentials = match (token, username, password) {
            (Some((name, token)), ..) => Credentials::Token(bearer(name, &token)?),
            (None, Some((_, username)), Some((_, password))) => Credentials::Basic { username, password: Secret::new(password) },
            (None, Some((given, _)), None) => return Err(SettingsError::HalfCredentials { given, missing: "CONTROLLER_PASSWORD" }),
            (None, None, Some((given, _))) => return Err(SettingsError::HalfCredentials { given, missing: "CONTROLLER_USERNAME" }),
            (None, None, None) => return Err(SettingsError::NoCredentials(url)),
        };
        let verify = read(&VERIFY)?.map(|(name, text)| boolean(name, &text)).transpose()?.unwrap_or(true) && !flags.insecure;
        let timeout = read(&TIMEOUT)?.map(|(name, text)| seconds(name, &text)).transpose()?.unwrap_or(DEFAULT_TIMEOUT);
        if url.is_plain_http() && !url.is_loopback() && !flags.allow_plain_http {
            return Err(SettingsError::PlainHttp(url));
        }
        if !verify && !url.is_plain_http() {
            warnings.push(format!("the certificate of {url} is not verified: whoever is on the way could read the credentials"));
        }
        let ca_cert = flags.ca_cert.as_deref().map(certificates).transpose()?;
        Ok((Self { url, credentials, verify, ca_cert, timeout, retry: flags.retry.clone() }, warnings))
    }
}

/// Where the controller is.
fn address(
    flags: &Flags,
    variable: impl Fn(&str) -> Option<Result<String, ()>>,
    warnings: &mut Vec<String>,
) -> Result<BaseUrl, SettingsError> {
    let host = match &flags.controller {
        Some(url) => Some(("--controller", url.clone())),
        None => first_set(&HOST, variable, warnings)?,
    };
    let (from, text) = host.ok_or(SettingsError::NoController)?;
    BaseUrl::parse(&text).map_err(|error| SettingsError::Url { from: from.to_owned(), error })
}

/// A variable of this process's environment; one that is no text is an error.
fn environment(name: &str) -> Option<Result<String, ()>> {
    env::var_os(name).map(|value| value.into_string().map_err(|_text| ()))
}

/// The first of these variables that is set; an empty one is not (a job inside AWX gets them so). Where several differ the
/// first counts and a warning names both.
fn first_set(
    names: &[&'static str],
    variable: impl Fn(&str) -> Option<Result<String, ()>>,
    warnings: &mut Vec<String>,
) -> Result<Option<(&'static str, String)>, SettingsError> {
    let mut first: Option<(&'static str, String)> = None;
    for name in names.iter().copied() {
        let Some(value) = variable(name) else { continue };
        let value = value.map_err(|()| SettingsError::Variable { name, wanted: "UTF-8 text" })?;
        match &first {
            _ if value.is_empty() => {}
            None => first = Some((name, value)),
            Some((used, known)) if *known != value => warnings.push(format!("{used} and {name} differ: {used} is used")),
            Some(_) => {}
        }
    }
    Ok(first)
}

/// The certificates of a PEM file.
fn certificates(path: &Path) -> Result<Vec<Certificate>, SettingsError> {
    let shown = path.display().to_string();
    let pem = fs::read(path).map_err(|error| SettingsError::CaCert { path: shown.clone(), error })?;
    let bundle = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if bundle.is_empty() { Err(SettingsError::NoCertificate(shown)) } else { Ok(bundle) }
}

/// A token, without the line break that a mounted secret often ends in.
fn bearer(name: &'static str, token: &str) -> Result<Secret, SettingsError> {
    let token = token.trim_end_matches(['\r', '\n']);
    match HeaderValue::from_str(token) {
        Ok(_) => Ok(Secret::new(token)),
        Err(_invalid) => Err(SettingsError::Variable { name, wanted: "a token: one line of printable characters" }),
    }
}

fn boolean(name: &'static str, text: &str) -> Result<bool, SettingsError> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err(SettingsError::Variable { name, wanted: "true or false" }),
    }
}

fn seconds(name: &'static str, text: &str) -> Result<Duration, SettingsError> {
    let seconds = text.parse::<f64>().ok().filter(|s| *s > 0.0);
    seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()).ok_or(SettingsError::Variable { name, wanted: "a number of seconds above 0" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(flags: &Flags, variables: &[(&str, &str)]) -> Result<(Settings, Vec<String>), String> {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| Ok((*value).to_owned()));
        Settings::from(flags, find).map_err(|e| e.to_string())
    }

    #[test]
    fn names_are_tried_in_order_and_empty_ones_are_unset() {
        let (settings, warnings) = resolve(
            &Flags::default(),
            &[("CONTROLLER_HOST", ""), ("AAP_HOSTNAME", "a.example.com"), ("TOWER_HOST", "b.example.com"), ("TOWER_OAUTH_TOKEN", "t0k3n")],
        )
        .expect("an address and a token");
        assert_eq!(settings.url.to_string(), "https://a.example.com");
        assert_eq!(warnings, ["AAP_HOSTNAME and TOWER_HOST differ: AAP_HOSTNAME is used"]);
        assert!(!format!("{settings:?}").contains("t0k3n"));
    }

    #[test]
    fn a_token_beats_a_password_and_the_flag_beats_the_environment() {
        let flags = Flags { controller: Some("c.example.com".into()), ..Flags::default() };
        let variables = [
            ("CONTROLLER_HOST", "a.example.com"),
            ("CONTROLLER_USERNAME", "u"),
            ("CONTROLLER_PASSWORD", "p"),
            ("AAP_TOKEN", "t"),
            ("AAP_VALIDATE_CERTS", "no"),
        ];
        let (settings, warnings) = resolve(&flags, &variables).expect("all is there");
        assert_eq!(settings.url.to_string(), "https://c.example.com");
        assert!(matches!(settings.credentials, Credentials::Token(_)));
        assert_eq!((settings.verify, warnings.len()), (false, 1));
    }

    #[test]
    fn what_is_missing_or_wrong_is_said_by_name() {
        let login = [("CONTROLLER_USERNAME", "u"), ("CONTROLLER_PASSWORD", "p")];
        let with = |name: &'static str, value: &'static str| [login.as_slice(), &[(name, value)]].concat();
        let host = |mut more: Vec<(&'static str, &'static str)>| {
            more.push(("CONTROLLER_HOST", "awx.example.com"));
            more
        };
        for (variables, wanted) in [
            (vec![], "no controller: neither `--controller` nor CONTROLLER_HOST is set"),
            (host(vec![]), "no credentials for https://awx.example.com: neither a token nor a user name and password is set"),
            (host(vec![("TOWER_USERNAME", "u")]), "TOWER_USERNAME is set, but no CONTROLLER_PASSWORD"),
            (host(with("CONTROLLER_VERIFY_SSL", "maybe")), "CONTROLLER_VERIFY_SSL is not true or false"),
            (host(vec![("AAP_TOKEN", "two\nlines")]), "AAP_TOKEN is not a token: one line of printable characters"),
            (
                vec![("CONTROLLER_HOST", "sandbox:")],
                "the controller's address in CONTROLLER_HOST names a simulated controller: that is for --controller, as sandbox:, sandbox:FILE, sandbox+ingress: or sandbox+hostnames:",
            ),
            (host(with("AAP_REQUEST_TIMEOUT", "0")), "AAP_REQUEST_TIMEOUT is not a number of seconds above 0"),
            (
                with("CONTROLLER_HOST", "http://awx.example.com"),
                "http://awx.example.com is plain http: whoever is on the way could read the credentials",
            ),
            (
                with("CONTROLLER_HOST", "https://u:secret@awx.example.com"),
                "the controller's address in CONTROLLER_HOST holds a user name or password: use CONTROLLER_USERNAME and CONTROLLER_PASSWORD",
            ),
        ] {
            assert_eq!(resolve(&Flags::default(), &variables).map(|_| ()), Err(wanted.to_owned()));
        }
    }
}
