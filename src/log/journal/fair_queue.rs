//! A fair queue of records: one FIFO per source, served round robin.
//!
//! A source that sends many records delays only its own: the next record of another source is taken within one round.
//! The order within a source is preserved.

use std::collections::{HashMap, VecDeque};

use super::RecordSource;
use super::queue::Queued;

/// The records of all sources. Turns are by record, not by bytes: each record is bounded to a few kilobytes, so turns by
/// bytes would change little.
#[derive(Debug, Default)]
pub(super) struct FairQueue {
    queues: HashMap<RecordSource, SourceQueue>,
    /// Each source with a queued record, once; the next one first.
    turns: VecDeque<RecordSource>,
    len: usize,
}

/// The records of one source.
#[derive(Debug, Default)]
struct SourceQueue {
    entries: VecDeque<Queued>,
    load: QueueLoad,
}

/// The number and bytes of queued records. Unbounded records are rare and do not count.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueLoad {
    pub records: usize,
    pub bytes: usize,
}

impl QueueLoad {
    pub fn add(&mut self, queued: &Queued) {
        if !queued.is_unbounded {
            self.records += 1;
            self.bytes += queued.entry.body.len();
        }
    }

    pub fn remove(&mut self, queued: &Queued) {
        if !queued.is_unbounded {
            self.records = self.records.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(queued.entry.body.len());
        }
    }
}

impl FairQueue {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The queued records of one source.
    pub fn load_of(&self, source: RecordSource) -> QueueLoad {
        self.queues
            .get(&source)
            .map(|queue| queue.load)
            .unwrap_or_default()
    }

    pub fn push(&mut self, queued: Queued) {
        let source = queued.entry.source;
        let queue = self.queues.entry(source).or_default();
        if queue.entries.is_empty() {
            self.turns.push_back(source);
        }
        queue.load.add(&queued);
        queue.entries.push_back(queued);
        self.len += 1;
    }

    /// The first record of the next source.
    pub fn pop(&mut self) -> Option<Queued> {
        let source = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&source)?;
        let queued = queue.entries.pop_front()?;
        queue.load.remove(&queued);
        if queue.entries.is_empty() {
            self.queues.remove(&source);
        } else {
            self.turns.push_back(source);
        }
        self.len -= 1;
        Some(queued)
    }
}
