//! `AuthorizationService`: read the question, prove who asks, ask the engine, write the answer.
//!
//! Only for keys that are being fetched is anything waited for, before the engine is asked. The same [`Desk`] serves a
//! caller over the wire and one in this process (`client`), so both get the same answers and the same violations.

use std::collections::HashMap;
use std::sync::Arc;

use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::assumed::AssumedFact;
use super::convert::{self, Violation};
use super::gateway::Gateway;
use super::limits::Limits;
use super::proof::{self, Question, Settled, Unproven, Unsettled};
use super::proto::{
    AuthorizeBatchRequest, AuthorizeBatchResponse, AuthorizeRequest, AuthorizeResponse,
    ExplainRequest, ExplainResponse, authorization_service_server as generated,
};
use super::router::Rights;
use super::{encode, router};
use crate::decision::Denial;
use crate::engine::{Answer, Engine, View};

/// What answers questions.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    pub engine: &'a Engine,
    pub gateway: &'a Gateway,
}

impl Desk<'_> {
    /// Decides one question.
    pub fn authorize(&self, question: &Question) -> Result<AuthorizeResponse, Unsettled> {
        let answer = match question {
            Question::Stated(request) => self.engine.authorize(request),
            Question::Proven { .. } => {
                let questions = std::slice::from_ref(question);
                let answers = self.settle(questions, |view, settled| {
                    settled.first().map(|one| authorize(view, one))
                })?;
                // One question was put, so one is settled.
                answers.ok_or(Unsettled::KeysChanging)?
            }
        };
        Ok(self.words().answer(&answer))
    }

    /// Decides several questions under one snapshot.
    pub fn authorize_batch(
        &self,
        questions: &[Question],
    ) -> Result<AuthorizeBatchResponse, Unsettled> {
        let words = self.words();
        let responses = self.settle(questions, |view, settled| {
            let answers = settled
                .iter()
                .map(|one| words.answer(&authorize(view, one)));
            answers.collect()
        })?;
        Ok(AuthorizeBatchResponse { responses })
    }

    /// Decides one question and tells why.
    pub fn explain(&self, question: &Question) -> Result<ExplainResponse, Unsettled> {
        let words = self.words();
        let questions = std::slice::from_ref(question);
        self.settle(questions, |view, settled| match settled.first() {
            Some(Ok(request)) => match view.explain(request) {
                Some((active, explanation)) => words.explanation(&active, &explanation),
                None => words.unexplained(&view.authorize(request).decision),
            },
            Some(refused @ Err(_)) => words.unexplained(&authorize(view, refused).decision),
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

    fn words(&self) -> encode::Words<'_> {
        encode::Words {
            challenge: &self.gateway.challenge,
            now: self.engine.clock().now().wall,
        }
    }
}

/// The engine's answer, or the denial of what it cannot be asked.
fn authorize(view: &View<'_>, settled: &Settled<'_>) -> Answer {
    match settled {
        Ok(request) => view.authorize(request),
        Err(reason) => view.refuse(Denial::of(None, *reason)),
    }
}

/// The service, for callers with these rights.
#[derive(Debug)]
pub struct Authorization {
    pub engine: Arc<Engine>,
    pub gateway: Arc<Gateway>,
    pub limits: Limits,
    pub rights: Arc<Rights>,
}

impl Authorization {
    fn desk(&self) -> Desk<'_> {
        Desk {
            engine: &self.engine,
            gateway: &self.gateway,
        }
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

#[tonic::async_trait]
impl generated::AuthorizationService for Authorization {
    async fn authorize(
        &self,
        request: Request<AuthorizeRequest>,
    ) -> Result<Response<AuthorizeResponse>, Status> {
        let message = request.into_inner();
        self.may_state_claims(!message.token.is_empty())?;
        let mut question = convert::question(message, &self.limits).map_err(malformed)?;
        self.assume(&mut question);
        let questions = std::slice::from_ref(&question);
        let ask = || self.desk().authorize(&question);
        let answer = proof::patiently(&self.gateway, questions, ask).await;
        answered(answer, |_| "token".to_owned())
    }

    async fn authorize_batch(
        &self,
        request: Request<AuthorizeBatchRequest>,
    ) -> Result<Response<AuthorizeBatchResponse>, Status> {
        let message = request.into_inner();
        let give_tokens = message.requests.iter().all(|one| !one.token.is_empty());
        self.may_state_claims(give_tokens)?;
        let mut questions = convert::batch(message, &self.limits).map_err(malformed)?;
        for question in &mut questions {
            self.assume(question);
        }
        let ask = || self.desk().authorize_batch(&questions);
        let answers = proof::patiently(&self.gateway, &questions, ask).await;
        answered(answers, |index| format!("requests[{index}].token"))
    }

    async fn explain(
        &self,
        request: Request<ExplainRequest>,
    ) -> Result<Response<ExplainResponse>, Status> {
        router::operators_only(&self.rights, "Explain")?;
        let message = request.into_inner();
        let asked = message.request.as_ref();
        self.may_state_claims(asked.is_some_and(|one| !one.token.is_empty()))?;
        let mut question = convert::explain(message, &self.limits).map_err(malformed)?;
        let assumed = self.assume(&mut question);
        let questions = std::slice::from_ref(&question);
        let ask = || {
            Ok(ExplainResponse {
                assumed: assumed.iter().map(AssumedFact::told).collect(),
                ..self.desk().explain(&question)?
            })
        };
        let explained = proof::patiently(&self.gateway, questions, ask).await;
        answered(explained, |_| "request.token".to_owned())
    }
}

fn malformed(violations: Vec<Violation>) -> Status {
    convert::status(&violations)
}

/// Tells the caller's faults apart from ours. `field` names the token of a question by its place.
fn answered<T>(
    answer: Result<T, Unsettled>,
    field: impl Fn(usize) -> String,
) -> Result<Response<T>, Status> {
    answer
        .map(Response::new)
        .map_err(|unsettled| match unsettled {
            Unsettled::Unproven(Unproven { index, problem, .. }) => {
                let facts = HashMap::from([("field".to_owned(), field(index))]);
                let details = ErrorDetails::with_error_info("TOKEN_REFUSED", "crosstrust", facts);
                let message = format!("{}: {problem}", field(index));
                Status::with_error_details(Code::Unauthenticated, message, details)
            }
            Unsettled::KeysChanging => Status::unavailable("key sets are changing"),
        })
}
