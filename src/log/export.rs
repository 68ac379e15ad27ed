//! Exports records to an OpenTelemetry collector as OTLP logs, at least once.
//!
//! One thread follows the journal. It reads records on disk from the cursor on, sends them in batches and moves the
//! cursor when the collector has accepted them. If the collector is unavailable, slow or restarting, the thread retries
//! with exponential backoff. The cursor file is the starting point after a restart of this process. No call waits for
//! the export, and no record is lost: at worst records arrive twice, with the same `log.record.uid`.

mod cursor;
mod record;
mod send;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::journal::{Journal, JournalRecord, Position, RecordKind, Records};
use crate::clock::{Clock, jittered};
use crate::otlp::Collector;
use crate::time::Timestamp;
use cursor::CursorFile;
use record::Batch;
use send::{CollectorClient, ExportOutcome};

/// How records are exported.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The target.
    pub collector: Collector,
    /// Resource attributes of this process.
    pub resource: Vec<(String, String)>,
    /// The maximum number of records in one call.
    pub batch: usize,
    /// How long new records are collected into a batch.
    pub linger: Duration,
    /// The first retry delay. It doubles with each further failure.
    pub first_retry: Duration,
    /// The maximum retry delay.
    pub max_retry: Duration,
}

impl ExportOptions {
    /// The defaults.
    pub fn to(collector: Collector, resource: Vec<(String, String)>) -> Self {
        ExportOptions {
            collector,
            resource,
            batch: 512,
            linger: Duration::from_millis(100),
            first_retry: Duration::from_millis(250),
            max_retry: Duration::from_secs(30),
        }
    }
}

/// The state of the export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportStatus {
    /// The sequence number of the last exported record.
    pub exported_seq: u64,
    /// Records on disk that are not exported, including the log's internal records.
    pub lag: u64,
    /// Records accepted by the collector since the start.
    pub sent: u64,
    /// Records rejected by the collector and skipped. They stay on this disk.
    pub refused: u64,
    /// Records that were removed before they could be sent.
    pub missing: u64,
    /// Failed calls since the start.
    pub failures: u64,
    /// The first failure after the last successful call.
    pub failing_since: Option<Timestamp>,
    /// The last error.
    pub last_error: Option<String>,
}

/// A running export. It ends with [`Exporter::stop`], or at once when it is dropped.
#[derive(Debug)]
pub struct Exporter {
    shared: Arc<SharedExportStatus>,
    durable: watch::Receiver<Position>,
    /// The deadline for the remaining records, once the export is stopping.
    end: watch::Sender<Option<Instant>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct SharedExportStatus(Mutex<ExportStatus>);

impl SharedExportStatus {
    fn status(&self) -> MutexGuard<'_, ExportStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exporter {
    /// Starts at the position in the cursor file, or at the first record.
    pub fn start(journal: &Arc<Journal>, options: ExportOptions, clock: Clock) -> io::Result<Self> {
        let shared = Arc::new(SharedExportStatus::default());
        let (end, ending) = watch::channel(None);
        let mut worker = ExportWorker {
            at: Position::default(),
            max_records: options.batch,
            durable: journal.durable(),
            cursor: CursorFile::new(journal.disk()),
            client: CollectorClient::new(options.collector.clone()),
            journal: Arc::clone(journal),
            shared: Arc::clone(&shared),
            log: None,
            failures: 0,
            malformed: 0,
            options,
            clock,
            ending,
        };
        worker.resume()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("export".to_owned())
            .spawn(move || {
                runtime.block_on(worker.run());
                runtime.shutdown_background();
            })?;
        Ok(Exporter {
            shared,
            durable: journal.durable(),
            end,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The current state.
    pub fn status(&self) -> ExportStatus {
        let written = self.durable.borrow().seq;
        let status = self.shared.status().clone();
        ExportStatus {
            lag: written.saturating_sub(status.exported_seq),
            ..status
        }
    }

    /// Sends the remaining records for at most `bound`, and ends. Call it after the journal is closed.
    pub fn stop(&self, bound: Duration) {
        self.end.send_replace(Some(Instant::now() + bound));
        let thread = self.thread.lock();
        let thread = thread.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // The thread does not panic; the panic hook has printed any panic.
            let _ = thread.join();
        }
    }
}

/// The state of the export thread.
#[derive(Debug)]
struct ExportWorker {
    /// The end of the exported records.
    at: Position,
    /// The log's id, once a segment header was read.
    log: Option<uuid::Uuid>,
    /// The maximum number of records in the next call. It is halved after each failure, because the call may have been
    /// too large, and doubled after each success.
    max_records: usize,
    /// Consecutive failures.
    failures: u32,
    /// How often the next record was sent alone and called malformed.
    malformed: u32,
    durable: watch::Receiver<Position>,
    journal: Arc<Journal>,
    cursor: CursorFile,
    client: CollectorClient,
    options: ExportOptions,
    shared: Arc<SharedExportStatus>,
    clock: Clock,
    ending: watch::Receiver<Option<Instant>>,
}

impl ExportWorker {
    /// Finds the starting position.
    fn resume(&mut self) -> io::Result<()> {
        let written = *self.durable.borrow();
        self.log = self.log_of(written.segment)?;
        let saved = self.cursor.read()?;
        self.at = match saved {
            Some(cursor) if Some(cursor.log) == self.log && cursor.position() <= written => {
                cursor.position()
            }
            Some(cursor) => {
                let (seq, written) = (cursor.seq, written.seq);
                tracing::warn!(
                    seq,
                    written,
                    "the export cursor belongs to another log: exporting all records again"
                );
                Position::default()
            }
            None => Position::default(),
        };
        self.journal.set_exported(self.at);
        self.shared.status().exported_seq = self.at.seq;
        Ok(())
    }

    /// The log that a segment belongs to, from the segment's first record.
    fn log_of(&self, segment: u64) -> io::Result<Option<uuid::Uuid>> {
        let from = Position {
            segment,
            ..Position::default()
        };
        let mut records = Records::between(self.journal.disk(), Some(from), None)?;
        let first = records.next().transpose()?;
        Ok(first.as_ref().and_then(record::log_id))
    }

    async fn run(mut self) {
        let mut ending = self.ending.clone();
        let bound = async move {
            // A dropped exporter stops at once.
            let end = ending.wait_for(Option::is_some).await;
            let end = end.ok().and_then(|end| *end);
            sleep_until(end.unwrap_or_else(Instant::now)).await;
        };
        tokio::select! {
            () = self.follow() => {}
            () = bound => {}
        }
        self.save_cursor();
        let (at, written) = (self.at.seq, self.durable.borrow().seq);
        if at < written {
            tracing::warn!(
                exported = at,
                written,
                "stopping with unexported records: the next start exports them"
            );
        }
    }

    /// Exports until the export is stopping and no record remains, or the remaining records cannot be sent.
    async fn follow(&mut self) {
        loop {
            let until = *self.durable.borrow_and_update();
            if self.at < until && !self.export(until).await {
                return;
            }
            if self.at >= *self.durable.borrow() {
                self.save_cursor();
                if !self.wait_for_more().await {
                    return;
                }
            }
        }
    }

    /// Waits for new records; false if the journal is closed or the export is stopping.
    async fn wait_for_more(&mut self) -> bool {
        let is_ending = self.ending.borrow().is_some();
        let has_more = tokio::select! {
            changed = self.durable.changed() => changed.is_ok(),
            _ = self.ending.changed(), if !is_ending => true,
            () = std::future::ready(()), if is_ending => false,
        };
        if has_more && !is_ending {
            self.pause(self.options.linger).await;
        }
        has_more
    }

    /// Exports up to a position; false if the export stopped before.
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
                    // The rest of the last segment is not a record.
                    self.move_to(until);
                    return true;
                }
                Err(error) => return self.failed(error.to_string(), None).await,
            };
            match self.client.send(&batch, &self.options.resource).await {
                ExportOutcome::Accepted { refused, message } => {
                    self.accepted(&batch, refused, &message)
                }
                ExportOutcome::Retry { message, pause } => {
                    self.max_records = batch.len().div_ceil(2);
                    return self.failed(message, pause).await;
                }
                ExportOutcome::Malformed { message } => {
                    if self.should_skip(&batch) {
                        self.accepted(&batch, 1, &message);
                        continue;
                    }
                    self.max_records = batch.len().div_ceil(2);
                    return self.failed(message, None).await;
                }
            }
        }
    }

    /// Whether to skip the record of a call that the collector calls malformed. A batch of several records is halved
    /// without delay until the record is found. That record is retried for minutes, because the fault may be the
    /// collector's.
    fn should_skip(&mut self, batch: &Batch) -> bool {
        if batch.len() > 1 {
            self.failures = 0;
            return false;
        }
        self.malformed = self.malformed.saturating_add(1);
        self.malformed > MAX_MALFORMED
    }

    /// The next batch; `None` if no record remains.
    fn gather(&mut self, records: &mut Records) -> io::Result<Option<Batch>> {
        let mut batch = Batch::new(self.at);
        while batch.len() < self.max_records && batch.bytes() < BATCH_BYTES {
            let Some(record) = records.next().transpose()? else {
                break;
            };
            self.report_missing(batch.end().seq, &record);
            if record.kind == RecordKind::Segment {
                self.log = record::log_id(&record).or(self.log);
            }
            batch.add(self.log, &record);
        }
        Ok((batch.end() != self.at).then_some(batch))
    }

    /// Logs and counts records that were removed before they could be sent. Gap records are exported like all others.
    fn report_missing(&self, before: u64, record: &JournalRecord) {
        let expected = before + 1;
        if record.seq > expected {
            let missing = record.seq - expected;
            tracing::error!(
                from = expected,
                to = record.seq - 1,
                "records were removed before they could be exported"
            );
            self.shared.status().missing += missing;
        }
    }

    fn accepted(&mut self, batch: &Batch, refused: u64, message: &str) {
        if batch.len() == 0 {
            // No call was made, so this is not a success of the collector.
            return self.move_to(batch.end());
        }
        let records = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if refused > 0 {
            let (first, last) = batch.seqs();
            tracing::error!(
                refused,
                first,
                last,
                message,
                "the collector rejected records: they are skipped and remain only in the log on this disk"
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
        (self.failures, self.malformed) = (0, 0);
        self.max_records = self.max_records.saturating_mul(2).min(self.options.batch);
        self.move_to(batch.end());
        self.cursor.save_if_due(self.log, self.at);
    }

    fn move_to(&mut self, position: Position) {
        self.at = position;
        self.shared.status().exported_seq = position.seq;
        self.journal.set_exported(position);
    }

    /// Records a failure and waits for the retry delay; false if the export is stopping.
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
            tracing::warn!(error = message, "records are not exported: retrying");
        }
        let doubled = self
            .options
            .first_retry
            .saturating_mul(1 << self.failures.min(MAX_DOUBLINGS));
        let usual = jittered(doubled.min(self.options.max_retry), JITTER);
        self.failures = self.failures.saturating_add(1);
        self.save_cursor();
        let requested = pause.unwrap_or_default().min(MAX_REQUESTED_DELAY);
        self.pause(usual.max(requested)).await
    }

    /// Waits for `span`, or until the export is stopping; true if it is not stopping.
    async fn pause(&mut self, span: Duration) -> bool {
        if self.ending.borrow().is_some() {
            return false;
        }
        let waited = timeout_at(Instant::now() + span, self.ending.changed()).await;
        waited.is_err()
    }

    fn save_cursor(&mut self) {
        self.cursor.save(self.log, self.at);
    }
}

/// Collectors accept calls of 4 MiB by default; a record has at most about 70 KiB.
const BATCH_BYTES: usize = 1 << 20;
/// How often a record alone may be called malformed before it is skipped: more than two minutes of retries.
const MAX_MALFORMED: u32 = 9;
/// The maximum retry delay that a collector may request.
const MAX_REQUESTED_DELAY: Duration = Duration::from_secs(300);
/// Per mille: a quarter more or less.
const JITTER: u32 = 250;
/// Bounds the shift of the first retry delay.
const MAX_DOUBLINGS: u32 = 16;
