//! Where all that is found goes: into force, into the status, and once into the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::error::LookError;
use super::{IssuerStatus, KeyIdentity};
use crate::identity::{Identity, Issuer, IssuerIndex, KeySet, KeySource, Skipped};
use crate::log::Log;
use crate::log::audit::{Actor, Audit};

/// Publishes keys, and knows how each issuer stands.
#[derive(Debug)]
pub(super) struct Desk {
    identity: Arc<Identity>,
    board: watch::Sender<Vec<IssuerStatus>>,
    log: Log,
}

impl Desk {
    pub(super) fn new(identity: Arc<Identity>, log: Log) -> Self {
        let issuers = identity.trust().issuers.iter().enumerate();
        let board = issuers
            .map(|(index, issuer)| not_looked_at(IssuerIndex(index), issuer))
            .collect();
        Desk {
            identity,
            board: watch::Sender::new(board),
            log,
        }
    }

    pub(super) fn statuses(&self) -> watch::Receiver<Vec<IssuerStatus>> {
        self.board.subscribe()
    }

    /// How long ago the machine started.
    pub(super) fn boot(&self) -> Duration {
        self.identity.clock().now().boot
    }

    /// The issuer's keys were found; they are good until then, or for good.
    pub(super) fn found(&self, issuer: IssuerIndex, keys: KeySet, good_until: Option<Duration>) {
        let (digest, count, skipped) = (keys.digest(), keys.len(), keys.skipped().len());
        let known = self.of(issuer);
        let before = known.as_ref().and_then(|status| status.digest);
        let ids = keys.identities();
        let ids: Vec<_> = ids.map(|(kid, key)| (kid.to_owned(), key)).collect();
        let skipped_keys = keys.skipped().to_vec();
        if before != Some(digest) || good_until.is_some() {
            self.identity.publish(issuer, Some(keys), good_until);
        }
        if let Some(known) = known.filter(|_| before != Some(digest)) {
            self.record_change(&known, &ids);
        }
        let now = self.identity.clock().now().wall;
        self.update(issuer, |status| {
            let name = &status.name;
            if before != Some(digest) {
                tracing::info!(issuer = %name, keys = count, skipped, "keys in force");
            } else if status.last_error.is_some() {
                tracing::info!(issuer = %name, "the keys can be had again, and are the same");
            }
            if status.skipped != skipped_keys {
                warn_of_skipped(status, &skipped_keys);
            }
            status.skipped = skipped_keys;
            status.looks += 1;
            status.keys = count;
            status.digest = Some(digest);
            status.ids = ids;
            status.good_until = good_until;
            status.last_success = Some(now);
            status.last_error = None;
        });
    }

    /// A look has brought no keys; what is known stays.
    pub(super) fn failed(&self, issuer: IssuerIndex, error: &LookError) {
        let error = error.to_string();
        self.update(issuer, |status| {
            status.looks += 1;
            if status.last_error.as_ref() == Some(&error) {
                return;
            }
            let name = &status.name;
            match status.keys {
                0 => tracing::error!(issuer = %name, %error, "no keys, and none are known: its tokens are refused"),
                keys => tracing::error!(issuer = %name, keys, %error, "no keys; those known before stay in force"),
            }
            status.last_error = Some(error);
        });
    }

    /// The known keys are too old to be used.
    pub(super) fn expired(&self, issuer: IssuerIndex) {
        self.identity.publish(issuer, None, None);
        self.update(issuer, |status| {
            let name = &status.name;
            tracing::error!(issuer = %name, keys = status.keys, "the known keys were not confirmed for too long: its tokens are refused");
            let withdrawn = Audit::KeysWithdrawn {
                issuer: name,
                source: &status.source,
                cause: "they were not confirmed for too long",
            };
            self.log.happened(&withdrawn, Actor::Itself);
            status.keys = 0;
            status.digest = None;
            status.ids.clear();
            status.skipped.clear();
            status.good_until = None;
        });
    }

    /// A key that was replaced under its id is both added and removed.
    fn record_change(&self, known: &IssuerStatus, ids: &[KeyIdentity]) {
        let not_in = |list: &[KeyIdentity], other: &[KeyIdentity]| -> Vec<String> {
            let missing = list.iter().filter(|key| !other.contains(key));
            missing.map(|(kid, _)| kid.clone()).collect()
        };
        let changed = Audit::KeysChanged {
            issuer: &known.name,
            source: &known.source,
            added: &not_in(ids, &known.ids),
            removed: &not_in(&known.ids, ids),
        };
        self.log.happened(&changed, Actor::Itself);
    }

    /// Whoever waits for a look at the issuer's keys waits no longer.
    pub(super) fn looked(&self, issuer: IssuerIndex) {
        self.identity.wanted().looked(issuer);
    }

    fn of(&self, issuer: IssuerIndex) -> Option<IssuerStatus> {
        self.board.borrow().get(issuer.0).cloned()
    }

    fn update(&self, issuer: IssuerIndex, change: impl FnOnce(&mut IssuerStatus)) {
        self.board.send_modify(|board| {
            if let Some(status) = board.get_mut(issuer.0) {
                change(status);
            }
        });
    }
}

/// Once for each document: the same keys are not reported again while they stay.
fn warn_of_skipped(status: &IssuerStatus, skipped: &[Skipped]) {
    let (issuer, source) = (&status.name, &status.source);
    for Skipped { index, kid, why } in skipped {
        let kid = kid.as_ref().map(ToString::to_string);
        tracing::warn!(%issuer, source, index, kid, %why, "a key of the key set cannot be used and is skipped");
    }
}

fn not_looked_at(index: IssuerIndex, issuer: &Issuer) -> IssuerStatus {
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
        looks: 0,
        digest: None,
        ids: Vec::new(),
        skipped: Vec::new(),
    }
}
