//! Sign-in events and audit records: who signed in and why, and which policies changed.
//!
//! Each event becomes a JSON object in the shape of Graph's `signIn` or `directoryAudit`. The journal writes it to disk
//! in a signed hash chain. This module holds no token and decides nothing.

pub mod audit;
pub mod export;
pub mod journal;
pub mod json;
pub mod pseudonym;
mod repeats;
pub mod sign_in;
pub mod view;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::decision::Reason;
use crate::engine::{DenialDigest, PendingInsert, new_event_id};
use crate::id::DecisionId;
use crate::rate::RateLimiter;
use audit::{Actor, AuditEvent, AuditHeader};
pub use journal::RecordSource;
use journal::{EventKind, GapReason, Journal, JournalEntry, Ticket};
use pseudonym::Pseudonyms;
use repeats::RepeatedDenials;
use sign_in::SignIn;

/// Records events and audit records. All clones share one journal; the default value records nothing.
#[derive(Debug, Clone, Default)]
pub struct Log(Option<Arc<OpenLog>>);

/// When an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// An allow is sent and cached after its event is on disk.
    Strict,
    /// At once. A crash may lose events that are not on disk yet.
    Async,
}

#[derive(Debug)]
struct OpenLog {
    journal: Arc<Journal>,
    mode: Mode,
    pseudonyms: Pseudonyms,
    clock: Clock,
    refusals: RateLimiter,
    repeats: RepeatedDenials,
}

/// The wait of an answer for its event.
#[derive(Debug)]
#[must_use = "an allow may be sent only after its wait"]
pub enum Wait {
    /// The answer may be sent.
    Nothing,
    /// The event is queued in this journal.
    For(Ticket, Arc<Journal>),
    /// The journal refused the event.
    Refused,
}

/// The result of recording a decision.
#[derive(Debug)]
#[must_use = "an allow may be sent only after its wait"]
pub enum SignInOutcome {
    /// The event is recorded, or counted as lost.
    Recorded(Wait),
    /// The same denial of the same request was recorded under this id less than a minute ago. The repetition is counted.
    Repeated(DecisionId),
}

/// The record is not on disk, or was not in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record could not be written")]
pub struct NotRecorded;

impl Wait {
    /// Waits until the answer may be sent.
    pub async fn completed(self) -> Result<(), NotRecorded> {
        match self {
            Wait::Nothing => Ok(()),
            Wait::Refused => Err(NotRecorded),
            Wait::For(ticket, journal) => {
                let wait = journal.wait();
                let mut durable = pin!(ticket.durable());
                let mut in_time = tokio::time::timeout(wait / 2, durable.as_mut()).await;
                if in_time.is_err() {
                    journal.report_long_wait();
                    in_time = tokio::time::timeout(wait - wait / 2, durable).await;
                }
                match in_time {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(_)) => Err(NotRecorded),
                    Err(_elapsed) => {
                        journal.count_timeout();
                        Err(NotRecorded)
                    }
                }
            }
        }
    }
}

impl Log {
    /// A log that writes to this journal.
    pub fn new(journal: Arc<Journal>, mode: Mode, pseudonyms: Pseudonyms, clock: Clock) -> Self {
        Log(Some(Arc::new(OpenLog {
            journal,
            mode,
            pseudonyms,
            clock,
            refusals: RateLimiter::per_second(MAX_REFUSALS_PER_SECOND),
            repeats: RepeatedDenials::default(),
        })))
    }

    /// The journal, if records are written.
    pub fn journal(&self) -> Option<&Arc<Journal>> {
        self.0.as_ref().map(|open| &open.journal)
    }

    /// How long an answer may wait for its event now; zero if nothing is recorded.
    pub fn wait(&self) -> Duration {
        self.0
            .as_ref()
            .map_or(Duration::ZERO, |open| open.journal.wait())
    }

    /// Records a new decision and caches it: at once, or once its event is on disk. Denials never wait; a denial that the
    /// journal refuses is counted in the next gap record. `repeatable` identifies a denial that is not cached and so is
    /// decided at each call: it gets one event a minute.
    pub fn record_sign_in(
        &self,
        event: &SignIn<'_>,
        pending: Option<PendingInsert>,
        repeatable: Option<DenialDigest>,
        source: RecordSource,
    ) -> SignInOutcome {
        let Some(open) = &self.0 else {
            insert(pending);
            return SignInOutcome::Recorded(Wait::Nothing);
        };
        let decision = &event.answer.decision;
        // Nothing was decided, and each call of any client gets this answer.
        if decision
            .denial()
            .is_some_and(|denial| denial.reason == Reason::NoSnapshot)
        {
            self.record_refusal(event, source);
            return SignInOutcome::Recorded(Wait::Nothing);
        }
        let now = open.clock.now();
        // INVARIANT(durable): an allow is never treated as a repetition.
        let repeatable = repeatable.filter(|_| !decision.is_allow());
        if let Some(denial) = repeatable
            && let Err(earlier) = open
                .repeats
                .register(denial, event.answer.decision_id, now.boot)
        {
            open.journal
                .count_lost(EventKind::SignIn, GapReason::Limited);
            return SignInOutcome::Repeated(earlier);
        }
        let must_wait = open.mode == Mode::Strict && decision.is_allow();
        let (later, at_once) = match open.mode {
            Mode::Strict => (pending, None),
            Mode::Async => (None, pending),
        };
        let entry = JournalEntry {
            kind: EventKind::SignIn,
            time: now.wall,
            body: sign_in::body(event, &open.pseudonyms),
            is_awaited: must_wait,
            source,
            when_durable: later.map(|pending| Box::new(move || pending.insert()) as _),
        };
        SignInOutcome::Recorded(match open.journal.append(entry) {
            Ok(ticket) => {
                insert(at_once);
                if must_wait {
                    Wait::For(ticket, Arc::clone(&open.journal))
                } else {
                    Wait::Nothing
                }
            }
            // The allow is not sent, so no record is missing.
            Err(_) if must_wait => Wait::Refused,
            // A decision without a record is not cached.
            Err(refused) => {
                if let Some(denial) = repeatable {
                    open.repeats.remove(denial);
                }
                open.journal.count_lost(EventKind::SignIn, refused.into());
                Wait::Nothing
            }
        })
    }

    /// Records a request that was refused without an evaluation. Any client can cause these at any rate, so they are
    /// rate-limited, and the rest is counted in a gap record.
    pub fn record_refusal(&self, event: &SignIn<'_>, source: RecordSource) {
        let Some(open) = &self.0 else {
            return;
        };
        let now = open.clock.now();
        if !open.refusals.admits(now.boot) {
            open.journal
                .count_lost(EventKind::SignIn, GapReason::Limited);
            return;
        }
        let entry = JournalEntry {
            kind: EventKind::SignIn,
            time: now.wall,
            body: sign_in::body(event, &open.pseudonyms),
            is_awaited: false,
            source,
            when_durable: None,
        };
        if let Err(refused) = open.journal.append(entry) {
            open.journal.count_lost(EventKind::SignIn, refused.into());
        }
    }

    /// Records an operator's call, which is answered after the wait.
    pub fn record_awaited(
        &self,
        audit: &AuditEvent<'_>,
        by: Actor<'_>,
        source: RecordSource,
    ) -> Wait {
        let Some(open) = &self.0 else {
            return Wait::Nothing;
        };
        let entry = JournalEntry {
            is_awaited: true,
            source,
            ..open.entry(audit, by)
        };
        match open.journal.append(entry) {
            Ok(ticket) => Wait::For(ticket, Arc::clone(&open.journal)),
            Err(_) => Wait::Refused,
        }
    }

    /// Records a rare event that has already happened. Neither a full queue nor a temporary disk failure loses it.
    pub fn record(&self, audit: &AuditEvent<'_>, by: Actor<'_>) {
        if let Some(open) = &self.0 {
            let _ticket = open.journal.append_unbounded(open.entry(audit, by));
        }
    }

    /// Waits until the writer has caught up, at most [`MAX_BACKPRESSURE`]. For threads that serve no calls and append many
    /// records.
    pub fn backpressure(&self) {
        let until = Instant::now() + MAX_BACKPRESSURE;
        while let Some(open) = &self.0
            && open.journal.status().queued > MAX_QUEUED
            && Instant::now() < until
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Writes and signs the remaining records, and stops.
    pub fn close(&self) {
        if let Some(open) = &self.0 {
            open.journal.close();
        }
    }
}

impl OpenLog {
    fn entry(&self, audit: &AuditEvent<'_>, actor: Actor<'_>) -> JournalEntry {
        let time = self.clock.now().wall;
        let id = new_event_id(time);
        let record = AuditHeader { id, time, actor };
        JournalEntry {
            kind: EventKind::Audit,
            time,
            body: audit.body(&record, &self.pseudonyms),
            is_awaited: false,
            source: RecordSource::PROCESS,
            when_durable: None,
        }
    }
}

fn insert(pending: Option<PendingInsert>) {
    if let Some(pending) = pending {
        pending.insert();
    }
}

const MAX_BACKPRESSURE: Duration = Duration::from_secs(2);
/// Records have a few kilobytes each.
const MAX_QUEUED: usize = 256;
/// About 30 MB a day. With more, unauthenticated clients could push older records out of retention.
const MAX_REFUSALS_PER_SECOND: u32 = 1;
