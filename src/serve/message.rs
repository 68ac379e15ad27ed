//! The body of a request, and whether all of it has arrived.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

/// The body of a request. The server learns from it when the message is complete.
#[derive(Debug)]
pub struct CallBody {
    body: Incoming,
    complete: Arc<AtomicBool>,
}

/// Whether the message of a call is complete.
#[derive(Debug)]
pub(super) struct MessageState(Arc<AtomicBool>);

impl CallBody {
    pub(super) fn watched(body: Incoming) -> (Self, MessageState) {
        let complete = Arc::new(AtomicBool::new(body.is_end_stream()));
        let state = MessageState(Arc::clone(&complete));
        (CallBody { body, complete }, state)
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
