//! What is not on record, counted until a gap record tells it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::{Kind, Refused};

/// Why records are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lost {
    /// Too many were waiting.
    QueueFull,
    /// The disk did not take them.
    DiskError,
    /// They were more than is written of what anybody can bring about.
    Limited,
    /// The process ended while it wrote: nobody was told that these were on disk.
    TornTail,
    /// They were on disk, and are no more.
    Damaged,
    /// They were old.
    Retention,
}

impl Lost {
    /// All of them, in the order of [`CountsByReason`].
    pub const ALL: [Lost; 6] = [
        Lost::QueueFull,
        Lost::DiskError,
        Lost::Limited,
        Lost::TornTail,
        Lost::Damaged,
        Lost::Retention,
    ];

    /// The word in gap records and in the label `reason` of metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Lost::QueueFull => "queueFull",
            Lost::DiskError => "diskError",
            Lost::Limited => "limited",
            Lost::TornTail => "tornTail",
            Lost::Damaged => "damaged",
            Lost::Retention => "retention",
        }
    }
}

/// A count for each reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountsByReason([u64; Lost::ALL.len()]);

impl CountsByReason {
    /// The count of this reason.
    pub fn of(&self, reason: Lost) -> u64 {
        let counted = self.iter().find(|(counted, _)| *counted == reason);
        counted.map_or(0, |(_, count)| count)
    }

    /// Every reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Lost, u64)> {
        Lost::ALL.into_iter().zip(self.0)
    }

    pub(super) fn add(&mut self, reason: Lost, number: u64) {
        let counts = Lost::ALL.iter().zip(&mut self.0);
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

impl From<Refused> for Lost {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Lost::QueueFull,
            Refused::Failing | Refused::Closed => Lost::DiskError,
        }
    }
}

/// The body of a gap record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gap {
    /// Why.
    pub reason: Lost,
    /// How many sign-in events, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sign_ins: Option<u64>,
    /// How many audit records.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub audits: Option<u64>,
    /// The first number that is missing, where they had numbers …
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<u64>,
    /// … and the last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<u64>,
    /// How many bytes of the file before do not count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<u64>,
}

impl Gap {
    /// Nothing is said yet.
    pub fn of(reason: Lost) -> Self {
        Gap {
            reason,
            sign_ins: None,
            audits: None,
            from: None,
            to: None,
            bytes: None,
        }
    }

    /// How many records it names by their numbers.
    pub(super) fn numbered(&self) -> u64 {
        let range = self.from.zip(self.to);
        range.map_or(0, |(from, to)| to.saturating_sub(from).saturating_add(1))
    }
}

/// Counts of what was lost while the process ran, by reason and kind.
#[derive(Debug, Default)]
pub(super) struct Losses {
    counts: [[AtomicU64; 2]; COUNTED.len()],
    ever: [AtomicU64; COUNTED.len()],
}

impl Losses {
    pub fn add(&self, kind: Kind, why: Lost) {
        self.put_back(kind, why, 1);
        let ever = COUNTED.iter().zip(&self.ever);
        for (_, ever) in ever.filter(|(counted, _)| **counted == why) {
            ever.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn put_back(&self, kind: Kind, why: Lost, number: u64) {
        let row = COUNTED.iter().position(|counted| *counted == why);
        // The others are never counted here.
        if let Some(counts) = row.and_then(|row| self.counts.get(row)) {
            let [sign_ins, audits] = counts;
            let count = match kind {
                Kind::SignIn => sign_ins,
                Kind::Audit => audits,
            };
            count.fetch_add(number, Ordering::Relaxed);
        }
    }

    /// How many were lost since the start.
    pub fn ever(&self) -> CountsByReason {
        let mut counts = CountsByReason::default();
        for (reason, ever) in COUNTED.iter().zip(&self.ever) {
            counts.add(*reason, ever.load(Ordering::Relaxed));
        }
        counts
    }

    /// What no gap record has told; given back with [`Losses::untold`] if the telling fails.
    pub fn take(&self) -> Vec<Gap> {
        let taken = COUNTED.iter().zip(&self.counts).map(|(why, counts)| {
            let [sign_ins, audits] = counts
                .each_ref()
                .map(|count| count.swap(0, Ordering::Relaxed));
            Gap {
                sign_ins: Some(sign_ins),
                audits: Some(audits),
                ..Gap::of(*why)
            }
        });
        let any = |gap: &Gap| gap.sign_ins != Some(0) || gap.audits != Some(0);
        taken.filter(any).collect()
    }

    pub fn untold(&self, gaps: &[Gap]) {
        for gap in gaps {
            self.put_back(Kind::SignIn, gap.reason, gap.sign_ins.unwrap_or(0));
            self.put_back(Kind::Audit, gap.reason, gap.audits.unwrap_or(0));
        }
    }
}

/// What is counted while the process runs; the rest is found when it starts.
const COUNTED: [Lost; 3] = [Lost::QueueFull, Lost::DiskError, Lost::Limited];
