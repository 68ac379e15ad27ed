//! Backpressure for a connection whose client does not read its responses.
//!
//! HTTP/2 allows a client to send requests without reading: with a flow-control window of zero, all responses stay in
//! memory until the connection ends. While the unread bytes of a connection reach the limit, its further calls wait before
//! they are decided. If they stay at the limit for `ServeOptions::unread_wait`, the connection is closed.
//! Responses of [`MIN_TRACKED_BYTES`] and more count, from their creation until their last byte is written.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;
use tonic::Status;
use tonic::body::Body;

/// The unread responses of one connection.
#[derive(Debug)]
pub(super) struct UnreadResponses {
    bytes: AtomicUsize,
    limit: usize,
    /// The limit is reached. The permit is stored until the task of the connection takes it.
    limit_reached: Notify,
    /// The bytes are below the limit again.
    below_limit: Notify,
}

impl UnreadResponses {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(UnreadResponses {
            bytes: AtomicUsize::new(0),
            limit,
            limit_reached: Notify::new(),
            below_limit: Notify::new(),
        })
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.limit
    }

    /// Waits until the client has read enough.
    pub(super) async fn wait_for_capacity(&self) {
        loop {
            let below_limit = self.below_limit.notified();
            if !self.is_full() {
                return;
            }
            below_limit.await;
        }
    }

    /// Resolves when the bytes have stayed at the limit for this time.
    pub(super) async fn stalled(&self, span: Duration) {
        loop {
            self.limit_reached.notified().await;
            if tokio::time::timeout(span, self.wait_for_capacity())
                .await
                .is_err()
            {
                return;
            }
        }
    }

    fn count(self: &Arc<Self>, bytes: usize) -> UnreadBytesGuard {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before < self.limit && before.saturating_add(bytes) >= self.limit {
            self.limit_reached.notify_one();
        }
        UnreadBytesGuard {
            unread: Arc::clone(self),
            bytes,
        }
    }
}

/// Bytes that count as unread until dropped.
#[derive(Debug)]
struct UnreadBytesGuard {
    unread: Arc<UnreadResponses>,
    bytes: usize,
}

impl Drop for UnreadBytesGuard {
    fn drop(&mut self) {
        let unread = &self.unread;
        let before = unread.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if before >= unread.limit && before.saturating_sub(self.bytes) < unread.limit {
            unread.below_limit.notify_waiters();
        }
    }
}

/// Bytes of a response. h2 drops them when they are written.
struct TrackedBytes {
    bytes: Bytes,
    _guard: UnreadBytesGuard,
}

impl AsRef<[u8]> for TrackedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The body of a response, whose bytes count as unread.
#[derive(Debug)]
pub(super) struct TrackedBody {
    /// The first frame, polled early to get its size.
    first: Option<Result<Frame<Bytes>, Status>>,
    body: Body,
    unread: Arc<UnreadResponses>,
    /// Counts the known bytes of `first` and `body`.
    pending: Option<UnreadBytesGuard>,
}

impl TrackedBody {
    /// Wraps a complete response, or a stream, whose messages are created one by one when there is capacity.
    pub(super) fn new(unread: &Arc<UnreadResponses>, mut body: Body, is_stream: bool) -> Self {
        let mut first = None;
        let mut bytes = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if bytes == 0 && !is_stream && !body.is_end_stream() {
            // tonic encodes the message when the body is polled; its size is unknown before.
            first = body.frame().now_or_never().flatten();
            bytes = first.as_ref().map_or(0, size);
        }
        TrackedBody {
            first,
            body,
            unread: Arc::clone(unread),
            pending: (bytes >= MIN_TRACKED_BYTES).then(|| unread.count(bytes)),
        }
    }
}

fn size(frame: &Result<Frame<Bytes>, Status>) -> usize {
    let data = frame.as_ref().ok().and_then(Frame::data_ref);
    data.map_or(0, Bytes::len)
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let me = &mut *self;
        let frame = match me.first.take() {
            Some(first) => Some(first),
            None => std::task::ready!(Pin::new(&mut me.body).poll_frame(cx)),
        };
        let frame = frame.map(|frame| {
            if size(&frame) < MIN_TRACKED_BYTES {
                return frame;
            }
            let track = |bytes: Bytes| {
                let guard = me.unread.count(bytes.len());
                Bytes::from_owner(TrackedBytes {
                    bytes,
                    _guard: guard,
                })
            };
            frame.map(|frame| frame.map_data(track))
        });
        // Released after the frame is counted, so that the total does not drop below the limit in between.
        me.pending = None;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.first {
            Some(_) => SizeHint::default(),
            None => self.body.size_hint(),
        }
    }
}

/// Smaller responses, which nearly all are, do not count: `ServeOptions::streams` bounds their number per connection.
const MIN_TRACKED_BYTES: usize = 4096;
