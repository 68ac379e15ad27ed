//! Records on their way to the thread that writes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

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
    entries: VecDeque<Queued>,
    /// How many of them can be refused …
    unsure: usize,
    /// … and what they weigh.
    bytes: usize,
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
        // A quarter is left for those that somebody waits for: denials keep nobody out who may come in.
        let (most, most_bytes) = match queued.entry.is_awaited {
            true => (self.most, MOST_BYTES),
            false => (self.most - self.most / 4, MOST_BYTES - MOST_BYTES / 4),
        };
        let is_full = waiting.unsure >= most || waiting.bytes >= most_bytes;
        if waiting.is_closed {
            return Err(Refused::Closed);
        }
        if !queued.is_sure && waiting.is_failing {
            return Err(Refused::Failing);
        }
        if !queued.is_sure && is_full {
            return Err(Refused::Full);
        }
        if !queued.is_sure {
            waiting.unsure += 1;
            waiting.bytes += queued.entry.body.len();
        }
        waiting.entries.push_back(queued);
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
        let waiting = std::mem::take(&mut self.waiting().entries);
        waiting.into_iter().for_each(Queued::failed);
    }

    pub fn len(&self) -> usize {
        self.waiting().entries.len()
    }

    /// The next group: what is there after `linger`, or nothing after `at_most`.
    pub fn next(&self, linger: Duration, at_most: Duration) -> Group {
        let idle_until = Instant::now() + at_most;
        let mut waiting = self.waiting();
        while waiting.entries.is_empty() && !waiting.is_closed {
            let left = idle_until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            waiting = self.wait(waiting, left);
        }
        let gather_until = Instant::now() + linger;
        while !waiting.entries.is_empty()
            && waiting.entries.len() < GROUP_RECORDS
            && !waiting.is_closed
        {
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
    fn group(&mut self) -> Group {
        let mut bytes = 0;
        let mut fits = |queued: &Queued| {
            let fits = bytes < GROUP_BYTES;
            bytes += queued.entry.body.len();
            fits
        };
        let first = self.entries.iter().take(GROUP_RECORDS);
        let number = first.take_while(|queued| fits(queued)).count();
        let entries: Vec<Queued> = self.entries.drain(..number).collect();
        for unsure in entries.iter().filter(|one| !one.is_sure) {
            self.unsure -= 1;
            self.bytes -= unsure.entry.body.len();
        }
        Group {
            is_last: self.is_closed && self.entries.is_empty(),
            entries,
        }
    }
}

/// What waits may take this much memory.
const MOST_BYTES: usize = 8 << 20;
/// A group takes the disk a fraction of a millisecond.
const GROUP_RECORDS: usize = 512;
const GROUP_BYTES: usize = 256 << 10;
