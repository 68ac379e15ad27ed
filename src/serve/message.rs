//! The body of a request, and whether all of it has arrived.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use super::activity::Activity;

/// The body of a request. The server learns from it when the message is complete.
#[derive(Debug)]
pub struct CallBody {
    body: Incoming,
    complete: Arc<AtomicBool>,
    activity: Arc<Activity>,
}

/// Whether the message of a call is complete.
#[derive(Debug)]
pub(super) struct MessageState(Arc<AtomicBool>);

impl CallBody {
    pub(super) fn watched(body: Incoming, activity: Arc<Activity>) -> (Self, MessageState) {
        let complete = Arc::new(AtomicBool::new(body.is_end_stream()));
        let state = MessageState(Arc::clone(&complete));
        let body = CallBody {
            body,
            complete,
            activity,
        };
        (body, state)
    }
}

impl MessageState {
    /// The handler has read the end of the body, or reads it no further.
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
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.complete.store(true, Ordering::Relaxed);
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
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for CallBody {
    fn drop(&mut self) {
        self.complete.store(true, Ordering::Relaxed);
    }
}
