//! The reloader's thread: waits for a trigger, scans the folder, reports the outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::folder::{Folder, ScanResult, ScanTrigger};
use super::inbox::{Debounce, InboxWake, PendingReload};
use super::{Rejection, ReloadEvent, ReloadObserver, ReloadOptions, ReloadOutcome, ReloaderState};
use crate::changes::Changes;
use crate::clock::{Instants, jittered};
use crate::engine::Engine;
use crate::graph::{Finding, Severity};
use crate::watch::PathWatch;

/// The state of the reloader's thread.
pub(super) struct ReloadWorker {
    engine: Arc<Engine>,
    shared: Arc<ReloaderState>,
    folder: Folder,
    watch: PathWatch,
    debounce: Debounce,
    rescan: Duration,
    observer: ReloadObserver,
    deny_after: Option<Duration>,
}

impl ReloadWorker {
    pub(super) fn new(
        engine: Arc<Engine>,
        options: ReloadOptions,
        shared: Arc<ReloaderState>,
    ) -> Self {
        let ReloadOptions {
            folder,
            quiet,
            longest_wait,
            rescan,
            allow_removals,
            limits,
            settings,
            watcher,
            observer,
            deny_after,
        } = options;
        let debounce = Debounce {
            quiet,
            at_most: longest_wait,
        };
        let inbox = Arc::clone(&shared.inbox);
        ReloadWorker {
            engine,
            watch: PathWatch::new(&folder, watcher, move || inbox.hint()),
            folder: Folder::new(folder, limits, settings, allow_removals, debounce),
            shared,
            debounce,
            rescan: rescan.min(MAX_RESCAN),
            observer,
            deny_after,
        }
    }

    /// The scan at startup.
    pub(super) fn first_scan(&mut self) -> ReloadOutcome {
        self.scan_for_caller(false)
    }

    /// Runs until the reloader is stopped.
    pub(super) fn run(mut self) {
        let mut rescan_at = Instant::now() + jittered(self.rescan, JITTER);
        loop {
            let is_clean = self.engine.reap() == 0;
            let reap_at = Instant::now() + REAP_RETRY;
            let wake_at = if is_clean {
                rescan_at
            } else {
                rescan_at.min(reap_at)
            };
            match self.shared.inbox.wait(wake_at, self.debounce) {
                InboxWake::Stop => return,
                InboxWake::Requests(requests) => self.answer(requests),
                InboxWake::Hint => {
                    self.scan(ScanTrigger::Hint);
                }
                InboxWake::Tick if Instant::now() < rescan_at => continue,
                InboxWake::Tick => {
                    self.scan(ScanTrigger::Tick);
                }
            }
            rescan_at = Instant::now() + jittered(self.rescan, JITTER);
        }
    }

    /// One scan for all callers that do not allow removals, then one for those that do, so that no caller allows
    /// removals for another.
    fn answer(&mut self, requests: Vec<PendingReload>) {
        let (allowing, strict): (Vec<_>, Vec<_>) = requests
            .into_iter()
            .partition(|request| request.allow_removals);
        for (group, allow_removals) in [(strict, false), (allowing, true)] {
            if group.is_empty() {
                continue;
            }
            let outcome = self.scan_for_caller(allow_removals);
            for request in group {
                // The caller may have stopped waiting.
                let _ = request.reply.send(outcome.clone());
            }
        }
    }

    fn scan_for_caller(&mut self, allow_removals: bool) -> ReloadOutcome {
        let outcome = self.scan(ScanTrigger::Request { allow_removals });
        outcome.unwrap_or_else(|| ReloadOutcome::Unchanged {
            id: self.engine.active().map(|active| active.snapshot.id()),
        })
    }

    /// Scans, reports a new outcome, and confirms the policies in force if the folder still has them.
    fn scan(&mut self, trigger: ScanTrigger) -> Option<ReloadOutcome> {
        let outcome = match self.scan_catching_panics(trigger) {
            ScanResult::Report(outcome, warnings, changes) => {
                self.report(&outcome, warnings, &changes);
                Some(outcome)
            }
            ScanResult::NothingNew => None,
        };
        // A scan that hangs confirms nothing either, so the policies expire without further detection.
        if let Some(span) = self.deny_after
            && self.shared.status().stale_since.is_none()
        {
            self.engine.confirm(span);
        }
        outcome
    }

    /// Scans and updates the watches. A panic in the scan is a rejection, and the thread continues.
    fn scan_catching_panics(&mut self, trigger: ScanTrigger) -> ScanResult {
        let (folder, engine) = (&mut self.folder, &self.engine);
        let result = catch_unwind(AssertUnwindSafe(|| folder.scan(engine, trigger)));
        let result = result.unwrap_or_else(|_| {
            let rejection = Rejection {
                message: String::from("internal error while reading the policies: this is a bug"),
                findings: Arc::default(),
                at: engine.clock().now().wall,
            };
            let outcome = ReloadOutcome::Rejected(rejection);
            ScanResult::Report(outcome, Arc::default(), Changes::default())
        });
        if self.watch.follow(self.folder.directories()) && !self.folder.is_unchanged() {
            self.shared.inbox.hint();
        }
        let mut status = self.shared.status();
        status.loads = self.folder.loads();
        status.last_scan = Some(self.engine.clock().now().wall);
        status.is_watched = self.watch.is_running();
        result
    }

    fn report(&self, outcome: &ReloadOutcome, warnings: Arc<[Finding]>, changes: &Changes) {
        self.observer.notify(outcome, changes);
        let mut status = self.shared.status();
        match outcome {
            ReloadOutcome::Activated(activation) => {
                status.activations += 1;
                status.last_error = None;
                status.stale_since = None;
                status.findings = warnings;
                let (id, version, warnings) = (
                    activation.id,
                    activation.version,
                    status.errors_and_warnings(),
                );
                tracing::info!(%id, version, warnings, "policies activated");
                // There may be no subscriber.
                let _ = self
                    .shared
                    .events
                    .send(ReloadEvent::Activated(activation.clone()));
            }
            ReloadOutcome::Unchanged { .. } => {
                // The policies are the same; other files may have changed.
                status.findings = warnings;
                if status.last_error.take().is_some() {
                    tracing::info!("the policies folder matches the active snapshot again");
                }
                status.stale_since = None;
            }
            ReloadOutcome::Rejected(rejection) => {
                status.rejections += 1;
                status.rejected.count(&rejection.findings);
                status.last_error = Some(rejection.message.clone());
                status.findings = Arc::clone(&rejection.findings);
                if self.engine.active().is_some() {
                    status.stale_since.get_or_insert(Instants {
                        wall: rejection.at,
                        boot: self.engine.clock().now().boot,
                    });
                }
                let (error, findings) = (&rejection.message, rejection.findings.len());
                match self.engine.active() {
                    Some(_) => {
                        tracing::error!(%error, findings, "policies rejected: the active snapshot stays in force");
                    }
                    None => {
                        tracing::error!(
                            %error,
                            findings,
                            "policies rejected: no snapshot is active, all requests are denied until the policies are fixed"
                        );
                    }
                }
                for finding in rejection.findings.iter().take(MAX_LOGGED_FINDINGS) {
                    match finding.severity {
                        Severity::Error => tracing::error!("{finding}"),
                        Severity::Warning => tracing::warn!("{finding}"),
                        Severity::Info => tracing::info!("{finding}"),
                    }
                }
                let _ = self
                    .shared
                    .events
                    .send(ReloadEvent::Rejected(rejection.clone()));
            }
        }
    }
}

/// Callers that wait for an outcome get an error.
impl Drop for ReloadWorker {
    fn drop(&mut self) {
        self.shared.inbox.stop();
    }
}

/// The maximum wait, so that no sum of instants overflows.
const MAX_RESCAN: Duration = Duration::from_secs(24 * 60 * 60);
/// In thousandths: a fifth more or less.
const JITTER: u32 = 200;
/// Delay until a replaced snapshot that a request still held is reaped again.
const REAP_RETRY: Duration = Duration::from_millis(100);

/// Maximum number of findings to log; the status has all of them.
const MAX_LOGGED_FINDINGS: usize = 20;
