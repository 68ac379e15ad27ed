//! Connections: HTTP/2 over TCP, a Unix socket or TLS. They are not measured: a measurement begins when they are open.

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::client::SendRequest;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::server::Address;

/// An HTTP/2 connection, closed when it is dropped.
pub struct Connection {
    pub sender: SendRequest<Bytes>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

pub async fn all(address: &Address, count: usize) -> Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(one(address).await?);
    }
    Ok(connections)
}

async fn one(address: &Address) -> Result<Connection> {
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await.context("no connection")?;
            stream.set_nodelay(true)?;
            http2(stream).await
        }
        Address::Unix(path) => {
            let stream = UnixStream::connect(path).await.context("no connection")?;
            http2(stream).await
        }
        Address::Tls(address, config) => {
            let stream = TcpStream::connect(address).await.context("no connection")?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from("localhost")?;
            let connector = TlsConnector::from(std::sync::Arc::clone(config));
            let stream = connector.connect(name, stream).await.context("no TLS")?;
            http2(stream).await
        }
    }
}

async fn http2<S>(stream: S) -> Result<Connection>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = h2::client::Builder::new()
        // Windows larger than any answer, so that flow control does not limit the load.
        .initial_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .handshake(stream);
    let (sender, connection) = handshake.await.context("no HTTP/2")?;
    let driver = tokio::spawn(async move {
        // If the connection breaks, its calls report it.
        let _ = connection.await;
    });
    Ok(Connection { sender, driver })
}
