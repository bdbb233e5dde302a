//! The files of `--ca-cert`, `--client-cert` and `--client-key`: PEM.

use std::{fs, path::Path};

use reqwest::{Certificate, Identity};
use rustls::{
    Error as TlsError,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::SettingsError;

/// The CAs to trust.
pub(super) fn authorities(path: &Path) -> Result<Vec<Certificate>, SettingsError> {
    let pem = read("--ca-cert", path)?;
    let bundle = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if bundle.is_empty() { Err(bad("--ca-cert", path, "holds no certificate in PEM form")) } else { Ok(bundle) }
}

/// The certificate and the key by which a server that asks knows this client. Everything that could fail later, when a connection
/// is made, is tried here: a key of another certificate, one of a kind that cannot be used.
pub(super) fn identity(cert: &Path, key: Option<&Path>) -> Result<Identity, SettingsError> {
    let mut pem = read("--client-cert", cert)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    if chain.is_empty() {
        return Err(bad("--client-cert", cert, "holds no certificate in PEM form"));
    }
    let (flag, path, text) = match key {
        Some(path) => ("--client-key", path, read("--client-key", path)?),
        None => ("--client-cert", cert, pem.clone()),
    };
    // PKCS 8, and the older form of OpenSSL.
    let words = String::from_utf8_lossy(&text);
    if words.contains("BEGIN ENCRYPTED PRIVATE KEY") || words.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(SettingsError::EncryptedKey { flag, path: path.display().to_string() });
    }
    let Some(Ok(private)) = PrivateKeyDer::pem_slice_iter(&text).last() else {
        return Err(match key {
            Some(_) => bad(flag, path, "holds no private key in PEM form"),
            None => SettingsError::NoClientKey(path.display().to_string()),
        });
    };
    match CertifiedKey::from_der(chain, private, &ring::default_provider()) {
        Ok(_) => {}
        Err(TlsError::InconsistentKeys(_)) => return Err(bad(flag, path, "holds the private key of another certificate")),
        Err(TlsError::InvalidCertificate(_)) => return Err(bad("--client-cert", cert, "holds a certificate that cannot be read")),
        Err(_) => return Err(bad(flag, path, "holds a private key that cannot be used: RSA, ECDSA and Ed25519 can")),
    }
    if key.is_some() {
        pem.push(b'\n');
        pem.extend_from_slice(&text);
    }
    Identity::from_pem(&pem).map_err(|_error| bad("--client-cert", cert, "holds something else beside certificates and a key"))
}

fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, SettingsError> {
    fs::read(path).map_err(|error| SettingsError::File { flag, path: path.display().to_string(), error })
}

fn bad(flag: &'static str, path: &Path, what: &'static str) -> SettingsError {
    SettingsError::Content { flag, path: path.display().to_string(), what }
}
