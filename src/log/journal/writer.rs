//! The thread that writes: a group, one write, one sync, then everybody is told.
//!
//! INVARIANT(durable): nobody is told that a record is on disk before a sync that began after its write has
//! succeeded, in a file whose name is on disk too.

mod missing;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::disk::{Disk, DiskFile};
use super::files::{self, Opening, Previous};
use super::gap::{Gap, Lost};
use super::line::Head;
use super::queue::Queued;
use super::retention::{self, Doomed, Limits, Old, RetentionClock};
use super::start::Found;
use super::text::Text;
use super::{JournalOptions, Position, Shared};
use crate::clock::Clock;
use crate::time::Timestamp;

pub(super) struct Writer {
    options: JournalOptions,
    disk: Arc<dyn Disk>,
    clock: Clock,
    shared: Arc<Shared>,
    log: Uuid,
    /// The file that is written; none before the first, and after an error.
    file: Option<Box<dyn DiskFile>>,
    /// Behind the last record on disk; nothing where there is no file that counts.
    tail: Option<Previous>,
    /// The first record of that file.
    tail_first_seq: u64,
    /// That file was found to be gone.
    is_tail_gone: bool,
    head: Head,
    next_number: u64,
    olds: VecDeque<Old>,
    /// What was found to be missing, at the start or later, until a gap record says so.
    found: Vec<Gap>,
    /// What has to be written when the disk takes records again.
    kept: Vec<Queued>,
    /// To be put into `head.json`.
    signed: Option<Checkpoint>,
    /// Files to be removed.
    doomed: Vec<Doomed>,
    age_clock: RetentionClock,
    unsigned: u64,
    signed_at: Instant,
    gaps_at: Instant,
    has_reserve: bool,
    is_failing: bool,
    is_new: bool,
}

impl Writer {
    pub fn new(
        options: JournalOptions,
        disk: Arc<dyn Disk>,
        clock: Clock,
        shared: Arc<Shared>,
        found: Found,
    ) -> Self {
        let age_clock =
            RetentionClock::start(disk.as_ref(), options.retention, found.newest, clock.now());
        Writer {
            age_clock,
            options,
            disk,
            clock,
            shared,
            log: found.log,
            file: None,
            tail: found.tail,
            tail_first_seq: found.tail_first_seq,
            is_tail_gone: false,
            head: found.head,
            next_number: found.next_number,
            olds: found.olds.into(),
            found: found.gaps,
            kept: Vec::new(),
            signed: None,
            doomed: Vec::new(),
            unsigned: 0,
            signed_at: Instant::now(),
            gaps_at: Instant::now(),
            has_reserve: false,
            is_failing: false,
            is_new: found.is_new,
        }
    }

    /// The first file of this process, with what the start has found.
    pub fn begin(&mut self) -> io::Result<()> {
        if self.is_new {
            // From here on, a log without one is a log from which it was taken.
            let checkpoint = self.options.signer.sign(self.log, Head::START);
            files::write_head(self.disk.as_ref(), &checkpoint)?;
        }
        self.refill_reserve();
        match self.write_to_new_file(&[], &[]) {
            Err(error) if is_full(&error) && self.give_up_reserve() => {
                self.write_to_new_file(&[], &[Gap::of(Lost::DiskError)])
            }
            written => written,
        }?;
        self.tidy_up();
        if !self.refill_reserve() {
            // Else ordinary records would use the space up, and none would be left to record that the disk is full.
            self.set_failing(&io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    pub fn run(mut self) {
        let _alive = Alive {
            shared: Arc::clone(&self.shared),
            clock: self.clock.clone(),
        };
        loop {
            let pause = if self.is_failing { TRY_AGAIN } else { TICK };
            let group = self.shared.queue.next(self.options.linger, pause);
            self.look_at_clock();
            if self.is_failing {
                self.try_again(group.entries, group.is_last);
            } else {
                self.commit(group.entries, group.is_last);
            }
            if group.is_last {
                self.age_clock.keep(self.disk.as_ref(), true);
                return;
            }
        }
    }

    /// The time that ages are counted to; none while the wall clock is doubted.
    fn look_at_clock(&mut self) -> Option<Timestamp> {
        let was_doubted = self.age_clock.is_doubted();
        let now = self.age_clock.look(self.clock.now());
        let is_doubted = self.age_clock.is_doubted();
        if is_doubted || was_doubted {
            self.shared.status().is_age_postponed = is_doubted;
        }
        now
    }

    fn commit(&mut self, entries: Vec<Queued>, is_last: bool) {
        let gaps = self.due_gaps(is_last);
        if entries.is_empty() && gaps.is_empty() && !self.is_checkpoint_due(is_last) {
            return self.check_when_idle();
        }
        let shared = Arc::clone(&self.shared);
        let commit = shared.pace.begin();
        match self.write(&entries, &gaps, is_last) {
            Ok(()) => {
                if !gaps.is_empty() {
                    self.gaps_at = Instant::now();
                }
                entries.into_iter().for_each(Queued::durable);
                self.tidy_up();
            }
            Err(error) => {
                self.shared.losses.untold(&gaps);
                self.begin_failing(&error, entries, is_last);
            }
        }
        drop(commit);
        shared.pace.report();
    }

    /// A file that is gone is noticed without a record to write, too.
    fn check_when_idle(&mut self) {
        self.shared.pace.idle();
        let file = self.file.as_deref();
        let Some(Err(error)) = file.map(|file| self.check_in_place(file)) else {
            return;
        };
        self.file = None;
        self.tell_failure(&error);
        match self.write_to_new_file(&[], &[]) {
            Ok(()) => self.tidy_up(),
            Err(error) => self.begin_failing(&error, Vec::new(), false),
        }
    }

    /// Both the file that is written and its folder are where they were.
    fn check_in_place(&self, file: &dyn DiskFile) -> io::Result<()> {
        self.disk.check_in_place()?;
        file.check_in_place()
    }

    /// What nobody waits for: the last checkpoint in a place of its own, and the files that retention takes away.
    fn tidy_up(&mut self) {
        if let Some(checkpoint) = self.signed.take()
            && let Err(error) = files::write_head(self.disk.as_ref(), &checkpoint)
        {
            tracing::warn!(%error, "head.json cannot be replaced: a cut end would not be noticed");
        }
        for Doomed { old, why } in std::mem::take(&mut self.doomed) {
            let Old { number, bytes, .. } = old;
            match self.disk.remove(&files::name(number)) {
                Ok(()) => tracing::info!(
                    segment = number,
                    from = old.first_seq,
                    to = old.last_seq,
                    bytes,
                    by = why,
                    "retention has removed a file of records"
                ),
                Err(error) => {
                    tracing::warn!(%error, segment = number, "an old file of records cannot be removed");
                }
            }
        }
        self.age_clock.keep(self.disk.as_ref(), false);
    }

    /// What was lost is told at once, but not more than once a second.
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
        let mut text = Text::behind(self.head);
        text.put(&self.clock, entries, gaps);
        let is_time = self.signed_at.elapsed() >= TICK;
        if is_last || is_time || self.unsigned + text.records >= RECORDS_A_CHECKPOINT {
            text.sign(&self.clock, &self.options, self.log);
        }
        let disk = Arc::clone(&self.disk);
        let written = file
            .append(&text.bytes)
            .and_then(|()| file.sync())
            // A file without a name is on no disk after the next start.
            .and_then(|()| disk.check_in_place())
            .and_then(|()| file.check_in_place());
        match written {
            Ok(()) => {
                self.advance(text);
                Ok(())
            }
            Err(error) => {
                // INVARIANT(durable): it is never synced again.
                self.file = None;
                self.tell_failure(&error);
                self.write_to_new_file(entries, gaps)
            }
        }
    }

    /// Begins a file behind what is on disk: its first record, what was found at the start, what retention takes
    /// away, the group, and a signature.
    fn write_to_new_file(&mut self, entries: &[Queued], gaps: &[Gap]) -> io::Result<()> {
        self.find_missing()?;
        let number = self.next_number;
        self.next_number += 1;
        let victims = self.victims();
        let mut told = self.found.clone();
        told.extend(retention::gap_of(&victims));
        told.extend_from_slice(gaps);

        let mut text = Text::behind(self.head);
        text.open(&self.clock, &self.opening(number))?;
        text.put(&self.clock, entries, &told);
        text.sign(&self.clock, &self.options, self.log);
        self.file = Some(self.create(number, &text.bytes)?);
        let is_gone = std::mem::take(&mut self.is_tail_gone);
        let followed = self.tail.take().map(|tail| Old {
            number: tail.segment,
            bytes: tail.bytes,
            first_seq: self.tail_first_seq,
            last_seq: tail.seq,
            followed_at: self.clock.now().wall,
        });
        self.olds.extend(followed.filter(|_| !is_gone));
        self.tail_first_seq = self.head.seq.saturating_add(1);
        self.tail = Some(Previous {
            segment: number,
            seq: 0,
            hash: String::new(),
            bytes: 0,
        });
        // It is on disk that they go: now they may.
        self.olds.drain(..victims.len());
        let removed = victims.iter().map(|one| one.old.records());
        let removed = removed.fold(0, u64::saturating_add);
        self.shared.status().lost.add(Lost::Retention, removed);
        self.doomed.extend(victims);
        self.advance(text);
        Ok(())
    }

    fn opening(&self, number: u64) -> Opening {
        Opening {
            format: files::FORMAT,
            log: self.log,
            segment: number,
            key: self.options.signer.public_key(),
            previous: self.tail.clone(),
        }
    }

    fn create(&self, number: u64, text: &[u8]) -> io::Result<Box<dyn DiskFile>> {
        let name = files::name(number);
        let written = self.disk.create(&name).and_then(|mut file| {
            file.append(text)?;
            file.sync()?;
            self.disk.sync_directory()?;
            self.check_in_place(file.as_ref())?;
            Ok(file)
        });
        if written.is_err() {
            // Nothing in it counts, and no later file refers to it.
            let _ = self.disk.remove(&name);
        }
        written
    }

    /// The text is on disk.
    fn advance(&mut self, text: Text) {
        self.head = text.head;
        self.found.clear();
        if let Some(tail) = &mut self.tail {
            tail.seq = text.head.seq;
            tail.hash = text.head.hash.to_string();
            tail.bytes += u64::try_from(text.bytes.len()).unwrap_or(u64::MAX);
        }
        self.tell_status(&text);
        match text.checkpoint {
            Some(checkpoint) => {
                self.unsigned = 0;
                self.signed_at = Instant::now();
                self.signed = Some(checkpoint);
            }
            None => self.unsigned += text.records,
        }
        self.shared.durable.send_replace(Position {
            segment: self.tail.as_ref().map_or(0, |tail| tail.segment),
            offset: self.tail.as_ref().map_or(0, |tail| tail.bytes),
            seq: self.head.seq,
        });
    }

    fn tell_status(&self, text: &Text) {
        let mut status = self.shared.status();
        status.commits += 1;
        status.records += text.records;
        status.gaps.add_all(&text.gaps);
        status.lost.add_all(&text.missing);
        status.bytes += u64::try_from(text.bytes.len()).unwrap_or(0);
        status.last_seq = self.head.seq;
        status.segments = self.olds.len() + 1;
        if let Some(checkpoint) = &text.checkpoint {
            status.last_checkpoint = checkpoint.seq;
        }
    }

    fn tell_failure(&self, error: &io::Error) {
        let mut status = self.shared.status();
        status.failures += 1;
        status.last_error = Some(error.to_string());
        drop(status);
        tracing::error!(%error, "records cannot be written");
    }

    /// The group's waiters are told, and no record is taken until [`Writer::try_again`] has written a file.
    fn begin_failing(&mut self, error: &io::Error, entries: Vec<Queued>, is_last: bool) {
        self.set_failing(error);
        self.fail(entries, is_last);
        if is_full(error) && self.give_up_reserve() {
            self.record_full_disk();
        }
    }

    fn set_failing(&mut self, error: &io::Error) {
        self.is_failing = true;
        self.shared.queue.set_failing(true);
        self.shared.status().failing_since = Some(self.clock.now().wall);
        self.tell_failure(error);
    }

    /// In the space that the reserve has left: one file that says that the disk is full, and what is missing. No other
    /// record uses that space.
    fn record_full_disk(&mut self) {
        let mut gaps = self.shared.losses.take();
        if !gaps.iter().any(|gap| gap.reason == Lost::DiskError) {
            // All of the group was waited for, so that nothing is missing.
            gaps.push(Gap::of(Lost::DiskError));
        }
        if let Err(error) = self.write_to_new_file(&[], &gaps) {
            tracing::error!(%error, "that the disk is full cannot be recorded");
            self.shared.losses.untold(&gaps);
        }
        self.tidy_up();
    }

    /// Their waiters are told; what nobody waits for is missing, but for what has to be kept.
    fn fail(&mut self, entries: Vec<Queued>, is_last: bool) {
        for queued in entries {
            if queued.is_sure && !is_last && self.kept.len() < MOST_KEPT {
                self.kept.push(queued);
                continue;
            }
            if !queued.entry.is_awaited {
                self.shared.losses.add(queued.entry.kind, Lost::DiskError);
            }
            queued.failed();
        }
    }

    /// A new file, with what had to be kept: when it is on disk, and there is a reserve again, all is well.
    fn try_again(&mut self, entries: Vec<Queued>, is_last: bool) {
        self.fail(entries, false);
        if !self.refill_reserve() {
            if is_last {
                let kept = std::mem::take(&mut self.kept);
                self.fail(kept, true);
                self.record_full_disk();
            }
            return;
        }
        let gaps = self.shared.losses.take();
        let kept = std::mem::take(&mut self.kept);
        match self.write_to_new_file(&kept, &gaps) {
            Ok(()) => {
                kept.into_iter().for_each(Queued::durable);
                self.tidy_up();
                self.is_failing = false;
                self.shared.queue.set_failing(false);
                self.shared.status().failing_since = None;
                tracing::info!("records are written again");
            }
            Err(error) => {
                self.shared.losses.untold(&gaps);
                self.shared.status().last_error = Some(error.to_string());
                self.fail(kept, is_last);
            }
        }
    }

    /// Whether there was one.
    fn give_up_reserve(&mut self) -> bool {
        let had_reserve = std::mem::take(&mut self.has_reserve);
        if had_reserve {
            let _ = self.disk.remove(files::RESERVE);
        }
        had_reserve
    }

    /// Whether there is a reserve, or none is wanted.
    fn refill_reserve(&mut self) -> bool {
        let bytes = self.options.reserve_bytes;
        if bytes == 0 || self.has_reserve {
            return true;
        }
        match self.disk.reserve(files::RESERVE, bytes) {
            Ok(()) => self.has_reserve = true,
            Err(error) => {
                // Where a disk cannot reserve at all, one that is not full has to do.
                let is_full = is_full(&error);
                self.shared.status().last_error = Some(error.to_string());
                return !is_full;
            }
        }
        true
    }

    /// The files that retention takes away when another one begins.
    fn victims(&mut self) -> Vec<Doomed> {
        let now = self.look_at_clock();
        let exported = self.shared.exported.lock();
        let exported = exported.unwrap_or_else(PoisonError::into_inner).segment;
        let limits = Limits {
            bytes: self.options.retention_bytes,
            written: self.tail.as_ref().map_or(0, |tail| tail.bytes),
            age: self.options.retention,
            now,
            before: match self.options.is_exported {
                true => exported,
                false => u64::MAX,
            },
        };
        retention::doomed(&self.olds, &limits)
    }
}

/// Lives as long as the thread. Should that ever panic, nobody waits for it, and everybody hears of it.
struct Alive {
    shared: Arc<Shared>,
    clock: Clock,
}

impl Drop for Alive {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.queue.close();
            self.shared.queue.abandon();
            let mut status = self.shared.status();
            status.failing_since = Some(self.clock.now().wall);
            status.last_error = Some(String::from("the thread that writes has panicked"));
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// How often the writer looks around when nothing comes: signatures and gaps are not later than this.
const TICK: Duration = Duration::from_secs(1);
const TRY_AGAIN: Duration = Duration::from_millis(200);
const RECORDS_A_CHECKPOINT: u64 = 10_000;
/// Records that wait for a disk that fails; they are rare.
const MOST_KEPT: usize = 1000;
