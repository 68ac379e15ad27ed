//! A connection's bytes: TCP, with TLS or without, or Unix.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::opening::{Admission, Opening};
use super::tls::{Endpoint, Refusal};

/// A connection between the acceptor and its request thread: of no runtime.
#[derive(Debug)]
pub(super) enum Loose {
    Tcp(std::net::TcpStream),
    Tls(std::net::TcpStream, Arc<Endpoint>),
    Unix(std::os::unix::net::UnixStream),
}

/// The other end of a connection, for log lines.
#[derive(Debug, Clone, Copy)]
pub(super) enum PeerAddress {
    Tcp(SocketAddr),
    /// Its user id, where the kernel says.
    Unix(Option<u32>),
}

/// A connection on its request thread.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Stream,
    /// Until it has opened, has a place, and what was read before that is handed on.
    opening: Option<Box<Opening>>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl Loose {
    /// Registers the connection with the runtime that this runs in, and makes the handshake where there is one.
    pub(super) async fn open(self) -> Result<(Socket, Admission), Refusal> {
        let system = |_: io::Error| Refusal::System;
        let stream = match self {
            Loose::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream).map_err(system)?),
            Loose::Tls(stream, tls) => {
                let stream = TcpStream::from_std(stream).map_err(system)?;
                Stream::Tls(Box::new(tls.handshake(stream).await?))
            }
            Loose::Unix(stream) => Stream::Unix(UnixStream::from_std(stream).map_err(system)?),
        };
        let (opening, admission) = Opening::new();
        let socket = Socket {
            stream,
            opening: Some(Box::new(opening)),
        };
        Ok((socket, admission))
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerAddress::Tcp(address) => address.fmt(out),
            PeerAddress::Unix(Some(uid)) => write!(out, "uid {uid}"),
            PeerAddress::Unix(None) => out.write_str("an unknown uid"),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        let stream = Pin::new(&mut me.stream);
        let Some(opening) = &mut me.opening else {
            return stream.poll_read(cx, buffer);
        };
        if ready!(opening.poll_read(cx, stream, buffer))? {
            me.opening = None;
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
