//! The router in this process, behind a plain HTTP/2 listener without our accept loop and its limits.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crosstrust::cache::CacheBytes;
use crosstrust::clock::{Clock, ManualClock};
use crosstrust::compile::compile;
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::graph::document::TenantDocuments;
use crosstrust::policy_settings::PolicySettings;
use crosstrust::rpc::{Backend, HealthState, Recorder, RequestLimits, Rights, Router, router};
use crosstrust::time::Timestamp;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tonic::transport::Channel;

/// The time of the clock of [`engine`].
pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A server that ends on drop.
pub struct TestServer {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl TestServer {
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(self.url()).unwrap();
        endpoint.connect().await.unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

pub async fn serve_for_test(router: Router) -> TestServer {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Otherwise each answer waits 40 ms for the acknowledgement of its headers.
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream, router.clone()));
        }
    });
    TestServer { address, accepting }
}

/// Serves on a Unix socket until the test ends.
pub fn serve_at(path: &Path, router: Router) {
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, router.clone()));
        }
    });
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, router: Router) {
    let connection = http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client may close the connection; that does not fail the test.
    let _ = connection.await;
}

/// An engine without policies; its clock stays at [`NOW`].
pub fn empty_engine() -> Arc<Engine> {
    Arc::new(Engine::new(EngineOptions {
        cache: Some(CacheBytes::default()),
        clock: Clock::Manual(ManualClock::at(NOW)),
    }))
}

/// An engine with these tenants.
pub fn engine(tenants: &[TenantDocuments]) -> Arc<Engine> {
    let engine = empty_engine();
    engine.activate(
        compile(tenants, &PolicySettings::NONE, Timestamp::MIN)
            .unwrap()
            .snapshot,
        "a test",
    );
    engine
}

/// A backend without a reloader.
pub fn backend(engine: Arc<Engine>) -> Backend {
    Backend {
        engine,
        reload: None,
        limits: RequestLimits::default(),
        reflection: true,
        gateway: Arc::default(),
        recorder: Recorder::default(),
    }
}

/// Serves every service to all clients.
pub async fn serve_engine(engine: Arc<Engine>) -> TestServer {
    serve_for_test(router(&backend(engine), &Rights::ALL, &HealthState::new())).await
}
