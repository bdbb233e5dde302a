//! Files with a secret in them: mounted into a container, and written anew when the secret rotates.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{
    SettingsError,
    values::{text_of, token},
};
use crate::controller::Secret;

/// The most that is read, in bytes: what is longer is no secret, and `/dev/zero` never ends.
const LIMIT: u64 = 1 << 16;

/// A file with a secret, and the variable that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    variable: &'static str,
    path: PathBuf,
}

impl SecretFile {
    pub(super) fn new(variable: &'static str, path: &str) -> Self {
        Self { variable, path: PathBuf::from(path) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds now, without the line break at its end.
    pub(in crate::controller) fn read(&self) -> Result<Secret, SettingsError> {
        let wrong = |what: String| SettingsError::SecretFile { variable: self.variable, path: self.path.display().to_string(), what };
        let text = File::open(&self.path).and_then(|file| text_of(file, LIMIT)).map_err(|error| wrong(error.to_string()))?;
        let text = text.ok_or_else(|| wrong(format!("it has more than {} KiB", LIMIT >> 10)))?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(wrong("it is empty".into()));
        }
        if self.variable.contains("TOKEN") {
            token(self.variable, text).map_err(|_error| wrong("it holds no token: one line of printable characters".into()))?;
        }
        Ok(Secret::of_file(text.to_owned(), self.clone()))
    }

    /// Whether it can be read more than once: a pipe cannot.
    pub(in crate::controller) fn stays(&self) -> bool {
        self.path.metadata().map_or(true, |metadata| metadata.is_file())
    }
}
