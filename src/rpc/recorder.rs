//! Every answer on its way out: recorded and counted.
//!
//! A decision that was made now becomes a sign-in event, and where the log is strict an allow waits for its event
//! to be on disk. What was remembered adds nothing but counts. Holds no view over a wait, never decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::proof::{Question, Settled};
use crate::decision::{Decision, Denial, Reason};
use crate::engine::{Answer, Unkept, View};
use crate::id::TenantId;
use crate::log::sign_in::{Asked, PartlyAsked, SignIn};
use crate::log::{Log, Signed, Source, Wait};
use crate::metrics::Metrics;
use crate::request::{Api, Request};
use crate::serve::{self, ConnectionId};

/// Records and counts what is answered. Its clones are one.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    /// Where events go.
    pub log: Log,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// An answer whose event may still be on its way to the disk.
#[derive(Debug)]
pub struct Pending {
    answer: Answer,
    wait: Wait,
    api: Api,
    resource: Option<TenantId>,
    /// What deciding took, without the wait.
    took: Duration,
}

/// The event of an allow did not get to the disk in time: the allow does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unrecorded;

impl Pending {
    /// The answer as it is: for callers in this process, where nothing is recorded.
    pub fn unrecorded(&self) -> &Answer {
        &self.answer
    }
}

impl Recorder {
    /// The answers, once all of them may leave. Each is counted.
    pub async fn all_recorded(&self, pending: Vec<Pending>) -> Result<Vec<Answer>, Unrecorded> {
        let recorded = pending.iter().all(|one| matches!(one.wait, Wait::Nothing));
        let waiting = pending.into_iter().map(|one| self.recorded(one));
        if recorded {
            let mut answers = Vec::with_capacity(waiting.len());
            for ready in waiting {
                answers.push(ready.await?);
            }
            return Ok(answers);
        }
        // All at once: one that waits in vain does not make the next wait as long.
        join_all(waiting).await.into_iter().collect()
    }

    /// The answer, once it may leave; counted as what leaves.
    pub async fn recorded(&self, pending: Pending) -> Result<Answer, Unrecorded> {
        let Pending {
            answer,
            wait,
            api,
            resource,
            took,
        } = pending;
        let count = |decision: &Decision, cached| {
            self.metrics.decided(api, resource, decision, cached, took);
        };
        match wait.over().await {
            Ok(()) => {
                count(&answer.decision, answer.cached);
                Ok(answer)
            }
            Err(_) => {
                let denial = Denial::of(None, Reason::AuditUnavailable);
                count(
                    &Decision::refused(denial, answer.decision.expires_at),
                    false,
                );
                Err(Unrecorded)
            }
        }
    }

    /// Decides what was asked, or refuses what nothing can be asked for.
    pub fn answer(
        &self,
        view: &View<'_>,
        settled: &Settled<'_>,
        question: &Question,
        api: Api,
    ) -> Pending {
        match settled {
            Ok(request) => self.decide(view, request, api),
            Err(reason) => {
                let denial = Denial::of(None, *reason);
                let began = Instant::now();
                let asked = question.partly();
                let answer = view.refuse(denial);
                self.record_refusal(view, asked, &answer, api);
                Pending {
                    answer,
                    wait: Wait::Nothing,
                    api,
                    resource: asked.resource,
                    took: began.elapsed(),
                }
            }
        }
    }

    /// Decides, and begins to record what was decided now.
    pub fn decide(&self, view: &View<'_>, request: &Request, api: Api) -> Pending {
        let began = Instant::now();
        let (mut answer, unkept) = view.decide(request);
        let took = began.elapsed();
        let wait = if answer.cached {
            Wait::Nothing
        } else {
            self.record(view, request, &mut answer, unkept, api)
        };
        Pending {
            answer,
            wait,
            api,
            resource: Some(request.resource),
            took,
        }
    }

    /// Begins to record a decision. One that repeats a denial that is not kept carries the id of the event that there is.
    fn record(
        &self,
        view: &View<'_>,
        request: &Request,
        answer: &mut Answer,
        unkept: Option<Unkept>,
        api: Api,
    ) -> Wait {
        let repeatable = match (&unkept, self.log.journal()) {
            (None, Some(_)) => view.digest(request, &answer.decision),
            (Some(_), _) | (None, None) => None,
        };
        let event = event(Asked::Whole(request), answer, view, api);
        match self.log.signed_in(&event, unkept, repeatable, source()) {
            Signed::Recorded(wait) => wait,
            Signed::Repeated(earlier) => {
                answer.decision_id = earlier;
                Wait::Nothing
            }
        }
    }

    /// Refuses without an evaluation. Nobody waits for such a record, and of a flood only some are written.
    pub fn refuse(
        &self,
        view: &View<'_>,
        denial: Denial,
        asked: PartlyAsked<'_>,
        api: Api,
    ) -> Answer {
        let began = Instant::now();
        let answer = view.refuse(denial);
        self.record_refusal(view, asked, &answer, api);
        let took = began.elapsed();
        self.metrics
            .decided(api, asked.resource, &answer.decision, false, took);
        answer
    }

    fn record_refusal(&self, view: &View<'_>, asked: PartlyAsked<'_>, answer: &Answer, api: Api) {
        self.log
            .refused(&event(Asked::Part(asked), answer, view, api), source());
    }

    /// Records that a proof did not count, where the caller gets an error for it.
    pub fn unproven(&self, view: &View<'_>, question: Option<&Question>, problem: &str, api: Api) {
        let denial = Denial::of(None, Reason::IdentityMissing);
        let asked = PartlyAsked {
            problem: Some(problem),
            ..question.map(Question::partly).unwrap_or_default()
        };
        self.refuse(view, denial, asked, api);
    }
}

/// The connection of the call that is answered.
pub(super) fn source() -> Source {
    serve::connection().map_or(Source::PROCESS, |ConnectionId(number)| Source(number))
}

fn event<'a>(asked: Asked<'a>, answer: &'a Answer, view: &View<'_>, api: Api) -> SignIn<'a> {
    SignIn {
        asked,
        answer,
        time: view.now(),
        api,
    }
}
