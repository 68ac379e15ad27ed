//! What the log of sign-ins and audits says of itself, for whoever shows it.

use std::time::Duration;

use crate::time::Timestamp;

/// Figures of the log, as it gives them at one moment; counts are since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFigures {
    /// Records that wait for the disk.
    pub queue: u64,
    /// How many may wait.
    pub queue_limit: u64,
    /// Records that are on disk, of every kind.
    pub records: u64,
    /// Groups of records that were made durable.
    pub commits: u64,
    /// Groups that could not be written at first.
    pub failures: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// Gap records by reason: each names records that are missing.
    pub gaps: Vec<(&'static str, u64)>,
    /// Records that are missing, by reason.
    pub lost: Vec<(&'static str, u64)>,
    /// No file is removed by age, because the wall clock is doubted.
    pub is_age_postponed: bool,
    /// Files of records.
    pub segments: u64,
    /// The number of the last record on disk.
    pub last_seq: u64,
    /// The number of the last record that is signed.
    pub last_checkpoint: u64,
    /// How long a group of records takes to become durable: a moving average, or the group that is being written.
    pub commit: Duration,
    /// How long a caller waits for its record.
    pub wait: Duration,
    /// Callers that waited in vain.
    pub wait_timeouts: u64,
    /// A group takes more than a quarter of the wait.
    pub is_slow: bool,
    /// Records that the exporter has not handed over yet; `None` where nothing is exported.
    pub export_lag: Option<u64>,
    /// Since when nothing can be written; `None` while all is well.
    pub failing_since: Option<Timestamp>,
    /// What the system said last.
    pub last_error: Option<String>,
}
