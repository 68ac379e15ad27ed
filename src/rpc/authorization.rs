//! `AuthorizationService`: read the request, ask the engine, write the answer.
//!
//! Nothing is awaited between the request and its answer. The same three functions serve a caller over the
//! wire and one in this process (`client`), so both get the same answers and the same violations.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::convert::{self, Violation};
use super::limits::Limits;
use super::proto::{
    AuthorizeBatchRequest, AuthorizeBatchResponse, AuthorizeRequest, AuthorizeResponse,
    ExplainRequest, ExplainResponse, authorization_service_server as generated,
};
use super::router::Rights;
use super::{encode, router};
use crate::decision::Decision;
use crate::engine::Engine;

/// Decides one request.
pub fn authorize(
    engine: &Engine,
    limits: &Limits,
    message: AuthorizeRequest,
) -> Result<AuthorizeResponse, Vec<Violation>> {
    let request = convert::request(message, limits)?;
    Ok(encode::answer(&engine.authorize(&request)))
}

/// Decides several requests under one snapshot.
pub fn authorize_batch(
    engine: &Engine,
    limits: &Limits,
    message: AuthorizeBatchRequest,
) -> Result<AuthorizeBatchResponse, Vec<Violation>> {
    let requests = convert::batch(message, limits)?;
    let answers = engine.authorize_batch(&requests);
    Ok(AuthorizeBatchResponse {
        responses: answers.iter().map(encode::answer).collect(),
    })
}

/// Decides one request and tells why.
pub fn explain(
    engine: &Engine,
    limits: &Limits,
    message: ExplainRequest,
) -> Result<ExplainResponse, Vec<Violation>> {
    let request = convert::explain(message, limits)?;
    Ok(match engine.explain(&request) {
        Some((active, explanation)) => encode::explanation(&active, &explanation),
        None => {
            let now = engine.clock().now().wall;
            encode::unexplained(&Decision::no_snapshot(now))
        }
    })
}

/// The service, for callers with these rights.
#[derive(Debug)]
pub struct Authorization {
    pub engine: Arc<Engine>,
    pub limits: Limits,
    pub rights: Rights,
}

impl Authorization {
    /// A caller without the right to state claims has to bring a token that states them.
    fn may_state_claims(&self, gives_token: bool) -> Result<(), Status> {
        if self.rights.own_claims || gives_token {
            return Ok(());
        }
        Err(Status::permission_denied(
            "this caller may not state claims of its own: give a token",
        ))
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
        answered(authorize(&self.engine, &self.limits, message))
    }

    async fn authorize_batch(
        &self,
        request: Request<AuthorizeBatchRequest>,
    ) -> Result<Response<AuthorizeBatchResponse>, Status> {
        let message = request.into_inner();
        let give_tokens = message.requests.iter().all(|one| !one.token.is_empty());
        self.may_state_claims(give_tokens)?;
        answered(authorize_batch(&self.engine, &self.limits, message))
    }

    async fn explain(
        &self,
        request: Request<ExplainRequest>,
    ) -> Result<Response<ExplainResponse>, Status> {
        router::operators_only(&self.rights, "Explain")?;
        let message = request.into_inner();
        let asked = message.request.as_ref();
        self.may_state_claims(asked.is_some_and(|one| !one.token.is_empty()))?;
        answered(explain(&self.engine, &self.limits, message))
    }
}

fn answered<T>(answer: Result<T, Vec<Violation>>) -> Result<Response<T>, Status> {
    match answer {
        Ok(answer) => Ok(Response::new(answer)),
        Err(violations) => Err(convert::status(&violations)),
    }
}
