//! The queue of the writer thread: awaited records first, and sources round robin.
//!
//! Denials do not wait for their records, so a client can cause more records than the disk can write. Each group takes
//! awaited records first; unawaited records have a reserved share of each group, and the remaining space. A source may
//! occupy at most as many places as are free, so there are always places for another source (dynamic thresholds with
//! factor 1: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::fair_queue::{FairQueue, QueueLoad};
use super::{AppendError, JournalEntry, NotDurable};

/// A queued record, and the sender that resolves its ticket.
#[derive(Debug)]
pub(super) struct Queued {
    pub entry: JournalEntry,
    pub is_unbounded: bool,
    result: oneshot::Sender<Result<(), NotDurable>>,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug, Default)]
struct QueueState {
    /// Awaited and unbounded records.
    first: FairQueue,
    /// Unawaited records.
    second: FairQueue,
    /// The load of `first`.
    first_load: QueueLoad,
    /// The load of `second`.
    second_load: QueueLoad,
    is_failing: bool,
    is_closed: bool,
}

/// The records of one group commit.
#[derive(Debug)]
pub(super) struct Group {
    pub entries: Vec<Queued>,
    /// The journal is closed, and no further group follows.
    pub is_last: bool,
}

impl Queued {
    pub fn new(
        entry: JournalEntry,
        result: oneshot::Sender<Result<(), NotDurable>>,
        is_unbounded: bool,
    ) -> Self {
        Queued {
            entry,
            is_unbounded,
            result,
        }
    }

    /// Reports that the record is on disk.
    pub fn durable(self) {
        if let Some(then) = self.entry.when_durable {
            then();
        }
        // The ticket may have been dropped.
        let _ = self.result.send(Ok(()));
    }

    /// Reports that the record will not be written.
    pub fn failed(self) {
        let _ = self.result.send(Err(NotDurable));
    }
}

impl Queue {
    pub fn new(capacity: usize) -> Self {
        Queue {
            state: Mutex::default(),
            changed: Condvar::new(),
            capacity,
        }
    }

    /// Queues a record. Unbounded records are refused only after the close.
    pub fn push(&self, queued: Queued) -> Result<(), AppendError> {
        let mut state = self.state();
        if state.is_closed {
            return Err(AppendError::Closed);
        }
        if !queued.is_unbounded && state.is_failing {
            return Err(AppendError::Failing);
        }
        if !queued.is_unbounded && state.is_full(&queued.entry, self.capacity) {
            return Err(AppendError::Full);
        }
        let (queue, load) = state.queue_for(&queued);
        load.add(&queued);
        queue.push(queued);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Sets whether records are refused because the disk fails.
    pub fn set_failing(&self, is_failing: bool) {
        self.state().is_failing = is_failing;
    }

    pub fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    /// Fails all queued records, when the writer thread has ended.
    pub fn abandon(&self) {
        let (mut first, mut second) = {
            let mut state = self.state();
            state.first_load = QueueLoad::default();
            state.second_load = QueueLoad::default();
            (
                std::mem::take(&mut state.first),
                std::mem::take(&mut state.second),
            )
        };
        while let Some(queued) = first.pop().or_else(|| second.pop()) {
            queued.failed();
        }
    }

    pub fn len(&self) -> usize {
        self.state().len()
    }

    /// The next group: the records queued within `linger` after the first one. Empty after `timeout` without a record.
    pub fn next(&self, linger: Duration, timeout: Duration) -> Group {
        let idle_until = Instant::now() + timeout;
        let mut state = self.state();
        while state.is_empty() && !state.is_closed {
            let left = idle_until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.wait(state, left);
        }
        let gather_until = Instant::now() + linger;
        while !state.is_empty() && state.len() < GROUP_RECORDS && !state.is_closed {
            let left = gather_until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.wait(state, left);
        }
        state.group()
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, QueueState>,
        left: Duration,
    ) -> MutexGuard<'a, QueueState> {
        let woken = self.changed.wait_timeout(state, left);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn queue_for(&mut self, queued: &Queued) -> (&mut FairQueue, &mut QueueLoad) {
        if queued.entry.is_awaited || queued.is_unbounded {
            (&mut self.first, &mut self.first_load)
        } else {
            (&mut self.second, &mut self.second_load)
        }
    }

    /// Whether the queue, with this capacity, has no place for this record.
    fn is_full(&self, entry: &JournalEntry, capacity: usize) -> bool {
        let (first, second) = (self.first_load, self.second_load);
        let queue = match entry.is_awaited {
            true => &self.first,
            false => &self.second,
        };
        let own = queue.load_of(entry.source);
        let is_full = |own: usize, first: usize, second: usize, capacity: usize| {
            let free = capacity.saturating_sub(first.saturating_add(second));
            match entry.is_awaited {
                // An eighth is reserved for unawaited records, as in each group.
                true => own >= free || first >= capacity - capacity / UNAWAITED_PART,
                // A quarter is reserved for awaited records.
                false => own >= free.min((capacity - capacity / 4).saturating_sub(second)),
            }
        };
        is_full(own.records, first.records, second.records, capacity)
            || is_full(own.bytes, first.bytes, second.bytes, MAX_BYTES)
    }

    fn group(&mut self) -> Group {
        let mut gathered = GroupBuilder::default();
        if !self.second.is_empty() {
            let records = GROUP_RECORDS - GROUP_RECORDS / UNAWAITED_PART;
            let bytes = GROUP_BYTES - GROUP_BYTES / UNAWAITED_PART;
            gathered.fill(&mut self.first, records, bytes);
        }
        // Without unawaited records, the group is still empty here.
        gathered.fill(&mut self.second, GROUP_RECORDS, GROUP_BYTES);
        gathered.fill(&mut self.first, GROUP_RECORDS, GROUP_BYTES);
        for queued in &gathered.entries {
            self.queue_for(queued).1.remove(queued);
        }
        Group {
            is_last: self.is_closed && self.is_empty(),
            entries: gathered.entries,
        }
    }
}

/// A group under construction.
#[derive(Default)]
struct GroupBuilder {
    entries: Vec<Queued>,
    bytes: usize,
}

impl GroupBuilder {
    /// Takes records until the group has this many records or bytes, or no record is left.
    fn fill(&mut self, queue: &mut FairQueue, records: usize, bytes: usize) {
        while self.entries.len() < records
            && self.bytes < bytes
            && let Some(queued) = queue.pop()
        {
            self.bytes += queued.entry.body.len();
            self.entries.push(queued);
        }
    }
}

/// Bounds the memory of queued records.
const MAX_BYTES: usize = 8 << 20;
/// A group of this size takes the disk a fraction of a millisecond.
const GROUP_RECORDS: usize = 512;
const GROUP_BYTES: usize = 256 << 10;
/// Unawaited records have an eighth of each group: a flood of allows may delay the records of denials, but cannot keep
/// them off the disk.
const UNAWAITED_PART: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::journal::{EventKind, RecordSource};
    use crate::time::Timestamp;

    fn queued(source: u64, is_awaited: bool) -> Queued {
        let entry = JournalEntry {
            kind: EventKind::SignIn,
            time: Timestamp::from_seconds(0),
            body: b"{}".to_vec(),
            is_awaited,
            source: RecordSource(source),
            when_durable: None,
        };
        Queued::new(entry, oneshot::channel().0, false)
    }

    /// The number of records of this source that are accepted.
    fn fill(queue: &Queue, source: u64, is_awaited: bool) -> usize {
        let pushes = (0..1000).map(|_| queue.push(queued(source, is_awaited)));
        pushes.take_while(Result::is_ok).count()
    }

    #[test]
    fn a_flood_of_allows_from_many_connections_leaves_an_eighth_of_the_places_to_denials() {
        let queue = Queue::new(96);
        let allows: usize = (1..=50).map(|source| fill(&queue, source, true)).sum();
        assert_eq!(allows, 84);
        // Each source takes half of the free places.
        assert_eq!(fill(&queue, 51, false), 6);
        assert_eq!(fill(&queue, 52, false), 3);
        assert_eq!(queue.push(queued(53, true)), Err(AppendError::Full));
    }

    #[test]
    fn a_flood_of_denials_from_many_connections_leaves_a_quarter_of_the_places_to_allows() {
        let queue = Queue::new(96);
        let denials: usize = (1..=50).map(|source| fill(&queue, source, false)).sum();
        assert!((70..=72).contains(&denials), "{denials}");
        assert!(fill(&queue, 51, true) >= 12);
    }
}
