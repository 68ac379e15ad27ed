//! Sign-in events and audit records: who came in and why, and what was changed.
//!
//! What happened becomes a JSON object in the shape of Graph's `signIn` or `directoryAudit`; the journal writes
//! it to disk, chained and signed. Never holds a token, decides nothing.

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
use crate::engine::{QuestionDigest, Unkept, new_event_id};
use crate::id::DecisionId;
use crate::rate::Rate;
use audit::{Actor, Audit, Record};
pub use journal::Source;
use journal::{Entry, Journal, Kind, Lost, Ticket};
use pseudonym::Pseudonyms;
use repeats::Repeats;
use sign_in::SignIn;

/// Where events and records go: its clones are one, and by default it is nowhere.
#[derive(Debug, Clone, Default)]
pub struct Log(Option<Arc<Open>>);

/// When an answer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// An allow leaves, and is kept, after its event is on disk.
    Strict,
    /// At once: a crash may lose what was not on disk yet.
    Async,
}

#[derive(Debug)]
struct Open {
    journal: Arc<Journal>,
    mode: Mode,
    pseudonyms: Pseudonyms,
    clock: Clock,
    refusals: Rate,
    repeats: Repeats,
}

/// What an answer has to wait for.
#[derive(Debug)]
#[must_use = "an allow may leave only when its wait is over"]
pub enum Wait {
    /// It may leave.
    Nothing,
    /// Its event is on the way to the disk of this journal.
    For(Ticket, Arc<Journal>),
    /// Its event was not taken.
    Refused,
}

/// What has become of the event of a decision.
#[derive(Debug)]
#[must_use = "an allow may leave only when its wait is over"]
pub enum Signed {
    /// It is recorded, or counted as missing.
    Recorded(Wait),
    /// The same denial of the same question has this event, from less than a minute ago: the repetition is counted.
    Repeated(DecisionId),
}

/// What had to be on disk is not, or not in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record could not be written")]
pub struct NotRecorded;

impl Wait {
    /// Ends when the answer may leave.
    pub async fn over(self) -> Result<(), NotRecorded> {
        match self {
            Wait::Nothing => Ok(()),
            Wait::Refused => Err(NotRecorded),
            Wait::For(ticket, journal) => {
                let wait = journal.wait();
                let mut durable = pin!(ticket.durable());
                let mut in_time = tokio::time::timeout(wait / 2, durable.as_mut()).await;
                if in_time.is_err() {
                    journal.waits_long();
                    in_time = tokio::time::timeout(wait - wait / 2, durable).await;
                }
                match in_time {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(_)) => Err(NotRecorded),
                    Err(_elapsed) => {
                        journal.timed_out();
                        Err(NotRecorded)
                    }
                }
            }
        }
    }
}

impl Log {
    /// A log that is written to this journal.
    pub fn to(journal: Arc<Journal>, mode: Mode, pseudonyms: Pseudonyms, clock: Clock) -> Self {
        Log(Some(Arc::new(Open {
            journal,
            mode,
            pseudonyms,
            clock,
            refusals: Rate::a_second(REFUSALS_A_SECOND),
            repeats: Repeats::default(),
        })))
    }

    /// The journal, where there is one.
    pub fn journal(&self) -> Option<&Arc<Journal>> {
        self.0.as_ref().map(|open| &open.journal)
    }

    /// How long an answer may wait for its event now; not at all where nothing is recorded.
    pub fn wait(&self) -> Duration {
        self.0
            .as_ref()
            .map_or(Duration::ZERO, |open| open.journal.wait())
    }

    /// Records a decision that was made now, and has it kept when it may be: at once, or once it is on disk.
    /// Denials never wait; one that is not taken is counted in the next gap record. `repeatable` names the question of a
    /// denial that is not kept, and so is decided at each call: it has one event a minute.
    pub fn signed_in(
        &self,
        event: &SignIn<'_>,
        unkept: Option<Unkept>,
        repeatable: Option<QuestionDigest>,
        source: Source,
    ) -> Signed {
        let Some(open) = &self.0 else {
            keep(unkept);
            return Signed::Recorded(Wait::Nothing);
        };
        let decision = &event.answer.decision;
        // Nothing was decided, and every caller gets this answer as often as it asks.
        if decision
            .denial()
            .is_some_and(|denial| denial.reason == Reason::NoSnapshot)
        {
            self.refused(event, source);
            return Signed::Recorded(Wait::Nothing);
        }
        let now = open.clock.now();
        // INVARIANT(durable): an allow is never taken for a repetition.
        let repeatable = repeatable.filter(|_| !decision.is_allow());
        if let Some(question) = repeatable
            && let Err(earlier) = open
                .repeats
                .first(question, event.answer.decision_id, now.boot)
        {
            open.journal.lost(Kind::SignIn, Lost::Limited);
            return Signed::Repeated(earlier);
        }
        let must_wait = open.mode == Mode::Strict && decision.is_allow();
        let (later, at_once) = match open.mode {
            Mode::Strict => (unkept, None),
            Mode::Async => (None, unkept),
        };
        let entry = Entry {
            kind: Kind::SignIn,
            time: now.wall,
            body: sign_in::body(event, &open.pseudonyms),
            is_awaited: must_wait,
            source,
            when_durable: later.map(|unkept| Box::new(move || unkept.keep()) as _),
        };
        Signed::Recorded(match open.journal.append(entry) {
            Ok(ticket) => {
                keep(at_once);
                if must_wait {
                    Wait::For(ticket, Arc::clone(&open.journal))
                } else {
                    Wait::Nothing
                }
            }
            // It will not leave, so there is nothing that is missing.
            Err(_) if must_wait => Wait::Refused,
            // What is not on record is not remembered.
            Err(refused) => {
                if let Some(question) = repeatable {
                    open.repeats.forget(question);
                }
                open.journal.lost(Kind::SignIn, refused.into());
                Wait::Nothing
            }
        })
    }

    /// Records what was refused without an evaluation. Anybody can bring that about as often as they like, so only
    /// some of a second's are written, and the rest is told as a number.
    pub fn refused(&self, event: &SignIn<'_>, source: Source) {
        let Some(open) = &self.0 else {
            return;
        };
        let now = open.clock.now();
        if !open.refusals.admits(now.boot) {
            open.journal.lost(Kind::SignIn, Lost::Limited);
            return;
        }
        let entry = Entry {
            kind: Kind::SignIn,
            time: now.wall,
            body: sign_in::body(event, &open.pseudonyms),
            is_awaited: false,
            source,
            when_durable: None,
        };
        if let Err(refused) = open.journal.append(entry) {
            open.journal.lost(Kind::SignIn, refused.into());
        }
    }

    /// Records what an operator has done over a connection, who is answered after the wait.
    pub fn audited(&self, audit: &Audit<'_>, by: Actor<'_>, source: Source) -> Wait {
        let Some(open) = &self.0 else {
            return Wait::Nothing;
        };
        let entry = Entry {
            is_awaited: true,
            source,
            ..open.entry(audit, by)
        };
        match open.journal.append(entry) {
            Ok(ticket) => Wait::For(ticket, Arc::clone(&open.journal)),
            Err(_) => Wait::Refused,
        }
    }

    /// Records what has happened already and is rare: neither a full queue nor a disk that
    /// fails for a while loses it.
    pub fn happened(&self, audit: &Audit<'_>, by: Actor<'_>) {
        if let Some(open) = &self.0 {
            let _ticket = open.journal.append_surely(open.entry(audit, by));
        }
    }

    /// For a thread that serves nobody and has much to tell: waits until the writer has caught up, but not for long.
    pub fn give_way(&self) {
        let until = Instant::now() + LONGEST_WAY;
        while let Some(open) = &self.0
            && open.journal.status().queued > CAUGHT_UP
            && Instant::now() < until
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Writes what is left, signs it and ends.
    pub fn close(&self) {
        if let Some(open) = &self.0 {
            open.journal.close();
        }
    }
}

impl Open {
    fn entry(&self, audit: &Audit<'_>, actor: Actor<'_>) -> Entry {
        let time = self.clock.now().wall;
        let id = new_event_id(time);
        let record = Record { id, time, actor };
        Entry {
            kind: Kind::Audit,
            time,
            body: audit.body(&record, &self.pseudonyms),
            is_awaited: false,
            source: Source::PROCESS,
            when_durable: None,
        }
    }
}

fn keep(unkept: Option<Unkept>) {
    if let Some(unkept) = unkept {
        unkept.keep();
    }
}

const LONGEST_WAY: Duration = Duration::from_secs(2);
/// Records of some kilobytes each.
const CAUGHT_UP: usize = 256;
/// Some 30 MB a day. More would let strangers push older records out.
const REFUSALS_A_SECOND: u32 = 1;
