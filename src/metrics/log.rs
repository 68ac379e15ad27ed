//! The metrics of the sign-in and audit log.

use std::time::Duration;

use crate::time::Timestamp;

/// A snapshot of the log's metrics. Counts are since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogMetrics {
    /// Records waiting to be written.
    pub queue: u64,
    /// The limit on waiting records.
    pub queue_limit: u64,
    /// Records written, of all kinds.
    pub records: u64,
    /// Synced groups of records.
    pub commits: u64,
    /// Groups whose first write failed.
    pub failures: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Gap records by reason; each describes missing records.
    pub gaps: Vec<(&'static str, u64)>,
    /// Missing records by reason.
    pub lost: Vec<(&'static str, u64)>,
    /// Whether removal by age is postponed because the wall clock is implausible.
    pub is_age_postponed: bool,
    /// Files of records.
    pub segments: u64,
    /// The number of the last record on disk.
    pub last_seq: u64,
    /// The number of the last signed record.
    pub last_checkpoint: u64,
    /// The time to sync a group of records: a moving average, or the current group's time if that is longer.
    pub commit: Duration,
    /// The limit on a caller's wait for its record.
    pub wait: Duration,
    /// Waits that exceeded the limit.
    pub wait_timeouts: u64,
    /// Whether a group takes more than a quarter of the wait.
    pub is_slow: bool,
    /// Records that are not exported yet; `None` if export is off.
    pub export_lag: Option<u64>,
    /// The time since which writes fail; `None` while they succeed.
    pub failing_since: Option<Timestamp>,
    /// The last error of the operating system.
    pub last_error: Option<String>,
}
