//! Files and folders that another process has removed or replaced: what is gone, and where records go on.

use std::collections::BTreeSet;
use std::io;

use super::Writer;
use crate::log::journal::files;
use crate::log::journal::gap::{Gap, Lost};

impl Writer {
    /// Finds which files are gone, before a new one is begun. Where the folder was removed or replaced, the one that is
    /// there now is locked first.
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
        let is_gone = |number: u64| !present.contains(&number);
        let mut gone: Vec<(u64, u64)> = Vec::new();
        self.olds.retain(|old| {
            if is_gone(old.number) {
                gone.push((old.first_seq, old.last_seq));
            }
            !is_gone(old.number)
        });
        if let Some(tail) = self.tail.as_ref().filter(|tail| is_gone(tail.segment))
            && !self.is_tail_gone
        {
            self.is_tail_gone = true;
            gone.push((self.tail_first_seq, tail.seq));
        }
        for (from, to) in joined(gone) {
            tracing::error!(
                from,
                to,
                "files of records were removed by another process: these records are lost"
            );
            self.found.push(Gap {
                from: Some(from),
                to: Some(to),
                ..Gap::of(Lost::Damaged)
            });
        }
        Ok(())
    }

    /// Goes on in the folder that is at the path now. What this process had put into the other one is made anew: the
    /// signing key, without which the next start could not go on, and the reserve.
    fn reopen_folder(&mut self) -> io::Result<()> {
        self.disk.reopen()?;
        tracing::error!(
            "the folder of records was removed or replaced: records go on in the one that is there now"
        );
        if let Err(error) = self.options.signer.restore() {
            tracing::error!(%error, "the next start cannot go on with these records: bring the signing key back");
        }
        self.has_reserve = false;
        match self.refill_reserve() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

/// Ranges that follow each other become one.
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
