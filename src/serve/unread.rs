//! Answers that the client of a connection has not read yet: counted, bounded, and the end of a client that reads none.
//!
//! HTTP/2 lets a client ask without reading: with a window of zero every answer stays here until the connection ends.
//! While the bytes of a connection's answers reach the limit, its further calls wait before they are decided; a client
//! that reads does not notice. Where they stay at the limit for `ServeOptions::unread_wait`, the connection is closed.
//! Counted is an answer of [`COUNTED`] bytes and more, from the moment it is made until its last byte is written.

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

/// The unread answers of one connection.
#[derive(Debug)]
pub(super) struct Unread {
    bytes: AtomicUsize,
    limit: usize,
    /// The limit is reached; kept until the connection's task has seen it.
    full: Notify,
    /// There is room again.
    room: Notify,
}

impl Unread {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Unread {
            bytes: AtomicUsize::new(0),
            limit,
            full: Notify::new(),
            room: Notify::new(),
        })
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.limit
    }

    /// Waits until the client has read enough.
    pub(super) async fn room(&self) {
        loop {
            let room = self.room.notified();
            if !self.is_full() {
                return;
            }
            room.await;
        }
    }

    /// Returns when the limit has been reached for this long without a break.
    pub(super) async fn stuck(&self, span: Duration) {
        loop {
            self.full.notified().await;
            if tokio::time::timeout(span, self.room()).await.is_err() {
                return;
            }
        }
    }

    fn count(self: &Arc<Self>, bytes: usize) -> Counted {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before < self.limit && before.saturating_add(bytes) >= self.limit {
            self.full.notify_one();
        }
        Counted {
            unread: Arc::clone(self),
            bytes,
        }
    }
}

/// Bytes that count as unread until this is dropped.
#[derive(Debug)]
struct Counted {
    unread: Arc<Unread>,
    bytes: usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let unread = &self.unread;
        let before = unread.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if before >= unread.limit && before.saturating_sub(self.bytes) < unread.limit {
            unread.room.notify_waiters();
        }
    }
}

/// Bytes on their way to the client; dropped by h2 when they are written.
struct CountedBytes {
    bytes: Bytes,
    _counted: Counted,
}

impl AsRef<[u8]> for CountedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The body of an answer, whose bytes count as unread.
#[derive(Debug)]
pub(super) struct AnswerBody {
    /// A frame that was taken from `body` to learn its size.
    first: Option<Result<Frame<Bytes>, Status>>,
    body: Body,
    unread: Arc<Unread>,
    /// What is known of the bytes in `first` and `body`.
    waiting: Option<Counted>,
}

impl AnswerBody {
    /// The body of an answer that is complete, or of a stream, whose messages are made one by one when there is room.
    pub(super) fn new(unread: &Arc<Unread>, mut body: Body, is_stream: bool) -> Self {
        let mut first = None;
        let mut bytes = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if bytes == 0 && !is_stream && !body.is_end_stream() {
            // tonic encodes its message when it is asked for it, and does not know the size before.
            first = body.frame().now_or_never().flatten();
            bytes = first.as_ref().map_or(0, size);
        }
        AnswerBody {
            first,
            body,
            unread: Arc::clone(unread),
            waiting: (bytes >= COUNTED).then(|| unread.count(bytes)),
        }
    }
}

fn size(frame: &Result<Frame<Bytes>, Status>) -> usize {
    let data = frame.as_ref().ok().and_then(Frame::data_ref);
    data.map_or(0, Bytes::len)
}

impl HttpBody for AnswerBody {
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
            if size(&frame) < COUNTED {
                return frame;
            }
            let counted = |bytes: Bytes| {
                let counted = me.unread.count(bytes.len());
                Bytes::from_owner(CountedBytes {
                    bytes,
                    _counted: counted,
                })
            };
            frame.map(|frame| frame.map_data(counted))
        });
        // After the bytes count for themselves: the limit is not left in between.
        me.waiting = None;
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

/// Smaller answers are not counted: there are never more of them than calls on the connection (`ServeOptions::streams`),
/// and nearly every answer is smaller.
const COUNTED: usize = 4096;
