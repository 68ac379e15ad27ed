//! Written records → an OpenTelemetry collector, as OTLP logs, at least once.
//!
//! One thread follows the journal: it reads what is on disk from where it was, sends it in batches and moves the cursor
//! when the collector has said that it took them. A collector that is away, slow or restarted is asked again, later
//! and later; after a restart of this process the cursor's file says where to go on. Nothing waits for it and nothing
//! is lost by it: at worst records come twice, under the same `log.record.uid`.

mod cursor;
mod record;
mod send;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::journal::{Journal, Position, Record, RecordKind, Records};
use crate::clock::{Clock, jittered};
use crate::otlp::Collector;
use crate::time::Timestamp;
use cursor::CursorFile;
use record::Batch;
use send::{Answer, Sender};

/// How records are exported.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Where to.
    pub collector: Collector,
    /// What the collector is told of this process.
    pub resource: Vec<(String, String)>,
    /// Most records in one call.
    pub batch: usize,
    /// How long a batch is gathered.
    pub linger: Duration,
    /// How long after a failure it is tried again; doubled with every further one …
    pub first_retry: Duration,
    /// … up to this.
    pub longest_retry: Duration,
}

impl ExportOptions {
    /// The usual ones.
    pub fn to(collector: Collector, resource: Vec<(String, String)>) -> Self {
        ExportOptions {
            collector,
            resource,
            batch: 512,
            linger: Duration::from_millis(100),
            first_retry: Duration::from_millis(250),
            longest_retry: Duration::from_secs(30),
        }
    }
}

/// How the export goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportStatus {
    /// The last record that the collector has.
    pub exported_seq: u64,
    /// Records on disk that it has not, those of the log itself included.
    pub lag: u64,
    /// Records that it took since the start.
    pub sent: u64,
    /// Records that it would not take and that were passed over; they are on this disk.
    pub refused: u64,
    /// Records that were gone before they could be sent.
    pub missing: u64,
    /// Calls that failed since the start.
    pub failures: u64,
    /// Since when none succeeds.
    pub failing_since: Option<Timestamp>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// An export under way. It ends with [`Exporter::stop`], or when it is dropped, then without waiting.
#[derive(Debug)]
pub struct Exporter {
    shared: Arc<Shared>,
    durable: watch::Receiver<Position>,
    /// Until when what is left may be sent, once that is limited.
    end: watch::Sender<Option<Instant>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<ExportStatus>);

impl Shared {
    fn status(&self) -> MutexGuard<'_, ExportStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exporter {
    /// Goes on where the cursor's file says, or at the first record.
    pub fn start(journal: &Arc<Journal>, options: ExportOptions, clock: Clock) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (end, ending) = watch::channel(None);
        let mut course = Course {
            at: Position::default(),
            most: options.batch,
            durable: journal.durable(),
            cursor: CursorFile::new(journal.disk()),
            sender: Sender::new(options.collector.clone()),
            journal: Arc::clone(journal),
            shared: Arc::clone(&shared),
            log: None,
            failures: 0,
            unfit: 0,
            options,
            clock,
            ending,
        };
        course.begin()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("export".to_owned())
            .spawn(move || {
                runtime.block_on(course.run());
                runtime.shutdown_background();
            })?;
        Ok(Exporter {
            shared,
            durable: journal.durable(),
            end,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// How it goes.
    pub fn status(&self) -> ExportStatus {
        let written = self.durable.borrow().seq;
        let status = self.shared.status().clone();
        ExportStatus {
            lag: written.saturating_sub(status.exported_seq),
            ..status
        }
    }

    /// Sends what is on disk, waits for that no longer than this, and ends. To be called when the journal is closed.
    pub fn stop(&self, bound: Duration) {
        self.end.send_replace(Some(Instant::now() + bound));
        let thread = self.thread.lock();
        let thread = thread.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It does not panic; one that escaped has been printed.
            let _ = thread.join();
        }
    }
}

/// The export, on its thread.
#[derive(Debug)]
struct Course {
    /// What the collector has.
    at: Position,
    /// Which log it is, once a record has said so.
    log: Option<uuid::Uuid>,
    /// Most records in the next call: half after each that fails, for it may have been too large; twice as many
    /// after one that does not.
    most: usize,
    /// In a row.
    failures: u32,
    /// How often the record that is next was alone in a call and could not be read.
    unfit: u32,
    durable: watch::Receiver<Position>,
    journal: Arc<Journal>,
    cursor: CursorFile,
    sender: Sender,
    options: ExportOptions,
    shared: Arc<Shared>,
    clock: Clock,
    ending: watch::Receiver<Option<Instant>>,
}

impl Course {
    /// Finds where to go on.
    fn begin(&mut self) -> io::Result<()> {
        let written = *self.durable.borrow();
        self.log = self.log_of(written.segment)?;
        let kept = self.cursor.read()?;
        self.at = match kept {
            Some(cursor) if Some(cursor.log) == self.log && cursor.position() <= written => {
                cursor.position()
            }
            Some(cursor) => {
                let (seq, written) = (cursor.seq, written.seq);
                tracing::warn!(
                    seq,
                    written,
                    "the export's cursor is not of this log: all of it is exported again"
                );
                Position::default()
            }
            None => Position::default(),
        };
        self.journal.exported_to(self.at);
        self.shared.status().exported_seq = self.at.seq;
        Ok(())
    }

    /// The log that a file belongs to: its first record says so.
    fn log_of(&self, segment: u64) -> io::Result<Option<uuid::Uuid>> {
        let from = Position {
            segment,
            ..Position::default()
        };
        let mut records = Records::between(self.journal.disk(), Some(from), None)?;
        let first = records.next().transpose()?;
        Ok(first.as_ref().and_then(record::log))
    }

    async fn run(mut self) {
        let mut ending = self.ending.clone();
        let bound = async move {
            // An exporter that was dropped waits for nothing.
            let end = ending.wait_for(Option::is_some).await;
            let end = end.ok().and_then(|end| *end);
            sleep_until(end.unwrap_or_else(Instant::now)).await;
        };
        tokio::select! {
            () = self.follow() => {}
            () = bound => {}
        }
        self.keep();
        let (at, written) = (self.at.seq, self.durable.borrow().seq);
        if at < written {
            tracing::warn!(
                exported = at,
                written,
                "records are left to be exported at the next start"
            );
        }
    }

    /// Exports until it is to end and nothing is left, or what is left cannot be sent.
    async fn follow(&mut self) {
        loop {
            let until = *self.durable.borrow_and_update();
            if self.at < until && !self.export(until).await {
                return;
            }
            if self.at >= *self.durable.borrow() {
                self.keep();
                if !self.more().await {
                    return;
                }
            }
        }
    }

    /// Waits for records; false when no more will come.
    async fn more(&mut self) -> bool {
        let is_ending = self.ending.borrow().is_some();
        let come = tokio::select! {
            come = self.durable.changed() => come.is_ok(),
            _ = self.ending.changed(), if !is_ending => true,
            () = std::future::ready(()), if is_ending => false,
        };
        if come && !is_ending {
            self.pause(self.options.linger).await;
        }
        come
    }

    /// Exports up to a place; false when the end has come before.
    async fn export(&mut self, until: Position) -> bool {
        let disk = self.journal.disk();
        let mut records = match Records::between(disk, Some(self.at), Some(until)) {
            Ok(records) => records,
            Err(error) => return self.failed(error.to_string(), None).await,
        };
        loop {
            let batch = match self.gather(&mut records) {
                Ok(Some(batch)) => batch,
                Ok(None) => {
                    // What is left of the last file is no record.
                    self.moved_to(until);
                    return true;
                }
                Err(error) => return self.failed(error.to_string(), None).await,
            };
            match self.sender.send(&batch, &self.options.resource).await {
                Answer::Taken { refused, message } => self.taken(&batch, refused, &message),
                Answer::Later { message, pause } => {
                    self.most = batch.len().div_ceil(2);
                    return self.failed(message, pause).await;
                }
                Answer::Unfit { message } => {
                    if self.is_passed_over(&batch) {
                        self.taken(&batch, 1, &message);
                        continue;
                    }
                    self.most = batch.len().div_ceil(2);
                    return self.failed(message, None).await;
                }
            }
        }
    }

    /// Whether a call that the collector cannot read is given up. One with several records is halved until the one
    /// is found, without losing time; that one is tried again for minutes, for it may be the collector that is wrong.
    fn is_passed_over(&mut self, batch: &Batch) -> bool {
        if batch.len() > 1 {
            self.failures = 0;
            return false;
        }
        self.unfit = self.unfit.saturating_add(1);
        self.unfit > PATIENCE
    }

    /// The next batch; none where there is nothing left.
    fn gather(&mut self, records: &mut Records) -> io::Result<Option<Batch>> {
        let mut batch = Batch::new(self.at);
        while batch.len() < self.most && batch.bytes() < BATCH_BYTES {
            let Some(record) = records.next().transpose()? else {
                break;
            };
            self.miss(batch.end().seq, &record);
            if record.kind == RecordKind::Segment {
                self.log = record::log(&record).or(self.log);
            }
            batch.add(self.log, &record);
        }
        Ok((batch.end() != self.at).then_some(batch))
    }

    /// Tells of records that were removed before they could be sent. What a gap record tells is on its way.
    fn miss(&self, before: u64, record: &Record) {
        let expected = before + 1;
        if record.seq > expected {
            let gone = record.seq - expected;
            tracing::error!(
                from = expected,
                to = record.seq - 1,
                "records are not there to be exported"
            );
            self.shared.status().missing += gone;
        }
    }

    fn taken(&mut self, batch: &Batch, refused: u64, message: &str) {
        if batch.len() == 0 {
            // Nobody was asked, so nothing is known of the collector.
            return self.moved_to(batch.end());
        }
        let records = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if refused > 0 {
            let (first, last) = batch.seqs();
            tracing::error!(
                refused,
                first,
                last,
                message,
                "the collector does not take records; they are in the log on this disk and nowhere else"
            );
        }
        let was_failing = {
            let mut status = self.shared.status();
            status.sent += records.saturating_sub(refused);
            status.refused += refused;
            status.failing_since.take().is_some()
        };
        if was_failing {
            tracing::info!("records are exported again");
        }
        (self.failures, self.unfit) = (0, 0);
        self.most = self.most.saturating_mul(2).min(self.options.batch);
        self.moved_to(batch.end());
        self.cursor.keep_now_and_then(self.log, self.at);
    }

    fn moved_to(&mut self, position: Position) {
        self.at = position;
        self.shared.status().exported_seq = position.seq;
        self.journal.exported_to(position);
    }

    /// Waits until it is to be tried again; false when the end comes first.
    async fn failed(&mut self, message: String, pause: Option<Duration>) -> bool {
        let now = self.clock.now().wall;
        let is_new = {
            let mut status = self.shared.status();
            status.failures += 1;
            let is_new = status.failing_since.is_none();
            status.failing_since.get_or_insert(now);
            status.last_error = Some(message.clone());
            is_new
        };
        if is_new {
            tracing::warn!(
                error = message,
                "records are not exported; it is tried again"
            );
        }
        let doubled = self
            .options
            .first_retry
            .saturating_mul(1 << self.failures.min(MOST_DOUBLINGS));
        let usual = jittered(doubled.min(self.options.longest_retry), JITTER);
        self.failures = self.failures.saturating_add(1);
        self.keep();
        let asked = pause.unwrap_or_default().min(LONGEST_PAUSE);
        self.pause(usual.max(asked)).await
    }

    /// Waits, but not once it is to end; true when it is not.
    async fn pause(&mut self, span: Duration) -> bool {
        if self.ending.borrow().is_some() {
            return false;
        }
        let waited = timeout_at(Instant::now() + span, self.ending.changed()).await;
        waited.is_err()
    }

    fn keep(&mut self) {
        self.cursor.keep(self.log, self.at);
    }
}

/// A collector takes calls of 4 MiB; a record is at most some 70 KiB.
const BATCH_BYTES: usize = 1 << 20;
/// How often one record alone may be found malformed before it is passed over: two minutes and more.
const PATIENCE: u32 = 9;
/// The longest that a collector may ask us to stay away.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A quarter more or less.
const JITTER: u32 = 250;
/// Of the first pause.
const MOST_DOUBLINGS: u32 = 16;
