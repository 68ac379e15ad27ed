//! `AuthorizationService`: decodes a request, verifies its token, calls the engine and encodes the response.
//!
//! Waits for in-flight key fetches before it calls the engine, and for the record of a new allow afterwards. The same
//! [`Authorizer`] serves gRPC clients and callers in this process (`client`), so both get the same answers and
//! violations.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::assumed::AssumedFact;
use super::convert::{self, Violation};
use super::gateway::Gateway;
use super::limits::RequestLimits;
use super::message::{
    self, AuthorizeBatchRequest, AuthorizeRequest, BorrowedMessage, ExplainRequest,
};
use super::proto::{self, AuthorizeResponse, ExplainResponse};
use super::query::{self, AuthorizationQuery, InvalidCredential, QueryError, ResolvedQuery};
use super::recorder::{self, PendingAnswer, RecordError, Recorder};
use super::router::Rights;
use super::{codec, encode, router, trace};
use crate::decision::{Denial, Reason};
use crate::engine::{Engine, View};
use crate::log::audit::{Actor, AuditEvent};
use crate::request::{Api, Request};

/// Answers queries.
#[derive(Debug, Clone, Copy)]
pub struct Authorizer<'a> {
    pub engine: &'a Engine,
    pub gateway: &'a Gateway,
    pub recorder: &'a Recorder,
}

impl<'a> Authorizer<'a> {
    /// Decides one query.
    pub fn authorize(&self, query: &AuthorizationQuery) -> Result<PendingAnswer, QueryError> {
        let api = Api::Authorize;
        if let Some(request) = query.stated() {
            return Ok(self.recorder.decide(&self.engine.view(), request, api));
        }
        let queries = std::slice::from_ref(query);
        let pending = self.resolve(queries, |view, resolved| {
            let first = resolved.first().zip(queries.first());
            first.map(|(resolved, query)| self.recorder.answer(view, resolved, query, api))
        })?;
        // One query resolves to one result.
        pending.ok_or(QueryError::KeysChanging)
    }

    /// Decides several queries under one snapshot.
    pub fn authorize_batch(
        &self,
        queries: &[AuthorizationQuery],
    ) -> Result<Vec<PendingAnswer>, QueryError> {
        let api = Api::AuthorizeBatch;
        let stated: Option<Vec<&Request>> =
            queries.iter().map(AuthorizationQuery::stated).collect();
        if let Some(requests) = stated {
            let view = self.engine.view();
            let decide = |request| self.recorder.decide(&view, request, api);
            return Ok(requests.into_iter().map(decide).collect());
        }
        self.resolve(queries, |view, resolved| {
            let resolved = resolved.iter().zip(queries);
            let answer = |(one, query)| self.recorder.answer(view, one, query, api);
            resolved.map(answer).collect()
        })
    }

    /// Decides one query and explains the decision.
    pub fn explain(&self, query: &AuthorizationQuery) -> Result<ExplainResponse, QueryError> {
        let encoder = self.encoder();
        let queries = std::slice::from_ref(query);
        self.resolve(queries, |view, resolved| match resolved.first() {
            Some(Ok(request)) => match view.explain(request) {
                Some((active, explanation)) => encoder.explanation(&active, &explanation, request),
                None => encoder.unexplained(&view.decide(request).0.decision),
            },
            Some(Err(reason)) => {
                let refused = view.refuse(Denial::of(None, *reason));
                encoder.unexplained(&refused.decision)
            }
            None => ExplainResponse::default(),
        })
    }

    fn resolve<T>(
        &self,
        queries: &[AuthorizationQuery],
        answer: impl Fn(&View<'_>, &[ResolvedQuery<'_>]) -> T,
    ) -> Result<T, QueryError> {
        query::resolve(self.gateway, self.engine, queries, answer)
    }

    /// The encoder of the responses.
    pub fn encoder(&self) -> encode::AnswerEncoder<'a> {
        encode::AnswerEncoder {
            challenge: &self.gateway.challenge,
            engine: self.engine,
        }
    }
}

/// Handles the methods of the service for callers with these rights.
#[derive(Debug)]
pub struct AuthorizationHandler {
    pub engine: Arc<Engine>,
    pub gateway: Arc<Gateway>,
    pub recorder: Recorder,
    pub limits: RequestLimits,
    pub rights: Arc<Rights>,
}

impl AuthorizationHandler {
    fn authorizer(&self) -> Authorizer<'_> {
        Authorizer {
            engine: &self.engine,
            gateway: &self.gateway,
            recorder: &self.recorder,
        }
    }

    /// Converts the error to a status. Records an invalid credential.
    fn reject(
        &self,
        error: QueryError,
        queries: &[AuthorizationQuery],
        api: Api,
        field: impl Fn(usize) -> String,
    ) -> Status {
        if let QueryError::InvalidCredential(invalid) = &error {
            let query = queries.get(invalid.index);
            let view = self.engine.view();
            self.recorder
                .record_invalid_credential(&view, query, &invalid.problem, api);
        }
        status(error, field)
    }

    /// Refuses a request without a token from a caller without the right to state claims.
    fn check_may_state_claims(&self, has_token: bool) -> Result<(), Status> {
        if self.rights.own_claims || has_token {
            return Ok(());
        }
        Err(Status::permission_denied(
            "this caller may not state claims: set token",
        ))
    }

    fn assume(&self, query: &mut AuthorizationQuery) -> Vec<AssumedFact> {
        query.assume(&self.rights.assumed)
    }
}

impl AuthorizationHandler {
    /// Handles `Authorize`.
    pub async fn authorize(&self, message: Bytes) -> Result<Vec<u8>, Status> {
        let mut query = {
            let mut message: AuthorizeRequest<'_> = read::<_, proto::AuthorizeRequest>(&message)?;
            self.check_may_state_claims(!message.token.is_empty())?;
            convert::authorize_request(&mut message, &self.limits).map_err(malformed)?
        };
        // Free the message before waiting for the record.
        drop(message);
        self.assume(&mut query);
        let queries = std::slice::from_ref(&query);
        let decide = || self.authorizer().authorize(&query);
        let pending = query::retry_after_key_fetch(&self.gateway, queries, decide)
            .await
            .map_err(|error| self.reject(error, queries, Api::Authorize, |_| "token".to_owned()))?;
        let answer = self
            .recorder
            .wait_recorded(pending)
            .await
            .map_err(record_error)?;
        trace::record_decision(&answer);
        Ok(self.authorizer().encoder().answer(&answer))
    }

    /// Handles `AuthorizeBatch`.
    pub async fn authorize_batch(&self, message: Bytes) -> Result<Vec<u8>, Status> {
        let mut queries = {
            // Before anything is decoded, here or by prost: a decoded request takes hundreds of times its bytes.
            let count = message::count_requests(&message);
            let count = count
                .map_err(|error| codec::decode_failed::<proto::AuthorizeBatchRequest>(&error))?;
            convert::check_batch_size(count, &self.limits).map_err(malformed)?;
            let mut message: AuthorizeBatchRequest<'_> =
                read::<_, proto::AuthorizeBatchRequest>(&message)?;
            let have_tokens = message.requests.iter().all(|one| !one.token.is_empty());
            self.check_may_state_claims(have_tokens)?;
            convert::batch(&mut message, &self.limits).map_err(malformed)?
        };
        drop(message);
        for query in &mut queries {
            self.assume(query);
        }
        let decide = || self.authorizer().authorize_batch(&queries);
        let pending = query::retry_after_key_fetch(&self.gateway, &queries, decide)
            .await
            .map_err(|error| {
                let field = |index| format!("requests[{index}].token");
                self.reject(error, &queries, Api::AuthorizeBatch, field)
            })?;
        let answers = self.recorder.wait_all_recorded(pending).await;
        let answers = answers.map_err(record_error)?;
        trace::record_batch(&answers);
        Ok(self.authorizer().encoder().batch(&answers))
    }

    /// Handles `Explain`.
    pub async fn explain(&self, message: Bytes) -> Result<Vec<u8>, Status> {
        router::check_operator(&self.rights, "Explain")?;
        let mut query = {
            let mut message: ExplainRequest<'_> = read::<_, proto::ExplainRequest>(&message)?;
            let inner = message.request.as_ref();
            self.check_may_state_claims(inner.is_some_and(|one| !one.token.is_empty()))?;
            convert::explain(&mut message, &self.limits).map_err(malformed)?
        };
        let assumed = self.assume(&mut query);
        let queries = std::slice::from_ref(&query);
        let decide = || {
            Ok(ExplainResponse {
                assumed_facts: assumed.iter().map(AssumedFact::to_proto).collect(),
                ..self.authorizer().explain(&query)?
            })
        };
        let explained = query::retry_after_key_fetch(&self.gateway, queries, decide).await;
        let explained = explained.map_err(|error| status(error, |_| "request.token".to_owned()))?;
        let by = Actor::Caller(&self.rights.callers);
        let audit = audit(&query, &explained);
        let wait = self
            .recorder
            .log
            .record_awaited(&audit, by, recorder::record_source());
        let recorded = wait.completed().await;
        recorded.map_err(|_| record_error(RecordError))?;
        Ok(explained.encode_to_vec())
    }
}

/// Decodes a message. If that fails, prost decodes it again for its error message; both accept the same bytes.
fn read<'a, M: BorrowedMessage<'a>, Generated: Message + Default>(
    bytes: &'a [u8],
) -> Result<M, Status> {
    message::decode(bytes).map_err(|message::MalformedMessage| match Generated::decode(bytes) {
        Err(error) => codec::decode_failed::<Generated>(&error),
        Ok(_) => {
            Status::invalid_argument(format!("failed to decode {}", codec::name::<Generated>()))
        }
    })
}

fn malformed(violations: Vec<Violation>) -> Status {
    convert::status(&violations)
}

/// UNAUTHENTICATED for an invalid credential, UNAVAILABLE otherwise. `field` returns the path of the token of a query by
/// its index.
fn status(error: QueryError, field: impl Fn(usize) -> String) -> Status {
    match error {
        QueryError::InvalidCredential(InvalidCredential { index, problem, .. }) => {
            let facts = HashMap::from([("field".to_owned(), field(index))]);
            let details = ErrorDetails::with_error_info("TOKEN_REFUSED", "crosstrust", facts);
            let message = format!("{}: {problem}", field(index));
            Status::with_error_details(Code::Unauthenticated, message, details)
        }
        QueryError::KeysChanging => {
            Status::unavailable("the key sets changed during verification: retry")
        }
    }
}

/// The audit record of an explanation.
fn audit<'a>(query: &AuthorizationQuery, explained: &ExplainResponse) -> AuditEvent<'a> {
    let outcome = explained.response.as_ref().map(AuthorizeResponse::reason);
    let outcome = outcome.unwrap_or_default().as_str_name();
    let outcome = outcome.trim_start_matches("REASON_");
    match query {
        AuthorizationQuery::Stated(request) => AuditEvent::Explained {
            home: request.home.tenant(),
            resource: Some(request.resource),
            user: request.user,
            app: Some(request.app),
            outcome,
        },
        AuthorizationQuery::Credentials { asked, .. } => AuditEvent::Explained {
            home: None,
            resource: Some(asked.resource),
            user: None,
            app: Some(asked.app),
            outcome,
        },
    }
}

/// The status for an allow that could not be recorded.
fn record_error(_: RecordError) -> Status {
    let reason = Reason::AuditUnavailable;
    let details = ErrorDetails::with_error_info(reason.name(), "crosstrust", HashMap::new());
    Status::with_error_details(Code::Unavailable, reason.message(), details)
}
