//! Builds the lines of a group, and the state of the log after it is on disk. Does no I/O.

use std::io;

use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::files::SegmentHeader;
use super::gap::{CountsByReason, Gap, GapReason};
use super::line::{Head, RecordKind};
use super::queue::Queued;
use super::{EventKind, JournalOptions};
use crate::clock::Clock;
use crate::time::Timestamp;

/// The bytes of a group, and the state of the log after it is on disk.
pub(super) struct GroupBuffer {
    pub bytes: Vec<u8>,
    pub head: Head,
    pub records: u64,
    /// Gap records.
    pub gaps: CountsByReason,
    /// Records in the ranges of these gap records, except those of retention, which are counted separately.
    pub missing: CountsByReason,
    pub checkpoint: Option<Checkpoint>,
}

impl GroupBuffer {
    pub fn after(head: Head) -> Self {
        GroupBuffer {
            bytes: Vec::new(),
            head,
            records: 0,
            gaps: CountsByReason::default(),
            missing: CountsByReason::default(),
            checkpoint: None,
        }
    }

    pub fn write_header(&mut self, clock: &Clock, header: &SegmentHeader) -> io::Result<()> {
        self.line(
            clock.now().wall,
            RecordKind::Segment,
            &serde_json::to_vec(header)?,
        );
        Ok(())
    }

    pub fn write_records(&mut self, clock: &Clock, entries: &[Queued], gaps: &[Gap]) {
        for gap in gaps {
            // Serializing numbers and words does not fail.
            let body = serde_json::to_vec(gap).unwrap_or_else(|_| b"{}".to_vec());
            self.line(clock.now().wall, RecordKind::Gap, &body);
            self.gaps.add(gap.reason, 1);
            if gap.reason != GapReason::Retention {
                self.missing.add(gap.reason, gap.numbered());
            }
        }
        for Queued { entry, .. } in entries {
            let kind = match entry.kind {
                EventKind::SignIn => RecordKind::SignIn,
                EventKind::Audit => RecordKind::Audit,
            };
            self.line(entry.time, kind, &entry.body);
        }
    }

    pub fn write_checkpoint(&mut self, clock: &Clock, options: &JournalOptions, log: Uuid) {
        let checkpoint = options.signer.sign(log, self.head);
        // Serializing numbers and words does not fail.
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
