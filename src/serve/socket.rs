//! The byte stream of a connection: TCP with or without TLS, or a Unix socket.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::preface::{PrefaceHandle, PrefaceReader};
use super::tls::{ConnectionRefusal, TlsEndpoint};

/// An accepted socket that is registered with no runtime yet.
#[derive(Debug)]
pub(super) enum PendingSocket {
    Tcp(std::net::TcpStream),
    Tls(std::net::TcpStream, Arc<TlsEndpoint>),
    Unix(std::os::unix::net::UnixStream),
}

/// The address of the peer, for log lines.
#[derive(Debug, Clone, Copy)]
pub(super) enum PeerAddress {
    Tcp(SocketAddr),
    /// The user id, if the kernel reports it.
    Unix(Option<u32>),
}

/// A connection on its request thread.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Stream,
    /// Until the bytes read before the connection was admitted are forwarded.
    preface: Option<Box<PrefaceReader>>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl PendingSocket {
    /// Registers the socket with the current runtime, and performs the TLS handshake if there is one.
    pub(super) async fn open(self) -> Result<(Socket, PrefaceHandle), ConnectionRefusal> {
        let system = |_: io::Error| ConnectionRefusal::System;
        let stream = match self {
            PendingSocket::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream).map_err(system)?),
            PendingSocket::Tls(stream, tls) => {
                let stream = TcpStream::from_std(stream).map_err(system)?;
                Stream::Tls(Box::new(tls.handshake(stream).await?))
            }
            PendingSocket::Unix(stream) => {
                Stream::Unix(UnixStream::from_std(stream).map_err(system)?)
            }
        };
        let (preface, handle) = PrefaceReader::new();
        let socket = Socket {
            stream,
            preface: Some(Box::new(preface)),
        };
        Ok((socket, handle))
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
        let Some(preface) = &mut me.preface else {
            return stream.poll_read(cx, buffer);
        };
        if ready!(preface.poll_read(cx, stream, buffer))? {
            me.preface = None;
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

    /// True for all kinds: one `writev`, or few TLS records, carry the responses of many calls.
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
