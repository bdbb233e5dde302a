//! The text of a file, and what a text must be to be a token, a boolean, a time, a path of the API. A message names where it stands, never the text.

use std::{
    fs::File,
    io::{self, Read},
    time::Duration,
};

use reqwest::header::HeaderValue;

use super::{SecretFile, SettingsError};
use crate::controller::Secret;

/// What a file holds, and nothing of one that holds more bytes than that.
pub(super) fn text_of(file: File, limit: u64) -> io::Result<Option<String>> {
    let mut text = String::new();
    file.take(limit + 1).read_to_string(&mut text)?;
    Ok((text.len() as u64 <= limit).then_some(text))
}

/// A token, without the line break that a mounted secret often ends in.
pub(super) fn token(name: &str, text: &str) -> Result<Secret, SettingsError> {
    let token = text.trim_end_matches(['\r', '\n']);
    match HeaderValue::from_str(token) {
        Ok(_) if !token.is_empty() => Ok(Secret::new(token)),
        _ => Err(SettingsError::Variable { name: name.to_owned(), wanted: "a token: one line of printable characters" }),
    }
}

/// A secret by a variable: itself, or for a `_FILE` the file that it names.
pub(super) fn secret(name: &'static str, text: &str) -> Result<Secret, SettingsError> {
    if name.ends_with("_FILE") { SecretFile::new(name, text).read() } else { Ok(Secret::new(text)) }
}

pub(super) fn boolean(name: &str, text: &str) -> Result<bool, SettingsError> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err(SettingsError::Variable { name: name.to_owned(), wanted: "true or false" }),
    }
}

pub(super) fn seconds(name: &str, text: &str) -> Result<Duration, SettingsError> {
    let seconds = text.parse::<f64>().ok().filter(|s| *s > 0.0).and_then(|s| Duration::try_from_secs_f64(s).ok());
    seconds.ok_or(SettingsError::Variable { name: name.to_owned(), wanted: "a number of seconds above 0" })
}

/// The path below which the API is, with a slash at either end. The server's own setting of that name holds a single word,
/// `controller` for `/api/controller/` (`awx/settings/defaults.py`).
pub(super) fn api_prefix(name: &str, text: &str) -> Result<String, SettingsError> {
    let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
    let plain = |segment: &&str| segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'));
    let dots = |segment: &&str| matches!(*segment, "." | "..");
    if segments.is_empty() || !segments.iter().all(plain) || segments.iter().any(dots) {
        return Err(SettingsError::Variable { name: name.to_owned(), wanted: "a path such as /api/controller/" });
    }
    match segments.as_slice() {
        [word] if *word != "api" => Ok(format!("/api/{word}/")),
        _ => Ok(format!("/{}/", segments.join("/"))),
    }
}
