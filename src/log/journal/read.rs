//! Reads records back, a part of a file at a time.

use std::cmp::Ordering;
use std::io;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::files;
use super::line::{Head, Line, RecordKind};
use super::tail::Tail;

/// A place between two records: everything before it has been read, or is on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The file's number.
    pub segment: u64,
    /// How many of its bytes are before.
    pub offset: u64,
    /// The last record before.
    pub seq: u64,
}

/// A record as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub seq: u64,
    /// When it was written, in RFC 3339.
    pub time: String,
    /// What it is.
    pub kind: RecordKind,
    /// Its JSON.
    pub body: Vec<u8>,
    /// Just behind it.
    pub position: Position,
    /// It does not follow from the record before, or is a checkpoint that does not sign that one: something was
    /// changed. Found only by [`Records::checked`].
    pub is_broken: bool,
}

/// The records of a log, in their order. What is wrong is found by `verify`; reading marks what it passes, if asked to.
#[derive(Debug)]
pub struct Records {
    disk: Arc<dyn Disk>,
    check: Option<ChainCheck>,
    /// Lines that are no records.
    unreadable: u64,
    /// What is still to be read, the next file last.
    left: Vec<Part>,
    lines: Option<(u64, Lines)>,
}

/// The bytes of a file between two places.
#[derive(Debug, Clone, Copy)]
struct Part {
    segment: u64,
    from: u64,
    until: u64,
}

/// The lines of a file, up to a place in it.
#[derive(Debug)]
pub(super) struct Lines {
    disk: Arc<dyn Disk>,
    name: String,
    /// What was read and not yet given, from `at` on.
    buffer: Vec<u8>,
    at: usize,
    /// Where the next read begins.
    next: u64,
    until: u64,
}

/// A line, without its end, and where the one after it begins.
#[derive(Debug)]
pub(super) struct RawLine {
    pub bytes: Vec<u8>,
    pub end: u64,
    /// It has its end; what has none is the last.
    pub is_whole: bool,
}

impl Records {
    /// From a place (or the beginning) up to another (or the end, which may still be growing, without what a crash has
    /// torn). A file that is gone is passed over, and a line that is no record too.
    pub fn between(
        disk: Arc<dyn Disk>,
        from: Option<Position>,
        until: Option<Position>,
    ) -> io::Result<Records> {
        let from = from.unwrap_or_default();
        // Before the files are listed, so that it cannot be ahead of them.
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
                // Whoever follows the writer knows how far it is, and the file need not be looked at for that.
                Some(until) if until.segment == segment => until.offset,
                _ => {
                    let signed = signed.as_ref().filter(|_| last == Some(segment));
                    Tail::count(&disk, link, signed)?
                }
            };
            let is_first = segment == from.segment;
            left.push(Part {
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

    /// Also holds each record to the chain and to the checkpoints that it passes, which takes a hash of each.
    pub fn checked(self) -> Records {
        Records {
            check: Some(ChainCheck::default()),
            ..self
        }
    }

    /// Goes on with a check of records that end where these begin.
    pub(super) fn checked_by(self, check: Option<ChainCheck>) -> Records {
        Records { check, ..self }
    }

    pub(super) fn into_check(self) -> Option<ChainCheck> {
        self.check
    }

    /// How many lines were passed over so far because they are no records.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    fn step(&mut self) -> io::Result<Option<Record>> {
        loop {
            let Some((segment, lines)) = &mut self.lines else {
                let Some(part) = self.left.pop() else {
                    return Ok(None);
                };
                let lines = Lines::new(Arc::clone(&self.disk), part.segment, part.from, part.until);
                self.lines = Some((part.segment, lines));
                continue;
            };
            match lines.next()? {
                None => self.lines = None,
                Some(raw) if raw.is_whole => {
                    if let Some(line) = Line::read(&raw.bytes) {
                        let check = self.check.as_mut();
                        let is_broken = check.is_some_and(|check| !check.holds(&line, *segment));
                        return Ok(Some(Record {
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

/// Holds records to the chain, in their order.
#[derive(Debug, Default)]
pub(super) struct ChainCheck {
    last: Option<Head>,
    /// The file of that record.
    segment: u64,
    /// The key that the first file names.
    key: Option<String>,
}

impl ChainCheck {
    fn holds(&mut self, line: &Line<'_>, segment: u64) -> bool {
        let last = self.last.replace(line.head());
        let before = std::mem::replace(&mut self.segment, segment);
        if line.kind == RecordKind::Segment {
            let Some(opened) = files::read_opening(line, segment) else {
                return false;
            };
            self.key.get_or_insert(opened.body.key);
            // A file before that is gone shows as a gap record or as a jump of the numbers.
            let previous = opened.body.previous.filter(|one| one.segment == before);
            return match (previous, last) {
                (Some(previous), Some(last)) => match previous.seq.cmp(&last.seq) {
                    // After a failed sync the writer repeats records that a follower has read before.
                    Ordering::Less => true,
                    Ordering::Equal => previous.hash == last.hash.to_string(),
                    Ordering::Greater => false,
                },
                // Only the first record of a file begins it.
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

    fn is_signed(&self, line: &Line<'_>, last: Head) -> bool {
        let checkpoint = serde_json::from_slice::<Checkpoint>(line.body);
        let key = self.key.as_deref().unwrap_or_default();
        checkpoint.is_ok_and(|one| one.head() == Some(last) && one.is_signed_by(key))
    }
}

impl Iterator for Records {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

impl Lines {
    pub fn new(disk: Arc<dyn Disk>, segment: u64, from: u64, until: u64) -> Self {
        Lines {
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
            if !self.read_on()? {
                let bytes = self.buffer.get(self.at..).unwrap_or_default().to_vec();
                self.at = self.buffer.len();
                return Ok((!bytes.is_empty()).then(|| self.line(bytes, false)));
            }
            // What was given already is let go of.
            searched -= self.at;
            self.buffer.drain(..self.at);
            self.at = 0;
        }
    }

    fn line(&self, bytes: Vec<u8>, is_whole: bool) -> RawLine {
        let unread = u64::try_from(self.buffer.len() - self.at).unwrap_or(0);
        RawLine {
            bytes,
            end: self.next - unread,
            is_whole,
        }
    }

    /// Reads more; false at the end.
    fn read_on(&mut self) -> io::Result<bool> {
        let left = usize::try_from(self.until.saturating_sub(self.next)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(false);
        }
        let bytes = match self.disk.read(&self.name, self.next, left.min(AT_A_TIME)) {
            // Retention may have come by.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        self.next += u64::try_from(bytes.len()).unwrap_or(0);
        self.buffer.extend_from_slice(&bytes);
        Ok(!bytes.is_empty())
    }
}

const AT_A_TIME: usize = 256 << 10;
