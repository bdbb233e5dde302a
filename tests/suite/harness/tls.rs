//! TLS before a controller, with a certificate of a CA that nobody knows.

use std::{net::Ipv4Addr, sync::Arc, thread};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Ends TLS and passes what is in it to a controller.
pub(crate) struct Tls {
    pub(crate) url: String,
    /// The CA's certificate, as a user would give it with `--ca-cert`.
    pub(crate) ca: String,
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl Tls {
    /// Before the controller at `behind`, for 127.0.0.1.
    pub(crate) fn new(behind: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let ca = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().expect("a key");
        let leaf =
            CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address").signed_by(&key, &issuer).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS versions");
        let config = config.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key).expect("a key that fits");

        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        let behind = behind.trim_start_matches("http://").to_owned();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serve = async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((outer, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    // A client that does not trust the certificate hangs up.
                    let Ok(mut outer) = acceptor.accept(outer).await else { return };
                    let mut inner = TcpStream::connect(behind).await.expect("the controller listens");
                    let _ = copy_bidirectional(&mut outer, &mut inner).await;
                });
            }
        };
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! { () = serve => {}, () = stopped.cancelled() => {} }
            });
        });
        Self { url, ca, stop, thread: Some(thread) }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
