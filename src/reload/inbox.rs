//! Collects what wakes the reloader. Hints are debounced, calls are not.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::ReloadOutcome;

/// A reload call that waits for its outcome.
#[derive(Debug)]
pub(super) struct PendingReload {
    pub(super) allow_removals: bool,
    pub(super) reply: oneshot::Sender<ReloadOutcome>,
}

/// Why the reloader wakes.
#[derive(Debug)]
pub(super) enum InboxWake {
    /// The reloader is stopped.
    Stop,
    /// Callers wait for the outcome.
    Requests(Vec<PendingReload>),
    /// Something may have changed, and the quiet time is over.
    Hint,
    /// The periodic rescan is due.
    Tick,
}

/// How long hints are collected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Debounce {
    pub(super) quiet: Duration,
    pub(super) at_most: Duration,
}

/// Receives hints and calls. Its lock is held for a few instructions only.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<InboxState>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct InboxState {
    stop: bool,
    requests: Vec<PendingReload>,
    hints: Option<Hints>,
}

/// Times of the first and the last hint.
#[derive(Debug, Clone, Copy)]
struct Hints {
    first: Instant,
    last: Instant,
}

impl Inbox {
    /// Reports a possible change.
    pub(super) fn hint(&self) {
        let now = Instant::now();
        let mut state = self.state();
        let first = state.hints.map_or(now, |hints| hints.first);
        state.hints = Some(Hints { first, last: now });
        drop(state);
        self.arrived.notify_one();
    }

    /// Requests a scan now. After `stop` the request is dropped immediately.
    pub(super) fn request(&self, request: PendingReload) {
        let mut state = self.state();
        if !state.stop {
            state.requests.push(request);
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Stops the reloader. Waiting callers get an error.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.stop = true;
        state.requests.clear();
        drop(state);
        self.arrived.notify_one();
    }

    /// Waits for something to do, until `tick` at the latest. While hints wait for the quiet time, no tick is returned:
    /// the files may still be being written.
    pub(super) fn wait(&self, tick: Instant, debounce: Debounce) -> InboxWake {
        let mut state = self.state();
        loop {
            if state.stop {
                return InboxWake::Stop;
            }
            if !state.requests.is_empty() {
                state.hints = None;
                return InboxWake::Requests(std::mem::take(&mut state.requests));
            }
            let due = state.hints.map_or(tick, |hints| {
                (hints.last + debounce.quiet).min(hints.first + debounce.at_most)
            });
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return match state.hints.take() {
                    Some(_) => InboxWake::Hint,
                    None => InboxWake::Tick,
                };
            }
            state = self
                .arrived
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn state(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBOUNCE: Debounce = Debounce {
        quiet: Duration::from_millis(20),
        at_most: Duration::from_millis(60),
    };

    #[test]
    fn a_hint_waits_for_quiet_and_a_call_does_not() {
        let inbox = Inbox::default();
        let start = Instant::now();
        inbox.hint();
        let far = start + Duration::from_secs(60);
        assert!(matches!(inbox.wait(far, DEBOUNCE), InboxWake::Hint));
        assert!(start.elapsed() >= DEBOUNCE.quiet);

        inbox.hint();
        let (reply, _) = oneshot::channel();
        inbox.request(PendingReload {
            allow_removals: false,
            reply,
        });
        let before = Instant::now();
        assert!(
            matches!(inbox.wait(far, DEBOUNCE), InboxWake::Requests(requests) if requests.len() == 1)
        );
        assert!(before.elapsed() < DEBOUNCE.quiet);
        // The scan for the call covers the hint.
        assert!(matches!(
            inbox.wait(Instant::now(), DEBOUNCE),
            InboxWake::Tick
        ));
    }

    #[test]
    fn continuous_hints_do_not_delay_a_scan_forever() {
        let inbox = std::sync::Arc::new(Inbox::default());
        let hinting = std::sync::Arc::clone(&inbox);
        let start = Instant::now();
        let hints = std::thread::spawn(move || {
            while start.elapsed() < Duration::from_millis(400) {
                hinting.hint();
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        std::thread::sleep(Duration::from_millis(5));
        assert!(matches!(
            inbox.wait(start + Duration::from_secs(60), DEBOUNCE),
            InboxWake::Hint
        ));
        assert!(
            start.elapsed() < Duration::from_millis(390),
            "the scan has to start before the hints end"
        );
        hints.join().unwrap();
    }

    #[test]
    fn no_tick_is_returned_while_a_hint_waits_for_its_quiet_time() {
        let inbox = Inbox::default();
        inbox.hint();
        assert!(matches!(
            inbox.wait(Instant::now(), DEBOUNCE),
            InboxWake::Hint
        ));
        assert!(matches!(
            inbox.wait(Instant::now(), DEBOUNCE),
            InboxWake::Tick
        ));
    }
}
