//! Turns among the connections of a request thread, and the pace of one that sends much and asks little.
//!
//! h2 reads and handles frames as long as there are bytes, and frames that begin no call give it no reason to stop.
//! Without turns a flood of small frames holds the thread until tokio's budget of 128 reads is used up, some 2 MiB or
//! 150,000 frames at a time. Without a pace it takes whole cores from the calls of others, and from the thread that
//! writes their records.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;

/// Reads of a stream in turns and at a pace; writes are passed on.
#[derive(Debug)]
pub(super) struct FairRead<S> {
    stream: S,
    /// Bytes read in this turn.
    read: usize,
    allowance: Allowance,
    pause: Option<Pin<Box<Sleep>>>,
}

/// The bytes that a connection may still send without a pause: those of its calls, and so many a second beside them.
#[derive(Debug)]
struct Allowance {
    activity: Arc<Activity>,
    /// Negative where more was read than that.
    bytes: i64,
    /// When it was last added to …
    at: Instant,
    /// … and how many bytes calls had by then.
    call_bytes: u64,
}

impl<S> FairRead<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        FairRead {
            stream,
            read: 0,
            allowance: Allowance {
                activity,
                bytes: MOST_ALLOWED,
                at: Instant::now(),
                call_bytes: 0,
            },
            pause: None,
        }
    }
}

impl Allowance {
    /// Takes these bytes; how long to wait where they are more than is allowed.
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
        let micros = now.duration_since(self.at).as_micros();
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        (self.at, self.call_bytes) = (now, call_bytes);
        let bytes = self
            .bytes
            .saturating_add(micros.saturating_mul(ALLOWED_A_MICROSECOND))
            .saturating_add(of_calls);
        self.bytes = bytes.min(MOST_ALLOWED);
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
        if me.read >= TURN {
            me.read = 0;
            // Behind the tasks that are ready now.
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
        if let Some(pause) = me.allowance.take(read, Instant::now) {
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

/// Bytes in a turn: as many as a client may send ahead on a call, so that a call of usual size is read in one turn, and
/// no more than 5,000 frames of the smallest useful kind, which take less than a millisecond.
const TURN: usize = 64 << 10;

/// What a connection may send at once beyond that: the largest message that gRPC takes by default.
const MOST_ALLOWED: i64 = 4 << 20;

/// 10 MB a second: 600,000 PING frames, some hundredths of a core.
const ALLOWED_A_MICROSECOND: i64 = 10;

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

    fn endless() -> (Endless, Arc<Activity>) {
        let activity = Activity::new();
        let fair = FairRead::new(tokio::io::repeat(7), Arc::clone(&activity));
        (fair, activity)
    }

    /// Reads to the end of a turn.
    fn turn(fair: &mut Endless, cx: &mut Context<'_>) -> usize {
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
    async fn an_endless_stream_is_read_in_turns_and_each_end_of_a_turn_wakes() {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        let (mut fair, _) = endless();
        for number in 1..=3 {
            let read = turn(&mut fair, &mut cx);
            assert!((TURN..TURN + 10_000).contains(&read), "{read}");
            assert_eq!(wakes.0.load(Ordering::Relaxed), number);
        }
    }

    #[test]
    fn a_connection_without_calls_is_read_at_a_pace_and_one_with_calls_is_not() {
        for has_calls in [false, true] {
            let read: u32 = 16 << 10;
            let (mut fair, activity) = endless();
            let begun = fair.allowance.at;
            let (mut now, mut taken, mut paused) = (begun, 0, Duration::ZERO);
            while taken < 64 << 20 {
                if has_calls {
                    activity.add_call_bytes(read.into());
                }
                taken += read;
                if let Some(pause) = fair.allowance.take(usize::try_from(read).unwrap(), || now) {
                    now += pause;
                    paused += pause;
                }
            }
            let expected = match has_calls {
                // 60 MiB, 10 MB a second.
                false => 6.291,
                true => 0.0,
            };
            let difference = (paused.as_secs_f64() - expected).abs();
            assert!(difference < 0.02, "{paused:?}");
        }
    }
}
