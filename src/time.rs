//! Timestamps and calendar days.
//!
//! Never reads a clock (`clock.rs` does). Arithmetic saturates.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Nanoseconds since 1970-01-01T00:00:00Z. Covers the years 1677 to 2262; values outside saturate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest instant that can be represented.
    pub const MAX: Timestamp = Timestamp(i64::MAX);
    /// The earliest instant that can be represented.
    pub const MIN: Timestamp = Timestamp(i64::MIN);

    /// Creates a timestamp from nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Timestamp(nanos)
    }

    /// Creates a timestamp from seconds since the Unix epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Timestamp(seconds.saturating_mul(1_000_000_000))
    }

    /// Creates a timestamp from the fields of a protobuf `Timestamp`; `nanos` counts forward from `seconds`.
    pub const fn from_parts(seconds: i64, nanos: u32) -> Self {
        Timestamp(
            seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(nanos as i64),
        )
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The fields of a protobuf `Timestamp`: seconds (rounded down), and the nanoseconds after them.
    pub const fn as_parts(self) -> (i64, u32) {
        let nanos = self.0.rem_euclid(1_000_000_000);
        (
            self.0.div_euclid(1_000_000_000),
            #[expect(clippy::cast_possible_truncation, reason = "less than 1,000,000,000")]
            {
                nanos as u32
            },
        )
    }

    /// Adds a duration.
    pub fn plus(self, span: Duration) -> Self {
        Timestamp(self.0.saturating_add(nanos_of(span)))
    }

    /// Subtracts a duration.
    pub fn minus(self, span: Duration) -> Self {
        Timestamp(self.0.saturating_sub(nanos_of(span)))
    }
}

fn nanos_of(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// A calendar day, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(jiff::civil::Date);

/// The error for a string that is not a [`Day`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a day such as 2026-11-30, between the years 1970 and 2261")]
pub struct NotADay;

impl Day {
    /// The end of the day: the beginning of the next one.
    pub fn end(self) -> Timestamp {
        let next = self.0.tomorrow().ok();
        let next = next.and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC).ok());
        let nanos = next.map(|next| next.timestamp().as_nanosecond());
        // INVARIANT(day): the year is within range. If it were not, the day would count as past.
        nanos
            .and_then(|nanos| i64::try_from(nanos).ok())
            .map_or(Timestamp::MIN, Timestamp)
    }
}

/// Parses `YYYY-MM-DD`. The year must be in the range of [`Timestamp`].
impl FromStr for Day {
    type Err = NotADay;
    fn from_str(text: &str) -> Result<Self, NotADay> {
        if text.len() != "YYYY-MM-DD".len() {
            return Err(NotADay);
        }
        let day = jiff::civil::Date::strptime("%Y-%m-%d", text).map_err(|_| NotADay)?;
        match (1970..=2261).contains(&day.year()) {
            true => Ok(Day(day)),
            false => Err(NotADay),
        }
    }
}

/// `YYYY-MM-DD`
impl fmt::Display for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

/// The error for a string that is not a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a timestamp such as 2026-11-24T18:00:00Z, or a day such as 2026-11-24 (from its beginning in UTC)"
)]
pub struct NotATimestamp;

/// Parses RFC 3339; a date without a time is the beginning of that day in UTC.
impl FromStr for Timestamp {
    type Err = NotATimestamp;
    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        let day = || format!("{text}T00:00:00Z").parse::<jiff::Timestamp>();
        let instant = text.parse::<jiff::Timestamp>().or_else(|_| day());
        let nanos = instant.map_err(|_| NotATimestamp)?.as_nanosecond();
        let nanos = i64::try_from(nanos).map_err(|_| NotATimestamp)?;
        Ok(Timestamp(nanos))
    }
}

/// Writes RFC 3339 in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = self.as_parts();
        match i32::try_from(nanos)
            .ok()
            .and_then(|nanos| jiff::Timestamp::new(seconds, nanos).ok())
        {
            Some(instant) => fmt::Display::fmt(&instant, out),
            None => write!(out, "{seconds}s"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}
