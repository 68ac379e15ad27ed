//! The body of a request, and whether it has arrived completely.
//!
//! A call may be answered before its body has ended. The rest is still read and dropped: if a body is dropped early, h2
//! resets the stream, counts frames still in transit as errors, and closes the connection with all its calls after
//! `ServeOptions::local_error_resets` of them.
//!
//! A message that arrives after its headers waits for the thread, too. If the call is late at the last frame of its
//! message, the body stays pending and `guard` sheds the call.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use super::guard::ConnectionCalls;
use super::thread_load::ThreadWork;

/// The body of a request, which reports to the server when the message is complete.
#[derive(Debug)]
pub struct CallBody {
    /// `None` after its end.
    body: Option<Incoming>,
    state: MessageState,
    calls: Arc<ConnectionCalls>,
    arrival: CallArrival,
    /// Whether the handler has waited for a part of it.
    has_pended: bool,
}

/// When the headers of a call arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallArrival {
    pub(super) at: Instant,
    /// [`ConnectionCalls::work`] at that time.
    pub(super) work: ThreadWork,
}

/// The state of a request message: one of the constants below.
#[derive(Debug, Clone)]
pub(super) struct MessageState(Arc<AtomicU8>);

const ARRIVING: u8 = 0;
/// The handler has read the body to its end, or has dropped it.
const COMPLETE: u8 = 1;
/// The call is to be refused.
const SHED: u8 = 2;
/// The response headers are there, so the call is not shed.
const ANSWERED: u8 = 3;

impl CallBody {
    pub(super) fn new(
        body: Incoming,
        calls: &Arc<ConnectionCalls>,
        arrival: CallArrival,
    ) -> (Self, MessageState) {
        let state = match body.is_end_stream() {
            true => COMPLETE,
            false => ARRIVING,
        };
        let state = MessageState(Arc::new(AtomicU8::new(state)));
        let body = CallBody {
            body: Some(body),
            state: state.clone(),
            calls: Arc::clone(calls),
            arrival,
            has_pended: false,
        };
        (body, state)
    }
}

impl MessageState {
    pub(super) fn is_complete(&self) -> bool {
        self.get() == COMPLETE
    }

    pub(super) fn is_shed(&self) -> bool {
        self.get() == SHED
    }

    pub(super) fn set_answered(&self) {
        self.0.store(ANSWERED, Ordering::Relaxed);
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    /// Ends [`ARRIVING`]; the other states are final.
    fn end(&self, state: u8) {
        if self.get() == ARRIVING {
            self.0.store(state, Ordering::Relaxed);
        }
    }
}

impl HttpBody for CallBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let me = &mut *self;
        let Some(body) = &mut me.body else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
            me.has_pended = true;
            return Poll::Pending;
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let bytes = u64::try_from(data.len()).unwrap_or(0);
            me.calls.activity.add_call_bytes(bytes);
        }
        if matches!(frame, None | Some(Err(_))) || body.is_end_stream() {
            let is_arriving = me.state.get() == ARRIVING;
            if me.has_pended && is_arriving && me.calls.is_late(me.arrival) {
                me.state.end(SHED);
                return Poll::Pending;
            }
            me.state.end(COMPLETE);
            me.body = None;
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
        self.state.end(COMPLETE);
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
