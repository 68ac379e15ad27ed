//! What became of a call, told once to the rules for calls: whatever way it ends.
//!
//! A unary call has ended for us with its response headers: tonic puts an error among them, and what follows is an
//! OK. A stream ends with its trailers. A call whose client goes away before that was cancelled.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Uri};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

use super::guard::{ConnectionCalls, StreamPlace};
use super::unread::AnswerBody;

/// Tells when it is dropped.
#[derive(Debug)]
pub(super) struct Receipt {
    pub(super) calls: Arc<ConnectionCalls>,
    /// A counted reference to the path: the request itself goes to the handler.
    pub(super) uri: Uri,
    /// The place of a call that is answered by a stream, until the stream ends.
    pub(super) stream: Option<StreamPlace>,
    arrived: Instant,
    /// What the thread had spent on answered calls at that moment.
    served_before: Duration,
    code: Code,
}

impl Receipt {
    pub(super) fn new(calls: Arc<ConnectionCalls>, uri: Uri, arrived: Instant) -> Self {
        Receipt {
            served_before: calls.served(),
            calls,
            uri,
            stream: None,
            arrived,
            code: Code::Cancelled,
        }
    }

    pub(super) fn arrived(&self) -> Instant {
        self.arrived
    }

    pub(super) fn served_before(&self) -> Duration {
        self.served_before
    }

    /// The call is answered: told now, or with the end of its stream.
    pub(super) fn hand_over(mut self, response: Response<Body>) -> Response<AnswerBody> {
        let calls = Arc::clone(&self.calls);
        match code_among(response.headers()) {
            Some(code) => self.code = code,
            None if response.status() != StatusCode::OK => self.code = Code::Unknown,
            None if self.stream.is_some() => {
                let streams = &calls.gate.counters().streams;
                streams.fetch_add(1, Ordering::Relaxed);
                return response.map(|body| {
                    let receipt = self;
                    calls.answer_body(Body::new(Streaming { body, receipt }), true)
                });
            }
            None => self.code = Code::Ok,
        }
        response.map(|body| calls.answer_body(body, false))
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let rules = self.calls.gate.rules();
        let took = self.arrived.elapsed();
        // The rules are code as well, and this may run while a panic unwinds.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            rules.handled(self.uri.path(), self.code, took);
        }));
    }
}

/// The body of a stream, watched for its end.
struct Streaming {
    body: Body,
    receipt: Receipt,
}

impl HttpBody for Streaming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(code) = frame.trailers_ref().and_then(code_among) {
                    self.receipt.code = code;
                }
            }
            Some(Err(status)) => self.receipt.code = status.code(),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        let streams = &self.receipt.calls.gate.counters().streams;
        streams.fetch_sub(1, Ordering::Relaxed);
    }
}

fn code_among(headers: &HeaderMap) -> Option<Code> {
    let code = headers.get("grpc-status")?;
    Some(Code::from_bytes(code.as_bytes()))
}
