//! Records on disk: written in groups, synced, chained by hash, signed at checkpoints.
//!
//! One thread writes. Whatever came while it synced is the next group: one write, one `fdatasync`. A ticket tells
//! when its record is on disk. After a failed write or sync the file is never touched again (the kernel may have
//! dropped what it could not write, and says so only once): the group is written to a new file, which says how much of
//! the old one counts, or its tickets fail. What is not on record is on record as a gap. Looks into no body.

pub mod checkpoint;
pub mod disk;
mod files;
mod follow;
mod gap;
mod lane;
mod line;
mod pace;
mod queue;
mod read;
mod retention;
mod start;
mod tail;
mod text;
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
use disk::Disk;
pub use follow::Follower;
use gap::Losses;
pub use gap::{CountsByReason, Gap, Lost};
pub use line::{Hash, Head, RecordKind};
use pace::Pace;
pub use pace::{PaceFigures, WaitBounds};
use queue::{Queue, Queued};
pub use read::{Position, Record, Records};
pub use start::Recovery;
use writer::Writer;

/// What others have recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A sign-in event.
    SignIn,
    /// An audit record.
    Audit,
}

/// What has caused a record: a connection, or this process. Sources take turns in the queue, so that none crowds out
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(pub u64);

impl Source {
    /// This process. Connections have numbers from 1.
    pub const PROCESS: Source = Source(0);
}

/// A record to be.
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// When it happened.
    pub time: Timestamp,
    /// A JSON object on one line, its control characters escaped.
    pub body: Vec<u8>,
    /// Somebody waits for it and does nothing before it is on disk: where it fails, nothing is missing.
    pub is_awaited: bool,
    /// Where it comes from.
    pub source: Source,
    /// Done by the writer when it is on disk, before anybody is told.
    pub when_durable: Option<Box<dyn FnOnce() + Send>>,
}

/// How a journal is written.
#[derive(Debug)]
pub struct JournalOptions {
    /// The key that signs.
    pub signer: Signer,
    /// Most records that wait.
    pub queue: usize,
    /// How long a caller waits for its record.
    pub wait: WaitBounds,
    /// How long a group is gathered; nothing: as long as the one before takes.
    pub linger: Duration,
    /// A file that is larger is followed by a new one.
    pub segment_bytes: u64,
    /// Old files are removed while all together are larger …
    pub retention_bytes: u64,
    /// … and when all of their records are older.
    pub retention: Duration,
    /// Space to tell that the disk is full.
    pub reserve_bytes: u64,
    /// A file that was not exported yet is not removed.
    pub is_exported: bool,
}

/// A journal that is written. It ends with [`Journal::close`], or when it is dropped.
pub struct Journal {
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Tells when a record is on disk.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Result<(), NotDurable>>);

/// A record did not get to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record did not get to the disk")]
pub struct NotDurable;

/// Why a record was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many are waiting.
    #[error("too many records wait for the disk")]
    Full,
    /// The disk does not take any.
    #[error("the disk does not take records")]
    Failing,
    /// The journal has ended.
    #[error("the log is closed")]
    Closed,
}

/// Why a journal cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk failed.
    #[error("cannot {what}: {error}")]
    Disk {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// The records that are there were signed with another key.
    #[error(
        "the records that are there were signed with the key {expected}, and this one is {found}: bring that key back, or move the folder away to begin a new log"
    )]
    Key {
        /// The public key of the last file.
        expected: String,
        /// The public key that was given.
        found: String,
    },
}

/// How the writing goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalStatus {
    /// Records that wait.
    pub queued: usize,
    /// Records written since the start, of whatever kind.
    pub records: u64,
    /// Bytes written since the start.
    pub bytes: u64,
    /// Groups written since the start.
    pub commits: u64,
    /// Groups that could not be written at first.
    pub failures: u64,
    /// Gap records written since the start.
    pub gaps: CountsByReason,
    /// Records that gap records have named since the start, or are about to.
    pub lost: CountsByReason,
    /// The wall clock is doubted, so that no file is removed by age.
    pub is_age_postponed: bool,
    /// Since when the disk takes nothing.
    pub failing_since: Option<Timestamp>,
    /// What the system said last.
    pub last_error: Option<String>,
    /// Files that there are.
    pub segments: usize,
    /// The last record on disk.
    pub last_seq: u64,
    /// The last signed record.
    pub last_checkpoint: u64,
}

/// What the writer and everybody else have in common.
#[derive(Debug)]
struct Shared {
    queue: Queue,
    pace: Pace,
    losses: Losses,
    status: Mutex<JournalStatus>,
    durable: watch::Sender<Position>,
    exported: Mutex<Position>,
}

impl Journal {
    /// Looks at what is there, begins a new file behind it, and starts to write.
    pub fn open(
        options: JournalOptions,
        disk: Arc<dyn Disk>,
        clock: Clock,
    ) -> Result<(Journal, Recovery), JournalError> {
        let found = start::look(&disk, &options.signer.public_key())?;
        let recovery = found.recovery();
        let shared = Arc::new(Shared {
            queue: Queue::new(options.queue),
            pace: Pace::new(options.wait),
            losses: Losses::default(),
            status: Mutex::default(),
            durable: watch::channel(Position::default()).0,
            exported: Mutex::default(),
        });
        let mut writer = Writer::new(
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

    /// Takes a record, or refuses it; never waits.
    pub fn append(&self, entry: Entry) -> Result<Ticket, Refused> {
        let (told, ticket) = oneshot::channel();
        let queued = Queued::new(entry, told, false);
        self.shared.queue.push(queued).map(|()| Ticket(ticket))
    }

    /// Takes a record that has to be written though the queue is full or the disk fails for a while. For records
    /// that are rare, by threads that serve nobody.
    pub fn append_surely(&self, entry: Entry) -> Ticket {
        let (told, ticket) = oneshot::channel();
        let queued = Queued::new(entry, told, true);
        // Once it is closed, the ticket says so.
        let _ = self.shared.queue.push(queued);
        Ticket(ticket)
    }

    /// Has the next gap record tell of one more that is missing.
    pub fn lost(&self, kind: Kind, why: Lost) {
        self.shared.losses.add(kind, why);
    }

    /// How the writing goes.
    pub fn status(&self) -> JournalStatus {
        let mut status = self.shared.status().clone();
        status.queued = self.shared.queue.len();
        status.lost.add_all(&self.shared.losses.ever());
        status
    }

    /// How long groups take to get to the disk, and how long a caller waits for its record.
    pub fn pace(&self) -> PaceFigures {
        self.shared.pace.figures()
    }

    /// How long a caller waits for its record now.
    pub fn wait(&self) -> Duration {
        self.shared.pace.wait()
    }

    /// A caller has waited for half of its time: the disk may be slow, and the writer hangs in a sync.
    pub fn waits_long(&self) {
        self.shared.pace.report();
    }

    /// Counts a caller that has waited in vain.
    pub fn timed_out(&self) {
        self.shared.pace.timed_out();
    }

    /// Up to where records are on disk.
    pub fn durable(&self) -> watch::Receiver<Position> {
        self.shared.durable.subscribe()
    }

    /// The files, to be read.
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    /// Up to where records have been exported: files before it may be removed.
    pub fn exported_to(&self, position: Position) {
        let exported = self.shared.exported.lock();
        *exported.unwrap_or_else(PoisonError::into_inner) = position;
    }

    /// Writes what waits, signs it, and ends. Records are refused from here on.
    pub fn close(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock();
        let thread = thread.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It does not panic; one that escaped has been printed.
            let _ = thread.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, JournalStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Ends when the record is on disk, or will never be.
    pub async fn durable(self) -> Result<(), NotDurable> {
        self.0.await.unwrap_or(Err(NotDurable))
    }

    /// The same, for a thread that is no runtime's.
    pub fn wait(self) -> Result<(), NotDurable> {
        self.0.blocking_recv().unwrap_or(Err(NotDurable))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Entry")
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
