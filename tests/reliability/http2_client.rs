//! An HTTP/2 client for load: request bodies are encoded once, and the flow-control window may be 0.

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use tokio::net::TcpStream;

pub const AUTHORIZE_BATCH: &str = "/crosstrust.v1.AuthorizationService/AuthorizeBatch";
pub const AUTHORIZE: &str = "/crosstrust.v1.AuthorizationService/Authorize";
pub const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
pub const WATCH: &str = "/grpc.health.v1.Health/Watch";
pub const WATCH_SNAPSHOTS: &str = "/crosstrust.v1.PolicyService/WatchSnapshots";

/// `grpc-status` of refusals: RESOURCE_EXHAUSTED and UNAVAILABLE.
pub const REFUSALS: [&str; 2] = ["8", "14"];

#[derive(Clone)]
pub struct Client(http2::SendRequest<BoxBody<Bytes, Infallible>>);

pub struct CallResult {
    pub status: String,
    /// Without the gRPC length prefix; empty if there is no message.
    pub message: Bytes,
}

impl Client {
    /// `address` is HOST:PORT. With a window of 0 the server cannot send a byte of an answer.
    pub async fn connect(address: &str, window: u32) -> Client {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (send, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Client(send)
    }

    /// Sends a call; `None` if the connection is closed before the response headers arrive.
    pub async fn start_call(
        &self,
        path: &str,
        message: &[u8],
    ) -> Option<http::Response<hyper::body::Incoming>> {
        let mut framed = vec![0];
        framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        framed.extend(message);
        self.send(path, Full::new(framed.into()).boxed()).await
    }

    /// Sends a call without ever sending its message.
    pub async fn start_unfinished_call(&self, path: &str) {
        let never = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
        self.send(path, StreamBody::new(never).boxed()).await;
    }

    async fn send(
        &self,
        path: &str,
        body: BoxBody<Bytes, Infallible>,
    ) -> Option<http::Response<hyper::body::Incoming>> {
        let request = Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(body)
            .unwrap();
        let mut send = self.0.clone();
        send.ready().await.ok()?;
        send.send_request(request).await.ok()
    }

    pub async fn call(&self, path: &str, message: &[u8]) -> Option<CallResult> {
        let response = self.start_call(path, message).await?;
        let headers = response.headers().clone();
        let body = response.into_body().collect().await.ok()?;
        let status = status(body.trailers().unwrap_or(&headers));
        let bytes = body.to_bytes();
        Some(CallResult {
            status,
            message: bytes.slice(bytes.len().min(5)..),
        })
    }

    pub async fn closed(&self) {
        let mut send = self.0.clone();
        while send.ready().await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

/// The status in these headers or trailers. A refused call has it in the headers; for an open stream it is empty.
pub fn status(headers: &HeaderMap) -> String {
    let status = headers.get("grpc-status");
    status.map_or_else(String::new, |status| status.to_str().unwrap().to_owned())
}
