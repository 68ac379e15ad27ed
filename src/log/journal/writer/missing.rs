//! Detects segments and folders that another process has removed or replaced, and continues in the current folder.

use std::collections::BTreeSet;
use std::io;

use super::JournalWriter;
use crate::log::journal::files;
use crate::log::journal::gap::{Gap, GapReason};

impl JournalWriter {
    /// Finds missing segments before a new one is started. If the folder was removed or replaced, locks the folder that is
    /// at the path now first.
    pub(super) fn find_missing(&mut self) -> io::Result<()> {
        if self.disk.check_in_place().is_err() {
            self.reopen_folder()?;
        }
        let files = self.disk.list()?;
        let present: BTreeSet<u64> = files
            .iter()
            .filter_map(|(name, _)| files::number(name))
            .collect();
        if let Some(last) = present.last() {
            self.next_number = self.next_number.max(last.saturating_add(1));
        }
        let is_missing = |number: u64| !present.contains(&number);
        let mut missing: Vec<(u64, u64)> = Vec::new();
        self.closed_segments.retain(|segment| {
            if is_missing(segment.number) {
                missing.push((segment.first_seq, segment.last_seq));
            }
            !is_missing(segment.number)
        });
        if let Some(tail) = self.tail.as_ref().filter(|tail| is_missing(tail.segment))
            && !self.is_tail_missing
        {
            self.is_tail_missing = true;
            missing.push((self.tail_first_seq, tail.seq));
        }
        for (from, to) in joined(missing) {
            tracing::error!(
                from,
                to,
                "files of records were removed by another process: these records are lost"
            );
            self.detected.push(Gap {
                from: Some(from),
                to: Some(to),
                ..Gap::of(GapReason::Damaged)
            });
        }
        Ok(())
    }

    /// Continues in the folder that is at the path now. Restores the signing key, which the next start needs to continue
    /// the log, and the reserve.
    fn reopen_folder(&mut self) -> io::Result<()> {
        self.disk.reopen()?;
        tracing::error!(
            "the folder of records was removed or replaced: continuing in the folder that is at the path now"
        );
        if let Err(error) = self.options.signer.restore() {
            tracing::error!(%error, "cannot restore the signing key: the next start cannot continue this log without it");
        }
        self.has_reserve = false;
        match self.refill_reserve() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

/// Merges adjacent ranges.
fn joined(ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (from, to) in ranges {
        match joined.last_mut() {
            Some((_, end)) if end.saturating_add(1) >= from => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}
