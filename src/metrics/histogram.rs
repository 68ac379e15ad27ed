//! Histograms of times, with fixed buckets from a microsecond to a second.

/// The upper bounds in nanoseconds and in seconds: 1, 2 and 5 times each power of ten.
pub const BOUNDS: [(u64, f64); 19] = [
    (1_000, 1e-6),
    (2_000, 2e-6),
    (5_000, 5e-6),
    (10_000, 1e-5),
    (20_000, 2e-5),
    (50_000, 5e-5),
    (100_000, 1e-4),
    (200_000, 2e-4),
    (500_000, 5e-4),
    (1_000_000, 1e-3),
    (2_000_000, 2e-3),
    (5_000_000, 5e-3),
    (10_000_000, 1e-2),
    (20_000_000, 2e-2),
    (50_000_000, 5e-2),
    (100_000_000, 0.1),
    (200_000_000, 0.2),
    (500_000_000, 0.5),
    (1_000_000_000, 1.0),
];

/// The counters of a histogram: one per bound, one for longer times, and the sum.
pub(super) const CELLS_PER_HISTOGRAM: usize = BOUNDS.len() + 2;

/// The values of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// The number of times in each bucket, not cumulative; the last bucket has no upper bound.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// The sum of the times, in seconds.
    pub seconds: f64,
}

impl Histogram {
    /// The number of times.
    pub fn count(&self) -> u64 {
        self.buckets
            .iter()
            .fold(0, |sum, one| sum.wrapping_add(*one))
    }
}

/// The index of a time's bucket. Bounds are inclusive (`le`).
pub(super) fn bucket(nanos: u64) -> usize {
    BOUNDS.partition_point(|(bound, _)| *bound < nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_bounds_are_inclusive() {
        assert_eq!(bucket(0), 0);
        for (at, (bound, seconds)) in BOUNDS.iter().enumerate() {
            assert_eq!(bucket(*bound), at);
            assert_eq!(bucket(bound + 1), at + 1);
            let in_seconds = std::time::Duration::from_secs_f64(*seconds);
            assert_eq!(in_seconds.as_nanos(), u128::from(*bound));
        }
        assert_eq!(bucket(u64::MAX), BOUNDS.len());
    }
}
