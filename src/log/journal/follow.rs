//! Follows a log while another process writes it: returns what was appended since the last look.
//!
//! Sees records when they are written, which may be before they are on disk. After a failed write or sync the writer
//! repeats a group in a new file; its records are then returned twice, with the same ids.

use std::io;
use std::sync::Arc;

use uuid::Uuid;

use super::disk::Disk;
use super::files::{self, Segment};
use super::read::{ChainCheck, Position, Record, Records};

/// A reader of the records behind a position, across new files and restarts of the writer.
#[derive(Debug)]
pub struct Follower {
    disk: Arc<dyn Disk>,
    position: Position,
    /// The log that the position belongs to; `None` before the first look.
    log: Option<Uuid>,
    check: Option<ChainCheck>,
    /// Lines that are no records.
    unreadable: u64,
}

impl Follower {
    /// Begins behind this position.
    pub fn new(disk: Arc<dyn Disk>, position: Position) -> Self {
        Follower {
            disk,
            position,
            log: None,
            check: None,
            unreadable: 0,
        }
    }

    /// Holds each record to the chain, as these have been that end at the position.
    pub fn checked_as(self, before: Records) -> Self {
        Follower {
            check: before.into_check(),
            ..self
        }
    }

    /// How many lines were passed over so far because they are no records.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Hands over each record that was appended since the last look. A line that is still being written is left for
    /// the next look, and so is a folder that is not there. Another log in the folder is read from its beginning.
    pub fn look<E: From<io::Error>>(
        &mut self,
        mut each: impl FnMut(&Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(end) = self.end()? else {
            return Ok(());
        };
        if end <= self.position {
            return Ok(());
        }
        // The end of the last file is given, so that no look reads a whole file.
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

    /// The end of the last file; `None` where there is none.
    fn end(&mut self) -> io::Result<Option<Position>> {
        let mut segments = self.segments_from(self.position.segment)?;
        if segments.is_empty() {
            segments = self.segments_from(0)?;
        }
        let last = segments.iter().rev();
        let mut last = last.filter_map(|segment| Some((segment, segment.opening.as_ref()?)));
        let Some((last, opening)) = last.next() else {
            return Ok(None);
        };
        let log = opening.body.log;
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
