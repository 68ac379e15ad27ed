//! Publishes loaded keys to the verifier and the status, and logs each change once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::error::RefreshError;
use super::{IssuerStatus, KeyIdentity};
use crate::identity::{Issuer, IssuerIndex, KeySet, KeySource, SkippedKey, TokenVerifier};
use crate::log::Log;
use crate::log::audit::{Actor, AuditEvent};

/// Publishes keys and stores each issuer's status.
#[derive(Debug)]
pub(super) struct KeySetPublisher {
    identity: Arc<TokenVerifier>,
    statuses: watch::Sender<Vec<IssuerStatus>>,
    log: Log,
}

impl KeySetPublisher {
    pub(super) fn new(identity: Arc<TokenVerifier>, log: Log) -> Self {
        let issuers = identity.trust().issuers.iter().enumerate();
        let statuses = issuers
            .map(|(index, issuer)| initial_status(IssuerIndex(index), issuer))
            .collect();
        KeySetPublisher {
            identity,
            statuses: watch::Sender::new(statuses),
            log,
        }
    }

    pub(super) fn statuses(&self) -> watch::Receiver<Vec<IssuerStatus>> {
        self.statuses.subscribe()
    }

    /// The current time of the boot clock.
    pub(super) fn boot(&self) -> Duration {
        self.identity.clock().now().boot
    }

    /// Publishes an issuer's keys, valid until `good_until` on the boot clock; `None`: no expiry.
    pub(super) fn publish(&self, issuer: IssuerIndex, keys: KeySet, good_until: Option<Duration>) {
        let (digest, count, skipped) = (keys.digest(), keys.len(), keys.skipped().len());
        let previous = self.of(issuer);
        let before = previous.as_ref().and_then(|status| status.digest);
        let ids = keys.identities();
        let ids: Vec<_> = ids.map(|(kid, key)| (kid.to_owned(), key)).collect();
        let skipped_keys = keys.skipped().to_vec();
        if before != Some(digest) || good_until.is_some() {
            self.identity.publish(issuer, Some(keys), good_until);
        }
        if let Some(previous) = previous.filter(|_| before != Some(digest)) {
            self.record_change(&previous, &ids);
        }
        let now = self.identity.clock().now().wall;
        self.update(issuer, |status| {
            let name = &status.name;
            if before != Some(digest) {
                tracing::info!(issuer = %name, keys = count, skipped, "keys in force");
            } else if status.last_error.is_some() {
                tracing::info!(issuer = %name, "refreshing the keys succeeds again, and they are unchanged");
            }
            if status.skipped != skipped_keys {
                warn_of_skipped(status, &skipped_keys);
            }
            status.skipped = skipped_keys;
            status.attempts += 1;
            status.keys = count;
            status.digest = Some(digest);
            status.ids = ids;
            status.good_until = good_until;
            status.last_success = Some(now);
            status.last_error = None;
        });
    }

    /// Stores and logs a failed refresh; cached keys stay in force.
    pub(super) fn report_failure(&self, issuer: IssuerIndex, error: &RefreshError) {
        let error = error.to_string();
        self.update(issuer, |status| {
            status.attempts += 1;
            if status.last_error.as_ref() == Some(&error) {
                return;
            }
            let name = &status.name;
            match status.keys {
                0 => tracing::error!(issuer = %name, %error, "cannot load the keys, and none are cached: its tokens are refused"),
                keys => tracing::error!(issuer = %name, keys, %error, "cannot refresh the keys; the cached keys stay in force"),
            }
            status.last_error = Some(error);
        });
    }

    /// Withdraws keys that have expired.
    pub(super) fn withdraw_expired(&self, issuer: IssuerIndex) {
        self.identity.publish(issuer, None, None);
        self.update(issuer, |status| {
            let name = &status.name;
            tracing::error!(issuer = %name, keys = status.keys, "the cached keys have expired: its tokens are refused");
            let withdrawn = AuditEvent::KeysWithdrawn {
                issuer: name,
                source: &status.source,
                cause: "they were not confirmed for too long",
            };
            self.log.record(&withdrawn, Actor::Crosstrust);
            status.keys = 0;
            status.digest = None;
            status.ids.clear();
            status.skipped.clear();
            status.good_until = None;
        });
    }

    /// Writes an audit record. A key that was replaced under the same id is both added and removed.
    fn record_change(&self, previous: &IssuerStatus, ids: &[KeyIdentity]) {
        let not_in = |list: &[KeyIdentity], other: &[KeyIdentity]| -> Vec<String> {
            let missing = list.iter().filter(|key| !other.contains(key));
            missing.map(|(kid, _)| kid.clone()).collect()
        };
        let changed = AuditEvent::KeysChanged {
            issuer: &previous.name,
            source: &previous.source,
            added: &not_in(ids, &previous.ids),
            removed: &not_in(&previous.ids, ids),
        };
        self.log.record(&changed, Actor::Crosstrust);
    }

    /// Ends the waiting for a refresh of the issuer's keys.
    pub(super) fn complete_requests(&self, issuer: IssuerIndex) {
        self.identity.refresh_requests().complete(issuer);
    }

    fn of(&self, issuer: IssuerIndex) -> Option<IssuerStatus> {
        self.statuses.borrow().get(issuer.0).cloned()
    }

    fn update(&self, issuer: IssuerIndex, change: impl FnOnce(&mut IssuerStatus)) {
        self.statuses.send_modify(|statuses| {
            if let Some(status) = statuses.get_mut(issuer.0) {
                change(status);
            }
        });
    }
}

/// Logs the skipped keys of a document. The caller does so only if they differ from the previous ones.
fn warn_of_skipped(status: &IssuerStatus, skipped: &[SkippedKey]) {
    let (issuer, source) = (&status.name, &status.source);
    for SkippedKey { index, kid, reason } in skipped {
        let kid = kid.as_ref().map(ToString::to_string);
        tracing::warn!(%issuer, source, index, kid, %reason, "a key of the key set cannot be used and is skipped");
    }
}

fn initial_status(index: IssuerIndex, issuer: &Issuer) -> IssuerStatus {
    IssuerStatus {
        issuer: index,
        name: issuer.name.clone(),
        source: match &issuer.keys {
            KeySource::File(path) => path.display().to_string(),
            KeySource::Url(url) | KeySource::Discovery(url) => url.to_string(),
        },
        keys: 0,
        last_success: None,
        last_error: None,
        good_until: None,
        attempts: 0,
        digest: None,
        ids: Vec::new(),
        skipped: Vec::new(),
    }
}
