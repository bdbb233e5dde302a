//! Answers every request with the same bytes, whatever they are, and hangs up.

use std::{net::Ipv4Addr, thread};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink},
    net::TcpListener,
    runtime,
};
use tokio_util::sync::CancellationToken;

/// A server on a thread of its own.
pub(crate) struct Canned {
    pub(crate) url: String,
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl Canned {
    pub(crate) fn new(answer: Vec<u8>) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serve = async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut request = vec![0; 1 << 16];
                    let _ = stream.read(&mut request).await;
                    let _ = stream.write_all(&answer).await;
                    // To close with something unread would reset the connection, and take the answer with it.
                    let _ = stream.shutdown().await;
                    let _ = copy(&mut stream, &mut sink()).await;
                });
            }
        };
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! { () = serve => {}, () = stopped.cancelled() => {} }
            });
        });
        Self { url, stop, thread: Some(thread) }
    }

    /// With a header of its own and a body.
    pub(crate) fn http(headers: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}\r\n\r\n");
        Self::new([head.as_bytes(), body].concat())
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
