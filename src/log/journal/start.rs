//! What a start finds: the last record that holds, what is torn behind it, and what is missing.
//!
//! Lines behind the last group that was synced may be torn, and nobody was told of them. Where a line that does not
//! hold is followed by others that do, or `head.json` vouches for a later record, something was lost that was on
//! disk: that is told as damage. Either way nothing is cut off; the next file says how much of this one counts.

use std::io;
use std::sync::Arc;

use uuid::Uuid;

use super::JournalError;
use super::disk::Disk;
use super::files::{self, Opened, Previous, Segment};
use super::gap::{Gap, Lost};
use super::line::{Head, Line};
use super::read::Lines;
use super::writer::Old;
use crate::time::Timestamp;

/// What was found at the start, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// There was no log.
    pub is_new: bool,
    /// The last record that holds.
    pub last_seq: u64,
    /// Bytes behind it that do not count.
    pub torn_bytes: u64,
    /// Records that were on disk and are no more: first and last.
    pub missing: Option<(u64, u64)>,
}

/// All that the writer goes on from.
#[derive(Debug)]
pub(super) struct Found {
    pub log: Uuid,
    pub next_number: u64,
    pub tail: Option<Previous>,
    /// The first record of the file that `tail` is about.
    pub first_seq: u64,
    /// What the next record follows: no number is used that was on disk once.
    pub head: Head,
    pub gaps: Vec<Gap>,
    pub olds: Vec<Old>,
    is_new: bool,
}

/// The last file that counts, looked at line by line.
struct Scan {
    head: Head,
    good_bytes: u64,
    bad_bytes: u64,
    /// The highest number that a line behind the good ones has.
    highest: u64,
}

impl Found {
    pub fn recovery(&self) -> Recovery {
        let missing = self.gaps.iter().find_map(|gap| gap.from.zip(gap.to));
        Recovery {
            is_new: self.is_new,
            last_seq: self.tail.as_ref().map_or(0, |tail| tail.seq),
            torn_bytes: self.gaps.iter().filter_map(|gap| gap.bytes).sum(),
            missing,
        }
    }
}

pub(super) fn look(disk: &Arc<dyn Disk>) -> Result<Found, JournalError> {
    let found = look_at_files(disk);
    found.map_err(|error| JournalError::Disk {
        what: "read the records that are there",
        error,
    })
}

fn look_at_files(disk: &Arc<dyn Disk>) -> io::Result<Found> {
    let segments = files::segments(disk.as_ref())?;
    let signed = files::read_head(disk.as_ref())?;
    let chain = files::chain(&segments);
    let next_number = segments.last().map_or(1, |last| last.number + 1);
    let last = chain.last().map(|(segment, _)| *segment);
    let opened = last.and_then(|last| Some((last, last.opening.as_ref()?)));
    let log = match (&opened, &signed) {
        (Some((_, opened)), _) => opened.body.log,
        (None, Some(signed)) => signed.log,
        (None, None) => new_id(),
    };
    let signed_seq = signed
        .filter(|signed| signed.log == log)
        .map_or(0, |signed| signed.seq);
    let (scan, tail) = match opened {
        None => (Scan::NOTHING, None),
        Some((last, opened)) => {
            let scan = scan(disk, last, opened)?;
            // Whoever wrote it may not have come to sync it.
            disk.open(&files::name(last.number))?.sync()?;
            disk.sync_directory()?;
            let tail = Previous {
                segment: last.number,
                seq: scan.head.seq,
                hash: scan.head.hash.to_string(),
                bytes: scan.good_bytes,
            };
            (scan, Some(tail))
        }
    };
    let highest = scan.highest.max(signed_seq).max(scan.head.seq);
    Ok(Found {
        log,
        next_number,
        tail,
        first_seq: opened.map_or(0, |(_, opened)| opened.head.seq),
        head: Head {
            seq: highest,
            hash: scan.head.hash,
        },
        gaps: gaps(&scan, highest),
        olds: olds(&chain),
        is_new: segments.is_empty() && signed_seq == 0,
    })
}

impl Scan {
    const NOTHING: Scan = Scan {
        head: Head::START,
        good_bytes: 0,
        bad_bytes: 0,
        highest: 0,
    };
}

fn scan(disk: &Arc<dyn Disk>, last: &Segment, opened: &Opened) -> io::Result<Scan> {
    let mut lines = Lines::new(Arc::clone(disk), last.number, 0, last.length);
    let mut scan = Scan::NOTHING;
    let mut is_good = true;
    while let Some(raw) = lines.next()? {
        let line = Line::read(&raw.bytes).filter(|_| raw.is_whole);
        let follows = |line: &Line<'_>| match scan.good_bytes {
            0 => line.head() == opened.head,
            _ => line.seq == scan.head.seq + 1 && line.is_chained_to(scan.head.hash),
        };
        match line {
            Some(line) if is_good && follows(&line) => {
                scan.head = line.head();
                scan.good_bytes = raw.end;
            }
            Some(line) => {
                is_good = false;
                scan.highest = scan.highest.max(line.seq);
            }
            None => is_good = false,
        }
        scan.bad_bytes = raw.end - scan.good_bytes;
    }
    Ok(scan)
}

fn gaps(scan: &Scan, highest: u64) -> Vec<Gap> {
    let bytes = Some(scan.bad_bytes).filter(|bytes| *bytes > 0);
    if highest > scan.head.seq {
        return vec![Gap {
            from: Some(scan.head.seq + 1),
            to: Some(highest),
            bytes,
            ..Gap::of(Lost::Damaged)
        }];
    }
    let torn = bytes.map(|bytes| Gap {
        bytes: Some(bytes),
        ..Gap::of(Lost::TornTail)
    });
    torn.into_iter().collect()
}

/// The files before the last, as retention looks at them.
fn olds(chain: &[(&Segment, u64)]) -> Vec<Old> {
    let followers = chain.iter().skip(1);
    let pairs = chain.iter().zip(followers);
    let old = |((segment, bytes), (next, _)): (&(&Segment, u64), &(&Segment, u64))| {
        let previous = next.opening.as_ref()?.body.previous.as_ref()?;
        Some(Old {
            number: segment.number,
            bytes: *bytes,
            first_seq: segment.opening.as_ref()?.head.seq,
            last_seq: previous.seq,
            followed_at: instant(&next.opening.as_ref()?.time),
        })
    };
    pairs.filter_map(old).collect()
}

/// What cannot be read is as old as can be told, and goes first.
fn instant(text: &str) -> Timestamp {
    let read = text.parse::<jiff::Timestamp>();
    read.map_or(Timestamp::MIN, |instant| {
        Timestamp::from_nanos(i64::try_from(instant.as_nanosecond()).unwrap_or(i64::MAX))
    })
}

fn new_id() -> Uuid {
    let mut random = [0; 16];
    // Where the system has no random numbers there is no key to sign with either.
    let _ = aws_lc_rs::rand::fill(&mut random);
    uuid::Builder::from_random_bytes(random).into_uuid()
}
