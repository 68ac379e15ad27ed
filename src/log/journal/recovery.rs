//! Recovery at the start: finds the last valid record, a torn write after it, and missing records.
//!
//! The last group may be torn; its records were never confirmed. If more than one group is invalid, or not in the way
//! that a crash leaves it, or `head.json` signs a later record or is missing, then records on disk were lost: a gap
//! record reports them as damaged. No segment is truncated in either case; the header of the next segment states how
//! many bytes are valid.

use std::io;
use std::sync::Arc;

use uuid::Uuid;

use super::JournalError;
use super::disk::Disk;
use super::files::{self, ChainLink, PreviousSegment, Segment};
use super::gap::{Gap, GapReason};
use super::line::Head;
use super::retention::ClosedSegment;
use super::tail::Tail;
use crate::time::Timestamp;

/// The result of the recovery, for the log of the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// No log existed.
    pub is_new: bool,
    /// The sequence number of the last valid record.
    pub last_seq: u64,
    /// Ignored bytes after it.
    pub torn_bytes: u64,
    /// Valid records that no checkpoint signs, as a killed process leaves them.
    pub unsigned: u64,
    /// Records that were on disk and are missing: first and last.
    pub missing: Option<(u64, u64)>,
}

/// The state from which the writer continues.
#[derive(Debug)]
pub(super) struct RecoveredState {
    pub log: Uuid,
    pub next_number: u64,
    pub tail: Option<PreviousSegment>,
    /// The first record of the tail's segment.
    pub tail_first_seq: u64,
    /// The head of the chain. Sequence numbers of confirmed records are never reused.
    pub head: Head,
    pub gaps: Vec<Gap>,
    pub closed_segments: Vec<ClosedSegment>,
    /// The time of the last record.
    pub newest: Option<Timestamp>,
    unsigned: u64,
    /// No log existed.
    pub is_new: bool,
}

impl RecoveredState {
    pub fn recovery(&self) -> Recovery {
        let damage = self
            .gaps
            .iter()
            .find(|gap| gap.reason == GapReason::Damaged);
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

/// Recovers the existing log. `key` is the public key of the signer: a log is continued only with the key that it was
/// started with.
pub(super) fn recover(disk: &Arc<dyn Disk>, key: &str) -> Result<RecoveredState, JournalError> {
    let cannot_read = |error| JournalError::Disk {
        what: "read the existing records",
        error,
    };
    let segments = files::segments(disk.as_ref()).map_err(cannot_read)?;
    let mut headers = segments.iter().filter_map(|one| one.header.as_ref());
    if let Some(header) = headers.next_back().filter(|last| last.body.key != key) {
        return Err(JournalError::Key {
            expected: header.body.key.clone(),
            found: key.to_owned(),
        });
    }
    recover_segments(disk, &segments, key).map_err(cannot_read)
}

fn recover_segments(
    disk: &Arc<dyn Disk>,
    segments: &[Segment],
    key: &str,
) -> io::Result<RecoveredState> {
    let signed = files::read_head(disk.as_ref())?;
    let signed = signed.filter(|signed| signed.is_signed_by(key));
    let chain = files::chain(segments);
    let next_number = segments.last().map_or(1, |last| last.number + 1);
    let last = chain.last().map(|link| link.segment);
    let header = last.and_then(|last| Some((last, last.header.as_ref()?)));
    let log = match (&header, &signed) {
        (Some((_, header)), _) => header.body.log,
        (None, Some(signed)) => signed.log,
        (None, None) => new_id(),
    };
    let is_new = segments.is_empty();
    // `head.json` is written before the first record.
    let lost_head = signed.is_none() && !is_new;
    let signed_seq = signed
        .filter(|signed| signed.log == log)
        .map_or(0, |signed| signed.seq);
    let mut found = Tail::empty(signed_seq);
    if let Some(last) = last {
        found = Tail::read(disk, last, signed_seq)?;
        // The process that wrote it may have ended before its sync, or the sync may have failed.
        disk.write_again(&files::name(last.number), found.signed_bytes)?;
        disk.sync_directory()?;
    }
    let last_number = last.map_or(0, |last| last.number);
    for later in segments.iter().filter(|one| one.number > last_number) {
        found = found.join(Tail::read(disk, later, signed_seq)?);
    }
    let is_torn = found.is_torn() && !lost_head;
    // Torn records never counted, so their numbers are reused. Otherwise a gap record would have to report the jump, and
    // it could be torn too.
    let highest = if is_torn {
        found.head.seq
    } else {
        found.highest.max(signed_seq).max(found.head.seq)
    };
    Ok(RecoveredState {
        log,
        next_number,
        tail: last.map(|last| PreviousSegment {
            segment: last.number,
            seq: found.head.seq,
            hash: found.head.hash.to_string(),
            bytes: found.good_bytes,
        }),
        tail_first_seq: header.map_or(found.head.seq, |(_, header)| header.head.seq),
        head: Head {
            seq: highest,
            hash: found.head.hash,
        },
        gaps: gaps(&found, highest, is_torn),
        closed_segments: closed_segments(&chain),
        newest: found.newest,
        // After a clean shutdown, only the checkpoint itself follows the record that it signs.
        unsigned: found.head.seq.saturating_sub(signed_seq.saturating_add(1)),
        is_new: is_new && signed_seq == 0,
    })
}

fn gaps(found: &Tail, highest: u64, is_torn: bool) -> Vec<Gap> {
    if is_torn && found.bad_bytes == 0 {
        return Vec::new();
    }
    let reason = if is_torn {
        GapReason::TornTail
    } else {
        GapReason::Damaged
    };
    let missing = Some((found.head.seq + 1, highest)).filter(|(from, to)| from <= to);
    vec![Gap {
        from: missing.map(|(from, _)| from),
        to: missing.map(|(_, to)| to),
        bytes: Some(found.bad_bytes).filter(|bytes| *bytes > 0),
        ..Gap::of(reason)
    }]
}

/// The segments before the last one, for retention.
fn closed_segments(chain: &[ChainLink<'_>]) -> Vec<ClosedSegment> {
    let pairs = chain.iter().zip(chain.iter().skip(1));
    let closed = |(link, next): (&ChainLink<'_>, &ChainLink<'_>)| {
        let next = next.segment.header.as_ref()?;
        let last_seq = next.body.previous.as_ref()?.seq;
        let header = link.segment.header.as_ref();
        Some(ClosedSegment {
            number: link.segment.number,
            bytes: link.segment.length,
            first_seq: header.map_or(last_seq, |header| header.head.seq),
            last_seq,
            followed_at: instant(&next.time),
        })
    };
    pairs.filter_map(closed).collect()
}

/// A segment with an unreadable time counts as the oldest and is removed first.
fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or(Timestamp::MIN)
}

fn new_id() -> Uuid {
    let mut random = [0; 16];
    // Without random numbers, the signing key could not have been generated either.
    let _ = aws_lc_rs::rand::fill(&mut random);
    uuid::Builder::from_random_bytes(random).into_uuid()
}
