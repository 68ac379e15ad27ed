//! Gap records, and the counters of lost records that the next gap record reports.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::{AppendError, EventKind};

/// Why records are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GapReason {
    /// The queue was full.
    QueueFull,
    /// The disk failed.
    DiskError,
    /// A rate limit for records that any client can cause.
    Limited,
    /// The process ended during a write. These records were never confirmed.
    TornTail,
    /// The records were on disk and are missing now.
    Damaged,
    /// Retention removed them.
    Retention,
}

impl GapReason {
    /// All reasons, in the order of [`CountsByReason`].
    pub const ALL: [GapReason; 6] = [
        GapReason::QueueFull,
        GapReason::DiskError,
        GapReason::Limited,
        GapReason::TornTail,
        GapReason::Damaged,
        GapReason::Retention,
    ];

    /// The word in gap records and in the label `reason` of metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            GapReason::QueueFull => "queueFull",
            GapReason::DiskError => "diskError",
            GapReason::Limited => "limited",
            GapReason::TornTail => "tornTail",
            GapReason::Damaged => "damaged",
            GapReason::Retention => "retention",
        }
    }
}

/// A count for each reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountsByReason([u64; GapReason::ALL.len()]);

impl CountsByReason {
    /// The count of this reason.
    pub fn of(&self, reason: GapReason) -> u64 {
        let counted = self.iter().find(|(counted, _)| *counted == reason);
        counted.map_or(0, |(_, count)| count)
    }

    /// Every reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (GapReason, u64)> {
        GapReason::ALL.into_iter().zip(self.0)
    }

    pub(super) fn add(&mut self, reason: GapReason, number: u64) {
        let counts = GapReason::ALL.iter().zip(&mut self.0);
        for (_, count) in counts.filter(|(counted, _)| **counted == reason) {
            *count = count.saturating_add(number);
        }
    }

    pub(super) fn add_all(&mut self, other: &CountsByReason) {
        for (reason, number) in other.iter() {
            self.add(reason, number);
        }
    }
}

impl From<AppendError> for GapReason {
    fn from(refused: AppendError) -> Self {
        match refused {
            AppendError::Full => GapReason::QueueFull,
            AppendError::Failing | AppendError::Closed => GapReason::DiskError,
        }
    }
}

/// The body of a gap record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gap {
    /// Why the records are missing.
    pub reason: GapReason,
    /// The number of sign-in events, if they were counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sign_ins: Option<u64>,
    /// The number of audit records, if they were counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub audits: Option<u64>,
    /// The first missing sequence number, if the records had numbers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<u64>,
    /// The last missing sequence number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<u64>,
    /// The number of ignored bytes at the end of the previous segment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<u64>,
}

impl Gap {
    /// A gap without numbers.
    pub fn of(reason: GapReason) -> Self {
        Gap {
            reason,
            sign_ins: None,
            audits: None,
            from: None,
            to: None,
            bytes: None,
        }
    }

    /// The number of records in the range of sequence numbers.
    pub(super) fn numbered(&self) -> u64 {
        let range = self.from.zip(self.to);
        range.map_or(0, |(from, to)| to.saturating_sub(from).saturating_add(1))
    }
}

/// Records lost since the start, by reason and kind.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Not reported by a gap record yet.
    unreported: [[AtomicU64; 2]; COUNTED.len()],
    total: [AtomicU64; COUNTED.len()],
}

impl Losses {
    pub fn add(&self, kind: EventKind, reason: GapReason) {
        self.add_unreported(kind, reason, 1);
        let totals = COUNTED.iter().zip(&self.total);
        for (_, total) in totals.filter(|(counted, _)| **counted == reason) {
            total.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn add_unreported(&self, kind: EventKind, reason: GapReason, number: u64) {
        let row = COUNTED.iter().position(|counted| *counted == reason);
        // Other reasons are never counted here.
        if let Some(counts) = row.and_then(|row| self.unreported.get(row)) {
            let [sign_ins, audits] = counts;
            let count = match kind {
                EventKind::SignIn => sign_ins,
                EventKind::Audit => audits,
            };
            count.fetch_add(number, Ordering::Relaxed);
        }
    }

    /// All losses since the start.
    pub fn total(&self) -> CountsByReason {
        let mut counts = CountsByReason::default();
        for (reason, total) in COUNTED.iter().zip(&self.total) {
            counts.add(*reason, total.load(Ordering::Relaxed));
        }
        counts
    }

    /// Takes the unreported losses for a gap record. [`Losses::restore`] adds them again if writing the record fails.
    pub fn take(&self) -> Vec<Gap> {
        let taken = COUNTED
            .iter()
            .zip(&self.unreported)
            .map(|(reason, counts)| {
                let [sign_ins, audits] = counts
                    .each_ref()
                    .map(|count| count.swap(0, Ordering::Relaxed));
                Gap {
                    sign_ins: Some(sign_ins),
                    audits: Some(audits),
                    ..Gap::of(*reason)
                }
            });
        let any = |gap: &Gap| gap.sign_ins != Some(0) || gap.audits != Some(0);
        taken.filter(any).collect()
    }

    pub fn restore(&self, gaps: &[Gap]) {
        for gap in gaps {
            self.add_unreported(EventKind::SignIn, gap.reason, gap.sign_ins.unwrap_or(0));
            self.add_unreported(EventKind::Audit, gap.reason, gap.audits.unwrap_or(0));
        }
    }
}

/// Losses that are counted while the process runs. The others are found by the start or by retention.
const COUNTED: [GapReason; 3] = [
    GapReason::QueueFull,
    GapReason::DiskError,
    GapReason::Limited,
];
