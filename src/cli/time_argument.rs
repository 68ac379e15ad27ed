//! Times as command-line arguments: absolute, or relative to now.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::time::Timestamp;

/// An instant, or a duration before the time at which the command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeArgument {
    At(Timestamp),
    Ago(Duration),
}

impl TimeArgument {
    pub(super) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            TimeArgument::At(instant) => instant,
            TimeArgument::Ago(span) => now.minus(span),
        }
    }
}

/// The text is neither an instant nor a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidTimeArgument;

impl fmt::Display for InvalidTimeArgument {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(
            "expected an instant such as 2026-11-24T18:00:00Z, a day such as 2026-11-24 (its start in UTC), \
             or a duration before now such as 90s, 30m, 12h, 7d or 2w",
        )
    }
}

impl std::error::Error for InvalidTimeArgument {}

impl FromStr for TimeArgument {
    type Err = InvalidTimeArgument;

    fn from_str(text: &str) -> Result<Self, InvalidTimeArgument> {
        if let Some(span) = parse_span(text) {
            return Ok(TimeArgument::Ago(span));
        }
        text.parse()
            .map(TimeArgument::At)
            .map_err(|_| InvalidTimeArgument)
    }
}

/// Parses a whole number with a unit: `s`, `m`, `h`, `d` or `w`.
pub(super) fn parse_span(text: &str) -> Option<Duration> {
    let split = text.len().checked_sub(1)?;
    let (number, unit) = text.split_at_checked(split)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return None,
    };
    // `parse` would accept a sign.
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse::<u64>().ok().filter(|_| is_number)?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit_and_everything_else_is_an_instant() {
        let now = Timestamp::from_seconds(1_800_000_000);
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("30m", 1800),
            ("12h", 43_200),
            ("7d", 604_800),
            ("2w", 1_209_600),
        ] {
            let instant = Timestamp::from_seconds(1_800_000_000 - seconds);
            assert_eq!(
                text.parse::<TimeArgument>().unwrap().resolve(now),
                instant,
                "{text}"
            );
        }
        for text in ["2027-01-15", "2027-01-15T00:00:00Z"] {
            let midnight = Timestamp::from_seconds(1_799_971_200);
            assert_eq!(text.parse(), Ok(TimeArgument::At(midnight)), "{text}");
        }
        for text in [
            "",
            "d",
            "7",
            "7 d",
            "-7d",
            "+7d",
            "1.5h",
            "7D",
            "7y",
            "7\u{e9}",
            "18446744073709551615w",
            "yesterday",
        ] {
            assert_eq!(
                text.parse::<TimeArgument>(),
                Err(InvalidTimeArgument),
                "{text:?}"
            );
        }
        // A span saturates at the range of an instant, 292 years: before every record.
        let long = "18446744073709551615s".parse::<TimeArgument>().unwrap();
        assert!(long.resolve(now) < Timestamp::from_seconds(-7_000_000_000));
    }
}
