//! The writer thread: for each group one write and one sync, then the tickets resolve.
//!
//! INVARIANT(durable): a ticket resolves as durable only after a successful sync that started after the record's write,
//! in a file whose directory entry is on disk too.

mod missing;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::disk::{Disk, DiskFile};
use super::files::{self, PreviousSegment, SegmentHeader};
use super::gap::{Gap, GapReason};
use super::group_buffer::GroupBuffer;
use super::line::Head;
use super::queue::Queued;
use super::recovery::RecoveredState;
use super::retention::{self, ClosedSegment, ExpiredSegment, RetentionClock, RetentionLimits};
use super::{JournalOptions, Position, SharedJournal};
use crate::clock::Clock;
use crate::time::Timestamp;

pub(super) struct JournalWriter {
    options: JournalOptions,
    disk: Arc<dyn Disk>,
    clock: Clock,
    shared: Arc<SharedJournal>,
    log: Uuid,
    /// The open segment; `None` before the first, and after an error.
    file: Option<Box<dyn DiskFile>>,
    /// The end of the records on disk; `None` if there is no valid segment.
    tail: Option<PreviousSegment>,
    /// The first record of the tail's segment.
    tail_first_seq: u64,
    /// The tail's segment is missing.
    is_tail_missing: bool,
    head: Head,
    next_number: u64,
    closed_segments: VecDeque<ClosedSegment>,
    /// Missing records that were detected, until a gap record reports them.
    detected: Vec<Gap>,
    /// Unbounded records that are written when the disk works again.
    retained: Vec<Queued>,
    /// The checkpoint to write to `head.json`.
    signed: Option<Checkpoint>,
    /// Segments to remove.
    expired: Vec<ExpiredSegment>,
    retention_clock: RetentionClock,
    unsigned: u64,
    signed_at: Instant,
    gaps_at: Instant,
    has_reserve: bool,
    is_failing: bool,
    is_new: bool,
}

impl JournalWriter {
    pub fn new(
        options: JournalOptions,
        disk: Arc<dyn Disk>,
        clock: Clock,
        shared: Arc<SharedJournal>,
        found: RecoveredState,
    ) -> Self {
        let retention_clock =
            RetentionClock::start(disk.as_ref(), options.retention, found.newest, clock.now());
        JournalWriter {
            retention_clock,
            options,
            disk,
            clock,
            shared,
            log: found.log,
            file: None,
            tail: found.tail,
            tail_first_seq: found.tail_first_seq,
            is_tail_missing: false,
            head: found.head,
            next_number: found.next_number,
            closed_segments: found.closed_segments.into(),
            detected: found.gaps,
            retained: Vec::new(),
            signed: None,
            expired: Vec::new(),
            unsigned: 0,
            signed_at: Instant::now(),
            gaps_at: Instant::now(),
            has_reserve: false,
            is_failing: false,
            is_new: found.is_new,
        }
    }

    /// Writes the first segment of this process, with the gaps found by the recovery.
    pub fn begin(&mut self) -> io::Result<()> {
        if self.is_new {
            // From here on, a missing `head.json` means that the file was removed.
            let checkpoint = self.options.signer.sign(self.log, Head::START);
            files::write_head(self.disk.as_ref(), &checkpoint)?;
        }
        self.refill_reserve();
        match self.write_to_new_file(&[], &[]) {
            Err(error) if is_full(&error) && self.release_reserve() => {
                self.write_to_new_file(&[], &[Gap::of(GapReason::DiskError)])
            }
            written => written,
        }?;
        self.tidy_up();
        if !self.refill_reserve() {
            // Otherwise ordinary records would use up the space for the record that the disk is full.
            self.set_failing(&io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    pub fn run(mut self) {
        let _guard = PanicGuard {
            shared: Arc::clone(&self.shared),
            clock: self.clock.clone(),
        };
        loop {
            let pause = if self.is_failing {
                RETRY_INTERVAL
            } else {
                TICK
            };
            let group = self.shared.queue.next(self.options.linger, pause);
            self.observe_clock();
            if self.is_failing {
                self.retry(group.entries, group.is_last);
            } else {
                self.commit(group.entries, group.is_last);
            }
            if group.is_last {
                self.retention_clock.save(self.disk.as_ref(), true);
                return;
            }
        }
    }

    /// The time for ages; `None` while the wall clock is not trusted.
    fn observe_clock(&mut self) -> Option<Timestamp> {
        let was_trusted = self.retention_clock.is_trusted();
        let now = self.retention_clock.observe(self.clock.now());
        let is_trusted = self.retention_clock.is_trusted();
        if !is_trusted || !was_trusted {
            self.shared.status().is_age_postponed = !is_trusted;
        }
        now
    }

    fn commit(&mut self, entries: Vec<Queued>, is_last: bool) {
        let gaps = self.due_gaps(is_last);
        if entries.is_empty() && gaps.is_empty() && !self.is_checkpoint_due(is_last) {
            return self.check_when_idle();
        }
        let shared = Arc::clone(&self.shared);
        let commit = shared.timer.start();
        match self.write(&entries, &gaps, is_last) {
            Ok(()) => {
                if !gaps.is_empty() {
                    self.gaps_at = Instant::now();
                }
                entries.into_iter().for_each(Queued::durable);
                self.tidy_up();
            }
            Err(error) => {
                self.shared.losses.restore(&gaps);
                self.begin_failing(&error, entries, is_last);
            }
        }
        drop(commit);
        shared.timer.report();
    }

    /// Detects a removed segment or folder while there are no records to write.
    fn check_when_idle(&mut self) {
        self.shared.timer.idle();
        let file = self.file.as_deref();
        let Some(Err(error)) = file.map(|file| self.check_in_place(file)) else {
            return;
        };
        self.file = None;
        self.report_failure(&error);
        match self.write_to_new_file(&[], &[]) {
            Ok(()) => self.tidy_up(),
            Err(error) => self.begin_failing(&error, Vec::new(), false),
        }
    }

    /// Fails unless the open segment and the folder are still at their paths.
    fn check_in_place(&self, file: &dyn DiskFile) -> io::Result<()> {
        self.disk.check_in_place()?;
        file.check_in_place()
    }

    /// The work that no caller waits for: replaces `head.json` and removes expired segments.
    fn tidy_up(&mut self) {
        if let Some(checkpoint) = self.signed.take()
            && let Err(error) = files::write_head(self.disk.as_ref(), &checkpoint)
        {
            tracing::warn!(%error, "cannot replace head.json: a truncated log would not be detected");
        }
        for ExpiredSegment { segment, reason } in std::mem::take(&mut self.expired) {
            let ClosedSegment { number, bytes, .. } = segment;
            match self.disk.remove(&files::name(number)) {
                Ok(()) => tracing::info!(
                    segment = number,
                    from = segment.first_seq,
                    to = segment.last_seq,
                    bytes,
                    by = reason,
                    "retention has removed a file of records"
                ),
                Err(error) => {
                    tracing::warn!(%error, segment = number, "cannot remove an old file of records");
                }
            }
        }
        self.retention_clock.save(self.disk.as_ref(), false);
    }

    /// The losses to report now: at most once a second, and at the end.
    fn due_gaps(&self, is_last: bool) -> Vec<Gap> {
        if is_last || self.gaps_at.elapsed() >= TICK {
            self.shared.losses.take()
        } else {
            Vec::new()
        }
    }

    fn is_checkpoint_due(&self, is_last: bool) -> bool {
        self.unsigned > 0
            && (is_last
                || self.unsigned >= RECORDS_A_CHECKPOINT
                || self.signed_at.elapsed() >= TICK)
    }

    fn write(&mut self, entries: &[Queued], gaps: &[Gap], is_last: bool) -> io::Result<()> {
        let length = self.tail.as_ref().map_or(0, |tail| tail.bytes);
        let fits = length < self.options.segment_bytes;
        let Some(file) = self.file.as_mut().filter(|_| fits) else {
            return self.write_to_new_file(entries, gaps);
        };
        let mut group = GroupBuffer::after(self.head);
        group.write_records(&self.clock, entries, gaps);
        let is_time = self.signed_at.elapsed() >= TICK;
        if is_last || is_time || self.unsigned + group.records >= RECORDS_A_CHECKPOINT {
            group.write_checkpoint(&self.clock, &self.options, self.log);
        }
        let disk = Arc::clone(&self.disk);
        let written = file
            .append(&group.bytes)
            .and_then(|()| file.sync())
            // A file without a directory entry is lost after a restart.
            .and_then(|()| disk.check_in_place())
            .and_then(|()| file.check_in_place());
        match written {
            Ok(()) => {
                self.advance(group);
                Ok(())
            }
            Err(error) => {
                // INVARIANT(durable): the file is never synced again.
                self.file = None;
                self.report_failure(&error);
                self.write_to_new_file(entries, gaps)
            }
        }
    }

    /// Starts a segment: its header, the gap records of detected losses and of retention, the group, and a checkpoint.
    fn write_to_new_file(&mut self, entries: &[Queued], gaps: &[Gap]) -> io::Result<()> {
        self.find_missing()?;
        let number = self.next_number;
        self.next_number += 1;
        let expired = self.expired_segments();
        let mut all_gaps = self.detected.clone();
        all_gaps.extend(retention::gap_of(&expired));
        all_gaps.extend_from_slice(gaps);

        let mut group = GroupBuffer::after(self.head);
        group.write_header(&self.clock, &self.header(number))?;
        group.write_records(&self.clock, entries, &all_gaps);
        group.write_checkpoint(&self.clock, &self.options, self.log);
        self.file = Some(self.create(number, &group.bytes)?);
        let is_missing = std::mem::take(&mut self.is_tail_missing);
        let followed = self.tail.take().map(|tail| ClosedSegment {
            number: tail.segment,
            bytes: tail.bytes,
            first_seq: self.tail_first_seq,
            last_seq: tail.seq,
            followed_at: self.clock.now().wall,
        });
        self.closed_segments
            .extend(followed.filter(|_| !is_missing));
        self.tail_first_seq = self.head.seq.saturating_add(1);
        self.tail = Some(PreviousSegment {
            segment: number,
            seq: 0,
            hash: String::new(),
            bytes: 0,
        });
        // Their removal is on record, so they may be removed now.
        self.closed_segments.drain(..expired.len());
        let removed = expired.iter().map(|one| one.segment.records());
        let removed = removed.fold(0, u64::saturating_add);
        self.shared.status().lost.add(GapReason::Retention, removed);
        self.expired.extend(expired);
        self.advance(group);
        Ok(())
    }

    fn header(&self, number: u64) -> SegmentHeader {
        SegmentHeader {
            format: files::FORMAT,
            log: self.log,
            segment: number,
            key: self.options.signer.public_key(),
            previous: self.tail.clone(),
        }
    }

    fn create(&self, number: u64, group: &[u8]) -> io::Result<Box<dyn DiskFile>> {
        let name = files::name(number);
        let written = self.disk.create(&name).and_then(|mut file| {
            file.append(group)?;
            file.sync()?;
            self.disk.sync_directory()?;
            self.check_in_place(file.as_ref())?;
            Ok(file)
        });
        if written.is_err() {
            // None of its records count, and no later segment refers to it.
            let _ = self.disk.remove(&name);
        }
        written
    }

    /// Updates the state after the group is on disk.
    fn advance(&mut self, group: GroupBuffer) {
        self.head = group.head;
        self.detected.clear();
        if let Some(tail) = &mut self.tail {
            tail.seq = group.head.seq;
            tail.hash = group.head.hash.to_string();
            tail.bytes += u64::try_from(group.bytes.len()).unwrap_or(u64::MAX);
        }
        self.update_status(&group);
        match group.checkpoint {
            Some(checkpoint) => {
                self.unsigned = 0;
                self.signed_at = Instant::now();
                self.signed = Some(checkpoint);
            }
            None => self.unsigned += group.records,
        }
        self.shared.durable.send_replace(Position {
            segment: self.tail.as_ref().map_or(0, |tail| tail.segment),
            offset: self.tail.as_ref().map_or(0, |tail| tail.bytes),
            seq: self.head.seq,
        });
    }

    fn update_status(&self, group: &GroupBuffer) {
        let mut status = self.shared.status();
        status.commits += 1;
        status.records += group.records;
        status.gaps.add_all(&group.gaps);
        status.lost.add_all(&group.missing);
        status.bytes += u64::try_from(group.bytes.len()).unwrap_or(0);
        status.last_seq = self.head.seq;
        status.segments = self.closed_segments.len() + 1;
        if let Some(checkpoint) = &group.checkpoint {
            status.last_checkpoint = checkpoint.seq;
        }
    }

    fn report_failure(&self, error: &io::Error) {
        let mut status = self.shared.status();
        status.failures += 1;
        status.last_error = Some(error.to_string());
        drop(status);
        tracing::error!(%error, "cannot write records");
    }

    /// Fails the group's tickets. Records are refused until [`JournalWriter::retry`] has written a segment.
    fn begin_failing(&mut self, error: &io::Error, entries: Vec<Queued>, is_last: bool) {
        self.set_failing(error);
        self.fail(entries, is_last);
        if is_full(error) && self.release_reserve() {
            self.record_full_disk();
        }
    }

    fn set_failing(&mut self, error: &io::Error) {
        self.is_failing = true;
        self.shared.queue.set_failing(true);
        self.shared.status().failing_since = Some(self.clock.now().wall);
        self.report_failure(error);
    }

    /// Writes one segment in the released reserve: it records that the disk is full, and the losses. No other record uses
    /// that space.
    fn record_full_disk(&mut self) {
        let mut gaps = self.shared.losses.take();
        if !gaps.iter().any(|gap| gap.reason == GapReason::DiskError) {
            // All records of the group were awaited, so none counts as lost.
            gaps.push(Gap::of(GapReason::DiskError));
        }
        if let Err(error) = self.write_to_new_file(&[], &gaps) {
            tracing::error!(%error, "cannot record that the disk is full");
            self.shared.losses.restore(&gaps);
        }
        self.tidy_up();
    }

    /// Fails the tickets. Unbounded records are retained; other unawaited records are counted as lost.
    fn fail(&mut self, entries: Vec<Queued>, is_last: bool) {
        for queued in entries {
            if queued.is_unbounded && !is_last && self.retained.len() < MAX_RETAINED {
                self.retained.push(queued);
                continue;
            }
            if !queued.entry.is_awaited {
                self.shared
                    .losses
                    .add(queued.entry.kind, GapReason::DiskError);
            }
            queued.failed();
        }
    }

    /// Writes a new segment with the retained records. The failure ends when it is on disk and the reserve is allocated.
    fn retry(&mut self, entries: Vec<Queued>, is_last: bool) {
        self.fail(entries, false);
        if !self.refill_reserve() {
            if is_last {
                let retained = std::mem::take(&mut self.retained);
                self.fail(retained, true);
                self.record_full_disk();
            }
            return;
        }
        let gaps = self.shared.losses.take();
        let retained = std::mem::take(&mut self.retained);
        match self.write_to_new_file(&retained, &gaps) {
            Ok(()) => {
                retained.into_iter().for_each(Queued::durable);
                self.tidy_up();
                self.is_failing = false;
                self.shared.queue.set_failing(false);
                self.shared.status().failing_since = None;
                tracing::info!("records are written again");
            }
            Err(error) => {
                self.shared.losses.restore(&gaps);
                self.shared.status().last_error = Some(error.to_string());
                self.fail(retained, is_last);
            }
        }
    }

    /// Removes the reserve. Returns whether there was one.
    fn release_reserve(&mut self) -> bool {
        let had_reserve = std::mem::take(&mut self.has_reserve);
        if had_reserve {
            let _ = self.disk.remove(files::RESERVE);
        }
        had_reserve
    }

    /// Allocates the reserve. Returns whether it is allocated, or none is configured.
    fn refill_reserve(&mut self) -> bool {
        let bytes = self.options.reserve_bytes;
        if bytes == 0 || self.has_reserve {
            return true;
        }
        match self.disk.reserve(files::RESERVE, bytes) {
            Ok(()) => self.has_reserve = true,
            Err(error) => {
                // On file systems that cannot reserve space, a disk that is not full is enough.
                let is_full = is_full(&error);
                self.shared.status().last_error = Some(error.to_string());
                return !is_full;
            }
        }
        true
    }

    /// The segments that retention removes when the next one starts.
    fn expired_segments(&mut self) -> Vec<ExpiredSegment> {
        let now = self.observe_clock();
        let exported = self.shared.exported.lock();
        let exported = exported.unwrap_or_else(PoisonError::into_inner).segment;
        let limits = RetentionLimits {
            bytes: self.options.retention_bytes,
            written: self.tail.as_ref().map_or(0, |tail| tail.bytes),
            age: self.options.retention,
            now,
            before: match self.options.is_exported {
                true => exported,
                false => u64::MAX,
            },
        };
        retention::expired(&self.closed_segments, &limits)
    }
}

/// Lives as long as the thread. If the thread panics, it closes the queue, fails all tickets and sets the status.
struct PanicGuard {
    shared: Arc<SharedJournal>,
    clock: Clock,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.queue.close();
            self.shared.queue.abandon();
            let mut status = self.shared.status();
            status.failing_since = Some(self.clock.now().wall);
            status.last_error = Some(String::from("the writer thread has panicked"));
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// The maximum delay of checkpoints and gap records, and the interval of checks while no records arrive.
const TICK: Duration = Duration::from_secs(1);
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
const RECORDS_A_CHECKPOINT: u64 = 10_000;
/// Bounds the unbounded records that are retained while the disk fails.
const MAX_RETAINED: usize = 1000;
