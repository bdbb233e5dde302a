//! Where the controller is and who one is there: from the flags, then from the environment under the names that the awx.awx
//! collection, awxkit and the provider for terraform use, then from a `tower_cli.cfg` that a flag names.

mod certificates;
mod decision;
mod environment;
mod error;
mod headers;
mod ini;
mod names;
mod secret_file;
mod tower_cli;
mod values;

pub use decision::Decision;
pub use error::SettingsError;
pub use secret_file::SecretFile;

use std::{path::PathBuf, time::Duration};

use reqwest::{Certificate, Identity, header::HeaderMap};

use self::{
    environment::{Environment, Found, Variable},
    tower_cli::TowerCli,
};
use super::{Credentials, Retry, Secret};
use crate::mesh::BaseUrl;

/// How to reach a controller.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub url: BaseUrl,
    /// The path of its API, such as `/api/controller/`, where somebody said it; else it is asked for.
    pub api_prefix: Option<String>,
    /// Who one is there.
    pub credentials: Credentials,
    /// Whether the server's certificate is verified.
    pub verify: bool,
    /// Certificates (PEM) to trust in place of the system's.
    pub ca_cert: Option<Vec<Certificate>>,
    /// The certificate by which a server that asks for one knows this client.
    pub identity: Option<Identity>,
    /// Headers that go with every request; their values are secret.
    pub headers: HeaderMap,
    /// How long one request may take.
    pub timeout: Duration,
    /// How what fails in passing is tried again.
    pub retry: Retry,
    /// What decided each of these, in a fixed order; empty where no flag and no variable was looked at.
    pub decisions: Vec<Decision>,
}

/// What the command line says of the connection.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--controller`, where it is a URL.
    pub controller: Option<String>,
    /// `--ca-cert`.
    pub ca_cert: Option<PathBuf>,
    /// `--client-cert`.
    pub client_cert: Option<PathBuf>,
    /// `--client-key`.
    pub client_key: Option<PathBuf>,
    /// `--header`, each as `NAME=VARIABLE`.
    pub headers: Vec<String>,
    /// `--tower-cli-config`.
    pub tower_cli_config: Option<PathBuf>,
    /// `--insecure`.
    pub insecure: bool,
    /// `--allow-plain-http`.
    pub allow_plain_http: bool,
    /// How what fails in passing is tried again.
    pub retry: Retry,
}

const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

const DEFAULT: &str = "default";

impl Settings {
    /// A controller and who one is there; everything else as it is by default.
    pub fn new(url: BaseUrl, credentials: Credentials) -> Self {
        Self {
            url,
            api_prefix: None,
            credentials,
            verify: true,
            ca_cert: None,
            identity: None,
            headers: HeaderMap::new(),
            timeout: DEFAULT_TIMEOUT,
            retry: Retry::default(),
            decisions: Vec::new(),
        }
    }

    /// Finds the controller by flags, environment and files, before anybody asks who one is there.
    pub fn locate(flags: &Flags) -> Result<Located<'_>, SettingsError> {
        Located::new(flags, &environment::of_process)
    }
}

/// Where a controller is, and what everything else about it is taken from; files are read once, since a pipe cannot be read again.
pub struct Located<'f> {
    flags: &'f Flags,
    environment: Environment<'f>,
    file: TowerCli,
    url: Found<BaseUrl>,
}

impl<'f> Located<'f> {
    fn new(flags: &'f Flags, variable: &'f Variable<'f>) -> Result<Self, SettingsError> {
        let mut environment = Environment::new(variable);
        let (mut file, warning) = tower_cli(flags)?;
        environment.warnings.extend(warning);
        let url = address(flags, &mut environment, &mut file)?;
        Ok(Self { flags, environment, file, url })
    }

    /// Its address.
    pub fn url(&self) -> &BaseUrl {
        &self.url.value
    }

    /// What says so: a flag, a variable, a key of a file.
    pub fn by(&self) -> &str {
        &self.url.by
    }

    /// All settings. The second value is warnings for people: they name variables, never values.
    pub fn settings(self) -> Result<(Settings, Vec<String>), SettingsError> {
        let Self { flags, mut environment, mut file, url } = self;
        if url.value.is_plain_http() && !url.value.is_loopback() && !flags.allow_plain_http {
            return Err(SettingsError::PlainHttp(url.value));
        }
        let api_prefix = environment.first(&names::API_PREFIX, values::api_prefix)?;
        let (credentials, who) = credentials(&url.value, &mut environment, &mut file)?;
        let verify = verify(flags, &mut environment, &mut file)?;
        if !verify.value && !url.value.is_plain_http() {
            let warning = format!("the certificate of {} is not verified: whoever is on the way could read the credentials", url.value);
            environment.warnings.push(warning);
        }
        let timeout = environment.first(&names::TIMEOUT, values::seconds)?;
        let timeout = environment.prefer(timeout, file.timeout);
        let timeout = timeout.unwrap_or_else(|| by_default(DEFAULT_TIMEOUT));
        let ca_cert = flags.ca_cert.as_deref().map(certificates::authorities).transpose()?;
        let identity = flags.client_cert.as_deref().map(|cert| certificates::identity(cert, flags.client_key.as_deref())).transpose()?;
        let (headers, of_headers) = headers::read(&flags.headers, environment.variable)?;

        let mut decisions = vec![Decision::new("controller", url.by, url.value.to_string())];
        decisions.push(match &api_prefix {
            Some(prefix) => Decision::new("path of the API", prefix.by.as_str(), prefix.value.as_str()),
            None => Decision::new("path of the API", DEFAULT, "asked for"),
        });
        decisions.extend(who);
        decisions.push(Decision::new("verify the certificate", verify.by, verify.value.to_string()));
        decisions.push(of_file("trusted CAs", "--ca-cert", flags.ca_cert.as_ref(), "those of the system"));
        decisions.push(of_file("client certificate", "--client-cert", flags.client_cert.as_ref(), "none"));
        decisions.push(Decision::new("seconds for one request", timeout.by, timeout.value.as_secs_f64().to_string()));
        decisions.extend(of_headers);
        decisions.push(of_file("tower_cli.cfg", "--tower-cli-config", flags.tower_cli_config.as_ref(), "none"));

        let settings = Settings {
            url: url.value,
            api_prefix: api_prefix.map(|found| found.value),
            credentials,
            verify: verify.value,
            ca_cert,
            identity,
            headers,
            timeout: timeout.value,
            retry: flags.retry.clone(),
            decisions,
        };
        Ok((settings, environment.warnings))
    }
}

fn by_default<T>(value: T) -> Found<T> {
    Found { value, by: DEFAULT.to_owned() }
}

fn of_file(setting: &'static str, flag: &str, path: Option<&PathBuf>, else_value: &str) -> Decision {
    match path {
        Some(path) => Decision::new(setting, flag, path.display().to_string()),
        None => Decision::new(setting, DEFAULT, else_value),
    }
}

/// The file that `--tower-cli-config` names, and a warning where others may read it.
fn tower_cli(flags: &Flags) -> Result<(TowerCli, Option<String>), SettingsError> {
    flags.tower_cli_config.as_deref().map_or_else(|| Ok((TowerCli::default(), None)), tower_cli::read)
}

/// Where the controller is.
fn address(flags: &Flags, environment: &mut Environment<'_>, file: &mut TowerCli) -> Result<Found<BaseUrl>, SettingsError> {
    let url = |from: &str, text: &str| BaseUrl::parse(text).map_err(|error| SettingsError::Url { from: from.to_owned(), error });
    let parsed = |Found { value, by }: Found<String>| Ok(Found { value: url(&by, &value)?, by });
    if let Some(url) = &flags.controller {
        return parsed(Found { value: url.clone(), by: "--controller".to_owned() });
    }
    let variable = environment.first(&names::HOST, |name, text| url(name, text))?;
    let file = file.host.take().map(parsed).transpose();
    // What is wrong with one that is not used is no reason to stop.
    let file = if variable.is_some() { file.unwrap_or_default() } else { file? };
    environment.prefer(variable, file).ok_or(SettingsError::NoController)
}

/// Who one is: a token before a password, and what the environment has in full before what a file has.
fn credentials(
    url: &BaseUrl,
    environment: &mut Environment<'_>,
    file: &mut TowerCli,
) -> Result<(Credentials, Vec<Decision>), SettingsError> {
    let token = environment
        .first(&names::TOKEN, |name, text| if name.ends_with("_FILE") { values::secret(name, text) } else { values::token(name, text) })?;
    if let Some(token) = token {
        return Ok(by_token(token));
    }
    let username = environment.first(&names::USERNAME, |_name, text| Ok(text.to_owned()))?;
    let password = environment.first(&names::PASSWORD, values::secret)?;
    if (username.is_none() || password.is_none())
        && let Some(token) = file.token.take()
    {
        return Ok(by_token(token));
    }
    match (environment.prefer(username, file.username.take()), environment.prefer(password, file.password.take())) {
        (Some(username), Some(password)) => {
            let who = vec![Decision::new("user", username.by, username.value.as_str()), Decision::hidden("password", by(&password))];
            Ok((Credentials::Basic { username: username.value, password: password.value }, who))
        }
        (Some(username), None) => Err(SettingsError::HalfCredentials { given: username.by, missing: "CONTROLLER_PASSWORD" }),
        (None, Some(password)) => Err(SettingsError::HalfCredentials { given: password.by, missing: "CONTROLLER_USERNAME" }),
        (None, None) => Err(SettingsError::NoCredentials(url.clone())),
    }
}

fn by_token(token: Found<Secret>) -> (Credentials, Vec<Decision>) {
    let decision = Decision::hidden("token", by(&token));
    (Credentials::Token(token.value), vec![decision])
}

/// What a secret comes from: with the file that a variable names.
fn by(found: &Found<Secret>) -> String {
    found.value.file().map_or_else(|| found.by.clone(), |file| format!("{} ({})", found.by, file.path().display()))
}

/// Whether the server's certificate is verified.
fn verify(flags: &Flags, environment: &mut Environment<'_>, file: &mut TowerCli) -> Result<Found<bool>, SettingsError> {
    if flags.insecure {
        return Ok(Found { value: false, by: "--insecure".to_owned() });
    }
    let sense = |name: &'static str, text: &str| values::boolean(name, text).map(|value| value != (name == names::SKIP_VERIFY));
    let found = environment.first(&names::VERIFY, sense)?;
    Ok(environment.prefer(found, file.verify.take()).unwrap_or_else(|| by_default(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(flags: &Flags, variables: &[(&str, &str)]) -> Result<(Settings, Vec<String>), String> {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| Ok((*value).to_owned()));
        Located::new(flags, &find).and_then(Located::settings).map_err(|e| e.to_string())
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
    fn what_decided_a_setting_is_told_without_secrets() {
        let flags = Flags { insecure: true, headers: vec!["X-Pass=PASS".into()], ..Flags::default() };
        let variables = [
            ("AAP_HOST", "a.example.com"),
            ("TOWER_USERNAME", "u"),
            ("AAP_PASSWORD", "hunter2"),
            ("AAP_TIMEOUT", "5"),
            ("CONTROLLER_OPTIONAL_API_URLPATTERN_PREFIX", "controller"),
            ("PASS", "hunter2"),
        ];
        let (settings, _) = resolve(&flags, &variables).expect("all is there");
        let told = |d: &Decision| format!("{} {} by {}", d.setting, d.value.as_deref().unwrap_or("***"), d.by);
        let told: Vec<String> = settings.decisions.iter().map(told).collect();
        assert_eq!(
            told,
            [
                "controller https://a.example.com by AAP_HOST",
                "path of the API /api/controller/ by CONTROLLER_OPTIONAL_API_URLPATTERN_PREFIX",
                "user u by TOWER_USERNAME",
                "password *** by AAP_PASSWORD",
                "verify the certificate false by --insecure",
                "trusted CAs those of the system by default",
                "client certificate none by default",
                "seconds for one request 5 by AAP_TIMEOUT",
                "header X-Pass by --header X-Pass=PASS",
                "tower_cli.cfg none by default",
            ]
        );
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn the_path_of_the_api_is_read_as_people_write_it() {
        for (text, wanted) in [
            ("/api/controller/", Some("/api/controller/")),
            ("/api/controller", Some("/api/controller/")),
            ("controller", Some("/api/controller/")),
            ("/api/", Some("/api/")),
            ("awx/api", Some("/awx/api/")),
            ("/", None),
            ("/api/../x", None),
            ("https://evil.example.com/api/", None),
            ("/api?x", None),
        ] {
            assert_eq!(values::api_prefix("X", text).ok().as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn a_secret_of_a_file_is_read_again_and_none_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let write = |text: &str| std::fs::write(&path, text).expect("the file can be written");
        write("one\n");
        let shown = path.display().to_string();
        let host = ("CONTROLLER_HOST", "a.example.com");
        let (settings, _) = resolve(&Flags::default(), &[host, ("AAP_TOKEN_FILE", &shown)]).expect("a token");
        let text = |credentials: &Credentials| match credentials {
            Credentials::Token(token) => token.expose().to_owned(),
            Credentials::Basic { .. } => String::new(),
        };
        assert_eq!(text(&settings.credentials), "one");
        assert!(settings.credentials.reread().expect("it is there").is_none());
        write("two\r\n");
        let fresh = settings.credentials.reread().expect("it is there").expect("another one");
        assert_eq!(text(&fresh), "two");
        assert!(fresh.reread().expect("it is there").is_none());
        write("\n");
        let error = fresh.reread().expect_err("nothing is in it").to_string();
        assert_eq!(error, format!("AAP_TOKEN_FILE names {shown}, which gives no secret: it is empty"));
        let (settings, _) = resolve(&Flags::default(), &[host, ("AAP_TOKEN", "one")]).expect("a token");
        assert!(settings.credentials.reread().expect("no file").is_none());
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
