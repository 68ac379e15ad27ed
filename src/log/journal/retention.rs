//! Which files retention removes, and which time it goes by.
//!
//! A removal cannot be undone, so one reading of the wall clock does not suffice. The wall clock is expected where the
//! newest record and the boot clock put it. Where it is further off than a bound, it is doubted, and no file is removed
//! by age until it is back or has stayed there for as long as the bound while a process ran. `retention.json` carries
//! the time that is believed from one process to the next: records that were written while the clock was doubted do not
//! count. Removal by size needs no clock.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::disk::{Disk, replace};
use super::gap::{Gap, Lost};
use crate::clock::Instants;
use crate::time::Timestamp;

/// A file that is written no more.
#[derive(Debug, Clone)]
pub(super) struct Old {
    pub number: u64,
    pub bytes: u64,
    pub first_seq: u64,
    pub last_seq: u64,
    /// What the wall clock showed when the next file was begun.
    pub followed_at: Timestamp,
}

impl Old {
    /// How many records it has.
    pub fn records(&self) -> u64 {
        self.last_seq
            .saturating_sub(self.first_seq)
            .saturating_add(1)
    }
}

/// A file that retention removes.
#[derive(Debug)]
pub(super) struct Doomed {
    pub old: Old,
    /// By age or by size.
    pub why: &'static str,
}

/// What may be kept.
#[derive(Debug)]
pub(super) struct Limits {
    /// All files together, with the one that is written, which has this many.
    pub bytes: u64,
    pub written: u64,
    pub age: Duration,
    /// The time that ages are counted to; none while the clock is doubted.
    pub now: Option<Timestamp>,
    /// Only files before this one may be removed.
    pub before: u64,
}

/// The oldest files that are too old, or too many.
pub(super) fn doomed(olds: &VecDeque<Old>, limits: &Limits) -> Vec<Doomed> {
    let sizes = olds.iter().map(|old| old.bytes);
    let mut bytes = sizes.fold(limits.written, u64::saturating_add);
    let mut ended = Timestamp::MIN;
    let mut doomed = Vec::new();
    for (index, old) in olds.iter().enumerate() {
        let is_old = limits.now.is_some_and(|now| {
            ended = end(olds, index, ended, now);
            ended.plus(limits.age) < now
        });
        let why = match (is_old, bytes > limits.bytes) {
            _ if old.number >= limits.before => break,
            (true, _) => "age",
            (false, true) => "size",
            (false, false) => break,
        };
        bytes = bytes.saturating_sub(old.bytes);
        let old = old.clone();
        doomed.push(Doomed { old, why });
    }
    doomed
}

/// When a file's records ended: the first time, of its own and all later ones, that is neither after now nor before the
/// end of the file before. A file that was written while the clock was ahead ends with the next one that was not, and
/// one that was written before the clock was set (1970) makes no other file old.
fn end(olds: &VecDeque<Old>, index: usize, before: Timestamp, now: Timestamp) -> Timestamp {
    let times = olds.iter().skip(index).map(|old| old.followed_at);
    let mut likely = times.filter(|time| (before..=now).contains(time));
    likely.next().unwrap_or(now)
}

/// From the beginning: what told of those that went before goes too.
pub(super) fn gap_of(doomed: &[Doomed]) -> Option<Gap> {
    Some(Gap {
        from: Some(1),
        to: Some(doomed.last()?.old.last_seq),
        ..Gap::of(Lost::Retention)
    })
}

/// The wall clock, held against the newest record and the boot clock.
#[derive(Debug)]
pub(super) struct RetentionClock {
    /// How far off the wall clock may be, and for how long it is doubted.
    bound: Duration,
    /// The time that is believed …
    believed: Timestamp,
    /// … when the boot clock showed this.
    boot: Duration,
    /// None while the wall clock is believed.
    doubt: Option<Doubt>,
    /// When the file was last written, on the boot clock.
    kept: Option<Duration>,
}

/// A wall clock that is too far off.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    /// How far off it was when the doubt began, in nanoseconds.
    offset: i64,
    /// For how long it has stayed about there.
    lasted: Duration,
}

/// `retention.json`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept {
    believed: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    doubted_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    offset_nanos: Option<i64>,
}

impl RetentionClock {
    /// Goes on from what the last process believed, else from the newest record, else from the wall clock.
    pub fn start(
        disk: &dyn Disk,
        retention: Duration,
        newest: Option<Timestamp>,
        now: Instants,
    ) -> Self {
        let kept = disk.read(FILE, 0, LONGEST).ok();
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let believed = kept.as_ref().and_then(|kept| kept.believed.parse().ok());
        RetentionClock {
            bound: (retention / 10).min(LONGEST_DOUBT),
            believed: believed.or(newest).unwrap_or(now.wall),
            boot: now.boot,
            doubt: kept.and_then(|kept| {
                Some(Doubt {
                    offset: kept.offset_nanos?,
                    lasted: Duration::from_secs(kept.doubted_seconds?),
                })
            }),
            kept: None,
        }
    }

    /// The time that ages are counted to; none while the wall clock is doubted.
    pub fn look(&mut self, now: Instants) -> Option<Timestamp> {
        let elapsed = now.boot.saturating_sub(self.boot);
        let expected = self.believed.plus(elapsed);
        let (low, high) = (expected.minus(self.bound), expected.plus(self.bound));
        self.boot = now.boot;
        if (low..=high).contains(&now.wall) {
            if self.doubt.is_some() {
                tracing::info!(wall = %now.wall, "the wall clock is as expected: records are removed by age again");
            }
            (self.believed, self.doubt) = (now.wall, None);
            return Some(now.wall);
        }
        let offset = now.wall.as_nanos().saturating_sub(expected.as_nanos());
        let has_stayed =
            |doubt: &Doubt| u128::from(offset.abs_diff(doubt.offset)) <= self.bound.as_nanos();
        let doubt = match self.doubt.filter(has_stayed) {
            None => Doubt {
                offset,
                lasted: Duration::ZERO,
            },
            Some(doubt) => Doubt {
                lasted: doubt.lasted.saturating_add(elapsed),
                ..doubt
            },
        };
        if self.bound.is_zero() {
            // Nothing is to be kept.
            self.believed = now.wall;
            return Some(now.wall);
        }
        if doubt.lasted >= self.bound {
            tracing::warn!(
                wall = %now.wall,
                %expected,
                "the wall clock has stayed where it is and is believed now: records are removed by age again"
            );
            (self.believed, self.doubt) = (now.wall, None);
            return Some(now.wall);
        }
        if self.kept.is_none() || self.doubt.is_none() {
            tracing::warn!(
                wall = %now.wall,
                %expected,
                bound_seconds = self.bound.as_secs(),
                "the wall clock is not where the newest record and the boot clock put it: removing records by age is postponed until it is, or until it has stayed there for as long as the bound; check the clock"
            );
        }
        (self.believed, self.doubt) = (expected, Some(doubt));
        None
    }

    /// Whether the wall clock is doubted.
    pub fn is_doubted(&self) -> bool {
        self.doubt.is_some()
    }

    /// Writes what is believed for the next process, once an hour and at the end.
    pub fn keep(&mut self, disk: &dyn Disk, is_last: bool) {
        let is_recent = |kept| self.boot.saturating_sub(kept) < EVERY;
        if !is_last && self.kept.is_some_and(is_recent) {
            return;
        }
        self.kept = Some(self.boot);
        let kept = Kept {
            believed: self.believed.to_string(),
            doubted_seconds: self.doubt.map(|doubt| doubt.lasted.as_secs()),
            offset_nanos: self.doubt.map(|doubt| doubt.offset),
        };
        let bytes = serde_json::to_vec(&kept).map_err(std::io::Error::from);
        if let Err(error) = bytes.and_then(|bytes| replace(disk, FILE, &bytes)) {
            tracing::warn!(%error, file = FILE, "cannot be replaced: the next start compares the clock with an older time");
        }
    }
}

const FILE: &str = "retention.json";
/// An instant and a number.
const LONGEST: usize = 4096;
/// A tenth of what is kept is removed too early at worst, or too late; a server may be off for a week without a doubt
/// where records are kept for 90 days, and an operator has a week to set a clock right.
const LONGEST_DOUBT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Short beside the smallest bound, a tenth of a day, and rare enough to let an idle disk sleep.
const EVERY: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn day(number: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + number * 86_400)
    }

    /// The numbers of the files that go, where these days are the ends of files and ten days are kept.
    fn gone(ends: &[i64], now: i64) -> Vec<u64> {
        let olds = (0..).zip(ends).map(|(number, end)| Old {
            number,
            bytes: 1,
            first_seq: number,
            last_seq: number,
            followed_at: day(*end),
        });
        let limits = Limits {
            bytes: 1000,
            written: 1,
            age: DAY * 10,
            now: Some(day(now)),
            before: u64::MAX,
        };
        let doomed = doomed(&olds.collect(), &limits);
        doomed.iter().map(|doomed| doomed.old.number).collect()
    }

    #[test]
    fn a_file_that_ended_in_the_future_ends_with_the_next_one() {
        assert_eq!(gone(&[1, 3650, 3], 12), [0]);
        assert_eq!(gone(&[1, 3650, 3], 14), [0, 1, 2]);
        assert_eq!(gone(&[3650, 3651, 3, 12], 14), [0, 1, 2]);
        // Nothing tells when the last ones ended.
        assert_eq!(gone(&[1, 3650], 100), [0]);
    }

    #[test]
    fn a_file_that_ended_in_the_past_makes_no_other_file_old() {
        assert_eq!(gone(&[1, -20_000, 3], 12), [0]);
        assert_eq!(gone(&[1, -20_000, 3, 4], 14), [0, 1, 2]);
        assert_eq!(gone(&[1, 2, -20_000, -19_999], 9), Vec::<u64>::new());
    }

    #[test]
    fn a_doubted_clock_that_moves_is_doubted_from_the_beginning() {
        let mut clock = RetentionClock {
            bound: DAY * 7,
            believed: day(0),
            boot: Duration::ZERO,
            doubt: None,
            kept: None,
        };
        let mut look = |passed: u32, wall| {
            let boot = DAY * passed;
            clock.look(Instants { wall, boot })
        };
        assert_eq!(look(0, day(10)), None);
        assert_eq!(look(6, day(16)), None);
        // Ten years ahead, a day before the end of the doubt.
        assert_eq!(look(7, day(3_667)), None);
        assert_eq!(look(13, day(3_673)), None);
        assert_eq!(look(14, day(3_674)), Some(day(3_674)));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_old() {
        assert_eq!(gone(&[1, 2, 3], -20_000), Vec::<u64>::new());
    }
}
