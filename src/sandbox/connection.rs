//! Connections that can be cut while an answer is on its way: the listener hands out streams that share a knife with the
//! handlers of their requests.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// Accepts connections that can be cut.
pub(super) struct Connections(pub(super) TcpListener);

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The trait's own one, which goes on after errors.
        let (stream, address) = Listener::accept(&mut self.0).await;
        (Connection { stream, knife: Knife::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

pub(super) struct Connection {
    stream: TcpStream,
    knife: Knife,
}

/// What a handler cuts the connection of its request with.
#[derive(Debug, Clone, Default)]
pub(super) struct Knife(Arc<Mutex<Left>>);

impl Connected<IncomingStream<'_, Connections>> for Knife {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        stream.io().knife.clone()
    }
}

impl Knife {
    /// Nothing of the answer goes out.
    pub(super) fn cut(&self) {
        *self.left() = Left::Nothing;
    }

    /// The head of the answer goes out, and so many bytes of its body.
    pub(super) fn cut_in_body(&self, bytes: usize) {
        *self.left() = Left::Head { ending: 0, body: bytes };
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What may still be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Left {
    #[default]
    All,
    /// Up to the head's end, of which `ending` bytes were just written, and then so many.
    Head {
        ending: usize,
        body: usize,
    },
    Body(usize),
    Nothing,
}

impl Left {
    /// How many of these bytes may be written.
    fn allowed(self, bytes: &[u8]) -> usize {
        match self {
            Self::All => bytes.len(),
            Self::Head { ending, body } => head(ending, bytes).map_or(bytes.len(), |end| end.saturating_add(body).min(bytes.len())),
            Self::Body(left) => left.min(bytes.len()),
            Self::Nothing => 0,
        }
    }

    /// What is left once these bytes were written.
    fn after(self, bytes: &[u8]) -> Self {
        match self {
            Self::All | Self::Nothing => self,
            Self::Head { ending, body } => match head(ending, bytes) {
                Ok(end) => Self::Body(body.saturating_sub(bytes.len() - end)),
                Err(ending) => Self::Head { ending, body },
            },
            Self::Body(left) => Self::Body(left.saturating_sub(bytes.len())),
        }
    }
}

/// Where the head of an answer ends in these bytes, or how much of its end they end with.
fn head(mut ending: usize, bytes: &[u8]) -> Result<usize, usize> {
    const END: &[u8] = b"\r\n\r\n";
    for (at, byte) in bytes.iter().enumerate() {
        ending = if END.get(ending) == Some(byte) { ending + 1 } else { usize::from(*byte == b'\r') };
        if ending == END.len() {
            return Ok(at + 1);
        }
    }
    Err(ending)
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let left = *this.knife.left();
        if left == Left::All {
            return Pin::new(&mut this.stream).poll_write(context, bytes);
        }
        let allowed = bytes.get(..left.allowed(bytes)).unwrap_or_default();
        if allowed.is_empty() && !bytes.is_empty() {
            if left == Left::Nothing {
                // As from a host that restarts. Elsewhere what went out has to arrive, and a reset may overtake it.
                this.stream.set_zero_linger()?;
            }
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, allowed))?;
        *this.knife.left() = left.after(allowed.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::Left;

    #[test]
    fn an_answer_is_cut_at_the_byte_whatever_pieces_it_goes_out_in() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\r\n\r\nabcdef";
        for (body, wanted) in [(0, ""), (1, "a"), (3, "abc"), (6, "abcdef"), (9, "abcdef")] {
            for piece in 1..=answer.len() {
                let (mut left, mut out, mut rest) = (Left::Head { ending: 0, body }, Vec::new(), answer.as_slice());
                loop {
                    let now = &rest[..piece.min(rest.len())];
                    let written = &now[..left.allowed(now)];
                    if written.is_empty() {
                        break;
                    }
                    left = left.after(written);
                    out.extend_from_slice(written);
                    rest = &rest[written.len()..];
                }
                assert!(String::from_utf8_lossy(&out).ends_with(&format!("\r\n\r\n{wanted}")), "{body} bytes, pieces of {piece}");
            }
        }
        assert_eq!(Left::All.allowed(answer), answer.len());
        assert_eq!(Left::Nothing.allowed(answer), 0);
    }
}
