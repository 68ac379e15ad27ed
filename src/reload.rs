//! Hot reload of the policies folder: watch, rescan, read, compile, activate; last known good.
//!
//! Watch events are hints; the periodic rescan is authoritative. Everything runs on one separate thread, so
//! activations are sequential and no request waits. After any failure the active snapshot stays in force, and the
//! failure is reported once for the same content; [`ReloadStatus::stale_since`] is when the first one occurred.

mod folder;
mod inbox;
mod worker;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{broadcast, oneshot};

use crate::changes::Changes;
use crate::clock::{Clock, Instants};
use crate::engine::Engine;
use crate::files::TreeLimits;
use crate::graph::{Code, Finding, Severity};
use crate::policy_settings::PolicySettings;
use crate::snapshot::SnapshotId;
use crate::time::Timestamp;
use crate::watch::WatcherFactory;
use folder::{Folder, ScanResult, ScanTrigger};
use inbox::{Debounce, Inbox, PendingReload};

/// Options of a [`Reloader`].
#[derive(Debug)]
pub struct ReloadOptions {
    /// The policies folder.
    pub folder: PathBuf,
    /// How long the folder has to be unchanged before it is read.
    pub quiet: Duration,
    /// The maximum wait for `quiet`.
    pub longest_wait: Duration,
    /// Interval of the rescans, independent of watch events; randomly a fifth more or less.
    pub rescan: Duration,
    /// Accepts removed tenants and documents without a confirmation (semantics §2).
    pub allow_removals: bool,
    /// Limits of the folder's size.
    pub limits: TreeLimits,
    /// The operator's policy settings from the configuration.
    pub settings: PolicySettings,
    /// Creates the file watcher.
    pub watcher: WatcherFactory,
    /// Observes the outcomes.
    pub observer: ReloadObserver,
    /// How long policies stay in force that could not be confirmed. After that, all requests are denied until the
    /// policies are confirmed or replaced. `None` = no limit.
    pub deny_after: Option<Duration>,
}

impl ReloadOptions {
    /// The default options for this folder.
    pub fn of(folder: impl Into<PathBuf>) -> Self {
        ReloadOptions {
            folder: folder.into(),
            quiet: Duration::from_millis(100),
            longest_wait: Duration::from_secs(1),
            rescan: Duration::from_secs(5),
            allow_removals: false,
            limits: TreeLimits::default(),
            settings: PolicySettings::NONE,
            watcher: WatcherFactory::native(),
            observer: ReloadObserver::default(),
            deny_after: None,
        }
    }
}

/// A callback on the reloader's thread for every new outcome, with the changes against the policies in force. It runs
/// before the caller of the reload gets the outcome, and once for the same content. If the content differs only in
/// what decides nothing, for example disabled policies and names, the outcome is [`ReloadOutcome::Unchanged`].
#[derive(Clone, Default)]
pub struct ReloadObserver(Option<Arc<ReloadCallback>>);

type ReloadCallback = dyn Fn(&ReloadOutcome, &Changes) + Send + Sync;

impl ReloadObserver {
    /// An observer that calls `callback`.
    pub fn new(callback: impl Fn(&ReloadOutcome, &Changes) + Send + Sync + 'static) -> Self {
        ReloadObserver(Some(Arc::new(callback)))
    }

    fn notify(&self, outcome: &ReloadOutcome, changes: &Changes) {
        if let ReloadObserver(Some(callback)) = self {
            callback(outcome, changes);
        }
    }
}

impl fmt::Debug for ReloadObserver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ReloadObserver({})", self.0.is_some())
    }
}

/// The activation of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// The id of the snapshot.
    pub id: SnapshotId,
    /// Activation count, starting at 1.
    pub version: u64,
    /// Time of the activation.
    pub at: Timestamp,
}

/// The rejection of the folder's content; the active snapshot stays in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The first error, as one sentence.
    pub message: String,
    /// All findings.
    pub findings: Arc<[Finding]>,
    /// Time of the rejection.
    pub at: Timestamp,
}

/// The outcome of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// New valid content was activated.
    Activated(Activation),
    /// The content is already in force.
    Unchanged {
        /// The snapshot in force.
        id: Option<SnapshotId>,
    },
    /// The content was rejected.
    Rejected(Rejection),
}

/// An event for subscribers of the reloader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadEvent {
    /// A snapshot was activated.
    Activated(Activation),
    /// The folder's content was rejected; sent once for the same content.
    Rejected(Rejection),
}

/// Status of the reloader.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReloadStatus {
    /// The error if the folder's content is not in force.
    pub last_error: Option<String>,
    /// The findings of the rejected content, else those of the policies in force; errors first.
    pub findings: Arc<[Finding]>,
    /// Since when the active snapshot differs from the folder: the wall clock for display, the boot clock to measure
    /// the duration.
    pub stale_since: Option<Instants>,
    /// Time of the last scan of the folder.
    pub last_scan: Option<Timestamp>,
    /// Whether a file watcher is running. If not, rescans find the changes.
    pub is_watched: bool,
    /// Number of times the folder was read.
    pub loads: u64,
    /// Number of activated snapshots.
    pub activations: u64,
    /// Number of rejections.
    pub rejections: u64,
    /// Number of rejections by cause.
    pub rejected: RejectionCounts,
}

/// Number of rejections by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RejectionCounts {
    /// The folder or a file could not be read.
    pub unreadable: u64,
    /// A document of the active policies was removed.
    pub removed: u64,
    /// The content is invalid.
    pub invalid: u64,
    /// An internal error.
    pub internal: u64,
}

impl ReloadStatus {
    /// How long the active snapshot has differed from the folder, on the boot clock like [`Engine::confirm`].
    pub fn stale_for(&self, clock: &Clock) -> Option<Duration> {
        let since = self.stale_since?;
        Some(clock.now().boot.saturating_sub(since.boot))
    }

    /// Number of errors and warnings; informational findings need no attention.
    pub fn errors_and_warnings(&self) -> usize {
        let needs_attention = |finding: &&Finding| finding.severity < Severity::Info;
        self.findings.iter().filter(needs_attention).count()
    }
}

impl RejectionCounts {
    /// Counts a rejection by its first error.
    fn count(&mut self, findings: &[Finding]) {
        let mut errors = findings.iter().filter(|f| f.severity == Severity::Error);
        let counter = match errors.next().map(|first| first.code) {
            Some(Code::Unreadable) => &mut self.unreadable,
            Some(Code::Removed) => &mut self.removed,
            Some(_) => &mut self.invalid,
            None => &mut self.internal,
        };
        *counter += 1;
    }
}

/// Reloads a policies folder when it changes.
#[derive(Debug)]
pub struct Reloader;

/// A running reloader and the outcome of its first scan.
#[derive(Debug)]
pub struct StartedReloader {
    /// The reloader; it stops when its last handle is dropped.
    pub handle: ReloadHandle,
    /// The outcome of the first scan.
    pub first: ReloadOutcome,
}

/// A handle of a running reloader. The reloader stops when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct ReloadHandle(Arc<ReloadThread>);

#[derive(Debug)]
struct ReloadThread {
    shared: Arc<ReloaderState>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// State shared by the reloader's thread and its handles.
#[derive(Debug)]
struct ReloaderState {
    inbox: Arc<Inbox>,
    status: Mutex<ReloadStatus>,
    events: broadcast::Sender<ReloadEvent>,
}

/// Reads a folder once and activates it if it is valid, without watching it. For commands that do not serve.
pub fn load_once(engine: &Engine, options: ReloadOptions) -> ReloadOutcome {
    let ReloadOptions {
        folder,
        quiet,
        longest_wait,
        allow_removals,
        limits,
        settings,
        ..
    } = options;
    let debounce = Debounce {
        quiet,
        at_most: longest_wait,
    };
    let trigger = ScanTrigger::Request { allow_removals };
    let mut folder = Folder::new(folder, limits, settings, allow_removals, debounce);
    match folder.scan(engine, trigger) {
        ScanResult::Report(outcome, ..) => outcome,
        ScanResult::NothingNew => ReloadOutcome::Unchanged {
            id: engine.active().map(|active| active.snapshot.id()),
        },
    }
}

impl Reloader {
    /// Scans the folder once on this thread, then starts the reloader's thread. Fails only if the thread cannot be
    /// created.
    pub fn start(engine: Arc<Engine>, options: ReloadOptions) -> io::Result<StartedReloader> {
        let shared = Arc::new(ReloaderState {
            inbox: Arc::default(),
            status: Mutex::default(),
            events: broadcast::channel(EVENT_CAPACITY).0,
        });
        let mut worker = worker::ReloadWorker::new(engine, options, Arc::clone(&shared));
        let first = worker.first_scan();
        let thread = std::thread::Builder::new()
            .name(String::from("reload"))
            .spawn(move || worker.run())?;
        let running = ReloadThread {
            shared,
            thread: Mutex::new(Some(thread)),
        };
        Ok(StartedReloader {
            handle: ReloadHandle(Arc::new(running)),
            first,
        })
    }
}

impl ReloadHandle {
    /// Scans the folder now and waits for the outcome. With `allow_removals`, tenants and documents may be missing.
    /// No request that starts after this returns uses an older snapshot.
    pub async fn reload(&self, allow_removals: bool) -> ReloadOutcome {
        let outcome = self.request(allow_removals).await;
        outcome.unwrap_or_else(|_| stopped())
    }

    /// Like [`ReloadHandle::reload`], for a thread outside the async runtime.
    pub fn reload_blocking(&self, allow_removals: bool) -> ReloadOutcome {
        let outcome = self.request(allow_removals).blocking_recv();
        outcome.unwrap_or_else(|_| stopped())
    }

    /// Reports a possible change (SIGHUP).
    pub fn hint(&self) {
        self.0.shared.inbox.hint();
    }

    /// The current status.
    pub fn status(&self) -> ReloadStatus {
        self.0.shared.status().clone()
    }

    /// Every activation and rejection from now on.
    pub fn events(&self) -> broadcast::Receiver<ReloadEvent> {
        self.0.shared.events.subscribe()
    }

    /// Stops the reloader and waits for its thread. The active snapshot stays in force.
    pub fn stop(&self) {
        self.0.shared.inbox.stop();
        let thread = self
            .0
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // The thread catches panics; one that escapes is printed by the panic hook.
            let _ = thread.join();
        }
    }

    fn request(&self, allow_removals: bool) -> oneshot::Receiver<ReloadOutcome> {
        let (reply, outcome) = oneshot::channel();
        self.0.shared.inbox.request(PendingReload {
            allow_removals,
            reply,
        });
        outcome
    }
}

impl Drop for ReloadThread {
    fn drop(&mut self) {
        self.shared.inbox.stop();
    }
}

impl ReloaderState {
    fn status(&self) -> MutexGuard<'_, ReloadStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stopped() -> ReloadOutcome {
    ReloadOutcome::Rejected(Rejection {
        message: String::from("the reloader has stopped"),
        findings: Arc::default(),
        at: Clock::System.now().wall,
    })
}

/// Events buffered for a subscriber; a slower one gets `RecvError::Lagged`.
const EVENT_CAPACITY: usize = 64;
