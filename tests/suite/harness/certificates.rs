//! Certificates: a root, what it signs in between, and what that signs.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};

/// A CA that nobody knows.
pub(crate) struct Authority {
    /// The root's certificate, as a user would give it with `--ca-cert`.
    pub(crate) root: String,
    between: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with what leads to its root, and its key: PEM.
pub(crate) struct Certificate {
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// When a certificate is valid.
#[derive(Clone, Copy)]
pub(crate) enum Valid {
    /// From 2000 to 2020.
    Past,
    /// From 2000 to 2100.
    Now,
    /// From 2100 to 2120.
    Future,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::called("root")
    }

    pub(crate) fn called(name: &str) -> Self {
        let (root, key) = (authority(name), KeyPair::generate().expect("a key"));
        let root_pem = root.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(root, key);
        let (between, key) = (authority(&format!("below {name}")), KeyPair::generate().expect("a key"));
        let between_pem = between.signed_by(&key, &issuer).expect("a certificate").pem();
        Self { root: root_pem, between: between_pem, issuer: Issuer::new(between, key) }
    }

    /// Of a server with these names.
    pub(crate) fn server(&self, names: &[&str], valid: Valid) -> Certificate {
        self.signs(&params(names, valid, ExtendedKeyUsagePurpose::ServerAuth))
    }

    /// Of a client.
    pub(crate) fn client(&self, valid: Valid) -> Certificate {
        self.signs(&params(&["client"], valid, ExtendedKeyUsagePurpose::ClientAuth))
    }

    fn signs(&self, params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().expect("a key");
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Certificate { chain: leaf + &self.between, key: key.serialize_pem() }
    }
}

impl Certificate {
    /// Signed by its own key.
    pub(crate) fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = params(&[name], Valid::Now, ExtendedKeyUsagePurpose::ServerAuth);
        Self { chain: params.self_signed(&key).expect("a certificate").pem(), key: key.serialize_pem() }
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = distinguished(name);
    params
}

fn params(names: &[&str], valid: Valid, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name = distinguished("leaf");
    params.extended_key_usages = vec![usage];
    let (begin, end) = match valid {
        Valid::Past => (2000, 2020),
        Valid::Now => (2000, 2100),
        Valid::Future => (2100, 2120),
    };
    params.not_before = date_time_ymd(begin, 1, 1);
    params.not_after = date_time_ymd(end, 1, 1);
    params
}

fn distinguished(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}
