//! What is wrong with a TLS connection that no further try would mend, and what to do about it.

use std::{error::Error, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use rustls::{AlertDescription, CertificateError, Error as TlsError, pki_types::UnixTime};
use thiserror::Error as ThisError;

use super::transport::causes;

/// Why TLS will not come about.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum Problem {
    /// Its time is over.
    #[error("the server's certificate expired{}", when(" on ", .0.as_deref()))]
    Expired(Option<String>),
    /// Its time has not begun.
    #[error("the server's certificate is not valid before {}", .0.as_deref().unwrap_or("some later day"))]
    NotYetValid(Option<String>),
    /// It is for another host.
    #[error("the server's certificate is not for {host}{}", but_for(.names))]
    WrongName {
        /// Who was asked for.
        host: String,
        /// Whom it is for.
        names: Vec<String>,
    },
    /// Nobody that is trusted signed it.
    #[error("the server's certificate is signed by no CA that is trusted here")]
    UnknownIssuer,
    /// It may sign others, and is shown as a server's own.
    #[error("the server's certificate is that of a CA, which is not taken for a server's own")]
    IsCa,
    /// Anything else about the certificate.
    #[error("the server's certificate cannot be used: {0}")]
    Unusable(String),
    /// The server wants to know who calls.
    #[error("the server asks for a client certificate, and none was given")]
    ClientCertificateWanted,
    /// The server does not like who calls.
    #[error("the server refuses the client certificate: {0}")]
    ClientCertificateRefused(&'static str),
    /// The server has no host of that name.
    #[error("the server knows no host of that name")]
    UnknownHost,
    /// No version or cipher in common, or a server with TLS 1.2 that wants a client certificate.
    #[error("the server ends the TLS handshake: {0}")]
    NoAgreement(String),
    /// Something else than TLS answers.
    #[error("what answers there does not speak TLS")]
    NotTls,
    /// Something else than plain http answers.
    #[error("what answers there does not speak plain http")]
    NotHttp,
}

impl Problem {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Expired(_) => "renew it on the server; if it is valid, set this machine's clock right",
            Self::NotYetValid(_) => "set the clock right, this machine's or that of whoever made it",
            Self::WrongName { .. } => "give a name that it is for with --controller or CONTROLLER_HOST, or get it one for this name",
            Self::UnknownIssuer => "give its CA's certificate with --ca-cert FILE, which alone is trusted then",
            Self::IsCa => "make it without CA:TRUE (openssl req -addext basicConstraints=critical,CA:FALSE), or sign another one with it",
            Self::Unusable(_) => "have the server's certificate made anew",
            Self::ClientCertificateWanted => "give one with --client-cert FILE, and its key with --client-key FILE",
            Self::ClientCertificateRefused(_) => "give one with --client-cert that a CA of the server signed and that is valid",
            Self::UnknownHost => "check the address (--controller, CONTROLLER_HOST)",
            Self::NoAgreement(_) => "TLS 1.2 and 1.3 are spoken here; with 1.2 this may also mean that it wants --client-cert",
            Self::NotTls => "check the port; plain http is `http://...`, where the network is yours with --allow-plain-http",
            Self::NotHttp => "check the port; TLS is `https://...`",
        }
    }
}

/// The problem that an error has at its bottom, if it is one of these.
pub(super) fn problem(error: &(dyn Error + 'static)) -> Option<Problem> {
    match causes(error).find_map(|cause| cause.downcast_ref::<TlsError>())? {
        TlsError::InvalidCertificate(error) => Some(of_certificate(error)),
        TlsError::NoCertificatesPresented => Some(Problem::Unusable("it shows none".into())),
        TlsError::InvalidMessage(_) => Some(Problem::NotTls),
        TlsError::PeerIncompatible(_) => Some(Problem::NoAgreement("no TLS version or cipher in common".into())),
        TlsError::AlertReceived(alert) => of_alert(*alert),
        _ => None,
    }
}

fn of_certificate(error: &CertificateError) -> Problem {
    match error {
        CertificateError::Expired => Problem::Expired(None),
        CertificateError::ExpiredContext { not_after, .. } => Problem::Expired(day(*not_after)),
        CertificateError::NotValidYet => Problem::NotYetValid(None),
        CertificateError::NotValidYetContext { not_before, .. } => Problem::NotYetValid(day(*not_before)),
        CertificateError::NotValidForName => Problem::WrongName { host: "this host".into(), names: Vec::new() },
        CertificateError::NotValidForNameContext { expected, presented } => {
            Problem::WrongName { host: expected.to_str().into_owned(), names: presented.iter().map(|name| plain(name)).collect() }
        }
        // A signature that does not fit: there is another CA of the same name, such as one that was made anew.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Problem::UnknownIssuer,
        other if other.to_string().contains("CaUsedAsEndEntity") => Problem::IsCa,
        other => Problem::Unusable(other.to_string()),
    }
}

/// What a server says of the client's certificate: RFC 8446, section 6.2.
fn of_alert(alert: AlertDescription) -> Option<Problem> {
    Some(match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => Problem::ClientCertificateWanted,
        AlertDescription::UnknownCA => Problem::ClientCertificateRefused("it does not know its CA"),
        AlertDescription::CertificateExpired => Problem::ClientCertificateRefused("it expired, or is not valid yet"),
        AlertDescription::CertificateRevoked => Problem::ClientCertificateRefused("it was revoked"),
        AlertDescription::UnsupportedCertificate => Problem::ClientCertificateRefused("it is not for clients, or of a kind unknown to it"),
        AlertDescription::AccessDenied => Problem::ClientCertificateRefused("its owner may not enter"),
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown | AlertDescription::DecryptError => {
            Problem::ClientCertificateRefused("it does not say why")
        }
        AlertDescription::UnrecognisedName => Problem::UnknownHost,
        AlertDescription::HandshakeFailure => Problem::NoAgreement("handshake failure".into()),
        AlertDescription::ProtocolVersion => Problem::NoAgreement("no TLS version in common".into()),
        AlertDescription::InsufficientSecurity => Problem::NoAgreement("it wants stronger ciphers".into()),
        _ => return None,
    })
}

/// The day of a time, in UTC.
fn day(time: UnixTime) -> Option<String> {
    let seconds = Duration::from_secs(time.as_secs()).as_secs().try_into().ok()?;
    Some(TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).ok()?).date().to_string())
}

/// A name as webpki shows it, `DnsName("a.example.com")`, without its wrapping.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner.trim_end_matches(')'));
    inner.trim_matches('"').to_owned()
}

fn when(before: &str, day: Option<&str>) -> String {
    day.map(|day| format!("{before}{day}")).unwrap_or_default()
}

/// The most that are named.
const NAMES: usize = 5;

fn but_for(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMES);
    let shown = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match (names.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(", but for {shown}"),
        (false, more) => format!(", but for {shown} and {more} more"),
    }
}
