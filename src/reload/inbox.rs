//! What the reloader is woken by, gathered: hints wait for quiet, calls do not.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Outcome;

/// A call that waits for its outcome.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) allow_removals: bool,
    pub(super) answer: oneshot::Sender<Outcome>,
}

/// Why the reloader was woken.
#[derive(Debug)]
pub(super) enum Wake {
    /// Nobody needs it any more.
    Stop,
    /// Somebody waits for the outcome.
    Asked(Vec<Asked>),
    /// Something may have changed, and has been quiet since.
    Hint,
    /// It is time to look again.
    Tick,
}

/// How long hints are gathered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Debounce {
    pub(super) quiet: Duration,
    pub(super) at_most: Duration,
}

/// Where hints and calls arrive. Its lock is held for a few instructions only.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    post: Mutex<Post>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Post {
    stop: bool,
    asked: Vec<Asked>,
    hints: Option<Hints>,
}

/// When the first and the last of the hints came.
#[derive(Debug, Clone, Copy)]
struct Hints {
    first: Instant,
    last: Instant,
}

impl Inbox {
    /// Something may have changed.
    pub(super) fn hint(&self) {
        let now = Instant::now();
        let mut post = self.post();
        let first = post.hints.map_or(now, |hints| hints.first);
        post.hints = Some(Hints { first, last: now });
        drop(post);
        self.arrived.notify_one();
    }

    /// Somebody wants a look now; dropped at once where nobody will look any more.
    pub(super) fn ask(&self, asked: Asked) {
        let mut post = self.post();
        if !post.stop {
            post.asked.push(asked);
        }
        drop(post);
        self.arrived.notify_one();
    }

    /// There will be no more looks, and whoever waits for one hears so.
    pub(super) fn stop(&self) {
        let mut post = self.post();
        post.stop = true;
        post.asked.clear();
        drop(post);
        self.arrived.notify_one();
    }

    /// Waits for something to do, until `tick` at the latest. While hints wait for quiet, no tick: it
    /// would read what somebody is still writing.
    pub(super) fn wait(&self, tick: Instant, debounce: Debounce) -> Wake {
        let mut post = self.post();
        loop {
            if post.stop {
                return Wake::Stop;
            }
            if !post.asked.is_empty() {
                post.hints = None;
                return Wake::Asked(std::mem::take(&mut post.asked));
            }
            let due = post.hints.map_or(tick, |hints| {
                (hints.last + debounce.quiet).min(hints.first + debounce.at_most)
            });
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return match post.hints.take() {
                    Some(_) => Wake::Hint,
                    None => Wake::Tick,
                };
            }
            post = self
                .arrived
                .wait_timeout(post, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn post(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!(matches!(inbox.wait(far, DEBOUNCE), Wake::Hint));
        assert!(start.elapsed() >= DEBOUNCE.quiet);

        inbox.hint();
        let (answer, _) = oneshot::channel();
        inbox.ask(Asked {
            allow_removals: false,
            answer,
        });
        let before = Instant::now();
        assert!(matches!(inbox.wait(far, DEBOUNCE), Wake::Asked(asked) if asked.len() == 1));
        assert!(before.elapsed() < DEBOUNCE.quiet);
        // The call's look has covered the hint.
        assert!(matches!(inbox.wait(Instant::now(), DEBOUNCE), Wake::Tick));
    }

    #[test]
    fn hints_that_never_cease_are_answered_all_the_same() {
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
            Wake::Hint
        ));
        assert!(
            start.elapsed() < Duration::from_millis(390),
            "not only when they ceased"
        );
        hints.join().unwrap();
    }

    #[test]
    fn no_tick_comes_between_a_hint_and_its_quiet() {
        let inbox = Inbox::default();
        inbox.hint();
        assert!(matches!(inbox.wait(Instant::now(), DEBOUNCE), Wake::Hint));
        assert!(matches!(inbox.wait(Instant::now(), DEBOUNCE), Wake::Tick));
    }
}
