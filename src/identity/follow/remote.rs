//! One issuer whose keys are fetched: when to look, and how long what was found is good.
//!
//! Refreshed regularly; after a failure tried again, soon at first. A key id that nobody knows is a reason to
//! look too, but not for long: the pause begins before such a look and whatever comes of it, so that invented
//! key ids cost the issuer one look a pause.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::FollowOptions;
use super::desk::Desk;
use super::fetch::{Fetcher, Source};
use crate::clock::jittered;
use crate::identity::IssuerIndex;

/// One issuer whose keys are fetched.
pub(super) struct Remote {
    issuer: IssuerIndex,
    source: Source,
    fetcher: Arc<Fetcher>,
    desk: Arc<Desk>,
    /// Somebody has met a key id that is not known.
    wanted: Arc<Notify>,
    refresh: Duration,
    max_stale: Duration,
    pause: Duration,
    /// When it is time to look again.
    next_look: Instant,
    /// Looks that failed since the last good one.
    failures: u32,
    /// When somebody's wish was last a reason to look.
    wish_granted: Option<Instant>,
    /// On the boot clock; what is known ends then.
    good_until: Option<Duration>,
}

enum Wake {
    /// It is time to look, or the known keys end.
    Time,
    Wanted,
    Hint,
}

impl Remote {
    pub(super) fn new(
        issuer: IssuerIndex,
        source: Source,
        fetcher: Arc<Fetcher>,
        desk: Arc<Desk>,
        options: &FollowOptions,
    ) -> Self {
        Remote {
            issuer,
            source,
            fetcher,
            desk,
            wanted: Arc::default(),
            refresh: options.refresh,
            max_stale: options.max_stale,
            pause: options.unknown_key_pause,
            next_look: Instant::now(),
            failures: 0,
            wish_granted: None,
            good_until: None,
        }
    }

    pub(super) fn issuer(&self) -> IssuerIndex {
        self.issuer
    }

    /// What wishes are told to.
    pub(super) fn wanted(&self) -> Arc<Notify> {
        Arc::clone(&self.wanted)
    }

    /// Looks, and goes on looking; never returns.
    pub(super) async fn follow<Told>(
        &mut self,
        hints: &mut watch::Receiver<()>,
        first: &mut Option<Told>,
    ) {
        loop {
            match self.wait(hints).await {
                Wake::Time if Instant::now() < self.next_look => {}
                Wake::Time | Wake::Hint => self.look().await,
                Wake::Wanted => self.look_if_it_may().await,
            }
            self.end_what_is_too_old();
            // The start need not wait any longer.
            drop(first.take());
        }
    }

    async fn wait(&self, hints: &mut watch::Receiver<()>) -> Wake {
        let end = self.good_until.map(|end| {
            let left = end.saturating_sub(self.desk.boot());
            // It wakes early then, and waits again.
            Instant::now() + left.min(LONGEST_WAIT)
        });
        let due = end.map_or(self.next_look, |end| end.min(self.next_look));
        tokio::select! {
            () = tokio::time::sleep_until(due) => Wake::Time,
            () = self.wanted.notified() => Wake::Wanted,
            Ok(()) = hints.changed() => Wake::Hint,
        }
    }

    async fn look_if_it_may(&mut self) {
        let now = Instant::now();
        let may = self
            .wish_granted
            .is_none_or(|last| now.saturating_duration_since(last) >= self.pause);
        if may {
            self.wish_granted = Some(now);
            self.look().await;
        }
        self.desk.looked(self.issuer);
    }

    async fn look(&mut self) {
        // Should the look never end, because it panics, the next one is not at once.
        self.next_look = Instant::now() + jittered(self.refresh.min(FIRST_RETRY), JITTER);
        match self.fetcher.keys(&self.source).await {
            Ok(keys) => {
                self.failures = 0;
                self.good_until = Some(self.desk.boot().saturating_add(self.max_stale));
                self.desk.found(self.issuer, keys, self.good_until);
                self.next_look = Instant::now() + jittered(self.refresh, JITTER);
            }
            Err(error) => {
                let doubled = FIRST_RETRY.saturating_mul(1 << self.failures.min(MOST_DOUBLINGS));
                self.failures = self.failures.saturating_add(1);
                self.desk.failed(self.issuer, &error);
                self.next_look = Instant::now() + jittered(doubled.min(self.refresh), JITTER);
            }
        }
    }

    fn end_what_is_too_old(&mut self) {
        if self.good_until.is_some_and(|end| end <= self.desk.boot()) {
            self.good_until = None;
            self.desk.expired(self.issuer);
        }
    }
}

/// A wait ends after this, so that no sum of instants overflows, however long keys are good.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// A tenth more or less.
const JITTER: u32 = 100;
/// After the first failure; doubled with every further one, up to the refresh.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// 2^16 seconds are longer than any refresh.
const MOST_DOUBLINGS: u32 = 16;
