//! The tail of a log: how many bytes of the last segment are valid, and whether the rest looks like a torn write.
//!
//! Unsynced data may be partly on disk: truncated anywhere, or with zeros for pages that were not written (records
//! contain no zero bytes). It is at most one group, and its records were never confirmed. Any other invalid data was
//! changed.

use std::io;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::files::{ChainLink, HeaderRecord, Segment};
use super::line::{Head, RecordLine};
use super::read::{RawLine, SegmentLines};
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    /// The last valid record.
    pub head: Head,
    /// The time of that record.
    pub newest: Option<Timestamp>,
    /// The number of valid bytes.
    pub good_bytes: u64,
    /// The number of bytes after them.
    pub bad_bytes: u64,
    /// The number of bytes that `head.json` signs.
    pub signed_bytes: u64,
    /// The highest sequence number in a line after the valid ones.
    pub highest: u64,
    signed: u64,
    /// The invalid bytes start like a torn write and are not more than one group.
    looks_torn: bool,
}

impl Tail {
    /// The tail of an empty log.
    pub fn empty(signed: u64) -> Tail {
        Tail {
            head: Head::START,
            newest: None,
            good_bytes: 0,
            bad_bytes: 0,
            signed_bytes: 0,
            highest: 0,
            signed,
            looks_torn: true,
        }
    }

    /// Reads a segment line by line. In a segment without a header, no record is valid. `signed` is the sequence number
    /// of the record that `head.json` signs.
    pub fn read(disk: &Arc<dyn Disk>, file: &Segment, signed: u64) -> io::Result<Tail> {
        let mut lines = SegmentLines::new(Arc::clone(disk), file.number, 0, file.length);
        let mut tail = Tail::empty(signed);
        let mut is_good = true;
        while let Some(raw) = lines.next()? {
            let line = RecordLine::parse(&raw.bytes).filter(|_| raw.is_complete);
            let good = line.filter(|line| is_good && tail.is_followed_by(line, &file.header));
            if let Some(line) = good {
                tail.head = line.head();
                tail.newest = line.time.parse().ok();
                tail.good_bytes = raw.end;
                if line.seq <= signed {
                    tail.signed_bytes = raw.end;
                }
                continue;
            }
            if is_good {
                tail.looks_torn = is_cut(&raw) || has_hole(&raw);
            }
            is_good = false;
            tail.highest = tail.highest.max(line.map_or(0, |line| line.seq));
            tail.bad_bytes = raw.end - tail.good_bytes;
        }
        tail.looks_torn &= tail.bad_bytes <= LARGEST_GROUP;
        Ok(tail)
    }

    /// The number of valid bytes of each segment: as the next header states, or all bytes except a torn or running write.
    pub fn all_valid_bytes<'a>(
        disk: &Arc<dyn Disk>,
        chain: &[ChainLink<'a>],
        signed: Option<&Checkpoint>,
    ) -> io::Result<Vec<(&'a Segment, u64)>> {
        let last = chain.last().map(|link| link.segment.number);
        let counted = chain.iter().map(|link| {
            let is_last = last == Some(link.segment.number);
            let valid_bytes = Tail::valid_bytes(disk, link, signed.filter(|_| is_last))?;
            Ok((link.segment, valid_bytes))
        });
        counted.collect()
    }

    /// The same for one segment. If no header states it, the entire segment is read.
    pub fn valid_bytes(
        disk: &Arc<dyn Disk>,
        link: &ChainLink<'_>,
        signed: Option<&Checkpoint>,
    ) -> io::Result<u64> {
        if let Some(valid_bytes) = link.valid_bytes {
            return Ok(valid_bytes);
        }
        let tail = Tail::read(disk, link.segment, signed.map_or(0, |signed| signed.seq))?;
        Ok(if tail.is_torn() {
            tail.good_bytes
        } else {
            link.segment.length
        })
    }

    fn is_followed_by(&self, line: &RecordLine<'_>, header: &Option<HeaderRecord>) -> bool {
        match self.good_bytes {
            0 => header.as_ref().is_some_and(|one| one.head == line.head()),
            _ => line.seq == self.head.seq + 1 && line.is_chained_to(self.head.hash),
        }
    }

    /// Adds a later segment without valid records.
    pub fn join(self, later: Tail) -> Tail {
        Tail {
            bad_bytes: self.bad_bytes + later.bad_bytes,
            highest: self.highest.max(later.highest),
            looks_torn: self.looks_torn && later.looks_torn,
            ..self
        }
    }

    /// Whether the invalid bytes are a torn write: no confirmed record is missing.
    pub fn is_torn(&self) -> bool {
        self.looks_torn && self.signed <= self.head.seq
    }
}

/// The line has no line end, and not only because the line end was changed.
fn is_cut(raw: &RawLine) -> bool {
    // A zero byte at the end is a hole.
    let changed = raw.bytes.split_last().filter(|(end, _)| **end != 0);
    let record = changed.and_then(|(_, line)| RecordLine::parse(line));
    !raw.is_complete && record.is_none()
}

/// The line has a zero byte at the end of a sector.
fn has_hole(raw: &RawLine) -> bool {
    let length = u64::try_from(raw.bytes.len()).unwrap_or(0) + u64::from(raw.is_complete);
    let places = (raw.end - length..).zip(&raw.bytes);
    let zeros = places.filter(|(_, byte)| **byte == 0);
    zeros
        .into_iter()
        .any(|(place, _)| (place + 1).is_multiple_of(SECTOR))
}

const SECTOR: u64 = 512;
/// A group has 256 KiB of bodies, one more body of at most 64 KiB, and about 200 bytes per record.
const LARGEST_GROUP: u64 = 1 << 20;
