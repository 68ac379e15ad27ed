//! Turns among the connections of a request thread: after so many bytes a connection lets the others run.
//!
//! h2 reads and handles frames as long as there are bytes, and frames that begin no call give it no reason to stop.
//! Without turns a flood of small frames holds the thread until tokio's budget of 128 reads is used up, some 2 MiB or
//! 150,000 frames at a time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads of a stream in turns; writes are passed on.
#[derive(Debug)]
pub(super) struct FairRead<S> {
    stream: S,
    /// Bytes read in this turn.
    read: usize,
}

impl<S> FairRead<S> {
    pub(super) fn new(stream: S) -> Self {
        FairRead { stream, read: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FairRead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if me.read >= TURN {
            me.read = 0;
            // Behind the tasks that are ready now.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut me.stream).poll_read(cx, buffer);
        me.read = match polled {
            Poll::Ready(_) => me.read + buffer.filled().len().saturating_sub(before),
            Poll::Pending => 0,
        };
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
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

    #[test]
    fn an_endless_stream_is_read_in_turns_and_each_end_of_a_turn_wakes() {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        let mut fair = FairRead::new(tokio::io::repeat(7));
        let mut bytes = vec![0; 10_000];
        for turn in 1..=3 {
            let mut read = 0;
            loop {
                let mut buffer = ReadBuf::new(&mut bytes);
                match Pin::new(&mut fair).poll_read(&mut cx, &mut buffer) {
                    Poll::Ready(result) => result.unwrap(),
                    Poll::Pending => break,
                }
                read += buffer.filled().len();
            }
            assert!((TURN..TURN + 10_000).contains(&read), "{read}");
            assert_eq!(wakes.0.load(Ordering::Relaxed), turn);
        }
    }
}
