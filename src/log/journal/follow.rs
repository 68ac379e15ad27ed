//! Follows a log while another process writes it: returns the records appended since the last poll.
//!
//! Records are returned when they are written, which may be before they are on disk. After a failed write or sync the
//! writer repeats a group in a new segment; its records are then returned twice, with the same ids.

use std::io;
use std::sync::Arc;

use uuid::Uuid;

use super::disk::Disk;
use super::files::{self, Segment};
use super::read::{ChainCheck, JournalRecord, Position, Records};

/// A reader of the records after a position, across new segments and restarts of the writer.
#[derive(Debug)]
pub struct JournalFollower {
    disk: Arc<dyn Disk>,
    position: Position,
    /// The log that the position belongs to; `None` before the first poll.
    log: Option<Uuid>,
    check: Option<ChainCheck>,
    /// Lines that are not records.
    unreadable: u64,
}

impl JournalFollower {
    /// Starts after this position.
    pub fn new(disk: Arc<dyn Disk>, position: Position) -> Self {
        JournalFollower {
            disk,
            position,
            log: None,
            check: None,
            unreadable: 0,
        }
    }

    /// Verifies the chain of each record, continuing the check of the records that end at the position.
    pub fn continue_check(self, before: Records) -> Self {
        JournalFollower {
            check: before.into_check(),
            ..self
        }
    }

    /// The number of lines skipped so far because they are not records.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Passes on each record appended since the last poll. An incomplete line is left for the next poll, and so is a
    /// missing folder. If the folder holds another log now, that log is read from its start.
    pub fn poll<E: From<io::Error>>(
        &mut self,
        mut each: impl FnMut(&JournalRecord) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(end) = self.end()? else {
            return Ok(());
        };
        if end <= self.position {
            return Ok(());
        }
        // With a known end, a poll does not read the segments from their start.
        let appended = Records::between(Arc::clone(&self.disk), Some(self.position), Some(end))?;
        let mut appended = appended.checked_by(self.check.take());
        for record in appended.by_ref() {
            let record = record?;
            self.position = record.position;
            each(&record)?;
        }
        self.unreadable += appended.unreadable();
        self.check = appended.into_check();
        Ok(())
    }

    /// The end of the last segment; `None` if there is none.
    fn end(&mut self) -> io::Result<Option<Position>> {
        let mut segments = self.segments_from(self.position.segment)?;
        if segments.is_empty() {
            segments = self.segments_from(0)?;
        }
        let last = segments.iter().rev();
        let mut last = last.filter_map(|segment| Some((segment, segment.header.as_ref()?)));
        let Some((last, header)) = last.next() else {
            return Ok(None);
        };
        let log = header.body.log;
        if self.log.replace(log).is_some_and(|known| known != log) {
            self.position = Position::default();
            self.check = self.check.take().map(|_| ChainCheck::default());
        }
        Ok(Some(Position {
            segment: last.number,
            offset: last.length,
            seq: self.position.seq,
        }))
    }

    fn segments_from(&self, first: u64) -> io::Result<Vec<Segment>> {
        match files::segments_from(self.disk.as_ref(), first) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            segments => segments,
        }
    }
}
