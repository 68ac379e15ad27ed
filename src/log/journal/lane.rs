//! Records that wait, apart by their source, and taken from each source in turn.
//!
//! A source that sends much waits behind itself: whatever it has sent, the next record of another source is among the
//! first that are taken. Within a source the order stays.

use std::collections::{HashMap, VecDeque};

use super::Source;
use super::queue::Queued;

/// The records of all sources. Round robin by records: each record is bounded to some kilobytes, so that turns by bytes
/// would change little.
#[derive(Debug, Default)]
pub(super) struct Lane {
    lines: HashMap<Source, Line>,
    /// The sources that have a record here, each once, the next first.
    turns: VecDeque<Source>,
    len: usize,
}

/// The records of one source.
#[derive(Debug, Default)]
struct Line {
    entries: VecDeque<Queued>,
    load: Load,
}

/// How many records that can be refused wait, and what they weigh. Records that cannot be refused are rare and count
/// nowhere.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    pub records: usize,
    pub bytes: usize,
}

impl Load {
    pub fn add(&mut self, queued: &Queued) {
        if !queued.is_sure {
            self.records += 1;
            self.bytes += queued.entry.body.len();
        }
    }

    pub fn remove(&mut self, queued: &Queued) {
        if !queued.is_sure {
            self.records = self.records.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(queued.entry.body.len());
        }
    }
}

impl Lane {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What waits of one source.
    pub fn load_of(&self, source: Source) -> Load {
        self.lines
            .get(&source)
            .map(|line| line.load)
            .unwrap_or_default()
    }

    pub fn push(&mut self, queued: Queued) {
        let source = queued.entry.source;
        let line = self.lines.entry(source).or_default();
        if line.entries.is_empty() {
            self.turns.push_back(source);
        }
        line.load.add(&queued);
        line.entries.push_back(queued);
        self.len += 1;
    }

    /// The first record of the source whose turn it is.
    pub fn pop(&mut self) -> Option<Queued> {
        let source = self.turns.pop_front()?;
        let line = self.lines.get_mut(&source)?;
        let queued = line.entries.pop_front()?;
        line.load.remove(&queued);
        if line.entries.is_empty() {
            self.lines.remove(&source);
        } else {
            self.turns.push_back(source);
        }
        self.len -= 1;
        Some(queued)
    }
}
