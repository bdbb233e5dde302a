//! Why there is no connection to try.

use std::io;

use thiserror::Error;

use crate::mesh::{BaseUrl, UrlError};

/// Something wrong with flags, variables or the files that they name. Nothing in here holds a secret.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// No address.
    #[error("no controller: neither `--controller` nor CONTROLLER_HOST is set")]
    NoController,
    /// A bad address.
    #[error("the controller's address in {from} {error}")]
    Url {
        /// The flag, variable or file.
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
        /// The variable, or the key of a file, that is there.
        given: String,
        /// The one that is not.
        missing: &'static str,
    },
    /// A variable, or a key of a file, that cannot be read.
    #[error("{name} is not {wanted}")]
    Variable {
        /// Its name.
        name: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A variable names a file that gives no secret.
    #[error("{variable} names {path}, which gives no secret: {what}")]
    SecretFile {
        /// Its name.
        variable: &'static str,
        /// The file.
        path: String,
        /// What the system says, or what is wrong with its content.
        what: String,
    },
    /// The network would see the secret.
    #[error("{0} is plain http: whoever is on the way could read the credentials")]
    PlainHttp(BaseUrl),
    /// A flag names no file that can be read.
    #[error("cannot read {flag} {path}: {error}")]
    File {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// A flag names a file of another kind.
    #[error("{flag} {path} {what}")]
    Content {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A key that wants a passphrase.
    #[error("{flag} {path} holds a private key that is encrypted")]
    EncryptedKey {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: String,
    },
    /// A client certificate alone.
    #[error("--client-cert {0} holds no private key")]
    NoClientKey(String),
    /// A header that cannot be sent.
    #[error("--header {what}")]
    Header {
        /// What is wrong with it.
        what: String,
    },
    /// `tower_cli.cfg` that is none.
    #[error("{at}: {what}")]
    TowerCli {
        /// The file, with line and column where they are known.
        at: String,
        /// What is wrong there.
        what: &'static str,
    },
}

impl SettingsError {
    /// What to do about it, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoController => Some("set CONTROLLER_HOST, or try `--controller sandbox:` for a simulated one"),
            Self::NoCredentials(_) => Some("set CONTROLLER_OAUTH_TOKEN, or CONTROLLER_USERNAME and CONTROLLER_PASSWORD"),
            Self::PlainHttp(_) => Some("use https, or --allow-plain-http where the network is yours"),
            Self::SecretFile { .. } => Some("look whether the secret is mounted there and may be read"),
            Self::EncryptedKey { .. } => Some("nobody is asked for a passphrase: `openssl pkey -in FILE -out KEY` takes it away"),
            Self::NoClientKey(_) => Some("name the key's file with --client-key"),
            Self::Header { .. } => Some("such as `--header CF-Access-Client-Secret=ACCESS_SECRET`, with the value in $ACCESS_SECRET"),
            Self::TowerCli { .. } => Some("what `tower_cli.cfg` may be: YAML, JSON, or lines of `key = value` below `[general]`"),
            Self::Url { .. } | Self::HalfCredentials { .. } | Self::Variable { .. } | Self::File { .. } | Self::Content { .. } => None,
        }
    }
}
