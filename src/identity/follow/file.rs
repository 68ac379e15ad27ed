//! Key sets in files, watched like the policies: file system events trigger a read, and a periodic rescan reads in any case.
//!
//! If a file is missing, unreadable or not a key set, the keys read from it before stay in force without a time limit: a
//! party that can remove the file could also replace it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::error::RefreshError;
use super::fetch::{MAX_BYTES, read_keys};
use super::publisher::KeySetPublisher;
use crate::files::{self, Directory, TreeLimits};
use crate::identity::{IssuerIndex, KeySet, KeySource, TrustedIssuers};
use crate::watch::{PathWatch, WatcherFactory};

/// All key sets in files.
pub(super) struct KeySetFiles {
    files: Vec<KeySetFile>,
    publisher: Arc<KeySetPublisher>,
    /// A file may have changed.
    hint: Arc<Notify>,
    rescan: Duration,
}

struct KeySetFile {
    issuer: IssuerIndex,
    path: PathBuf,
    watch: PathWatch,
    /// The directories that the path last led through.
    directories: Vec<Directory>,
}

impl KeySetFiles {
    pub(super) fn new(
        trust: &TrustedIssuers,
        publisher: Arc<KeySetPublisher>,
        rescan: Duration,
    ) -> Self {
        let hint = Arc::new(Notify::new());
        let mut files = Vec::new();
        for (index, issuer) in trust.issuers.iter().enumerate() {
            let KeySource::File(path) = &issuer.keys else {
                continue;
            };
            let notifier = Arc::clone(&hint);
            files.push(KeySetFile {
                issuer: IssuerIndex(index),
                path: path.clone(),
                watch: PathWatch::new(path, WatcherFactory::native(), move || {
                    notifier.notify_one()
                }),
                directories: Vec::new(),
            });
        }
        KeySetFiles {
            files,
            publisher,
            hint,
            rescan,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Reads every file once.
    pub(super) fn refresh(&mut self) {
        for file in &mut self.files {
            file.refresh(&self.publisher);
        }
    }

    /// Reads the files after every hint and rescan interval, on a blocking thread. Returns only if the runtime has no
    /// blocking threads any more.
    pub(super) async fn follow(mut self, mut hints: watch::Receiver<()>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.rescan) => {}
                () = self.hint.notified() => self.wait_for_quiet().await,
                Ok(()) = hints.changed() => {}
            }
            let refreshed = tokio::task::spawn_blocking(move || {
                if catch_unwind(AssertUnwindSafe(|| self.refresh())).is_err() {
                    tracing::error!("reading a key set panicked: this is a bug");
                }
                self
            });
            match refreshed.await {
                Ok(again) => self = again,
                Err(_) => return,
            }
        }
    }

    async fn wait_for_quiet(&self) {
        let end = Instant::now() + MAX_QUIET_WAIT;
        while Instant::now() < end {
            let more = tokio::time::timeout(QUIET, self.hint.notified());
            if more.await.is_err() {
                return;
            }
        }
    }
}

impl KeySetFile {
    fn refresh(&mut self, publisher: &KeySetPublisher) {
        self.read_and_publish(publisher);
        if self.watch.follow(&self.directories) {
            // The file may have changed before the new directories were watched.
            self.read_and_publish(publisher);
        }
    }

    fn read_and_publish(&mut self, publisher: &KeySetPublisher) {
        match self.read() {
            Ok(keys) => publisher.publish(self.issuer, keys, None),
            Err(error) => publisher.report_failure(self.issuer, &error),
        }
    }

    fn read(&mut self) -> Result<KeySet, RefreshError> {
        let tree = files::read(&self.path, &LIMITS);
        let seen = match &tree {
            Ok(tree) => Some(tree.listing.directories.clone()),
            // Keeps watching the directories: the file may come back.
            Err(_) => files::list(&self.path, &LIMITS)
                .ok()
                .map(|listing| listing.directories),
        };
        if let Some(seen) = seen {
            self.directories = seen;
        }
        let tree = tree.map_err(RefreshError::File)?;
        match tree.files.as_slice() {
            [file] => read_keys(&file.bytes, &file.path),
            _ => Err(RefreshError::NotOneFile {
                path: self.path.clone(),
            }),
        }
    }
}

/// One file, the directory of its path and the directory that links resolve to.
const LIMITS: TreeLimits = TreeLimits {
    file_bytes: MAX_BYTES as u64,
    total_bytes: MAX_BYTES as u64,
    files: 4,
    depth: 0,
};

/// A file that is being written is read after this time without a change …
const QUIET: Duration = Duration::from_millis(100);

/// … or after this time in any case.
const MAX_QUIET_WAIT: Duration = Duration::from_secs(1);
