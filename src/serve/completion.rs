//! Reports the code and duration of each call to [`CallRules::handled`](super::CallRules::handled), exactly once.
//!
//! A unary call counts as ended with its response headers: tonic puts errors there, so without one the code is OK. A
//! stream ends with its trailers. A call whose client disconnects earlier is CANCELLED.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Uri};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

use super::guard::{ConnectionCalls, StreamSlot};
use super::message::CallArrival;
use super::unread::TrackedBody;

/// The state of a call, reported on drop.
#[derive(Debug)]
pub(super) struct CallCompletion {
    pub(super) calls: Arc<ConnectionCalls>,
    /// A reference-counted copy for the path: the request itself goes to the handler.
    pub(super) uri: Uri,
    /// The stream slot of a server-streaming call.
    pub(super) stream: Option<StreamSlot>,
    pub(super) arrival: CallArrival,
    code: Code,
}

impl CallCompletion {
    pub(super) fn new(calls: Arc<ConnectionCalls>, uri: Uri, arrived: Instant) -> Self {
        CallCompletion {
            arrival: CallArrival {
                at: arrived,
                work: calls.work(),
            },
            calls,
            uri,
            stream: None,
            code: Code::Cancelled,
        }
    }

    /// Takes the response: the call ends now, or with its stream.
    pub(super) fn finish(mut self, response: Response<Body>) -> Response<TrackedBody> {
        let calls = Arc::clone(&self.calls);
        match grpc_status(response.headers()) {
            Some(code) => self.code = code,
            None if response.status() != StatusCode::OK => self.code = Code::Unknown,
            None if self.stream.is_some() => {
                let streams = &calls.admission.counters().streams;
                streams.fetch_add(1, Ordering::Relaxed);
                return response.map(|body| {
                    let completion = self;
                    calls.track_body(Body::new(StreamingBody { body, completion }), true)
                });
            }
            None => self.code = Code::Ok,
        }
        response.map(|body| calls.track_body(body, false))
    }
}

impl Drop for CallCompletion {
    fn drop(&mut self) {
        let rules = self.calls.admission.rules();
        let took = self.arrival.at.elapsed();
        // The rules may panic, and this may run while a panic unwinds.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            rules.handled(self.uri.path(), self.code, took);
        }));
    }
}

/// The body of a stream, which ends the call.
struct StreamingBody {
    body: Body,
    completion: CallCompletion,
}

impl HttpBody for StreamingBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(code) = frame.trailers_ref().and_then(grpc_status) {
                    self.completion.code = code;
                }
            }
            Some(Err(status)) => self.completion.code = status.code(),
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

impl Drop for StreamingBody {
    fn drop(&mut self) {
        let streams = &self.completion.calls.admission.counters().streams;
        streams.fetch_sub(1, Ordering::Relaxed);
    }
}

fn grpc_status(headers: &HeaderMap) -> Option<Code> {
    let code = headers.get("grpc-status")?;
    Some(Code::from_bytes(code.as_bytes()))
}
