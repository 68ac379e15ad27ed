//! The two clocks that an answer's lifetime is measured on.
//!
//! The wall clock is what tokens speak of; it can be set. The boot clock only ever goes forward, also
//! while the machine sleeps, so a wall clock that is set back cannot lengthen anything (semantics §4,
//! "How long an answer is good"). Nothing but this file reads a clock for a decision.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::time::Timestamp;

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clocks.
    System,
    /// A clock that a test moves.
    Manual(Arc<ManualClock>),
}

/// One moment, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instants {
    /// What the wall clock shows.
    pub wall: Timestamp,
    /// How long ago the machine started, sleep included.
    pub boot: Duration,
}

impl Clock {
    /// Now, on both clocks.
    pub fn now(&self) -> Instants {
        match self {
            Clock::System => Instants {
                wall: timestamp_of(clock_gettime(ClockId::Realtime)),
                boot: duration_of(clock_gettime(BOOT_CLOCK)),
            },
            Clock::Manual(clock) => clock.now(),
        }
    }
}

/// A span, by chance up to so many thousandths longer or shorter: a fleet does not do the same thing at once.
pub fn jittered(span: Duration, thousandths: u32) -> Duration {
    // The standard library's only source of randomness; a guess at it gains nobody anything.
    let chance = RandomState::new().hash_one(0u8) % (u64::from(thousandths) * 2 + 1);
    let chance = u32::try_from(chance).unwrap_or(thousandths);
    span.saturating_mul(1000_u32.saturating_sub(thousandths).saturating_add(chance)) / 1000
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    wall_nanos: AtomicI64,
    boot_nanos: AtomicU64,
}

impl ManualClock {
    /// A clock that shows this wall time, an hour after the machine's start.
    pub fn at(wall: Timestamp) -> Arc<Self> {
        Arc::new(ManualClock {
            wall_nanos: AtomicI64::new(wall.as_nanos()),
            boot_nanos: AtomicU64::new(3_600_000_000_000),
        })
    }

    /// Time passes: both clocks move on.
    pub fn pass(&self, span: Duration) {
        self.set_wall(self.now().wall.plus(span));
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.boot_nanos.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock, forward or back; the boot clock does not notice.
    pub fn set_wall(&self, wall: Timestamp) {
        self.wall_nanos.store(wall.as_nanos(), Ordering::SeqCst);
    }

    /// What it shows.
    pub fn now(&self) -> Instants {
        Instants {
            wall: Timestamp::from_nanos(self.wall_nanos.load(Ordering::SeqCst)),
            boot: Duration::from_nanos(self.boot_nanos.load(Ordering::SeqCst)),
        }
    }
}

// CLOCK_MONOTONIC stands still on Linux while the machine sleeps, and an answer would outlive its token
// by that much. Elsewhere (a developer's laptop) it is the nearest there is.
#[cfg(target_os = "linux")]
const BOOT_CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const BOOT_CLOCK: ClockId = ClockId::Monotonic;

fn timestamp_of(time: Timespec) -> Timestamp {
    Timestamp::from_parts(time.tv_sec, u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn duration_of(time: Timespec) -> Duration {
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_clocks_go_forward_and_the_wall_clock_shows_this_century() {
        let first = Clock::System.now();
        let second = Clock::System.now();
        assert!(second.boot >= first.boot);
        assert!(
            first.wall > Timestamp::from_seconds(1_700_000_000),
            "{first:?}"
        );
    }

    #[test]
    fn setting_the_wall_clock_leaves_the_boot_clock_alone() {
        let clock = ManualClock::at(Timestamp::from_seconds(1000));
        let boot = clock.now().boot;
        clock.set_wall(Timestamp::from_seconds(10));
        assert_eq!(clock.now().boot, boot);
        clock.pass(Duration::from_secs(5));
        assert_eq!(clock.now().wall, Timestamp::from_seconds(15));
        assert_eq!(clock.now().boot, boot + Duration::from_secs(5));
    }

    #[test]
    fn an_age_is_within_a_tenth_and_not_always_the_same() {
        let span = Duration::from_secs(1800);
        let ages: Vec<_> = (0..100).map(|_| jittered(span, 100)).collect();
        assert!(
            ages.iter()
                .all(|age| (1620..=1980).contains(&age.as_secs()))
        );
        assert!(ages.iter().any(|age| age != &ages[0]));
    }
}
