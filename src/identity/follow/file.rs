//! Key sets in files: followed like the policies. Events are hints, the rescan is the truth.
//!
//! A file that is missing, cannot be read or is no key set leaves the keys that were read from it before in
//! force, for as long as that lasts: whoever can take a file away could as well write another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::desk::Desk;
use super::error::LookError;
use super::fetch::{MOST_BYTES, read_keys};
use crate::files::{self, Directory, Limits};
use crate::identity::{IssuerIndex, KeySet, KeySource, Trust};
use crate::watch::{Watch, Watching};

/// All key sets that are in files.
pub(super) struct Files {
    files: Vec<KeysFile>,
    desk: Arc<Desk>,
    /// Something may have changed.
    hint: Arc<Notify>,
    rescan: Duration,
}

struct KeysFile {
    issuer: IssuerIndex,
    path: PathBuf,
    watch: Watch,
    /// Where it was last seen to be.
    directories: Vec<Directory>,
}

impl Files {
    pub(super) fn new(trust: &Trust, desk: Arc<Desk>, rescan: Duration) -> Self {
        let hint = Arc::new(Notify::new());
        let mut files = Vec::new();
        for (index, issuer) in trust.issuers.iter().enumerate() {
            let KeySource::File(path) = &issuer.keys else {
                continue;
            };
            let bell = Arc::clone(&hint);
            files.push(KeysFile {
                issuer: IssuerIndex(index),
                path: path.clone(),
                watch: Watch::new(path, Watching::native(), move || bell.notify_one()),
                directories: Vec::new(),
            });
        }
        Files {
            files,
            desk,
            hint,
            rescan,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Reads every file once.
    pub(super) fn look(&mut self) {
        for file in &mut self.files {
            file.look(&self.desk);
        }
    }

    /// Looks at every hint and every tick, on a thread that may wait for a disk; ends only where there are no
    /// such threads any more.
    pub(super) async fn follow(mut self, mut hints: watch::Receiver<()>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.rescan) => {}
                () = self.hint.notified() => self.wait_for_quiet().await,
                Ok(()) = hints.changed() => {}
            }
            let looked = tokio::task::spawn_blocking(move || {
                if catch_unwind(AssertUnwindSafe(|| self.look())).is_err() {
                    tracing::error!("reading a key set failed inside: this is a bug");
                }
                self
            });
            match looked.await {
                Ok(again) => self = again,
                Err(_) => return,
            }
        }
    }

    async fn wait_for_quiet(&self) {
        let end = Instant::now() + LONGEST_WAIT;
        while Instant::now() < end {
            let more = tokio::time::timeout(QUIET, self.hint.notified());
            if more.await.is_err() {
                return;
            }
        }
    }
}

impl KeysFile {
    fn look(&mut self, desk: &Desk) {
        self.look_once(desk);
        if self.watch.follow(&self.directories) {
            // It may have changed before it was watched.
            self.look_once(desk);
        }
    }

    fn look_once(&mut self, desk: &Desk) {
        match self.read() {
            Ok(keys) => desk.found(self.issuer, keys, None),
            Err(error) => desk.failed(self.issuer, &error),
        }
    }

    fn read(&mut self) -> Result<KeySet, LookError> {
        let tree = files::read(&self.path, &LIMITS);
        let seen = match &tree {
            Ok(tree) => Some(tree.listing.directories.clone()),
            // Where it was is watched on: it may come back.
            Err(_) => files::list(&self.path, &LIMITS)
                .ok()
                .map(|listing| listing.directories),
        };
        if let Some(seen) = seen {
            self.directories = seen;
        }
        let tree = tree.map_err(LookError::File)?;
        match tree.files.as_slice() {
            [file] => read_keys(&file.bytes, &file.path),
            _ => Err(LookError::NotOneFile {
                path: self.path.clone(),
            }),
        }
    }
}

/// One file, the directory that names it and the one that it really is in.
const LIMITS: Limits = Limits {
    file_bytes: MOST_BYTES as u64,
    total_bytes: MOST_BYTES as u64,
    files: 4,
    depth: 0,
};

/// A file that is being written is read when it has been quiet for so long …
const QUIET: Duration = Duration::from_millis(100);

/// … and after this in any case.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
