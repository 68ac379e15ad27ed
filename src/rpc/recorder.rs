//! Records and counts every answer before it is sent.
//!
//! A new decision becomes a sign-in event. If the log is strict, an allow waits until its event is on disk. A cached
//! decision is only counted. Holds no engine view during a wait, and never decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::query::{AuthorizationQuery, ResolvedQuery};
use crate::decision::{Decision, Denial, Reason};
use crate::engine::{Answer, PendingInsert, View};
use crate::id::TenantId;
use crate::log::sign_in::{PartialSignInRequest, SignIn, SignInRequest};
use crate::log::{Log, RecordSource, SignInOutcome, Wait};
use crate::metrics::Metrics;
use crate::request::{Api, Request};
use crate::serve::{self, ConnectionId};

/// Records and counts answers. Clones share one log and one set of metrics.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    /// The log of events.
    pub log: Log,
    /// The counters.
    pub metrics: Arc<Metrics>,
}

/// An answer whose event may not be on disk yet.
#[derive(Debug)]
pub struct PendingAnswer {
    answer: Answer,
    wait: Wait,
    api: Api,
    resource: Option<TenantId>,
    /// The time to decide, without the wait.
    took: Duration,
}

/// The event of an allow was not written in time, so the allow is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordError;

impl PendingAnswer {
    /// The answer, without waiting. For callers in this process, for which nothing is recorded.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }
}

impl Recorder {
    /// Waits until all answers may be sent, and counts each.
    pub async fn wait_all_recorded(
        &self,
        pending: Vec<PendingAnswer>,
    ) -> Result<Vec<Answer>, RecordError> {
        let is_ready = pending.iter().all(|one| matches!(one.wait, Wait::Nothing));
        let waiting = pending.into_iter().map(|one| self.wait_recorded(one));
        if is_ready {
            let mut answers = Vec::with_capacity(waiting.len());
            for ready in waiting {
                answers.push(ready.await?);
            }
            return Ok(answers);
        }
        // Concurrently, so that the waits do not add up.
        join_all(waiting).await.into_iter().collect()
    }

    /// Waits until the answer may be sent, and counts it. A failed record is counted as a denial.
    pub async fn wait_recorded(&self, pending: PendingAnswer) -> Result<Answer, RecordError> {
        let PendingAnswer {
            answer,
            wait,
            api,
            resource,
            took,
        } = pending;
        let count = |decision: &Decision, cached| {
            self.metrics
                .count_decision(api, resource, decision, cached, took);
        };
        match wait.completed().await {
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
                Err(RecordError)
            }
        }
    }

    /// Decides a resolved query, or refuses one whose identity is not accepted.
    pub fn answer(
        &self,
        view: &View<'_>,
        resolved: &ResolvedQuery<'_>,
        query: &AuthorizationQuery,
        api: Api,
    ) -> PendingAnswer {
        match resolved {
            Ok(request) => self.decide(view, request, api),
            Err(reason) => {
                let denial = Denial::of(None, *reason);
                let began = Instant::now();
                let asked = query.partly();
                let answer = view.refuse(denial);
                self.record_refusal(view, asked, &answer, api);
                PendingAnswer {
                    answer,
                    wait: Wait::Nothing,
                    api,
                    resource: asked.resource,
                    took: began.elapsed(),
                }
            }
        }
    }

    /// Decides a request. Starts to record the decision, unless it is cached.
    pub fn decide(&self, view: &View<'_>, request: &Request, api: Api) -> PendingAnswer {
        let began = Instant::now();
        let (mut answer, pending) = view.decide(request);
        let took = began.elapsed();
        let wait = if answer.cached {
            Wait::Nothing
        } else {
            self.record(view, request, &mut answer, pending, api)
        };
        PendingAnswer {
            answer,
            wait,
            api,
            resource: Some(request.resource),
            took,
        }
    }

    /// Starts to record a decision. A repeated denial that is not cached gets the ID of its existing event.
    fn record(
        &self,
        view: &View<'_>,
        request: &Request,
        answer: &mut Answer,
        pending: Option<PendingInsert>,
        api: Api,
    ) -> Wait {
        let repeatable = match (&pending, self.log.journal()) {
            (None, Some(_)) => view.denial_digest(request, &answer.decision),
            (Some(_), _) | (None, None) => None,
        };
        let event = event(SignInRequest::Complete(request), answer, view, api);
        match self
            .log
            .record_sign_in(&event, pending, repeatable, record_source())
        {
            SignInOutcome::Recorded(wait) => wait,
            SignInOutcome::Repeated(earlier) => {
                answer.decision_id = earlier;
                Wait::Nothing
            }
        }
    }

    /// Refuses a request without an evaluation. No caller waits for its record, and their rate is limited.
    pub fn refuse(
        &self,
        view: &View<'_>,
        denial: Denial,
        asked: PartialSignInRequest<'_>,
        api: Api,
    ) -> Answer {
        let began = Instant::now();
        let answer = view.refuse(denial);
        self.record_refusal(view, asked, &answer, api);
        let took = began.elapsed();
        self.metrics
            .count_decision(api, asked.resource, &answer.decision, false, took);
        answer
    }

    fn record_refusal(
        &self,
        view: &View<'_>,
        asked: PartialSignInRequest<'_>,
        answer: &Answer,
        api: Api,
    ) {
        self.log.record_refusal(
            &event(SignInRequest::Partial(asked), answer, view, api),
            record_source(),
        );
    }

    /// Records an invalid credential that the caller receives an error for.
    pub fn record_invalid_credential(
        &self,
        view: &View<'_>,
        query: Option<&AuthorizationQuery>,
        problem: &str,
        api: Api,
    ) {
        let denial = Denial::of(None, Reason::IdentityMissing);
        let asked = PartialSignInRequest {
            problem: Some(problem),
            ..query.map(AuthorizationQuery::partly).unwrap_or_default()
        };
        self.refuse(view, denial, asked, api);
    }
}

/// The connection of the current call.
pub(super) fn record_source() -> RecordSource {
    serve::connection().map_or(RecordSource::PROCESS, |ConnectionId(number)| {
        RecordSource(number)
    })
}

fn event<'a>(
    asked: SignInRequest<'a>,
    answer: &'a Answer,
    view: &View<'_>,
    api: Api,
) -> SignIn<'a> {
    SignIn {
        request: asked,
        answer,
        time: view.now(),
        api,
    }
}
