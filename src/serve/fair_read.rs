//! Fair scheduling of reads among the connections of a request thread, and a rate limit for bytes outside of calls.
//!
//! h2 reads and handles frames as long as bytes are available, and frames that start no call give it no reason to yield.
//! Without yielding, a flood of small frames occupies the thread until tokio's budget of 128 reads is used up, about 2 MiB
//! or 150,000 frames at a time. Without the rate limit it takes full cores from other calls and from the log writer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::ConnectionActivity;

/// Limits the reads of a stream. Writes are passed through.
#[derive(Debug)]
pub(super) struct FairRead<S> {
    stream: S,
    /// Bytes read since the last yield.
    read: usize,
    rate_limit: ReadRateLimit,
    pause: Option<Pin<Box<Sleep>>>,
}

/// A token bucket of bytes. It is filled by the bytes of calls and at [`BYTES_PER_MICROSECOND`].
#[derive(Debug)]
struct ReadRateLimit {
    activity: Arc<ConnectionActivity>,
    /// Negative after more was read than allowed.
    bytes: i64,
    /// When the bucket was last filled.
    filled_at: Instant,
    /// The bytes of calls at that time.
    call_bytes: u64,
}

impl<S> FairRead<S> {
    pub(super) fn new(stream: S, activity: Arc<ConnectionActivity>) -> Self {
        FairRead {
            stream,
            read: 0,
            rate_limit: ReadRateLimit {
                activity,
                bytes: MAX_BURST_BYTES,
                filled_at: Instant::now(),
                call_bytes: 0,
            },
            pause: None,
        }
    }
}

impl ReadRateLimit {
    /// Takes bytes from the bucket. Returns how long to pause if it is empty.
    fn take(&mut self, bytes: usize, now: impl FnOnce() -> Instant) -> Option<Duration> {
        self.bytes = self
            .bytes
            .saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        if self.bytes > 0 {
            return None;
        }
        let now = now();
        let call_bytes = self.activity.call_bytes();
        let of_calls = call_bytes.saturating_sub(self.call_bytes);
        let of_calls = i64::try_from(of_calls).unwrap_or(i64::MAX);
        let micros = now.duration_since(self.filled_at).as_micros();
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        (self.filled_at, self.call_bytes) = (now, call_bytes);
        let bytes = self
            .bytes
            .saturating_add(micros.saturating_mul(BYTES_PER_MICROSECOND))
            .saturating_add(of_calls);
        self.bytes = bytes.min(MAX_BURST_BYTES);
        (bytes <= 0).then_some(PAUSE)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FairRead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if let Some(pause) = &mut me.pause {
            ready!(pause.as_mut().poll(cx));
            me.pause = None;
        }
        if me.read >= TURN_BYTES {
            me.read = 0;
            // Yields to the tasks that are ready now.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut me.stream).poll_read(cx, buffer);
        let read = buffer.filled().len().saturating_sub(before);
        me.read = match polled {
            Poll::Ready(_) => me.read + read,
            Poll::Pending => 0,
        };
        if let Some(pause) = me.rate_limit.take(read, Instant::now) {
            me.pause = Some(Box::pin(sleep(pause)));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FairRead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Bytes read before yielding: the stream window, so that a call of usual size is read in one turn, and at most 5,000
/// frames of the smallest useful kind, which take less than a millisecond.
const TURN_BYTES: usize = 64 << 10;

/// The size of the bucket: the largest message that gRPC accepts by default.
const MAX_BURST_BYTES: i64 = 4 << 20;

/// 10 MB a second: 600,000 PING frames, a few percent of a core.
const BYTES_PER_MICROSECOND: i64 = 10;

const PAUSE: Duration = Duration::from_millis(6);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    type Endless = FairRead<tokio::io::Repeat>;

    fn endless() -> (Endless, Arc<ConnectionActivity>) {
        let activity = ConnectionActivity::new();
        let fair = FairRead::new(tokio::io::repeat(7), Arc::clone(&activity));
        (fair, activity)
    }

    /// Reads until the reader yields.
    fn read_turn(fair: &mut Endless, cx: &mut Context<'_>) -> usize {
        let mut bytes = vec![0; 10_000];
        let mut read = 0;
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *fair).poll_read(cx, &mut buffer) {
                Poll::Ready(result) => result.unwrap(),
                Poll::Pending => return read,
            }
            read += buffer.filled().len();
        }
    }

    #[tokio::test]
    async fn an_endless_stream_yields_after_each_turn_and_is_woken_again() {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        let (mut fair, _) = endless();
        for number in 1..=3 {
            let read = read_turn(&mut fair, &mut cx);
            assert!((TURN_BYTES..TURN_BYTES + 10_000).contains(&read), "{read}");
            assert_eq!(wakes.0.load(Ordering::Relaxed), number);
        }
    }

    #[test]
    fn only_bytes_outside_of_calls_are_rate_limited() {
        for has_calls in [false, true] {
            let read: u32 = 16 << 10;
            let (mut fair, activity) = endless();
            let begun = fair.rate_limit.filled_at;
            let (mut now, mut acquired, mut paused) = (begun, 0, Duration::ZERO);
            while acquired < 64 << 20 {
                if has_calls {
                    activity.add_call_bytes(read.into());
                }
                acquired += read;
                if let Some(pause) = fair.rate_limit.take(usize::try_from(read).unwrap(), || now) {
                    now += pause;
                    paused += pause;
                }
            }
            let expected = match has_calls {
                // 60 MiB at 10 MB a second.
                false => 6.291,
                true => 0.0,
            };
            let difference = (paused.as_secs_f64() - expected).abs();
            assert!(difference < 0.02, "{paused:?}");
        }
    }
}
