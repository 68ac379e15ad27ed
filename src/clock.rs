//! The wall clock and the boot clock, which limit the lifetime of an answer.
//!
//! Tokens use the wall clock, which can be set. The boot clock only goes forward and includes suspend, so a wall clock
//! that is set back extends no lifetime (semantics §4, "How long an answer is good"). No other module reads a clock for
//! a decision.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::time::Timestamp;

/// A source of time.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system clocks.
    System,
    /// A clock that a test sets.
    Manual(Arc<ManualClock>),
}

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instants {
    /// The time on the wall clock.
    pub wall: Timestamp,
    /// Time since the system started, including suspend.
    pub boot: Duration,
}

impl Clock {
    /// The current time on both clocks.
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

/// The span, randomly changed by up to `thousandths`/1000, so that the replicas of a fleet do not act at once.
pub fn jittered(span: Duration, thousandths: u32) -> Duration {
    // The only source of randomness in the standard library. The value is not a secret.
    let factor = RandomState::new().hash_one(0u8) % (u64::from(thousandths) * 2 + 1);
    let factor = u32::try_from(factor).unwrap_or(thousandths);
    span.saturating_mul(1000_u32.saturating_sub(thousandths).saturating_add(factor)) / 1000
}

/// A clock that changes only when it is set or advanced.
#[derive(Debug)]
pub struct ManualClock {
    wall_nanos: AtomicI64,
    boot_nanos: AtomicU64,
}

impl ManualClock {
    /// A clock at this wall time, one hour after the system start.
    pub fn at(wall: Timestamp) -> Arc<Self> {
        Arc::new(ManualClock {
            wall_nanos: AtomicI64::new(wall.as_nanos()),
            boot_nanos: AtomicU64::new(3_600_000_000_000),
        })
    }

    /// Advances both clocks.
    pub fn advance(&self, span: Duration) {
        self.set_wall(self.now().wall.plus(span));
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.boot_nanos.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Sets the wall clock, forward or back. The boot clock does not change.
    pub fn set_wall(&self, wall: Timestamp) {
        self.wall_nanos.store(wall.as_nanos(), Ordering::SeqCst);
    }

    /// The current time on both clocks.
    pub fn now(&self) -> Instants {
        Instants {
            wall: Timestamp::from_nanos(self.wall_nanos.load(Ordering::SeqCst)),
            boot: Duration::from_nanos(self.boot_nanos.load(Ordering::SeqCst)),
        }
    }
}

// CLOCK_MONOTONIC on Linux excludes suspend: an answer would outlive its token by that time. On other systems
// (development machines) it is the closest clock available.
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
    fn the_system_clocks_go_forward_and_the_wall_clock_is_plausible() {
        let first = Clock::System.now();
        let second = Clock::System.now();
        assert!(second.boot >= first.boot);
        assert!(
            first.wall > Timestamp::from_seconds(1_700_000_000),
            "{first:?}"
        );
    }

    #[test]
    fn setting_the_wall_clock_does_not_change_the_boot_clock() {
        let clock = ManualClock::at(Timestamp::from_seconds(1000));
        let boot = clock.now().boot;
        clock.set_wall(Timestamp::from_seconds(10));
        assert_eq!(clock.now().boot, boot);
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now().wall, Timestamp::from_seconds(15));
        assert_eq!(clock.now().boot, boot + Duration::from_secs(5));
    }

    #[test]
    fn jitter_is_within_its_bound_and_varies() {
        let span = Duration::from_secs(1800);
        let spans: Vec<_> = (0..100).map(|_| jittered(span, 100)).collect();
        assert!(
            spans
                .iter()
                .all(|span| (1620..=1980).contains(&span.as_secs()))
        );
        assert!(spans.iter().any(|span| span != &spans[0]));
    }
}
