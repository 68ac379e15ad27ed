//! How far the export has come, in a file beside the records: `export.cursor`.
//!
//! It is written after the collector has answered and at most once a second, so a crash sends at most that much again.
//! A file that cannot be read is none, and the export begins anew: twice is better than not at all.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::log::journal::Position;
use crate::log::journal::disk::{Disk, replace};

/// Up to where a log has been exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// Which log.
    pub log: Uuid,
    /// The file's number.
    pub segment: u64,
    /// How many of its bytes are exported.
    pub offset: u64,
    /// The last record that is.
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

/// The file.
#[derive(Debug)]
pub(super) struct CursorFile {
    disk: Arc<dyn Disk>,
    kept: Option<Cursor>,
    kept_at: Option<Instant>,
    is_failing: bool,
}

impl CursorFile {
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        CursorFile {
            disk,
            kept: None,
            kept_at: None,
            is_failing: false,
        }
    }

    /// What it says; nothing where there is none or it says nothing.
    pub fn read(&mut self) -> io::Result<Option<Cursor>> {
        let bytes = match self.disk.read(NAME, 0, LONGEST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        match serde_json::from_slice(&bytes) {
            Ok(cursor) => {
                self.kept = Some(cursor);
                Ok(Some(cursor))
            }
            Err(error) => {
                tracing::warn!(file = NAME, %error, "cannot be read: the whole log is exported again");
                Ok(None)
            }
        }
    }

    /// Writes it unless that was done a moment ago.
    pub fn keep_now_and_then(&mut self, log: Option<Uuid>, at: Position) {
        if self.kept_at.is_none_or(|kept| kept.elapsed() >= EVERY) {
            self.keep(log, at);
        }
    }

    /// Writes it. Where that fails, records are sent again after a restart, and it is told once.
    pub fn keep(&mut self, log: Option<Uuid>, at: Position) {
        let Some(log) = log else {
            return;
        };
        let cursor = Cursor {
            log,
            segment: at.segment,
            offset: at.offset,
            seq: at.seq,
        };
        if self.kept == Some(cursor) {
            return;
        }
        self.kept_at = Some(Instant::now());
        match self.write(&cursor) {
            Ok(()) => {
                self.kept = Some(cursor);
                self.is_failing = false;
            }
            Err(error) if !self.is_failing => {
                tracing::warn!(file = NAME, %error, "cannot be written: a restart exports more than once");
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
/// Ids and numbers.
const LONGEST: usize = 4096;
/// How much is sent again after a crash: what a second brought.
const EVERY: Duration = Duration::from_secs(1);
