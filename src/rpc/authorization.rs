//! `AuthorizationService`, from bytes to bytes: read the question, prove who asks, ask the engine, write the answer.
//!
//! For keys that are being fetched is waited before the engine is asked; for the record of a new allow, after. The
//! same [`Desk`] serves a caller over the wire and one in this process (`client`), so both get the same answers and
//! the same violations.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::assumed::AssumedFact;
use super::convert::{self, Violation};
use super::gateway::Gateway;
use super::limits::Limits;
use super::message::{self, AuthorizeBatchRequest, AuthorizeRequest, Borrowed, ExplainRequest};
use super::proof::{self, Question, Settled, Unproven, Unsettled};
use super::proto::{self, AuthorizeResponse, ExplainResponse};
use super::recorder::{self, Pending, Recorder, Unrecorded};
use super::router::Rights;
use super::{codec, encode, router, trace};
use crate::decision::{Denial, Reason};
use crate::engine::{Engine, View};
use crate::log::audit::{Actor, Audit};
use crate::request::{Api, Request};

/// What answers questions.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    pub engine: &'a Engine,
    pub gateway: &'a Gateway,
    pub recorder: &'a Recorder,
}

impl<'a> Desk<'a> {
    /// Decides one question.
    pub fn authorize(&self, question: &Question) -> Result<Pending, Unsettled> {
        let api = Api::Authorize;
        if let Some(request) = question.stated() {
            return Ok(self.recorder.decide(&self.engine.view(), request, api));
        }
        let questions = std::slice::from_ref(question);
        let pending = self.settle(questions, |view, settled| {
            let first = settled.first().zip(questions.first());
            first.map(|(settled, question)| self.recorder.answer(view, settled, question, api))
        })?;
        // One question was put, so one is settled.
        pending.ok_or(Unsettled::KeysChanging)
    }

    /// Decides several questions under one snapshot.
    pub fn authorize_batch(&self, questions: &[Question]) -> Result<Vec<Pending>, Unsettled> {
        let api = Api::AuthorizeBatch;
        let stated: Option<Vec<&Request>> = questions.iter().map(Question::stated).collect();
        if let Some(requests) = stated {
            let view = self.engine.view();
            let decide = |request| self.recorder.decide(&view, request, api);
            return Ok(requests.into_iter().map(decide).collect());
        }
        self.settle(questions, |view, settled| {
            let settled = settled.iter().zip(questions);
            let answer = |(one, question)| self.recorder.answer(view, one, question, api);
            settled.map(answer).collect()
        })
    }

    /// Decides one question and tells why.
    pub fn explain(&self, question: &Question) -> Result<ExplainResponse, Unsettled> {
        let words = self.words();
        let questions = std::slice::from_ref(question);
        self.settle(questions, |view, settled| match settled.first() {
            Some(Ok(request)) => match view.explain(request) {
                Some((active, explanation)) => words.explanation(&active, &explanation, request),
                None => words.unexplained(&view.decide(request).0.decision),
            },
            Some(Err(reason)) => {
                let refused = view.refuse(Denial::of(None, *reason));
                words.unexplained(&refused.decision)
            }
            None => ExplainResponse::default(),
        })
    }

    fn settle<T>(
        &self,
        questions: &[Question],
        answer: impl Fn(&View<'_>, &[Settled<'_>]) -> T,
    ) -> Result<T, Unsettled> {
        proof::settle(self.gateway, self.engine, questions, answer)
    }

    /// What answers are written with.
    pub fn words(&self) -> encode::Words<'a> {
        encode::Words {
            challenge: &self.gateway.challenge,
            engine: self.engine,
        }
    }
}

/// The service, for callers with these rights.
#[derive(Debug)]
pub struct Authorization {
    pub engine: Arc<Engine>,
    pub gateway: Arc<Gateway>,
    pub recorder: Recorder,
    pub limits: Limits,
    pub rights: Arc<Rights>,
}

impl Authorization {
    fn desk(&self) -> Desk<'_> {
        Desk {
            engine: &self.engine,
            gateway: &self.gateway,
            recorder: &self.recorder,
        }
    }

    /// The error for what was not answered: a proof that does not count is recorded.
    fn unsettled(
        &self,
        unsettled: Unsettled,
        questions: &[Question],
        api: Api,
        field: impl Fn(usize) -> String,
    ) -> Status {
        if let Unsettled::Unproven(unproven) = &unsettled {
            let question = questions.get(unproven.index);
            let view = self.engine.view();
            self.recorder
                .unproven(&view, question, &unproven.problem, api);
        }
        status(unsettled, field)
    }

    /// A caller without the right to state claims has to bring a token that states them.
    fn may_state_claims(&self, gives_token: bool) -> Result<(), Status> {
        if self.rights.own_claims || gives_token {
            return Ok(());
        }
        Err(Status::permission_denied(
            "this caller may not state claims of its own: give a token",
        ))
    }

    fn assume(&self, question: &mut Question) -> Vec<AssumedFact> {
        question.assume(&self.rights.assumed)
    }
}

impl Authorization {
    /// `Authorize`
    pub async fn authorize(&self, message: Bytes) -> Result<Vec<u8>, Status> {
        let mut question = {
            let mut message: AuthorizeRequest<'_> = read::<_, proto::AuthorizeRequest>(&message)?;
            self.may_state_claims(!message.token.is_empty())?;
            convert::question(&mut message, &self.limits).map_err(malformed)?
        };
        // Waiting for a record holds no more than the question.
        drop(message);
        self.assume(&mut question);
        let questions = std::slice::from_ref(&question);
        let ask = || self.desk().authorize(&question);
        let pending = proof::patiently(&self.gateway, questions, ask)
            .await
            .map_err(|unsettled| {
                self.unsettled(unsettled, questions, Api::Authorize, |_| "token".to_owned())
            })?;
        let answer = self.recorder.recorded(pending).await.map_err(unrecorded)?;
        trace::decided(&answer);
        Ok(self.desk().words().answer(&answer))
    }

    /// `AuthorizeBatch`
    pub async fn authorize_batch(&self, message: Bytes) -> Result<Vec<u8>, Status> {
        let mut questions = {
            // Before anything is made of them, by us or by prost: each takes hundreds of times its bytes.
            let count = message::questions(&message);
            let count = count.map_err(|error| codec::no_such_message(&error))?;
            convert::few_enough(count, &self.limits).map_err(malformed)?;
            let mut message: AuthorizeBatchRequest<'_> =
                read::<_, proto::AuthorizeBatchRequest>(&message)?;
            let give_tokens = message.requests.iter().all(|one| !one.token.is_empty());
            self.may_state_claims(give_tokens)?;
            convert::batch(&mut message, &self.limits).map_err(malformed)?
        };
        drop(message);
        for question in &mut questions {
            self.assume(question);
        }
        let ask = || self.desk().authorize_batch(&questions);
        let pending = proof::patiently(&self.gateway, &questions, ask)
            .await
            .map_err(|unsettled| {
                let field = |index| format!("requests[{index}].token");
                self.unsettled(unsettled, &questions, Api::AuthorizeBatch, field)
            })?;
        let answers = self.recorder.all_recorded(pending).await;
        let answers = answers.map_err(unrecorded)?;
        trace::decided_batch(&answers);
        Ok(self.desk().words().batch(&answers))
    }

    /// `Explain`
    pub async fn explain(&self, message: Bytes) -> Result<Vec<u8>, Status> {
        router::operators_only(&self.rights, "Explain")?;
        let mut question = {
            let mut message: ExplainRequest<'_> = read::<_, proto::ExplainRequest>(&message)?;
            let asked = message.request.as_ref();
            self.may_state_claims(asked.is_some_and(|one| !one.token.is_empty()))?;
            convert::explain(&mut message, &self.limits).map_err(malformed)?
        };
        let assumed = self.assume(&mut question);
        let questions = std::slice::from_ref(&question);
        let ask = || {
            Ok(ExplainResponse {
                assumed: assumed.iter().map(AssumedFact::told).collect(),
                ..self.desk().explain(&question)?
            })
        };
        let explained = proof::patiently(&self.gateway, questions, ask).await;
        let explained =
            explained.map_err(|unsettled| status(unsettled, |_| "request.token".to_owned()))?;
        let by = Actor::Caller(&self.rights.callers);
        let audit = audit(&question, &explained);
        let wait = self.recorder.log.audited(&audit, by, recorder::source());
        let recorded = wait.over().await;
        recorded.map_err(|_| unrecorded(Unrecorded))?;
        Ok(explained.encode_to_vec())
    }
}

/// Reads a message. Of one that cannot be read prost, as which we read, tells what is wrong with it.
fn read<'a, M: Borrowed<'a>, Same: Message + Default>(bytes: &'a [u8]) -> Result<M, Status> {
    message::decode(bytes).map_err(|message::Malformed| match Same::decode(bytes) {
        Err(error) => codec::no_such_message(&error),
        Ok(_) => Status::invalid_argument("the bytes are no such message"),
    })
}

fn malformed(violations: Vec<Violation>) -> Status {
    convert::status(&violations)
}

/// Tells the caller's faults apart from ours. `field` names the token of a question by its place.
fn status(unsettled: Unsettled, field: impl Fn(usize) -> String) -> Status {
    match unsettled {
        Unsettled::Unproven(Unproven { index, problem, .. }) => {
            let facts = HashMap::from([("field".to_owned(), field(index))]);
            let details = ErrorDetails::with_error_info("TOKEN_REFUSED", "crosstrust", facts);
            let message = format!("{}: {problem}", field(index));
            Status::with_error_details(Code::Unauthenticated, message, details)
        }
        Unsettled::KeysChanging => Status::unavailable("key sets are changing"),
    }
}

/// Who was told what about whom.
fn audit<'a>(question: &Question, explained: &ExplainResponse) -> Audit<'a> {
    let outcome = explained.response.as_ref().map(AuthorizeResponse::reason);
    let outcome = outcome.unwrap_or_default().as_str_name();
    let outcome = outcome.trim_start_matches("REASON_");
    match question {
        Question::Stated(request) => Audit::Explained {
            home: request.home.tenant(),
            resource: Some(request.resource),
            user: request.user,
            app: Some(request.app),
            outcome,
        },
        Question::Proven { asked, .. } => Audit::Explained {
            home: None,
            resource: Some(asked.resource),
            user: None,
            app: Some(asked.app),
            outcome,
        },
    }
}

/// No allow leaves that is not on record.
fn unrecorded(_: Unrecorded) -> Status {
    let reason = Reason::AuditUnavailable;
    let details = ErrorDetails::with_error_info(reason.name(), "crosstrust", HashMap::new());
    Status::with_error_details(Code::Unavailable, reason.message(), details)
}
