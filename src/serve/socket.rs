//! A connection's bytes: TCP, with TLS or without, or Unix, and the watch over how it opens.
//!
//! The first bytes are only looked at, never changed or held back.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio_rustls::server::TlsStream;

use super::activity::Activity;
use super::tls::{Endpoint, Refusal};

/// A connection between the acceptor and its request thread: of no runtime.
#[derive(Debug)]
pub(super) enum Loose {
    Tcp(std::net::TcpStream),
    Tls(std::net::TcpStream, Arc<Endpoint>),
    Unix(std::os::unix::net::UnixStream),
}

/// A connection on its request thread.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Stream,
    opening: Option<Opening>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// RFC 9113 §3.4: a client begins with a preface of 24 bytes and a SETTINGS frame, whose header of 9 bytes
/// begins with the length of the rest. Whether they are right is h2's business; this counts.
#[derive(Debug)]
struct Opening {
    activity: Arc<Activity>,
    seen: u64,
    length: u64,
}

impl Loose {
    /// Registers the connection with the runtime that this runs in, and makes the handshake where there is one.
    pub(super) async fn open(
        self,
        activity: &Arc<Activity>,
        handshakes: &Semaphore,
    ) -> Result<Socket, Refusal> {
        let system = |_: io::Error| Refusal::System;
        let stream = match self {
            Loose::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream).map_err(system)?),
            Loose::Tls(stream, tls) => {
                let stream = TcpStream::from_std(stream).map_err(system)?;
                Stream::Tls(Box::new(tls.handshake(stream, handshakes).await?))
            }
            Loose::Unix(stream) => Stream::Unix(UnixStream::from_std(stream).map_err(system)?),
        };
        let opening = Opening {
            activity: Arc::clone(activity),
            seen: 0,
            length: 0,
        };
        Ok(Socket {
            stream,
            opening: Some(opening),
        })
    }
}

impl Opening {
    /// Whether the preface and the first frame are complete with these bytes.
    fn is_over_with(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            if LENGTH_BEGINS <= self.seen && self.seen < LENGTH_ENDS {
                self.length = self.length << 8 | u64::from(*byte);
            }
            self.seen += 1;
            if self.seen >= HEADER_ENDS + self.length && self.seen >= HEADER_ENDS {
                self.activity.open();
                return true;
            }
        }
        false
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        let before = buffer.filled().len();
        let read = match &mut me.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        ready!(read)?;
        if let Some(opening) = &mut me.opening {
            let new = buffer.filled().get(before..).unwrap_or_default();
            if opening.is_over_with(new) {
                me.opening = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    /// All kinds do: one `writev`, or few TLS records, carry the answers of many calls.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

const LENGTH_BEGINS: u64 = 24;
const LENGTH_ENDS: u64 = LENGTH_BEGINS + 3;
const HEADER_ENDS: u64 = LENGTH_BEGINS + 9;

#[cfg(test)]
mod tests {
    use super::*;

    fn opening() -> Opening {
        Opening {
            activity: Activity::new(),
            seen: 0,
            length: 0,
        }
    }

    #[test]
    fn a_connection_opens_with_the_last_byte_of_its_first_frame() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend([0, 0, 6, 4, 0, 0, 0, 0, 0]);
        bytes.extend([0, 3, 0, 0, 0, 100]);
        for cut in 0..bytes.len() {
            let mut opening = opening();
            assert!(!opening.is_over_with(&bytes[..cut]));
            assert!(!opening.activity.is_open());
            assert!(opening.is_over_with(&bytes[cut..]));
            assert!(opening.activity.is_open());
        }
    }

    #[test]
    fn an_empty_first_frame_opens_as_well() {
        let mut bytes = vec![b'x'; 24];
        bytes.extend([0; 9]);
        assert!(!opening().is_over_with(&bytes[..32]));
        assert!(opening().is_over_with(&bytes));
    }
}
