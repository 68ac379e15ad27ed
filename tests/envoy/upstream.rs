//! The application behind the gateway. It echoes the path and headers of each request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Ends on drop.
pub struct Upstream {
    pub address: SocketAddr,
    reached: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    pub fn start() -> Upstream {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let reached = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&reached);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                tokio::select! {
                    () = accept(listener, counter) => (),
                    _ = stopped => (),
                }
            });
        });
        Upstream {
            address,
            reached,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The number of requests that reached the application.
    pub fn request_count(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }
}

async fn accept(listener: std::net::TcpListener, reached: Arc<AtomicUsize>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let reached = Arc::clone(&reached);
        let service = service_fn(move |request| {
            reached.fetch_add(1, Ordering::SeqCst);
            std::future::ready(Ok::<_, std::convert::Infallible>(echo(&request)))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn echo(request: &http::Request<Incoming>) -> http::Response<Full<Bytes>> {
    let headers = request.headers().iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let body = json!({"path": request.uri().to_string(), "headers": headers});
    http::Response::new(Full::new(Bytes::from(body.to_string())))
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
