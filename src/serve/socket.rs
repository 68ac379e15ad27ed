//! A connection's bytes: TCP, with TLS or without, or Unix, once it has opened.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::opening;
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

/// A connection on its request thread that has opened.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Stream,
    /// What was read while it opened, and how much of that has been handed on.
    read_ahead: Vec<u8>,
    handed_on: usize,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl Loose {
    /// Registers the connection with the runtime that this runs in, makes the handshake where there is one, and reads
    /// until the HTTP/2 preface and the first frame are complete.
    pub(super) async fn open(self) -> Result<Socket, Refusal> {
        let system = |_: io::Error| Refusal::System;
        let mut stream = match self {
            Loose::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream).map_err(system)?),
            Loose::Tls(stream, tls) => {
                let stream = TcpStream::from_std(stream).map_err(system)?;
                Stream::Tls(Box::new(tls.handshake(stream).await?))
            }
            Loose::Unix(stream) => Stream::Unix(UnixStream::from_std(stream).map_err(system)?),
        };
        let read_ahead = opening::read(&mut stream).await?;
        Ok(Socket {
            stream,
            read_ahead,
            handed_on: 0,
        })
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
        let ahead = me.read_ahead.get(me.handed_on..).unwrap_or_default();
        if ahead.is_empty() {
            return Pin::new(&mut me.stream).poll_read(cx, buffer);
        }
        let now = ahead.get(..buffer.remaining()).unwrap_or(ahead);
        buffer.put_slice(now);
        me.handed_on += now.len();
        if me.handed_on == me.read_ahead.len() {
            (me.read_ahead, me.handed_on) = (Vec::new(), 0);
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
