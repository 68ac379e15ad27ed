//! A call of one message and one answer in the form that nearly all have, from HTTP body to HTTP body.
//!
//! One DATA frame with one whole message, not compressed and not too large (gRPC over HTTP/2,
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, read 2026-11-27). Whatever else comes is put
//! together again and left to tonic, which knows all forms and all errors.

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

use super::codec::Verbatim;
use super::reflection::Answering;

/// Answers a call with what `answer` makes of its message, which may have this many bytes at most.
pub fn call<B, F, A>(request: http::Request<B>, most_bytes: usize, answer: F) -> Answering
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError> + Send,
    F: FnOnce(Bytes) -> A + Send + 'static,
    A: Future<Output = Result<Vec<u8>, Status>> + Send + 'static,
{
    Box::pin(async move {
        let (head, body) = request.into_parts();
        let came = match head.headers.get("grpc-encoding") {
            None => read(body, most_bytes).await,
            Some(_) => unread(body),
        };
        let body = match came {
            Came::Message(message) => {
                return Ok(match answer(message).await {
                    Ok(answer) => response(&answer),
                    Err(status) => status.into_http(),
                });
            }
            Came::Other(body) => body,
        };
        let request = http::Request::from_parts(head, body);
        // In a box of its own: rare, and large.
        Ok(Box::pin(by_tonic(request, most_bytes, answer)).await)
    })
}

async fn by_tonic<B, F, A>(
    request: http::Request<Again<B>>,
    most_bytes: usize,
    answer: F,
) -> http::Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError> + Send,
    F: FnOnce(Bytes) -> A + Send + 'static,
    A: Future<Output = Result<Vec<u8>, Status>> + Send + 'static,
{
    let grpc = Grpc::new(Verbatim);
    let mut grpc = grpc.apply_max_message_size_config(Some(most_bytes), None);
    grpc.unary(Once(Some(answer)), request).await
}

/// One call, as tonic takes it.
struct Once<F>(Option<F>);

impl<F, A> Service<Request<Bytes>> for Once<F>
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
                // tonic asks once for each call.
                None => Err(Status::internal("asked twice")),
            }
        })
    }
}

/// What came.
enum Came<B: HttpBody> {
    /// The message.
    Message(Bytes),
    /// Something else: the body as it was.
    Other(Again<B>),
}

/// Reads the body of a call.
async fn read<B>(mut body: B, most_bytes: usize) -> Came<B>
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
    match data.and_then(|data| whole(data, most_bytes)) {
        Some(message) => Came::Message(message),
        None => Came::Other(Again {
            first,
            second,
            body,
        }),
    }
}

/// Leaves a body to tonic.
fn unread<B: HttpBody>(body: B) -> Came<B> {
    Came::Other(Again {
        first: None,
        second: None,
        body,
    })
}

fn whole(data: &Bytes, most_bytes: usize) -> Option<Bytes> {
    let (prefix, message) = data.split_first_chunk::<PREFIX_BYTES>()?;
    let [0, length @ ..] = *prefix else {
        return None;
    };
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    (length == message.len() && length <= most_bytes).then(|| data.slice(PREFIX_BYTES..))
}

/// The response with this message.
pub fn response(message: &[u8]) -> http::Response<Body> {
    let Ok(length) = u32::try_from(message.len()) else {
        return Status::internal("the answer is too large").into_http();
    };
    let mut data = Vec::with_capacity(PREFIX_BYTES + message.len());
    data.push(0);
    data.extend_from_slice(&length.to_be_bytes());
    data.extend_from_slice(message);
    let mut response = http::Response::new(Body::new(Answer(Part::Message(data.into()))));
    let kind = HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}

/// A body that is read once more from its beginning.
struct Again<B: HttpBody> {
    first: Option<Result<Frame<Bytes>, B::Error>>,
    second: Option<Result<Frame<Bytes>, B::Error>>,
    body: B,
}

impl<B: HttpBody + Unpin> Unpin for Again<B> {}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Again<B> {
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

/// The body of an answer: its message, then the status OK.
struct Answer(Part);

enum Part {
    Message(Bytes),
    Status,
    Nothing,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (frame, next) = match std::mem::replace(&mut self.0, Part::Nothing) {
            Part::Message(data) => (Frame::data(data), Part::Status),
            Part::Status => {
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                (Frame::trailers(trailers), Part::Nothing)
            }
            Part::Nothing => return Poll::Ready(None),
        };
        self.0 = next;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Part::Nothing)
    }

    /// The least, not the exact length: from that hyper would make a `content-length`, which gRPC has no use for.
    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        if let Part::Message(data) = &self.0 {
            hint.set_lower(data.len() as u64);
        }
        hint
    }
}

/// A flag and the message's length.
const PREFIX_BYTES: usize = 5;
