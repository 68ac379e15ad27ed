//! The journal: records on disk, written with group commit, in a hash chain with signed checkpoints.
//!
//! One thread writes. The records that arrive during a sync form the next group: one write, one `fdatasync`. A ticket
//! resolves when its record is on disk. After a failed write or sync the segment is never written to again, because the
//! kernel may have dropped dirty pages and reports that only once. The group is then written to a new segment, whose
//! header states how many bytes of the old one are valid; if that fails too, the group's tickets fail. Lost records are
//! reported by gap records. The journal does not parse bodies.

pub mod checkpoint;
mod commit_timer;
pub mod disk;
mod fair_queue;
mod files;
mod follow;
mod gap;
mod group_buffer;
mod line;
mod queue;
mod read;
mod recovery;
mod retention;
mod tail;
pub mod verify;
mod writer;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::time::Timestamp;
use checkpoint::Signer;
use commit_timer::CommitTimer;
pub use commit_timer::{CommitStats, WaitBounds};
use disk::Disk;
pub use follow::JournalFollower;
use gap::Losses;
pub use gap::{CountsByReason, Gap, GapReason};
pub use line::{Head, RecordHash, RecordKind};
use queue::{Queue, Queued};
pub use read::{JournalRecord, Position, Records};
pub use recovery::Recovery;
use writer::JournalWriter;

/// The kinds of records that callers append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A sign-in event.
    SignIn,
    /// An audit record.
    Audit,
}

/// The origin of a record: a connection, or this process. The queue serves sources round robin, so no source crowds out
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordSource(pub u64);

impl RecordSource {
    /// This process. Connection numbers start at 1.
    pub const PROCESS: RecordSource = RecordSource(0);
}

/// A record to append.
pub struct JournalEntry {
    /// The record's kind.
    pub kind: EventKind,
    /// The time of the event.
    pub time: Timestamp,
    /// A JSON object on one line, its control characters escaped.
    pub body: Vec<u8>,
    /// A caller waits for the record and does nothing before it is on disk. If it fails, it does not count as lost.
    pub is_awaited: bool,
    /// The record's origin.
    pub source: RecordSource,
    /// Called by the writer when the record is on disk, before the ticket resolves.
    pub when_durable: Option<Box<dyn FnOnce() + Send>>,
}

/// The settings of a journal.
#[derive(Debug)]
pub struct JournalOptions {
    /// Signs checkpoints.
    pub signer: Signer,
    /// The maximum number of queued records.
    pub queue: usize,
    /// How long a caller waits for its record.
    pub wait: WaitBounds,
    /// How long records are collected into a group. Zero: only while the previous group is written.
    pub linger: Duration,
    /// The size at which a segment is closed.
    pub segment_bytes: u64,
    /// Old segments are removed while all segments together are larger than this.
    pub retention_bytes: u64,
    /// A segment is removed when all of its records are older than this.
    pub retention: Duration,
    /// Disk space reserved for the record that the disk is full.
    pub reserve_bytes: u64,
    /// Whether segments are kept until they are exported.
    pub is_exported: bool,
}

/// An open journal. It is closed by [`Journal::close`], or when it is dropped.
pub struct Journal {
    shared: Arc<SharedJournal>,
    disk: Arc<dyn Disk>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Resolves when a record is on disk.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Result<(), NotDurable>>);

/// A record was not written to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record was not written to disk")]
pub struct NotDurable;

/// Why a record was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The queue is full.
    #[error("the queue of records is full")]
    Full,
    /// Writes to the disk fail.
    #[error("records cannot be written to disk")]
    Failing,
    /// The journal is closed.
    #[error("the log is closed")]
    Closed,
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk failed.
    #[error("cannot {what}: {error}")]
    Disk {
        /// The operation, after "cannot".
        what: &'static str,
        /// The system's error.
        error: io::Error,
    },
    /// The existing records were signed with another key.
    #[error(
        "the existing records are signed with the key {expected}, but the signing key is {found}: restore that key, or move the folder away to start a new log"
    )]
    Key {
        /// The public key of the last segment.
        expected: String,
        /// The public key of the configured signing key.
        found: String,
    },
}

/// The state of a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalStatus {
    /// Queued records.
    pub queued: usize,
    /// Records of all kinds written since the start.
    pub records: u64,
    /// Bytes written since the start.
    pub bytes: u64,
    /// Groups written since the start.
    pub commits: u64,
    /// Failed writes since the start.
    pub failures: u64,
    /// Gap records written since the start.
    pub gaps: CountsByReason,
    /// Records lost since the start: reported by gap records, or by the next one.
    pub lost: CountsByReason,
    /// The wall clock is not trusted, so no segment is removed by age.
    pub is_age_postponed: bool,
    /// The start of the current disk failure.
    pub failing_since: Option<Timestamp>,
    /// The system's last error.
    pub last_error: Option<String>,
    /// Segments on disk.
    pub segments: usize,
    /// The sequence number of the last record on disk.
    pub last_seq: u64,
    /// The sequence number of the last signed record.
    pub last_checkpoint: u64,
}

/// The state shared by the writer thread and the [`Journal`].
#[derive(Debug)]
struct SharedJournal {
    queue: Queue,
    timer: CommitTimer,
    losses: Losses,
    status: Mutex<JournalStatus>,
    durable: watch::Sender<Position>,
    exported: Mutex<Position>,
}

impl Journal {
    /// Recovers the existing log, starts a new segment after it, and starts the writer thread.
    pub fn open(
        options: JournalOptions,
        disk: Arc<dyn Disk>,
        clock: Clock,
    ) -> Result<(Journal, Recovery), JournalError> {
        let found = recovery::recover(&disk, &options.signer.public_key())?;
        let recovery = found.recovery();
        let shared = Arc::new(SharedJournal {
            queue: Queue::new(options.queue),
            timer: CommitTimer::new(options.wait),
            losses: Losses::default(),
            status: Mutex::default(),
            durable: watch::channel(Position::default()).0,
            exported: Mutex::default(),
        });
        let mut writer = JournalWriter::new(
            options,
            Arc::clone(&disk),
            clock,
            Arc::clone(&shared),
            found,
        );
        let begun = writer.begin();
        begun.map_err(|error| JournalError::Disk {
            what: "write the first record",
            error,
        })?;
        let thread = std::thread::Builder::new()
            .name(String::from("log"))
            .spawn(move || writer.run());
        let thread = thread.map_err(|error| JournalError::Disk {
            what: "start the thread that writes",
            error,
        })?;
        let journal = Journal {
            shared,
            disk,
            thread: Mutex::new(Some(thread)),
        };
        Ok((journal, recovery))
    }

    /// Queues a record, or refuses it; never blocks.
    pub fn append(&self, entry: JournalEntry) -> Result<Ticket, AppendError> {
        let (result, ticket) = oneshot::channel();
        let queued = Queued::new(entry, result, false);
        self.shared.queue.push(queued).map(|()| Ticket(ticket))
    }

    /// Queues a record even if the queue is full or the disk fails. For rare records of threads that serve no calls.
    pub fn append_unbounded(&self, entry: JournalEntry) -> Ticket {
        let (result, ticket) = oneshot::channel();
        let queued = Queued::new(entry, result, true);
        // If the journal is closed, the ticket fails.
        let _ = self.shared.queue.push(queued);
        Ticket(ticket)
    }

    /// Counts a lost record. The next gap record reports it.
    pub fn count_lost(&self, kind: EventKind, reason: GapReason) {
        self.shared.losses.add(kind, reason);
    }

    /// The current state.
    pub fn status(&self) -> JournalStatus {
        let mut status = self.shared.status().clone();
        status.queued = self.shared.queue.len();
        status.lost.add_all(&self.shared.losses.total());
        status
    }

    /// The measured group commit, and the wait that follows from it.
    pub fn commit_stats(&self) -> CommitStats {
        self.shared.timer.stats()
    }

    /// How long a caller waits for its record at present.
    pub fn wait(&self) -> Duration {
        self.shared.timer.wait()
    }

    /// Logs a slow disk, for a caller that has waited for half of its time: the writer may hang in a sync.
    pub fn report_long_wait(&self) {
        self.shared.timer.report();
    }

    /// Counts a caller whose wait has timed out.
    pub fn count_timeout(&self) {
        self.shared.timer.count_timeout();
    }

    /// The position up to which records are on disk.
    pub fn durable(&self) -> watch::Receiver<Position> {
        self.shared.durable.subscribe()
    }

    /// The journal's files, for reading.
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    /// Sets the position up to which records are exported. Segments before it may be removed.
    pub fn set_exported(&self, position: Position) {
        let exported = self.shared.exported.lock();
        *exported.unwrap_or_else(PoisonError::into_inner) = position;
    }

    /// Writes and signs the queued records, and stops. From here on, records are refused.
    pub fn close(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock();
        let thread = thread.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // The thread does not panic; the panic hook has printed any panic.
            let _ = thread.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl SharedJournal {
    fn status(&self) -> MutexGuard<'_, JournalStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Waits until the record is on disk, or has failed.
    pub async fn durable(self) -> Result<(), NotDurable> {
        self.0.await.unwrap_or(Err(NotDurable))
    }

    /// The same, for threads outside of a runtime.
    pub fn wait(self) -> Result<(), NotDurable> {
        self.0.blocking_recv().unwrap_or(Err(NotDurable))
    }
}

impl fmt::Debug for JournalEntry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("JournalEntry")
            .field("kind", &self.kind)
            .field("body", &String::from_utf8_lossy(&self.body))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Journal").field(&self.status()).finish()
    }
}
