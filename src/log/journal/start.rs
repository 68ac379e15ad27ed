//! What a start finds: the last record that holds, what is torn behind it, and what is missing.
//!
//! The last group may be torn, and nobody was told of it. Where more does not hold, or not in the way of a crash, or
//! `head.json` vouches for a later record or is gone, something was lost that was on disk: that is told as damage.
//! Either way nothing is cut off; the next file says how much of this one counts.

use std::io;
use std::sync::Arc;

use uuid::Uuid;

use super::JournalError;
use super::disk::Disk;
use super::files::{self, Link, Previous, Segment};
use super::gap::{Gap, Lost};
use super::line::Head;
use super::retention::Old;
use super::tail::Tail;
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
    /// Records that hold and that no checkpoint vouches for, as a process leaves them that was killed.
    pub unsigned: u64,
    /// Records that were on disk and are no more: first and last.
    pub missing: Option<(u64, u64)>,
}

/// All that the writer goes on from.
#[derive(Debug)]
pub(super) struct Found {
    pub log: Uuid,
    pub next_number: u64,
    pub tail: Option<Previous>,
    /// The first record of that file.
    pub tail_first_seq: u64,
    /// What the next record follows: no number is used again that counted once.
    pub head: Head,
    pub gaps: Vec<Gap>,
    pub olds: Vec<Old>,
    /// When the last record was written.
    pub newest: Option<Timestamp>,
    unsigned: u64,
    /// There was nothing.
    pub is_new: bool,
}

impl Found {
    pub fn recovery(&self) -> Recovery {
        let damage = self.gaps.iter().find(|gap| gap.reason == Lost::Damaged);
        let missing = damage.and_then(|gap| gap.from.zip(gap.to));
        Recovery {
            is_new: self.is_new,
            last_seq: self.tail.as_ref().map_or(0, |tail| tail.seq),
            unsigned: self.unsigned,
            torn_bytes: self.gaps.iter().filter_map(|gap| gap.bytes).sum(),
            missing,
        }
    }
}

/// Looks at what is there. `key` is the public key that will sign: a log goes on under the one it began with.
pub(super) fn look(disk: &Arc<dyn Disk>, key: &str) -> Result<Found, JournalError> {
    let cannot_read = |error| JournalError::Disk {
        what: "read the records that are there",
        error,
    };
    let segments = files::segments(disk.as_ref()).map_err(cannot_read)?;
    let mut opened = segments.iter().filter_map(|one| one.opening.as_ref());
    if let Some(opened) = opened.next_back().filter(|last| last.body.key != key) {
        return Err(JournalError::Key {
            expected: opened.body.key.clone(),
            found: key.to_owned(),
        });
    }
    look_at_files(disk, &segments, key).map_err(cannot_read)
}

fn look_at_files(disk: &Arc<dyn Disk>, segments: &[Segment], key: &str) -> io::Result<Found> {
    let signed = files::read_head(disk.as_ref())?;
    let signed = signed.filter(|signed| signed.is_signed_by(key));
    let chain = files::chain(segments);
    let next_number = segments.last().map_or(1, |last| last.number + 1);
    let last = chain.last().map(|link| link.segment);
    let opened = last.and_then(|last| Some((last, last.opening.as_ref()?)));
    let log = match (&opened, &signed) {
        (Some((_, opened)), _) => opened.body.log,
        (None, Some(signed)) => signed.log,
        (None, None) => new_id(),
    };
    let is_new = segments.is_empty();
    // It is there before the first record is.
    let lost_head = signed.is_none() && !is_new;
    let signed_seq = signed
        .filter(|signed| signed.log == log)
        .map_or(0, |signed| signed.seq);
    let mut found = Tail::nothing(signed_seq);
    if let Some(last) = last {
        found = Tail::look(disk, last, signed_seq)?;
        // Whoever wrote it may not have come to sync it, or in vain.
        disk.write_again(&files::name(last.number), found.signed_bytes)?;
        disk.sync_directory()?;
    }
    let last_number = last.map_or(0, |last| last.number);
    for later in segments.iter().filter(|one| one.number > last_number) {
        found = found.and(Tail::look(disk, later, signed_seq)?);
    }
    let is_torn = found.is_torn() && !lost_head;
    // What is torn never counted, and its numbers are free: a hole would have to be told, and what tells it could be
    // torn in its turn.
    let highest = if is_torn {
        found.head.seq
    } else {
        found.highest.max(signed_seq).max(found.head.seq)
    };
    Ok(Found {
        log,
        next_number,
        tail: last.map(|last| Previous {
            segment: last.number,
            seq: found.head.seq,
            hash: found.head.hash.to_string(),
            bytes: found.good_bytes,
        }),
        tail_first_seq: opened.map_or(found.head.seq, |(_, opened)| opened.head.seq),
        head: Head {
            seq: highest,
            hash: found.head.hash,
        },
        gaps: gaps(&found, highest, is_torn),
        olds: olds(&chain),
        newest: found.newest,
        // A clean end has the checkpoint itself behind what it signs.
        unsigned: found.head.seq.saturating_sub(signed_seq.saturating_add(1)),
        is_new: is_new && signed_seq == 0,
    })
}

fn gaps(found: &Tail, highest: u64, is_torn: bool) -> Vec<Gap> {
    if is_torn && found.bad_bytes == 0 {
        return Vec::new();
    }
    let reason = if is_torn {
        Lost::TornTail
    } else {
        Lost::Damaged
    };
    let missing = Some((found.head.seq + 1, highest)).filter(|(from, to)| from <= to);
    vec![Gap {
        from: missing.map(|(from, _)| from),
        to: missing.map(|(_, to)| to),
        bytes: Some(found.bad_bytes).filter(|bytes| *bytes > 0),
        ..Gap::of(reason)
    }]
}

/// The files before the last, as retention looks at them.
fn olds(chain: &[Link<'_>]) -> Vec<Old> {
    let pairs = chain.iter().zip(chain.iter().skip(1));
    let old = |(link, next): (&Link<'_>, &Link<'_>)| {
        let next = next.segment.opening.as_ref()?;
        let last_seq = next.body.previous.as_ref()?.seq;
        let opening = link.segment.opening.as_ref();
        Some(Old {
            number: link.segment.number,
            bytes: link.segment.length,
            first_seq: opening.map_or(last_seq, |opened| opened.head.seq),
            last_seq,
            followed_at: instant(&next.time),
        })
    };
    pairs.filter_map(old).collect()
}

/// What cannot be read is as old as can be told, and goes first.
fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or(Timestamp::MIN)
}

fn new_id() -> Uuid {
    let mut random = [0; 16];
    // Where the system has no random numbers there is no key to sign with either.
    let _ = aws_lc_rs::rand::fill(&mut random);
    uuid::Builder::from_random_bytes(random).into_uuid()
}
