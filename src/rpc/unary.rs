//! A fast path for unary calls, from the HTTP request body to the HTTP response body.
//!
//! It handles one DATA frame with one complete message that is not compressed and within the size limit (gRPC over
//! HTTP/2, <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, read 2026-11-27). Any other body is replayed
//! to tonic, which handles all forms and errors.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, StdError};
use tonic::server::Grpc;
use tonic::{Request, Response, Status};
use tower_service::Service;

use super::codec::BytesCodec;
use super::reflection::ResponseFuture;

/// Handles a call: passes its message of at most `max_bytes` to `answer` and responds with the result.
pub fn call<B, F, A>(request: http::Request<B>, max_bytes: usize, answer: F) -> ResponseFuture
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError> + Send,
    F: FnOnce(Bytes) -> A + Send + 'static,
    A: Future<Output = Result<Vec<u8>, Status>> + Send + 'static,
{
    Box::pin(async move {
        let (head, body) = request.into_parts();
        let received = match head.headers.get("grpc-encoding") {
            None => read(body, max_bytes).await,
            Some(_) => skip_fast_path(body),
        };
        let body = match received {
            ReceivedBody::Message(message) => {
                return Ok(match answer(message).await {
                    Ok(answer) => response(&answer),
                    Err(status) => status.into_http(),
                });
            }
            ReceivedBody::Other(body) => body,
        };
        let request = http::Request::from_parts(head, body);
        // Boxed: rare, and would make the common future larger.
        Ok(Box::pin(call_tonic(request, max_bytes, answer)).await)
    })
}

async fn call_tonic<B, F, A>(
    request: http::Request<ReplayBody<B>>,
    max_bytes: usize,
    answer: F,
) -> http::Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError> + Send,
    F: FnOnce(Bytes) -> A + Send + 'static,
    A: Future<Output = Result<Vec<u8>, Status>> + Send + 'static,
{
    let grpc = Grpc::new(BytesCodec);
    let mut grpc = grpc.apply_max_message_size_config(Some(max_bytes), None);
    grpc.unary(OnceService(Some(answer)), request).await
}

/// A tonic service for one call.
struct OnceService<F>(Option<F>);

impl<F, A> Service<Request<Bytes>> for OnceService<F>
where
    F: FnOnce(Bytes) -> A,
    A: Future<Output = Result<Vec<u8>, Status>> + Send + 'static,
{
    type Response = Response<Vec<u8>>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let answer = self.0.take().map(|answer| answer(request.into_inner()));
        Box::pin(async move {
            match answer {
                Some(answer) => answer.await.map(Response::new),
                // tonic calls the service once for each call.
                None => Err(Status::internal("the service was called twice")),
            }
        })
    }
}

/// The body of a call.
enum ReceivedBody<B: HttpBody> {
    /// One complete message.
    Message(Bytes),
    /// Anything else: the unchanged body.
    Other(ReplayBody<B>),
}

/// Reads the body of a call.
async fn read<B>(mut body: B, max_bytes: usize) -> ReceivedBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let first = body.frame().await;
    let second = match &first {
        Some(Ok(_)) if !body.is_end_stream() => body.frame().await,
        _ => None,
    };
    let data = match (&first, &second) {
        (Some(Ok(first)), None) => first.data_ref(),
        _ => None,
    };
    match data.and_then(|data| single_message(data, max_bytes)) {
        Some(message) => ReceivedBody::Message(message),
        None => ReceivedBody::Other(ReplayBody {
            first,
            second,
            body,
        }),
    }
}

/// Leaves the body to tonic.
fn skip_fast_path<B: HttpBody>(body: B) -> ReceivedBody<B> {
    ReceivedBody::Other(ReplayBody {
        first: None,
        second: None,
        body,
    })
}

fn single_message(data: &Bytes, max_bytes: usize) -> Option<Bytes> {
    let (prefix, message) = data.split_first_chunk::<PREFIX_BYTES>()?;
    let [0, length @ ..] = *prefix else {
        return None;
    };
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    (length == message.len() && length <= max_bytes).then(|| data.slice(PREFIX_BYTES..))
}

/// A response with this message and status OK.
pub fn response(message: &[u8]) -> http::Response<Body> {
    let Ok(length) = u32::try_from(message.len()) else {
        return Status::internal("the response is too large").into_http();
    };
    let mut data = Vec::with_capacity(PREFIX_BYTES + message.len());
    data.push(0);
    data.extend_from_slice(&length.to_be_bytes());
    data.extend_from_slice(message);
    let mut response =
        http::Response::new(Body::new(ResponseBody(ResponseState::Message(data.into()))));
    let kind = HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}

/// A body that returns the frames that were already read first.
struct ReplayBody<B: HttpBody> {
    first: Option<Result<Frame<Bytes>, B::Error>>,
    second: Option<Result<Frame<Bytes>, B::Error>>,
    body: B,
}

impl<B: HttpBody + Unpin> Unpin for ReplayBody<B> {}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for ReplayBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.first.take().or_else(|| self.second.take()) {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.second.is_none() && self.body.is_end_stream()
    }
}

/// The body of a response: the message, then the status OK in the trailers.
struct ResponseBody(ResponseState);

enum ResponseState {
    Message(Bytes),
    Trailers,
    End,
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (frame, next) = match std::mem::replace(&mut self.0, ResponseState::End) {
            ResponseState::Message(data) => (Frame::data(data), ResponseState::Trailers),
            ResponseState::Trailers => {
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                (Frame::trailers(trailers), ResponseState::End)
            }
            ResponseState::End => return Poll::Ready(None),
        };
        self.0 = next;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, ResponseState::End)
    }

    /// The lower bound, not the exact length: hyper would send an exact length as `content-length`, which gRPC does not use.
    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        if let ResponseState::Message(data) = &self.0 {
            hint.set_lower(data.len() as u64);
        }
        hint
    }
}

/// A flag and the message's length.
const PREFIX_BYTES: usize = 5;
