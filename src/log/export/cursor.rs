//! The export cursor: the file `export.cursor` beside the records holds the end of the exported records.
//!
//! The file is written after the collector has answered, at most once a second, so a crash repeats at most the records
//! of one second. If the file cannot be read, all records are exported again: duplicates are better than losses.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::log::journal::Position;
use crate::log::journal::disk::{Disk, replace};

/// The end of a log's exported records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// The log's id.
    pub log: Uuid,
    /// The segment's number.
    pub segment: u64,
    /// The number of exported bytes of the segment.
    pub offset: u64,
    /// The last exported record.
    pub seq: u64,
}

impl Cursor {
    pub fn position(&self) -> Position {
        Position {
            segment: self.segment,
            offset: self.offset,
            seq: self.seq,
        }
    }
}

/// The file `export.cursor`.
#[derive(Debug)]
pub(super) struct CursorFile {
    disk: Arc<dyn Disk>,
    saved: Option<Cursor>,
    saved_at: Option<Instant>,
    is_failing: bool,
}

impl CursorFile {
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        CursorFile {
            disk,
            saved: None,
            saved_at: None,
            is_failing: false,
        }
    }

    /// The saved cursor; `None` if the file is missing or malformed.
    pub fn read(&mut self) -> io::Result<Option<Cursor>> {
        let bytes = match self.disk.read(NAME, 0, MAX_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        match serde_json::from_slice(&bytes) {
            Ok(cursor) => {
                self.saved = Some(cursor);
                Ok(Some(cursor))
            }
            Err(error) => {
                tracing::warn!(file = NAME, %error, "cannot read the export cursor: exporting all records again");
                Ok(None)
            }
        }
    }

    /// Saves the cursor unless that was done less than [`INTERVAL`] ago.
    pub fn save_if_due(&mut self, log: Option<Uuid>, at: Position) {
        if self
            .saved_at
            .is_none_or(|saved| saved.elapsed() >= INTERVAL)
        {
            self.save(log, at);
        }
    }

    /// Saves the cursor. A failure is logged once; records are then sent again after a restart.
    pub fn save(&mut self, log: Option<Uuid>, at: Position) {
        let Some(log) = log else {
            return;
        };
        let cursor = Cursor {
            log,
            segment: at.segment,
            offset: at.offset,
            seq: at.seq,
        };
        if self.saved == Some(cursor) {
            return;
        }
        self.saved_at = Some(Instant::now());
        match self.write(&cursor) {
            Ok(()) => {
                self.saved = Some(cursor);
                self.is_failing = false;
            }
            Err(error) if !self.is_failing => {
                tracing::warn!(file = NAME, %error, "cannot write the export cursor: a restart exports records again");
                self.is_failing = true;
            }
            Err(_) => {}
        }
    }

    fn write(&self, cursor: &Cursor) -> io::Result<()> {
        replace(self.disk.as_ref(), NAME, &serde_json::to_vec(cursor)?)
    }
}

const NAME: &str = "export.cursor";
/// The file holds an id and numbers.
const MAX_BYTES: usize = 4096;
/// A crash repeats the records of at most this time.
const INTERVAL: Duration = Duration::from_secs(1);
