//! Follows the policies folder: watches and rescans, reads, compiles, activates; last known good.
//!
//! Events are hints, the rescan is the truth. All of it runs on one thread of its own, so activations
//! follow each other and no request waits. A failure of any kind leaves the active snapshot in force and is
//! told once for the same content; [`Status::stale_since`] says how long that has been so.

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
use crate::files::Limits;
use crate::graph::{Code, Finding, Severity};
use crate::policy_settings::PolicySettings;
use crate::snapshot::SnapshotId;
use crate::time::Timestamp;
use crate::watch::Watching;
use folder::{Folder, Look, Reason};
use inbox::{Asked, Debounce, Inbox};

/// How a folder is followed.
#[derive(Debug)]
pub struct ReloadOptions {
    /// The policies folder.
    pub folder: PathBuf,
    /// How long the folder has to be quiet before it is read …
    pub quiet: Duration,
    /// … and how long it is waited for that.
    pub longest_wait: Duration,
    /// How often it is looked at, whatever the watcher tells; a fifth more or less, by chance.
    pub rescan: Duration,
    /// Tenants and documents may vanish without being asked after (semantics §2).
    pub allow_removals: bool,
    /// What the folder may hold at most.
    pub limits: Limits,
    /// What the operator states beside the files.
    pub settings: PolicySettings,
    /// How it is watched.
    pub watching: Watching,
    /// Who records what becomes of it.
    pub witness: Witness,
    /// How long policies count that could not be confirmed: past that nothing is answered from them until they
    /// are found or replaced again. `None` = for ever.
    pub deny_after: Option<Duration>,
}

impl ReloadOptions {
    /// The defaults, for this folder.
    pub fn of(folder: impl Into<PathBuf>) -> Self {
        ReloadOptions {
            folder: folder.into(),
            quiet: Duration::from_millis(100),
            longest_wait: Duration::from_secs(1),
            rescan: Duration::from_secs(5),
            allow_removals: false,
            limits: Limits::default(),
            settings: PolicySettings::NONE,
            watching: Watching::native(),
            witness: Witness::default(),
            deny_after: None,
        }
    }
}

/// Is told, on the reloader's thread, of every outcome that is news, with what differs from what was in force:
/// before whoever asked for it, and once for each content. Content that decides the same may differ all the same,
/// as disabled policies and names do; then the outcome is [`Outcome::Unchanged`].
#[derive(Clone, Default)]
pub struct Witness(Option<Arc<Told>>);

type Told = dyn Fn(&Outcome, &Changes) + Send + Sync;

impl Witness {
    /// Calls this.
    pub fn new(told: impl Fn(&Outcome, &Changes) + Send + Sync + 'static) -> Self {
        Witness(Some(Arc::new(told)))
    }

    fn tell(&self, outcome: &Outcome, changes: &Changes) {
        if let Witness(Some(told)) = self {
            told(outcome, changes);
        }
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Witness({})", self.0.is_some())
    }
}

/// A snapshot was put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// The snapshot.
    pub id: SnapshotId,
    /// The how-manieth activation it is.
    pub version: u64,
    /// When.
    pub at: Timestamp,
}

/// The folder's content was refused; the active snapshot stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Why, in a sentence: the first error.
    pub message: String,
    /// All that was found.
    pub findings: Arc<[Finding]>,
    /// When.
    pub at: Timestamp,
}

/// What became of a look at the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was new and good.
    Activated(Activation),
    /// What is there is in force already.
    Unchanged {
        /// The snapshot in force.
        id: Option<SnapshotId>,
    },
    /// It is not good.
    Rejected(Rejection),
}

/// What watchers of the reloader are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A snapshot was put in force.
    Activated(Activation),
    /// The folder's content was refused: once for the same content.
    Rejected(Rejection),
}

/// How the folder stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Why the folder's content is not in force, if it is not.
    pub last_error: Option<String>,
    /// What was found in the refused content, else the findings about what is in force; errors first.
    pub findings: Arc<[Finding]>,
    /// Since when the active snapshot is not what the folder holds: the wall clock's time is for people, the boot
    /// clock's for measuring how long that has been so.
    pub stale_since: Option<Instants>,
    /// When the folder was last looked at.
    pub last_look: Option<Timestamp>,
    /// Whether a watcher is running; the rescan does its work where not.
    pub is_watched: bool,
    /// Counts the times the folder was read.
    pub loads: u64,
    /// Counts the snapshots that were put in force.
    pub activations: u64,
    /// Counts what was refused.
    pub rejections: u64,
    /// The same, by cause.
    pub rejected: RejectedFor,
}

/// Counts what was refused, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RejectedFor {
    /// The folder or a file could not be read.
    pub unreadable: u64,
    /// A document of the active policies was gone.
    pub removed: u64,
    /// What was read is not right.
    pub invalid: u64,
    /// A fault of ours.
    pub internal: u64,
}

impl Status {
    /// For how long the active snapshot has not been what the folder holds: on the boot clock, which
    /// [`Engine::confirm`] measures on too.
    pub fn stale_for(&self, clock: &Clock) -> Option<Duration> {
        let since = self.stale_since?;
        Some(clock.now().boot.saturating_sub(since.boot))
    }

    /// Errors and warnings: an informational finding needs no attention.
    pub fn errors_and_warnings(&self) -> usize {
        let needs_attention = |finding: &&Finding| finding.severity < Severity::Info;
        self.findings.iter().filter(needs_attention).count()
    }
}

impl RejectedFor {
    /// Counts one, by its first error.
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

/// Starts to follow a folder.
#[derive(Debug)]
pub struct Reloader;

/// A reloader that runs, and what its first look found.
#[derive(Debug)]
pub struct Started {
    /// The reloader; it ends with its last handle.
    pub handle: ReloadHandle,
    /// What its first look found.
    pub first: Outcome,
}

/// A reloader that runs. It ends when the last of its handles is dropped.
#[derive(Debug, Clone)]
pub struct ReloadHandle(Arc<Running>);

#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the reloader's thread and its handles have in common.
#[derive(Debug)]
struct Shared {
    inbox: Arc<Inbox>,
    status: Mutex<Status>,
    events: broadcast::Sender<Event>,
}

/// Reads a folder once and puts it in force if it is good, without watching it: for commands that do not serve.
pub fn load_once(engine: &Engine, options: ReloadOptions) -> Outcome {
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
    let asked = Reason::Asked { allow_removals };
    let mut folder = Folder::new(folder, limits, settings, allow_removals, debounce);
    match folder.look(engine, asked) {
        Look::News(outcome, ..) => outcome,
        Look::Nothing => Outcome::Unchanged {
            id: engine.active().map(|active| active.snapshot.id()),
        },
    }
}

impl Reloader {
    /// Looks at the folder once, on this thread, then goes on following it on its own. Fails only where
    /// the system has no thread to give.
    pub fn start(engine: Arc<Engine>, options: ReloadOptions) -> io::Result<Started> {
        let shared = Arc::new(Shared {
            inbox: Arc::default(),
            status: Mutex::default(),
            events: broadcast::channel(EVENTS_KEPT).0,
        });
        let mut worker = worker::Worker::new(engine, options, Arc::clone(&shared));
        let first = worker.first_look();
        let thread = std::thread::Builder::new()
            .name(String::from("reload"))
            .spawn(move || worker.run())?;
        let running = Running {
            shared,
            thread: Mutex::new(Some(thread)),
        };
        Ok(Started {
            handle: ReloadHandle(Arc::new(running)),
            first,
        })
    }
}

impl ReloadHandle {
    /// Looks at the folder now and waits for the outcome. With `allow_removals`, tenants and documents may
    /// be gone. Once this has returned, no request that starts later sees an older snapshot.
    pub async fn reload(&self, allow_removals: bool) -> Outcome {
        let outcome = self.ask(allow_removals).await;
        outcome.unwrap_or_else(|_| stopped())
    }

    /// The same, for a thread that is no runtime's.
    pub fn reload_blocking(&self, allow_removals: bool) -> Outcome {
        let outcome = self.ask(allow_removals).blocking_recv();
        outcome.unwrap_or_else(|_| stopped())
    }

    /// Says that something may have changed (SIGHUP).
    pub fn hint(&self) {
        self.0.shared.inbox.hint();
    }

    /// How the folder stands.
    pub fn status(&self) -> Status {
        self.0.shared.status().clone()
    }

    /// Every activation and rejection from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.0.shared.events.subscribe()
    }

    /// Ends the reloader and waits for its thread. The engine keeps what is active.
    pub fn stop(&self) {
        self.0.shared.inbox.stop();
        let thread = self
            .0
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // It catches panics itself; one that escaped has been printed.
            let _ = thread.join();
        }
    }

    fn ask(&self, allow_removals: bool) -> oneshot::Receiver<Outcome> {
        let (answer, outcome) = oneshot::channel();
        self.0.shared.inbox.ask(Asked {
            allow_removals,
            answer,
        });
        outcome
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.inbox.stop();
    }
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stopped() -> Outcome {
    Outcome::Rejected(Rejection {
        message: String::from("the reloader has stopped"),
        findings: Arc::default(),
        at: Clock::System.now().wall,
    })
}

/// A subscriber that is further behind is told that it missed some.
const EVENTS_KEPT: usize = 64;
