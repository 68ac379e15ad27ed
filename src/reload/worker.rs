//! The reloader's thread: waits, looks, tells.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::folder::{Folder, Look, Reason};
use super::inbox::{Asked, Debounce, Wake};
use super::{Event, Outcome, Rejection, ReloadOptions, Shared, Witness};
use crate::changes::Changes;
use crate::clock::{Instants, jittered};
use crate::engine::Engine;
use crate::graph::{Finding, Severity};
use crate::watch::Watch;

/// All that the thread owns.
pub(super) struct Worker {
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    folder: Folder,
    watch: Watch,
    debounce: Debounce,
    rescan: Duration,
    witness: Witness,
    deny_after: Option<Duration>,
}

impl Worker {
    pub(super) fn new(engine: Arc<Engine>, options: ReloadOptions, shared: Arc<Shared>) -> Self {
        let ReloadOptions {
            folder,
            quiet,
            longest_wait,
            rescan,
            allow_removals,
            limits,
            settings,
            watching,
            witness,
            deny_after,
        } = options;
        let debounce = Debounce {
            quiet,
            at_most: longest_wait,
        };
        let inbox = Arc::clone(&shared.inbox);
        Worker {
            engine,
            watch: Watch::new(&folder, watching, move || inbox.hint()),
            folder: Folder::new(folder, limits, settings, allow_removals, debounce),
            shared,
            debounce,
            rescan: rescan.min(LONGEST_RESCAN),
            witness,
            deny_after,
        }
    }

    /// The look that a start waits for.
    pub(super) fn first_look(&mut self) -> Outcome {
        self.look_for_somebody(false)
    }

    /// Goes on until nobody needs it.
    pub(super) fn run(mut self) {
        let mut rescan_at = Instant::now() + jittered(self.rescan, JITTER);
        loop {
            let is_clean = self.engine.reap() == 0;
            let reap_at = Instant::now() + REAP_AGAIN;
            let wake_at = if is_clean {
                rescan_at
            } else {
                rescan_at.min(reap_at)
            };
            match self.shared.inbox.wait(wake_at, self.debounce) {
                Wake::Stop => return,
                Wake::Asked(asked) => self.answer(asked),
                Wake::Hint => {
                    self.look(Reason::Hint);
                }
                Wake::Tick if Instant::now() < rescan_at => continue,
                Wake::Tick => {
                    self.look(Reason::Tick);
                }
            }
            rescan_at = Instant::now() + jittered(self.rescan, JITTER);
        }
    }

    /// One look for all who do not allow removals, then one for all who do: nobody allows them for others.
    fn answer(&mut self, asked: Vec<Asked>) {
        let (allowing, strict): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|asked| asked.allow_removals);
        for (group, allow_removals) in [(strict, false), (allowing, true)] {
            if group.is_empty() {
                continue;
            }
            let outcome = self.look_for_somebody(allow_removals);
            for asked in group {
                // Whoever asked may have gone.
                let _ = asked.answer.send(outcome.clone());
            }
        }
    }

    fn look_for_somebody(&mut self, allow_removals: bool) -> Outcome {
        let told = self.look(Reason::Asked { allow_removals });
        told.unwrap_or_else(|| Outcome::Unchanged {
            id: self.engine.active().map(|active| active.snapshot.id()),
        })
    }

    /// Looks, tells what is new, and lets the policies count on where they are what the folder holds.
    fn look(&mut self, reason: Reason) -> Option<Outcome> {
        let told = match self.guarded_look(reason) {
            Look::News(outcome, warnings, changes) => {
                self.tell(&outcome, warnings, &changes);
                Some(outcome)
            }
            Look::Nothing => None,
        };
        // A look that hangs confirms nothing either: the engine needs nobody to notice that.
        if let Some(span) = self.deny_after
            && self.shared.status().stale_since.is_none()
        {
            self.engine.confirm(span);
        }
        told
    }

    /// A look, and the watches after it. A panic in it is a rejection: the thread goes on.
    fn guarded_look(&mut self, reason: Reason) -> Look {
        let (folder, engine) = (&mut self.folder, &self.engine);
        let look = catch_unwind(AssertUnwindSafe(|| folder.look(engine, reason)));
        let look = look.unwrap_or_else(|_| {
            let rejection = Rejection {
                message: String::from("reading the policies failed inside: this is a bug"),
                findings: Arc::default(),
                at: engine.clock().now().wall,
            };
            let outcome = Outcome::Rejected(rejection);
            Look::News(outcome, Arc::default(), Changes::default())
        });
        if self.watch.follow(self.folder.directories()) && !self.folder.is_as_read() {
            self.shared.inbox.hint();
        }
        let mut status = self.shared.status();
        status.loads = self.folder.loads();
        status.last_look = Some(self.engine.clock().now().wall);
        status.is_watched = self.watch.is_running();
        look
    }

    fn tell(&self, outcome: &Outcome, warnings: Arc<[Finding]>, changes: &Changes) {
        self.witness.tell(outcome, changes);
        let mut status = self.shared.status();
        match outcome {
            Outcome::Activated(activation) => {
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
                // Nobody may be listening.
                let _ = self
                    .shared
                    .events
                    .send(Event::Activated(activation.clone()));
            }
            Outcome::Unchanged { .. } => {
                // The same policies, and perhaps another file beside them.
                status.findings = warnings;
                if status.last_error.take().is_some() {
                    tracing::info!("the policies folder holds what is active again");
                }
                status.stale_since = None;
            }
            Outcome::Rejected(rejection) => {
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
                        tracing::error!(%error, findings, "policies rejected; what was active stays");
                    }
                    None => {
                        tracing::error!(
                            %error,
                            findings,
                            "policies rejected; nothing is active yet, so everything is denied"
                        );
                    }
                }
                for finding in rejection.findings.iter().take(FINDINGS_LOGGED) {
                    match finding.severity {
                        Severity::Error => tracing::error!("{finding}"),
                        Severity::Warning => tracing::warn!("{finding}"),
                        Severity::Info => tracing::info!("{finding}"),
                    }
                }
                let _ = self.shared.events.send(Event::Rejected(rejection.clone()));
            }
        }
    }
}

/// Whoever waits for an outcome hears that there will be none.
impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.inbox.stop();
    }
}

/// Waits end after this at the latest, so that no sum of instants overflows.
const LONGEST_RESCAN: Duration = Duration::from_secs(24 * 60 * 60);
/// A fifth more or less.
const JITTER: u32 = 200;
/// How soon a replaced snapshot that some request still held is looked after again.
const REAP_AGAIN: Duration = Duration::from_millis(100);

/// The rest is in the status.
const FINDINGS_LOGGED: usize = 20;
