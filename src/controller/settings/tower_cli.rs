//! `tower_cli.cfg`, the file of tower-cli that the collection awx.awx still reads, in its three forms: YAML, JSON, INI
//! (`load_config` in its `plugins/module_utils/controller_api.py`). Only one that `--tower-cli-config` names is read: the collection
//! also looks in every parent folder, and a file there would choose a controller for whoever stands below it.

use std::{fs::File, io, path::Path, time::Duration};

use serde::Deserialize;

use super::{
    SettingsError,
    environment::Found,
    ini,
    values::{boolean, seconds, text_of, token},
};
use crate::controller::Secret;

/// The most that is read, in bytes.
const LIMIT: u64 = 1 << 20;

const FLAG: &str = "--tower-cli-config";

/// What the file says, each with the file and key that said it. A key without a value says nothing.
#[derive(Default)]
pub(super) struct TowerCli {
    pub(super) host: Option<Found<String>>,
    pub(super) username: Option<Found<String>>,
    pub(super) password: Option<Found<Secret>>,
    pub(super) token: Option<Found<Secret>>,
    pub(super) verify: Option<Found<bool>>,
    pub(super) timeout: Option<Found<Duration>>,
}

/// The keys as they stand there. Others are no mistake: tower-cli wrote `format`, `color` and more into the same file, and the
/// collection passes over them, too.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Keys {
    host: Option<String>,
    username: Option<String>,
    password: Option<String>,
    /// Of earlier versions of the collection; later ones pass over it.
    oauth_token: Option<Token>,
    verify_ssl: Option<String>,
    request_timeout: Option<String>,
}

/// A token, or what the module `token` gives.
#[derive(Deserialize)]
#[serde(untagged)]
enum Token {
    Text(String),
    Whole { token: String },
}

/// Reads it. The second value is a warning where others may read it, too.
pub(super) fn read(path: &Path) -> Result<(TowerCli, Option<String>), SettingsError> {
    let shown = path.display().to_string();
    let (text, open) = text(path).map_err(|error| SettingsError::File { flag: FLAG, path: shown.clone(), error })?;
    let keys = keys(&text).map_err(|(place, what)| SettingsError::TowerCli { at: format!("{shown}{place}"), what })?;
    let name = |key: &str| format!("{key} of {shown}");
    let some = |value: Option<String>, key: &str| value.filter(|v| !v.is_empty()).map(|value| Found { value, by: name(key) });
    let token_text = keys.oauth_token.map(|token| match token {
        Token::Text(token) | Token::Whole { token } => token,
    });
    let read = TowerCli {
        host: some(keys.host, "host"),
        username: some(keys.username, "username"),
        password: some(keys.password, "password").map(|found| Found { value: Secret::new(found.value), by: found.by }),
        token: some(token_text, "oauth_token").map(|found| checked(&found, token)).transpose()?,
        verify: some(keys.verify_ssl, "verify_ssl").map(|found| checked(&found, boolean)).transpose()?,
        timeout: some(keys.request_timeout, "request_timeout").map(|found| checked(&found, seconds)).transpose()?,
    };
    let warning = open.then(|| format!("{shown} may be read by others: chmod 600 it"));
    Ok((read, warning))
}

fn checked<T>(found: &Found<String>, check: impl Fn(&str, &str) -> Result<T, SettingsError>) -> Result<Found<T>, SettingsError> {
    Ok(Found { value: check(&found.by, &found.value)?, by: found.by.clone() })
}

/// The text, and whether group or others may read it.
fn text(path: &Path) -> io::Result<(String, bool)> {
    let file = File::open(path)?;
    let open = is_open(&file.metadata()?);
    let text = text_of(file, LIMIT)?.ok_or_else(|| io::Error::other(format!("it has more than {} MiB", LIMIT >> 20)))?;
    Ok((text, open))
}

#[cfg(unix)]
fn is_open(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o044 != 0
}

#[cfg(not(unix))]
fn is_open(_metadata: &std::fs::Metadata) -> bool {
    false
}

/// YAML (and with it JSON) where it is a mapping, else INI: that is how the collection goes about it. But what only looks like broken
/// YAML is an error here: `ConfigParser` takes `key: "value` as well, and the quote with it. The parser's own words are not
/// repeated, since they quote what stands there.
fn keys(text: &str) -> Result<Keys, (String, &'static str)> {
    let yaml = match serde_yaml::from_str(text) {
        Ok(keys) => return Ok(keys),
        Err(error) => error,
    };
    if looks_like_ini(text) {
        return ini::general(text).map(of_pairs).map_err(|(line, what)| (format!(":{line}"), what));
    }
    let place = yaml.location().map(|at| format!(":{}:{}", at.line(), at.column())).unwrap_or_default();
    Err((place, "this is no mapping of host, username, password, oauth_token, verify_ssl, request_timeout to texts"))
}

/// Whether some line is a section or assigns with `=`.
fn looks_like_ini(text: &str) -> bool {
    let assigns = |line: &str| line.find('=').is_some_and(|equals| line.find(':').is_none_or(|colon| equals < colon));
    let mut lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    !text.trim_start().starts_with('{') && lines.any(|line| line.starts_with("[general") || assigns(line))
}

fn of_pairs(pairs: Vec<(String, String)>) -> Keys {
    let mut keys = Keys::default();
    for (key, value) in pairs {
        match key.as_str() {
            "host" => keys.host = Some(value),
            "username" => keys.username = Some(value),
            "password" => keys.password = Some(value),
            "oauth_token" => keys.oauth_token = Some(Token::Text(value)),
            "verify_ssl" => keys.verify_ssl = Some(value),
            "request_timeout" => keys.request_timeout = Some(value),
            _ => {}
        }
    }
    keys
}
