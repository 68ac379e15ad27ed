//! One issuer whose keys are fetched: when to refresh, and when the keys expire.
//!
//! Refreshes at an interval, and after a failure with exponential backoff. A refresh request (unknown `kid`) also triggers a
//! refresh, at most one per pause. The pause begins before that refresh and applies even if it fails, so that made-up key
//! ids cause at most one fetch per pause.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::FollowOptions;
use super::fetch::{Fetcher, RemoteKeySource};
use super::publisher::KeySetPublisher;
use crate::clock::jittered;
use crate::identity::IssuerIndex;

/// One issuer whose keys are fetched.
pub(super) struct RemoteKeySet {
    issuer: IssuerIndex,
    source: RemoteKeySource,
    fetcher: Arc<Fetcher>,
    publisher: Arc<KeySetPublisher>,
    /// A refresh was requested.
    refresh_notifier: Arc<Notify>,
    interval: Duration,
    max_stale: Duration,
    pause: Duration,
    /// The next regular refresh or retry.
    next_refresh: Instant,
    /// Failed refreshes since the last successful one.
    failures: u32,
    /// The last refresh that was made on request.
    last_requested_refresh: Option<Instant>,
    /// Expiry of the keys on the boot clock.
    good_until: Option<Duration>,
}

enum RefreshTrigger {
    /// The next refresh is due, or the keys expire.
    Timer,
    Request,
    Hint,
}

impl RemoteKeySet {
    pub(super) fn new(
        issuer: IssuerIndex,
        source: RemoteKeySource,
        fetcher: Arc<Fetcher>,
        publisher: Arc<KeySetPublisher>,
        options: &FollowOptions,
    ) -> Self {
        RemoteKeySet {
            issuer,
            source,
            fetcher,
            publisher,
            refresh_notifier: Arc::default(),
            interval: options.refresh,
            max_stale: options.max_stale,
            pause: options.unknown_key_pause,
            next_refresh: Instant::now(),
            failures: 0,
            last_requested_refresh: None,
            good_until: None,
        }
    }

    pub(super) fn issuer(&self) -> IssuerIndex {
        self.issuer
    }

    /// Notified when a refresh is requested.
    pub(super) fn refresh_notifier(&self) -> Arc<Notify> {
        Arc::clone(&self.refresh_notifier)
    }

    /// Refreshes the keys until it is dropped; never returns. Drops `first` after the first refresh.
    pub(super) async fn follow<Guard>(
        &mut self,
        hints: &mut watch::Receiver<()>,
        first: &mut Option<Guard>,
    ) {
        loop {
            match self.wait(hints).await {
                RefreshTrigger::Timer if Instant::now() < self.next_refresh => {}
                RefreshTrigger::Timer | RefreshTrigger::Hint => self.refresh().await,
                RefreshTrigger::Request => self.refresh_unless_paused().await,
            }
            self.withdraw_expired_keys();
            // The start does not wait any longer.
            drop(first.take());
        }
    }

    async fn wait(&self, hints: &mut watch::Receiver<()>) -> RefreshTrigger {
        let end = self.good_until.map(|end| {
            let left = end.saturating_sub(self.publisher.boot());
            // Wakes early if necessary, and waits again.
            Instant::now() + left.min(MAX_WAIT)
        });
        let due = end.map_or(self.next_refresh, |end| end.min(self.next_refresh));
        tokio::select! {
            () = tokio::time::sleep_until(due) => RefreshTrigger::Timer,
            () = self.refresh_notifier.notified() => RefreshTrigger::Request,
            Ok(()) = hints.changed() => RefreshTrigger::Hint,
        }
    }

    async fn refresh_unless_paused(&mut self) {
        let now = Instant::now();
        let is_allowed = self
            .last_requested_refresh
            .is_none_or(|last| now.saturating_duration_since(last) >= self.pause);
        if is_allowed {
            self.last_requested_refresh = Some(now);
            self.refresh().await;
        }
        self.publisher.complete_requests(self.issuer);
    }

    async fn refresh(&mut self) {
        // Set before the fetch: if it panics, the next refresh does not follow immediately.
        self.next_refresh = Instant::now() + jittered(self.interval.min(FIRST_RETRY), JITTER);
        match self.fetcher.keys(&self.source).await {
            Ok(keys) => {
                self.failures = 0;
                self.good_until = Some(self.publisher.boot().saturating_add(self.max_stale));
                self.publisher.publish(self.issuer, keys, self.good_until);
                self.next_refresh = Instant::now() + jittered(self.interval, JITTER);
            }
            Err(error) => {
                let doubled = FIRST_RETRY.saturating_mul(1 << self.failures.min(MAX_DOUBLINGS));
                self.failures = self.failures.saturating_add(1);
                self.publisher.report_failure(self.issuer, &error);
                self.next_refresh = Instant::now() + jittered(doubled.min(self.interval), JITTER);
            }
        }
    }

    fn withdraw_expired_keys(&mut self) {
        if self
            .good_until
            .is_some_and(|end| end <= self.publisher.boot())
        {
            self.good_until = None;
            self.publisher.withdraw_expired(self.issuer);
        }
    }
}

/// The longest single wait, so that a long validity of keys does not overflow an instant.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Per mille of the interval, in both directions.
const JITTER: u32 = 100;
/// Delay after the first failure, doubled with every further one, at most the interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// 2^16 seconds are longer than every sensible interval.
const MAX_DOUBLINGS: u32 = 16;
