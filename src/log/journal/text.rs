//! The lines of a group, and what is true once they are on disk. Touches no disk.

use std::io;

use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::files::Opening;
use super::gap::{CountsByReason, Gap, Lost};
use super::line::{Head, RecordKind};
use super::queue::Queued;
use super::{JournalOptions, Kind};
use crate::clock::Clock;
use crate::time::Timestamp;

/// A group as it is written, and what is true once it is on disk.
pub(super) struct Text {
    pub bytes: Vec<u8>,
    pub head: Head,
    pub records: u64,
    /// Gap records.
    pub gaps: CountsByReason,
    /// Records that these name by their numbers, but for retention, which has a count of its own.
    pub missing: CountsByReason,
    pub checkpoint: Option<Checkpoint>,
}

impl Text {
    pub fn behind(head: Head) -> Self {
        Text {
            bytes: Vec::new(),
            head,
            records: 0,
            gaps: CountsByReason::default(),
            missing: CountsByReason::default(),
            checkpoint: None,
        }
    }

    pub fn open(&mut self, clock: &Clock, opening: &Opening) -> io::Result<()> {
        self.line(
            clock.now().wall,
            RecordKind::Segment,
            &serde_json::to_vec(opening)?,
        );
        Ok(())
    }

    pub fn put(&mut self, clock: &Clock, entries: &[Queued], gaps: &[Gap]) {
        for gap in gaps {
            // A struct of numbers and words.
            let body = serde_json::to_vec(gap).unwrap_or_else(|_| b"{}".to_vec());
            self.line(clock.now().wall, RecordKind::Gap, &body);
            self.gaps.add(gap.reason, 1);
            if gap.reason != Lost::Retention {
                self.missing.add(gap.reason, gap.numbered());
            }
        }
        for Queued { entry, .. } in entries {
            let kind = match entry.kind {
                Kind::SignIn => RecordKind::SignIn,
                Kind::Audit => RecordKind::Audit,
            };
            self.line(entry.time, kind, &entry.body);
        }
    }

    pub fn sign(&mut self, clock: &Clock, options: &JournalOptions, log: Uuid) {
        let checkpoint = options.signer.sign(log, self.head);
        // A struct of numbers and words.
        if let Ok(body) = serde_json::to_vec(&checkpoint) {
            self.line(clock.now().wall, RecordKind::Checkpoint, &body);
            self.checkpoint = Some(checkpoint);
        }
    }

    fn line(&mut self, time: Timestamp, kind: RecordKind, body: &[u8]) {
        self.head.write(&mut self.bytes, time, kind, body);
        self.records += 1;
    }
}
