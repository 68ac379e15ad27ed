//! Retention: which segments are removed, by age and by size, and the clock for ages.
//!
//! A removal cannot be undone, so one reading of the wall clock is not enough. The expected time is the newest record's
//! time plus the time passed on the boot clock. If the wall clock is off by more than a bound, it is not trusted, and no
//! segment is removed by age until the clock is right again or has kept its offset for as long as the bound while a
//! process ran. `retention.json` passes the trusted time to the next process, so that records written while the clock
//! was not trusted do not count. Removal by size needs no clock.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::disk::{Disk, replace};
use super::gap::{Gap, GapReason};
use crate::clock::Instants;
use crate::time::Timestamp;

/// A closed segment.
#[derive(Debug, Clone)]
pub(super) struct ClosedSegment {
    pub number: u64,
    pub bytes: u64,
    pub first_seq: u64,
    pub last_seq: u64,
    /// The wall-clock time when the next segment was started.
    pub followed_at: Timestamp,
}

impl ClosedSegment {
    /// The number of its records.
    pub fn records(&self) -> u64 {
        self.last_seq
            .saturating_sub(self.first_seq)
            .saturating_add(1)
    }
}

/// A segment that retention removes.
#[derive(Debug)]
pub(super) struct ExpiredSegment {
    pub segment: ClosedSegment,
    /// `age` or `size`.
    pub reason: &'static str,
}

/// The limits of retention.
#[derive(Debug)]
pub(super) struct RetentionLimits {
    /// The maximum size of all segments together, including the open one.
    pub bytes: u64,
    /// The size of the open segment.
    pub written: u64,
    pub age: Duration,
    /// The time for ages; `None` while the clock is not trusted.
    pub now: Option<Timestamp>,
    /// Only segments before this one may be removed.
    pub before: u64,
}

/// The oldest segments that exceed the age or the size.
pub(super) fn expired(
    closed_segments: &VecDeque<ClosedSegment>,
    limits: &RetentionLimits,
) -> Vec<ExpiredSegment> {
    let sizes = closed_segments.iter().map(|segment| segment.bytes);
    let mut bytes = sizes.fold(limits.written, u64::saturating_add);
    let mut ended = Timestamp::MIN;
    let mut expired = Vec::new();
    for (index, segment) in closed_segments.iter().enumerate() {
        let is_old = limits.now.is_some_and(|now| {
            ended = end(closed_segments, index, ended, now);
            ended.plus(limits.age) < now
        });
        let reason = match (is_old, bytes > limits.bytes) {
            _ if segment.number >= limits.before => break,
            (true, _) => "age",
            (false, true) => "size",
            (false, false) => break,
        };
        bytes = bytes.saturating_sub(segment.bytes);
        let segment = segment.clone();
        expired.push(ExpiredSegment { segment, reason });
    }
    expired
}

/// The end of a segment's records: the first time, of this and all later segments, that is neither after now nor before
/// the end of the previous segment. A segment written while the clock was ahead ends with the next one that was not. A
/// segment written before the clock was set (1970) makes no other segment old.
fn end(
    closed_segments: &VecDeque<ClosedSegment>,
    index: usize,
    before: Timestamp,
    now: Timestamp,
) -> Timestamp {
    let times = closed_segments
        .iter()
        .skip(index)
        .map(|segment| segment.followed_at);
    let mut likely = times.filter(|time| (before..=now).contains(time));
    likely.next().unwrap_or(now)
}

/// The gap starts at record 1, because the gap records of earlier removals are removed too.
pub(super) fn gap_of(expired: &[ExpiredSegment]) -> Option<Gap> {
    Some(Gap {
        from: Some(1),
        to: Some(expired.last()?.segment.last_seq),
        ..Gap::of(GapReason::Retention)
    })
}

/// The wall clock, compared with the newest record and the boot clock.
#[derive(Debug)]
pub(super) struct RetentionClock {
    /// The maximum deviation of a trusted wall clock, and how long a deviating clock is not trusted.
    bound: Duration,
    /// The trusted time at the boot time `boot`.
    trusted: Timestamp,
    boot: Duration,
    /// `None` while the wall clock is trusted.
    deviation: Option<ClockDeviation>,
    /// The last write of the file, on the boot clock.
    saved_at: Option<Duration>,
}

/// The deviation of a wall clock that is not trusted.
#[derive(Debug, Clone, Copy)]
struct ClockDeviation {
    /// The offset when the deviation started, in nanoseconds.
    offset: i64,
    /// How long the clock has kept about this offset.
    lasted: Duration,
}

/// The content of `retention.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RetentionState {
    believed: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    doubted_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    offset_nanos: Option<i64>,
}

impl RetentionClock {
    /// Starts at the trusted time of the last process, else of the newest record, else of the wall clock.
    pub fn start(
        disk: &dyn Disk,
        retention: Duration,
        newest: Option<Timestamp>,
        now: Instants,
    ) -> Self {
        let saved = disk.read(FILE, 0, MAX_BYTES).ok();
        let saved = saved.and_then(|bytes| serde_json::from_slice::<RetentionState>(&bytes).ok());
        let trusted = saved.as_ref().and_then(|saved| saved.believed.parse().ok());
        RetentionClock {
            bound: (retention / 10).min(MAX_DEVIATION),
            trusted: trusted.or(newest).unwrap_or(now.wall),
            boot: now.boot,
            deviation: saved.and_then(|saved| {
                Some(ClockDeviation {
                    offset: saved.offset_nanos?,
                    lasted: Duration::from_secs(saved.doubted_seconds?),
                })
            }),
            saved_at: None,
        }
    }

    /// The time for ages; `None` while the wall clock is not trusted.
    pub fn observe(&mut self, now: Instants) -> Option<Timestamp> {
        let elapsed = now.boot.saturating_sub(self.boot);
        let expected = self.trusted.plus(elapsed);
        let (low, high) = (expected.minus(self.bound), expected.plus(self.bound));
        self.boot = now.boot;
        if (low..=high).contains(&now.wall) {
            if self.deviation.is_some() {
                tracing::info!(wall = %now.wall, "the wall clock is as expected again: resuming removal of records by age");
            }
            (self.trusted, self.deviation) = (now.wall, None);
            return Some(now.wall);
        }
        let offset = now.wall.as_nanos().saturating_sub(expected.as_nanos());
        let has_stayed = |known: &ClockDeviation| {
            u128::from(offset.abs_diff(known.offset)) <= self.bound.as_nanos()
        };
        let deviation = match self.deviation.filter(has_stayed) {
            None => ClockDeviation {
                offset,
                lasted: Duration::ZERO,
            },
            Some(known) => ClockDeviation {
                lasted: known.lasted.saturating_add(elapsed),
                ..known
            },
        };
        if self.bound.is_zero() {
            // A retention of zero keeps nothing.
            self.trusted = now.wall;
            return Some(now.wall);
        }
        if deviation.lasted >= self.bound {
            tracing::warn!(
                wall = %now.wall,
                %expected,
                "the wall clock has kept its offset and is trusted now: resuming removal of records by age"
            );
            (self.trusted, self.deviation) = (now.wall, None);
            return Some(now.wall);
        }
        if self.saved_at.is_none() || self.deviation.is_none() {
            tracing::warn!(
                wall = %now.wall,
                %expected,
                bound_seconds = self.bound.as_secs(),
                "the wall clock differs from the time expected by the newest record and the boot clock: removing records by age is postponed until the clock is right or has kept its offset for bound_seconds; check the clock"
            );
        }
        (self.trusted, self.deviation) = (expected, Some(deviation));
        None
    }

    /// Whether the wall clock is trusted.
    pub fn is_trusted(&self) -> bool {
        self.deviation.is_none()
    }

    /// Saves the trusted time for the next process, once an hour and at the end.
    pub fn save(&mut self, disk: &dyn Disk, is_last: bool) {
        let is_recent = |saved| self.boot.saturating_sub(saved) < INTERVAL;
        if !is_last && self.saved_at.is_some_and(is_recent) {
            return;
        }
        self.saved_at = Some(self.boot);
        let saved = RetentionState {
            believed: self.trusted.to_string(),
            doubted_seconds: self.deviation.map(|deviation| deviation.lasted.as_secs()),
            offset_nanos: self.deviation.map(|deviation| deviation.offset),
        };
        let bytes = serde_json::to_vec(&saved).map_err(std::io::Error::from);
        if let Err(error) = bytes.and_then(|bytes| replace(disk, FILE, &bytes)) {
            tracing::warn!(%error, file = FILE, "cannot replace the file: the next start compares the clock with an older time");
        }
    }
}

const FILE: &str = "retention.json";
/// The file holds an instant and two numbers.
const MAX_BYTES: usize = 4096;
/// At worst, records are removed a tenth of the retention time too early or too late. With a retention of 90 days, a
/// server may be off for a week and its clock stays trusted, and an operator has a week to correct a clock.
const MAX_DEVIATION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Short compared with the smallest bound, a tenth of a day, and rare enough to let an idle disk sleep.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn day(number: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + number * 86_400)
    }

    /// The numbers of the removed segments, if these days are the ends of segments and the retention is ten days.
    fn gone(ends: &[i64], now: i64) -> Vec<u64> {
        let closed_segments = (0..).zip(ends).map(|(number, end)| ClosedSegment {
            number,
            bytes: 1,
            first_seq: number,
            last_seq: number,
            followed_at: day(*end),
        });
        let limits = RetentionLimits {
            bytes: 1000,
            written: 1,
            age: DAY * 10,
            now: Some(day(now)),
            before: u64::MAX,
        };
        let expired = expired(&closed_segments.collect(), &limits);
        expired
            .iter()
            .map(|expired| expired.segment.number)
            .collect()
    }

    #[test]
    fn a_segment_that_ended_in_the_future_ends_with_the_next_one() {
        assert_eq!(gone(&[1, 3650, 3], 12), [0]);
        assert_eq!(gone(&[1, 3650, 3], 14), [0, 1, 2]);
        assert_eq!(gone(&[3650, 3651, 3, 12], 14), [0, 1, 2]);
        // The end of the last ones is unknown.
        assert_eq!(gone(&[1, 3650], 100), [0]);
    }

    #[test]
    fn a_segment_that_ended_in_the_past_makes_no_other_segment_old() {
        assert_eq!(gone(&[1, -20_000, 3], 12), [0]);
        assert_eq!(gone(&[1, -20_000, 3, 4], 14), [0, 1, 2]);
        assert_eq!(gone(&[1, 2, -20_000, -19_999], 9), Vec::<u64>::new());
    }

    #[test]
    fn a_deviation_that_changes_is_measured_from_the_start() {
        let mut clock = RetentionClock {
            bound: DAY * 7,
            trusted: day(0),
            boot: Duration::ZERO,
            deviation: None,
            saved_at: None,
        };
        let mut observe = |passed: u32, wall| {
            let boot = DAY * passed;
            clock.observe(Instants { wall, boot })
        };
        assert_eq!(observe(0, day(10)), None);
        assert_eq!(observe(6, day(16)), None);
        // Ten years ahead, one day before the clock would have been trusted.
        assert_eq!(observe(7, day(3_667)), None);
        assert_eq!(observe(13, day(3_673)), None);
        assert_eq!(observe(14, day(3_674)), Some(day(3_674)));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_old() {
        assert_eq!(gone(&[1, 2, 3], -20_000), Vec::<u64>::new());
    }
}
