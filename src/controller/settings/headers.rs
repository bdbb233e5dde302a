//! `--header NAME=VARIABLE`: a header that an ingress wants, with a value that no list of processes shows.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Decision, SettingsError, environment::Variable};

/// What the client says by itself, and would be confused by if somebody else did.
const OURS: [&str; 13] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "referer",
    "te",
    "transfer-encoding",
    "user-agent",
    "x-csrftoken",
];

/// All of them, and what to tell of each.
pub(super) fn read(given: &[String], variable: &Variable<'_>) -> Result<(HeaderMap, Vec<Decision>), SettingsError> {
    let mut headers = HeaderMap::new();
    let mut decisions = Vec::new();
    for text in given {
        let wrong = |what: String| SettingsError::Header { what };
        // What is no pair may be a value that somebody took for one: it is not repeated.
        let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, from) = pair.ok_or_else(|| wrong("wants NAME=VARIABLE, the variable being the one that holds the value".into()))?;
        let header: HeaderName = name.parse().map_err(|_error| wrong("wants the name of a header before the `=`".into()))?;
        if OURS.contains(&header.as_str()) {
            return Err(wrong(format!("cannot set {name}: that header is the program's own")));
        }
        if from.is_empty() || !from.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(wrong(format!("{name} wants the name of a variable after the `=`, not the value itself")));
        }
        if headers.contains_key(&header) {
            return Err(wrong(format!("sets {name} twice")));
        }
        let value = match variable(from) {
            Some(Ok(value)) if !value.is_empty() => value,
            Some(Err(())) => return Err(wrong(format!("{name}: the variable {from} is not UTF-8 text"))),
            // It may be a value after all, so that it is not repeated either.
            _ => return Err(wrong(format!("{name} names a variable that is not set or is empty"))),
        };
        let mut value = HeaderValue::from_str(value.trim_end_matches(['\r', '\n']))
            .map_err(|_error| wrong(format!("{name}: the value of the variable {from} is more than one line of printable characters")))?;
        value.set_sensitive(true);
        decisions.push(Decision::new("header", format!("--header {name}={from}"), name));
        headers.insert(header, value);
    }
    Ok((headers, decisions))
}
