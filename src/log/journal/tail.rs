//! The end of a log: how far the last file holds, and whether what is behind looks as a crash leaves it.
//!
//! What was not synced may be there in part: cut anywhere, or with holes of zeros where pages did not get to the disk
//! (no record has a zero byte in it). It is one group at most, and nobody was told that it is on disk. Anything else
//! that does not hold was changed.

use std::io;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::files::{Link, Opened, Segment};
use super::line::{Head, Line};
use super::read::{Lines, RawLine};
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    /// The last record that holds.
    pub head: Head,
    /// When it was written.
    pub newest: Option<Timestamp>,
    /// How far it holds.
    pub good_bytes: u64,
    /// What is behind.
    pub bad_bytes: u64,
    /// How far `head.json` vouches for it.
    pub signed_bytes: u64,
    /// The highest number that a line behind the good ones has.
    pub highest: u64,
    signed: u64,
    /// What is behind begins as what a crash has torn does, and is no more than that can be.
    looks_torn: bool,
}

impl Tail {
    /// Where there is no file.
    pub fn nothing(signed: u64) -> Tail {
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

    /// Looks at a file, line by line. Nothing holds in one that has no first record. `signed` is the number of the
    /// last record that `head.json` vouches for.
    pub fn look(disk: &Arc<dyn Disk>, file: &Segment, signed: u64) -> io::Result<Tail> {
        let mut lines = Lines::new(Arc::clone(disk), file.number, 0, file.length);
        let mut tail = Tail::nothing(signed);
        let mut is_good = true;
        while let Some(raw) = lines.next()? {
            let line = Line::read(&raw.bytes).filter(|_| raw.is_whole);
            let good = line.filter(|line| is_good && tail.is_followed_by(line, &file.opening));
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

    /// How many bytes of each of these files count: as its follower says, or all but what a crash has torn or is
    /// being written.
    pub fn counts<'a>(
        disk: &Arc<dyn Disk>,
        chain: &[Link<'a>],
        signed: Option<&Checkpoint>,
    ) -> io::Result<Vec<(&'a Segment, u64)>> {
        let last = chain.last().map(|link| link.segment.number);
        let counted = chain.iter().map(|link| {
            let is_last = last == Some(link.segment.number);
            let counts = Tail::count(disk, link, signed.filter(|_| is_last))?;
            Ok((link.segment, counts))
        });
        counted.collect()
    }

    /// The same for one of them. Where no follower says it, the whole file is looked at.
    pub fn count(
        disk: &Arc<dyn Disk>,
        link: &Link<'_>,
        signed: Option<&Checkpoint>,
    ) -> io::Result<u64> {
        if let Some(counts) = link.counts {
            return Ok(counts);
        }
        let tail = Tail::look(disk, link.segment, signed.map_or(0, |signed| signed.seq))?;
        Ok(if tail.is_torn() {
            tail.good_bytes
        } else {
            link.segment.length
        })
    }

    fn is_followed_by(&self, line: &Line<'_>, opening: &Option<Opened>) -> bool {
        match self.good_bytes {
            0 => opening.as_ref().is_some_and(|one| one.head == line.head()),
            _ => line.seq == self.head.seq + 1 && line.is_chained_to(self.head.hash),
        }
    }

    /// And a file behind it, in which nothing holds.
    pub fn and(self, later: Tail) -> Tail {
        Tail {
            bad_bytes: self.bad_bytes + later.bad_bytes,
            highest: self.highest.max(later.highest),
            looks_torn: self.looks_torn && later.looks_torn,
            ..self
        }
    }

    /// A crash has left it so: nothing is missing that anybody was told is on disk.
    pub fn is_torn(&self) -> bool {
        self.looks_torn && self.signed <= self.head.seq
    }
}

/// It has no end, and not only because that was changed.
fn is_cut(raw: &RawLine) -> bool {
    // A zero is a hole of one byte.
    let changed = raw.bytes.split_last().filter(|(end, _)| **end != 0);
    let record = changed.and_then(|(_, line)| Line::read(line));
    !raw.is_whole && record.is_none()
}

/// Zeros up to where a page of a disk may end.
fn has_hole(raw: &RawLine) -> bool {
    let length = u64::try_from(raw.bytes.len()).unwrap_or(0) + u64::from(raw.is_whole);
    let places = (raw.end - length..).zip(&raw.bytes);
    let zeros = places.filter(|(_, byte)| **byte == 0);
    zeros
        .into_iter()
        .any(|(place, _)| (place + 1).is_multiple_of(SECTOR))
}

const SECTOR: u64 = 512;
/// A group has 256 KiB of bodies and one more, which has 64, and some 200 bytes a record besides.
const LARGEST_GROUP: u64 = 1 << 20;
