//! The body of a request, and whether it has arrived completely.
//!
//! A call may be answered before its body has ended. The rest is still read and dropped: if a body is dropped early, h2
//! resets the stream, counts frames still in transit as errors, and closes the connection with all its calls after
//! `ServeOptions::local_error_resets` of them.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use super::activity::ConnectionActivity;

/// The body of a request, which reports to the server when the message is complete.
#[derive(Debug)]
pub struct CallBody {
    /// `None` after its end.
    body: Option<Incoming>,
    complete: Arc<AtomicBool>,
    activity: Arc<ConnectionActivity>,
}

/// Whether the request message of a call is complete.
#[derive(Debug)]
pub(super) struct MessageState(Arc<AtomicBool>);

impl CallBody {
    pub(super) fn new(body: Incoming, activity: Arc<ConnectionActivity>) -> (Self, MessageState) {
        let complete = Arc::new(AtomicBool::new(body.is_end_stream()));
        let state = MessageState(Arc::clone(&complete));
        let body = CallBody {
            body: Some(body),
            complete,
            activity,
        };
        (body, state)
    }
}

impl MessageState {
    /// Whether the handler has read the body to its end, or has dropped it.
    pub(super) fn is_complete(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl HttpBody for CallBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        if matches!(frame, None | Some(Err(_))) || body.is_end_stream() {
            self.complete.store(true, Ordering::Relaxed);
            self.body = None;
        }
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let bytes = u64::try_from(data.len()).unwrap_or(0);
            self.activity.add_call_bytes(bytes);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

impl Drop for CallBody {
    fn drop(&mut self) {
        self.complete.store(true, Ordering::Relaxed);
        // Outside of a runtime the connection is closed, too.
        if let Some(rest) = self.body.take()
            && !rest.is_end_stream()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(tokio::time::timeout(READ_REST_FOR, read_rest(rest)));
        }
    }
}

/// These bytes do not count as bytes of a call, so `fair_read` limits their rate.
async fn read_rest(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// Longer than an overloaded client takes to send the rest. Until then the body occupies one HTTP/2 stream of its
/// connection and no slot.
const READ_REST_FOR: Duration = Duration::from_secs(10);
