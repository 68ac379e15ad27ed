//! Reads records from disk, in chunks of a file.

use std::cmp::Ordering;
use std::io;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::files;
use super::line::{Head, RecordKind, RecordLine};
use super::tail::Tail;

/// A position between two records: all records before it have been read, or are on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The segment's number.
    pub segment: u64,
    /// The offset in the segment, in bytes.
    pub offset: u64,
    /// The sequence number of the last record before the position.
    pub seq: u64,
}

/// A record read from disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    /// The sequence number.
    pub seq: u64,
    /// The time in RFC 3339.
    pub time: String,
    /// The record's kind.
    pub kind: RecordKind,
    /// The body: JSON.
    pub body: Vec<u8>,
    /// The position after the record.
    pub position: Position,
    /// The record does not match the hash of the previous one, or is a checkpoint that does not sign it: one of the two
    /// was changed. Set only by [`Records::checked`].
    pub is_broken: bool,
}

/// The records of a log in order. Only `verify` finds all faults; [`Records::checked`] marks records that break the
/// chain.
#[derive(Debug)]
pub struct Records {
    disk: Arc<dyn Disk>,
    check: Option<ChainCheck>,
    /// Lines that are not records.
    unreadable: u64,
    /// The ranges to read, the next one last.
    left: Vec<SegmentRange>,
    lines: Option<(u64, SegmentLines)>,
}

/// A range of bytes of a segment.
#[derive(Debug, Clone, Copy)]
struct SegmentRange {
    segment: u64,
    from: u64,
    until: u64,
}

/// The lines of a segment, up to an offset.
#[derive(Debug)]
pub(super) struct SegmentLines {
    disk: Arc<dyn Disk>,
    name: String,
    /// Bytes read from the file; those before `at` have been returned.
    buffer: Vec<u8>,
    at: usize,
    /// The offset of the next read.
    next: u64,
    until: u64,
}

/// A line without its line end, and the offset of the next line.
#[derive(Debug)]
pub(super) struct RawLine {
    pub bytes: Vec<u8>,
    pub end: u64,
    /// The line has a line end. Only the last line of a file may have none.
    pub is_complete: bool,
}

impl Records {
    /// The records from a position (or the start) up to another (or the end, without a torn write; the log may be
    /// growing). Missing segments and lines that are not records are skipped.
    pub fn between(
        disk: Arc<dyn Disk>,
        from: Option<Position>,
        until: Option<Position>,
    ) -> io::Result<Records> {
        let from = from.unwrap_or_default();
        // Read before the files are listed, so that it is not newer than the list.
        let signed = match until {
            None => files::read_head(disk.as_ref())?,
            Some(_) => None,
        };
        let segments = files::segments_from(disk.as_ref(), from.segment)?;
        let chain = files::chain(&segments);
        let last = chain.last().map(|link| link.segment.number);
        let mut left = Vec::new();
        for link in &chain {
            let segment = link.segment.number;
            let until = match until {
                Some(until) if until.segment < segment => break,
                // The caller has the end of this segment, so it is not searched.
                Some(until) if until.segment == segment => until.offset,
                _ => {
                    let signed = signed.as_ref().filter(|_| last == Some(segment));
                    Tail::valid_bytes(&disk, link, signed)?
                }
            };
            let is_first = segment == from.segment;
            left.push(SegmentRange {
                segment,
                from: if is_first { from.offset } else { 0 },
                until,
            });
        }
        left.reverse();
        Ok(Records {
            disk,
            check: None,
            unreadable: 0,
            left,
            lines: None,
        })
    }

    /// Also verifies the hash chain and the checkpoints, which costs one hash per record.
    pub fn checked(self) -> Records {
        Records {
            check: Some(ChainCheck::default()),
            ..self
        }
    }

    /// Continues the check of the records before these.
    pub(super) fn checked_by(self, check: Option<ChainCheck>) -> Records {
        Records { check, ..self }
    }

    pub(super) fn into_check(self) -> Option<ChainCheck> {
        self.check
    }

    /// The number of lines skipped so far because they are not records.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    fn next_record(&mut self) -> io::Result<Option<JournalRecord>> {
        loop {
            let Some((segment, lines)) = &mut self.lines else {
                let Some(part) = self.left.pop() else {
                    return Ok(None);
                };
                let lines =
                    SegmentLines::new(Arc::clone(&self.disk), part.segment, part.from, part.until);
                self.lines = Some((part.segment, lines));
                continue;
            };
            match lines.next()? {
                None => self.lines = None,
                Some(raw) if raw.is_complete => {
                    if let Some(line) = RecordLine::parse(&raw.bytes) {
                        let check = self.check.as_mut();
                        let is_broken = check.is_some_and(|check| !check.verify(&line, *segment));
                        return Ok(Some(JournalRecord {
                            seq: line.seq,
                            time: line.time.to_owned(),
                            kind: line.kind,
                            body: line.body.to_vec(),
                            position: Position {
                                segment: *segment,
                                offset: raw.end,
                                seq: line.seq,
                            },
                            is_broken,
                        }));
                    }
                    self.unreadable += 1;
                }
                Some(_) => {}
            }
        }
    }
}

/// Verifies the chain of consecutive records.
#[derive(Debug, Default)]
pub(super) struct ChainCheck {
    last: Option<Head>,
    /// The segment of that record.
    segment: u64,
    /// The key in the header of the first segment.
    key: Option<String>,
}

impl ChainCheck {
    /// Whether the record matches the previous one.
    fn verify(&mut self, line: &RecordLine<'_>, segment: u64) -> bool {
        let last = self.last.replace(line.head());
        let before = std::mem::replace(&mut self.segment, segment);
        if line.kind == RecordKind::Segment {
            let Some(header) = files::parse_header(line, segment) else {
                return false;
            };
            self.key.get_or_insert(header.body.key);
            // A missing previous segment shows as a gap record or as a jump of the sequence numbers.
            let previous = header.body.previous.filter(|one| one.segment == before);
            return match (previous, last) {
                (Some(previous), Some(last)) => match previous.seq.cmp(&last.seq) {
                    // After a failed sync the writer repeats records that a follower has already read.
                    Ordering::Less => true,
                    Ordering::Equal => previous.hash == last.hash.to_string(),
                    Ordering::Greater => false,
                },
                // A header is valid only as the first record of a segment.
                (None, Some(_)) => before != segment,
                (_, None) => true,
            };
        }
        let Some(last) = last else {
            return true;
        };
        let follows = line.seq == last.seq.saturating_add(1) && line.is_chained_to(last.hash);
        follows && (line.kind != RecordKind::Checkpoint || self.is_signed(line, last))
    }

    fn is_signed(&self, line: &RecordLine<'_>, last: Head) -> bool {
        let checkpoint = serde_json::from_slice::<Checkpoint>(line.body);
        let key = self.key.as_deref().unwrap_or_default();
        checkpoint.is_ok_and(|one| one.head() == Some(last) && one.is_signed_by(key))
    }
}

impl Iterator for Records {
    type Item = io::Result<JournalRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

impl SegmentLines {
    pub fn new(disk: Arc<dyn Disk>, segment: u64, from: u64, until: u64) -> Self {
        SegmentLines {
            disk,
            name: files::name(segment),
            buffer: Vec::new(),
            at: 0,
            next: from,
            until,
        }
    }

    pub fn next(&mut self) -> io::Result<Option<RawLine>> {
        let mut searched = self.at;
        loop {
            let unread = self.buffer.get(searched..).unwrap_or_default();
            if let Some(found) = unread.iter().position(|byte| *byte == b'\n') {
                let end = searched + found;
                let bytes = self.buffer.get(self.at..end).unwrap_or_default().to_vec();
                self.at = end + 1;
                return Ok(Some(self.line(bytes, true)));
            }
            searched = self.buffer.len();
            if !self.read_more()? {
                let bytes = self.buffer.get(self.at..).unwrap_or_default().to_vec();
                self.at = self.buffer.len();
                return Ok((!bytes.is_empty()).then(|| self.line(bytes, false)));
            }
            // Drop the bytes that were returned.
            searched -= self.at;
            self.buffer.drain(..self.at);
            self.at = 0;
        }
    }

    fn line(&self, bytes: Vec<u8>, is_complete: bool) -> RawLine {
        let unread = u64::try_from(self.buffer.len() - self.at).unwrap_or(0);
        RawLine {
            bytes,
            end: self.next - unread,
            is_complete,
        }
    }

    /// Reads the next chunk; false at the end.
    fn read_more(&mut self) -> io::Result<bool> {
        let left = usize::try_from(self.until.saturating_sub(self.next)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(false);
        }
        let bytes = match self.disk.read(&self.name, self.next, left.min(CHUNK_BYTES)) {
            // Retention may have removed the file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        self.next += u64::try_from(bytes.len()).unwrap_or(0);
        self.buffer.extend_from_slice(&bytes);
        Ok(!bytes.is_empty())
    }
}

const CHUNK_BYTES: usize = 256 << 10;
