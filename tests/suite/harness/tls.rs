//! TLS before a controller, with a certificate of a CA that nobody knows, or with any other.

use std::{net::Ipv4Addr, sync::Arc, thread};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{copy, copy_bidirectional, sink},
    net::{TcpListener, TcpStream},
    runtime,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{Authority, Certificate, Valid};

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
        let authority = Authority::new();
        let mut tls = Self::with(behind, &authority.server(&["127.0.0.1"], Valid::Now), None, &[]);
        tls.ca = authority.root;
        tls
    }

    /// With this certificate; asks its clients for one of a CA; offers these protocols.
    pub(crate) fn with(behind: &str, certificate: &Certificate, clients: Option<&Authority>, protocols: &[&str]) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().expect("TLS versions");
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(authority.root.as_bytes()).expect("a certificate")).expect("a CA");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("a CA");
                config.with_client_cert_verifier(verifier)
            }
        };
        let chain = CertificateDer::pem_slice_iter(certificate.chain.as_bytes()).map(|c| c.expect("a certificate")).collect();
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("a key");
        let mut config = config.with_single_cert(chain, key).expect("a key that fits");
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();

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
                    let mut outer = match acceptor.accept(outer).into_fallible().await {
                        Ok(outer) => outer,
                        // Who is refused has sent more by now: to close with that unread would reset the connection, and take
                        // the reason with it.
                        Err((_, mut refused)) => {
                            let _ = copy(&mut refused, &mut sink()).await;
                            return;
                        }
                    };
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
        Self { url, ca: String::new(), stop, thread: Some(thread) }
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
