//! Text that must never be seen, and who one is by it.

use std::fmt;

use super::{SettingsError, settings::SecretFile};

/// A password or a token. Neither `Debug` nor anything else prints it.
#[derive(Clone)]
pub struct Secret {
    text: String,
    file: Option<SecretFile>,
}

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), file: None }
    }

    /// Hides what a file held; it can be read again.
    pub(super) fn of_file(text: String, file: SecretFile) -> Self {
        Self { text, file: Some(file) }
    }

    /// The file that it came from, if it was one.
    pub fn file(&self) -> Option<&SecretFile> {
        self.file.as_ref()
    }

    /// The text, for the one place that sends it.
    pub(super) fn expose(&self) -> &str {
        &self.text
    }

    /// What the file holds by now, if that is another secret.
    fn reread(&self) -> Result<Option<Self>, SettingsError> {
        let Some(file) = self.file.as_ref().filter(|file| file.stays()) else { return Ok(None) };
        let now = file.read()?;
        Ok((now != *self).then_some(now))
    }
}

/// By the text alone: where it came from makes no other secret of it.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
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

impl Credentials {
    /// Reads a secret that came from a file again, since mounted secrets rotate. `None` where it came from no file, or where the
    /// file still holds the same.
    pub fn reread(&self) -> Result<Option<Self>, SettingsError> {
        Ok(match self {
            Self::Token(token) => token.reread()?.map(Self::Token),
            Self::Basic { username, password } => password.reread()?.map(|password| Self::Basic { username: username.clone(), password }),
        })
    }
}
