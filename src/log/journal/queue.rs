//! Records on their way to the thread that writes: those that a caller waits for first, and from each source in turn.
//!
//! A denial waits for nothing, so a client can send more of them than the disk takes. Each group takes awaited records
//! first; unawaited ones have a part of each group for themselves and what is left. A source may hold as many places as
//! it leaves free, so that there are always places for another one (dynamic thresholds with factor 1: Choudhury and
//! Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::lane::{Lane, Load};
use super::{Entry, NotDurable, Refused};

/// A record that waits, and who is told.
#[derive(Debug)]
pub(super) struct Queued {
    pub entry: Entry,
    pub is_sure: bool,
    told: oneshot::Sender<Result<(), NotDurable>>,
}

#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    news: Condvar,
    most: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    /// A caller waits for them, or they cannot be refused.
    first: Lane,
    /// The others.
    second: Lane,
    /// What can be refused, of the first …
    first_load: Load,
    /// … and of the second.
    second_load: Load,
    is_failing: bool,
    is_closed: bool,
}

/// What the writer has to do.
#[derive(Debug)]
pub(super) struct Group {
    pub entries: Vec<Queued>,
    /// Nothing comes after it.
    pub is_last: bool,
}

impl Queued {
    pub fn new(entry: Entry, told: oneshot::Sender<Result<(), NotDurable>>, is_sure: bool) -> Self {
        Queued {
            entry,
            is_sure,
            told,
        }
    }

    /// It is on disk.
    pub fn durable(self) {
        if let Some(then) = self.entry.when_durable {
            then();
        }
        // Nobody may be waiting.
        let _ = self.told.send(Ok(()));
    }

    /// It will never be.
    pub fn failed(self) {
        let _ = self.told.send(Err(NotDurable));
    }
}

impl Queue {
    pub fn new(most: usize) -> Self {
        Queue {
            waiting: Mutex::default(),
            news: Condvar::new(),
            most,
        }
    }

    /// Takes a record. A sure one is refused by nothing but the end.
    pub fn push(&self, queued: Queued) -> Result<(), Refused> {
        let mut waiting = self.waiting();
        if waiting.is_closed {
            return Err(Refused::Closed);
        }
        if !queued.is_sure && waiting.is_failing {
            return Err(Refused::Failing);
        }
        if !queued.is_sure && waiting.is_full(&queued.entry, self.most) {
            return Err(Refused::Full);
        }
        let (lane, load) = waiting.lane(&queued);
        load.add(&queued);
        lane.push(queued);
        drop(waiting);
        self.news.notify_one();
        Ok(())
    }

    /// From now on (or no longer) records are refused at once.
    pub fn set_failing(&self, is_failing: bool) {
        self.waiting().is_failing = is_failing;
    }

    pub fn close(&self) {
        self.waiting().is_closed = true;
        self.news.notify_all();
    }

    /// Nobody will write what waits.
    pub fn abandon(&self) {
        let (mut first, mut second) = {
            let mut waiting = self.waiting();
            waiting.first_load = Load::default();
            waiting.second_load = Load::default();
            (
                std::mem::take(&mut waiting.first),
                std::mem::take(&mut waiting.second),
            )
        };
        while let Some(queued) = first.pop().or_else(|| second.pop()) {
            queued.failed();
        }
    }

    pub fn len(&self) -> usize {
        self.waiting().len()
    }

    /// The next group: what is there after `linger`, or nothing after `at_most`.
    pub fn next(&self, linger: Duration, at_most: Duration) -> Group {
        let idle_until = Instant::now() + at_most;
        let mut waiting = self.waiting();
        while waiting.is_empty() && !waiting.is_closed {
            let left = idle_until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            waiting = self.wait(waiting, left);
        }
        let gather_until = Instant::now() + linger;
        while !waiting.is_empty() && waiting.len() < GROUP_RECORDS && !waiting.is_closed {
            let left = gather_until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            waiting = self.wait(waiting, left);
        }
        waiting.group()
    }

    fn wait<'a>(
        &self,
        waiting: MutexGuard<'a, Waiting>,
        left: Duration,
    ) -> MutexGuard<'a, Waiting> {
        let woken = self.news.wait_timeout(waiting, left);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lane(&mut self, queued: &Queued) -> (&mut Lane, &mut Load) {
        if queued.entry.is_awaited || queued.is_sure {
            (&mut self.first, &mut self.first_load)
        } else {
            (&mut self.second, &mut self.second_load)
        }
    }

    /// Whether there is no place for one more record like this, out of so many.
    fn is_full(&self, entry: &Entry, most: usize) -> bool {
        let (first, second) = (self.first_load, self.second_load);
        let lane = match entry.is_awaited {
            true => &self.first,
            false => &self.second,
        };
        let own = lane.load_of(entry.source);
        let is_full = |own: usize, first: usize, second: usize, most: usize| {
            let free = most.saturating_sub(first.saturating_add(second));
            match entry.is_awaited {
                // An eighth is left for unawaited records, as in each group.
                true => own >= free || first >= most - most / UNAWAITED_PART,
                // A quarter is left for awaited records.
                false => own >= free.min((most - most / 4).saturating_sub(second)),
            }
        };
        is_full(own.records, first.records, second.records, most)
            || is_full(own.bytes, first.bytes, second.bytes, MOST_BYTES)
    }

    fn group(&mut self) -> Group {
        let mut gathered = Gathered::default();
        if !self.second.is_empty() {
            let records = GROUP_RECORDS - GROUP_RECORDS / UNAWAITED_PART;
            let bytes = GROUP_BYTES - GROUP_BYTES / UNAWAITED_PART;
            gathered.fill(&mut self.first, records, bytes);
        }
        // Without unawaited records, nothing has been taken so far.
        gathered.fill(&mut self.second, GROUP_RECORDS, GROUP_BYTES);
        gathered.fill(&mut self.first, GROUP_RECORDS, GROUP_BYTES);
        for queued in &gathered.entries {
            self.lane(queued).1.remove(queued);
        }
        Group {
            is_last: self.is_closed && self.is_empty(),
            entries: gathered.entries,
        }
    }
}

/// What a group has so far.
#[derive(Default)]
struct Gathered {
    entries: Vec<Queued>,
    bytes: usize,
}

impl Gathered {
    /// Takes records until the group has so many or so many bytes, or there are none.
    fn fill(&mut self, lane: &mut Lane, records: usize, bytes: usize) {
        while self.entries.len() < records
            && self.bytes < bytes
            && let Some(queued) = lane.pop()
        {
            self.bytes += queued.entry.body.len();
            self.entries.push(queued);
        }
    }
}

/// What waits may take this much memory.
const MOST_BYTES: usize = 8 << 20;
/// A group takes the disk a fraction of a millisecond.
const GROUP_RECORDS: usize = 512;
const GROUP_BYTES: usize = 256 << 10;
/// Awaited records leave an eighth of each group to unawaited ones: a flood of allows may delay denials, and does not
/// keep them off the disk.
const UNAWAITED_PART: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::journal::{Kind, Source};
    use crate::time::Timestamp;

    fn queued(source: u64, is_awaited: bool) -> Queued {
        let entry = Entry {
            kind: Kind::SignIn,
            time: Timestamp::from_seconds(0),
            body: b"{}".to_vec(),
            is_awaited,
            source: Source(source),
            when_durable: None,
        };
        Queued::new(entry, oneshot::channel().0, false)
    }

    /// How many records of this source find a place.
    fn fill(queue: &Queue, source: u64, is_awaited: bool) -> usize {
        let pushes = (0..1000).map(|_| queue.push(queued(source, is_awaited)));
        pushes.take_while(Result::is_ok).count()
    }

    #[test]
    fn a_flood_of_allows_from_many_connections_leaves_denials_an_eighth_of_the_places() {
        let queue = Queue::new(96);
        let allows: usize = (1..=50).map(|source| fill(&queue, source, true)).sum();
        assert_eq!(allows, 84);
        // A source takes half of what is free, and leaves some to the next.
        assert_eq!(fill(&queue, 51, false), 6);
        assert_eq!(fill(&queue, 52, false), 3);
        assert_eq!(queue.push(queued(53, true)), Err(Refused::Full));
    }

    #[test]
    fn a_flood_of_denials_from_many_connections_leaves_allows_a_quarter_of_the_places() {
        let queue = Queue::new(96);
        let denials: usize = (1..=50).map(|source| fill(&queue, source, false)).sum();
        assert!((70..=72).contains(&denials), "{denials}");
        assert!(fill(&queue, 51, true) >= 12);
    }
}
