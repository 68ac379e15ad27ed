//! Handles a Check: determines the route, then the identity, then calls the engine.

use std::sync::Arc;

use bytes::Bytes;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};
use tonic::codegen::{Body as HttpBody, StdError};

use super::attributes::{self, AuthorizationHeader};
use super::encode::{CheckError, CheckOutcome, EncodedResponse, ResponseStyle, encode};
use super::path;
use super::route::{self, RouteFacts};
use crate::decision::{Denial, Reason, Stage};
use crate::engine::{Engine, View};
use crate::id::{TenantId, UserId};
use crate::identity::RequestedAccess;
use crate::log::sign_in::PartialSignInRequest;
use crate::printable::printable;
use crate::request::{Api, Context};
use crate::rpc::assumed::{AssumedFacts, NOTHING};
use crate::rpc::gateway::{Gateway, JwtAuthn};
use crate::rpc::limits::RequestLimits;
use crate::rpc::message;
use crate::rpc::message::check::{Attributes, CheckRequest, HttpRequest};
use crate::rpc::query::{self, AuthorizationQuery, Credential, QueryError, ResolvedQuery};
use crate::rpc::recorder::{RecordError, Recorder};
use crate::rpc::reflection::ResponseFuture;
use crate::rpc::router::Rights;
use crate::rpc::{trace, unary};

/// Handles Check for callers with these rights.
#[derive(Debug)]
pub struct CheckHandler {
    pub engine: Arc<Engine>,
    pub gateway: Arc<Gateway>,
    pub recorder: Recorder,
    pub limits: RequestLimits,
    pub rights: Arc<Rights>,
}

/// Why a request does not reach the engine.
enum EarlyExit {
    Denied(Denial),
    Unauthenticated(Option<String>),
    Error(CheckError),
}

/// Handles a call of Check.
pub fn call<B>(check: &Arc<CheckHandler>, request: http::Request<B>) -> ResponseFuture
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError> + Send,
{
    let check = Arc::clone(check);
    let max_bytes = check.limits.check_bytes;
    let has_trace = trace::is_traced(request.headers());
    unary::call(request, max_bytes, move |message| async move {
        Ok(check.answer(message, has_trace).await.into_bytes())
    })
}

impl CheckHandler {
    async fn answer(&self, message: Bytes, has_trace: bool) -> EncodedResponse {
        let (style, query) = self.read(&message, has_trace);
        // Free the message before waiting for the record.
        drop(message);
        let outcome = match query {
            Ok(query) => self.decide(query).await,
            Err(outcome) => outcome,
        };
        outcome
            .answer()
            .into_iter()
            .for_each(trace::record_decision);
        encode(&outcome, &style)
    }

    /// Decodes the message: the form of the response, and the query or the outcome without one.
    fn read(
        &self,
        message: &[u8],
        has_trace: bool,
    ) -> (ResponseStyle<'_>, Result<AuthorizationQuery, CheckOutcome>) {
        let mut style = ResponseStyle {
            is_grpc: false,
            detail: false,
            challenge: &self.gateway.challenge,
        };
        let read = message::decode::<CheckRequest<'_>>(message);
        let attributes = read.unwrap_or_default().attributes;
        let Some(http) = &attributes.request.http else {
            return (style, Err(CheckOutcome::Error(CheckError::Unreadable)));
        };
        if !has_trace {
            trace::join_checked_request(http);
        }
        style.is_grpc = attributes::is_grpc(http);
        let query = match self.route(&attributes, http) {
            Ok((facts, assumed)) => {
                style.detail = facts.detail;
                self.build_query(&attributes, http, &facts, assumed)
                    .map_err(|exit| self.exit_outcome(exit, on_route(&facts)))
            }
            Err(exit) => Err(self.exit_outcome(exit, PartialSignInRequest::default())),
        };
        (style, query)
    }

    /// The facts of the route, and the facts that are assumed on it.
    fn route(
        &self,
        attributes: &Attributes<'_>,
        http: &HttpRequest<'_>,
    ) -> Result<(RouteFacts, &AssumedFacts), EarlyExit> {
        let unknown = || EarlyExit::Denied(Denial::of(None, Reason::RouteUnknown));
        let path = path::unambiguous(http.path).ok_or_else(unknown)?;
        match route::from_context_extensions(&attributes.context_extensions) {
            Some(Ok(facts)) => Ok((facts, &NOTHING)),
            Some(Err(problem)) => {
                tracing::warn!(host = %printable(http.host), problem, "context_extensions are malformed");
                Err(EarlyExit::Error(CheckError::RouteMalformed))
            }
            None => {
                let destination = attributes::destination(attributes, http, path);
                let found = self.gateway.routes.find(destination);
                let route = found.ok_or_else(unknown)?;
                Ok((route.facts.clone(), &route.assumed))
            }
        }
    }

    /// The query with its credentials.
    fn build_query(
        &self,
        attributes: &Attributes<'_>,
        http: &HttpRequest<'_>,
        facts: &RouteFacts,
        assumed: &AssumedFacts,
    ) -> Result<AuthorizationQuery, EarlyExit> {
        if facts.require_channel && facts.channel.is_none() {
            let denial = Denial::of(Some(Stage::SharedChannel), Reason::ChannelUnknown);
            return Err(EarlyExit::Denied(denial));
        }
        let restricting_tenant = self.restricting_tenant(http, facts)?;
        let credentials = self.credentials(attributes, http)?;
        let mut context = Context {
            ip_address: attributes::client_address(attributes),
            ..Context::default()
        };
        assumed.fill(&mut context);
        self.rights.assumed.fill(&mut context);
        let asked = RequestedAccess {
            resource: facts.resource,
            app: facts.app,
            access: facts.access,
            channel: facts.channel.clone(),
            restricting_tenant,
            home_cloud: None,
            context,
            request_id: String::new(),
        };
        Ok(AuthorizationQuery::Credentials {
            credentials,
            asked: Box::new(asked),
        })
    }

    /// The route's facts take precedence. If the peers set the header, a missing or repeated one is a denial
    /// (semantics §6).
    fn restricting_tenant(
        &self,
        http: &HttpRequest<'_>,
        facts: &RouteFacts,
    ) -> Result<Option<TenantId>, EarlyExit> {
        if facts.restricting_tenant.is_some() || !self.rights.restriction_header {
            return Ok(facts.restricting_tenant);
        }
        let tenant = attributes::restricting_tenant(http);
        tenant.map(Some).ok_or_else(|| {
            let stage = Some(Stage::TenantRestriction);
            EarlyExit::Denied(Denial::of(stage, Reason::TenantRestricted))
        })
    }

    /// The bearer token first, then the claims of Envoy's jwt_authn. Both must agree.
    fn credentials(
        &self,
        attributes: &Attributes<'_>,
        http: &HttpRequest<'_>,
    ) -> Result<Vec<Credential>, EarlyExit> {
        let sources = &self.rights.identity;
        let mut credentials = Vec::new();
        match attributes::authorization(http) {
            AuthorizationHeader::Multiple => {
                return Err(EarlyExit::Denied(Denial::of(
                    None,
                    Reason::IdentityAmbiguous,
                )));
            }
            AuthorizationHeader::Bearer(token) if sources.bearer => {
                credentials.push(Credential::Token(token.to_owned()));
            }
            AuthorizationHeader::Bearer(_) | AuthorizationHeader::None => {}
        }
        let payload = sources.jwt_authn.as_ref();
        let payload = payload.and_then(|source| jwt_claims(attributes, source));
        credentials.extend(payload.map(Credential::VerifiedClaims));
        if credentials.is_empty() {
            return Err(EarlyExit::Unauthenticated(None));
        }
        Ok(credentials)
    }

    async fn decide(&self, query: AuthorizationQuery) -> CheckOutcome {
        let gateway = &self.gateway;
        let queries = std::slice::from_ref(&query);
        let answer = |view: &View<'_>, resolved: &[ResolvedQuery<'_>]| {
            let resolved = resolved.first()?;
            let pending = self.recorder.answer(view, resolved, &query, Api::Check);
            Some((
                pending,
                resolved
                    .as_ref()
                    .ok()
                    .map(|request| ResponseIdentity::of(request)),
            ))
        };
        let decide = || query::resolve(gateway, &self.engine, queries, answer);
        let (pending, identity) = match query::retry_after_key_fetch(gateway, queries, decide).await
        {
            Ok(Some(answered)) => answered,
            // Impossible: one query resolves to one result. Deny.
            Ok(None) => return CheckOutcome::Error(CheckError::Panicked),
            Err(QueryError::InvalidCredential(invalid)) => {
                let exit = EarlyExit::Unauthenticated(Some(invalid.problem));
                return self.exit_outcome(exit, query.partly());
            }
            Err(QueryError::KeysChanging) => return CheckOutcome::Error(CheckError::KeysChanging),
        };
        match (self.recorder.wait_recorded(pending).await, identity) {
            (Ok(answer), Some(identity)) => CheckOutcome::Decided {
                answer,
                home: identity.home,
                user: identity.user,
                understands_claims: identity.understands_claims,
            },
            (Ok(answer), None) => CheckOutcome::Refused(answer),
            (Err(RecordError), _) => CheckOutcome::Error(CheckError::AuditUnavailable),
        }
    }

    fn exit_outcome(&self, exit: EarlyExit, asked: PartialSignInRequest<'_>) -> CheckOutcome {
        let view = self.engine.view();
        let refuse = |denial, problem| {
            let asked = PartialSignInRequest { problem, ..asked };
            self.recorder.refuse(&view, denial, asked, Api::Check)
        };
        match exit {
            EarlyExit::Denied(denial) => CheckOutcome::Refused(refuse(denial, None)),
            EarlyExit::Unauthenticated(problem) => {
                let denial = Denial::of(None, Reason::IdentityMissing);
                let answer = refuse(denial, problem.as_deref());
                CheckOutcome::Unauthenticated { answer, problem }
            }
            EarlyExit::Error(error) => CheckOutcome::Error(error),
        }
    }
}

/// The known parts of a request without an identity on this route.
fn on_route(facts: &RouteFacts) -> PartialSignInRequest<'_> {
    PartialSignInRequest {
        resource: Some(facts.resource),
        app: Some(facts.app),
        channel: facts.channel.as_ref(),
        ..PartialSignInRequest::default()
    }
}

/// The facts about the user that a response needs.
struct ResponseIdentity {
    home: Option<TenantId>,
    user: Option<UserId>,
    understands_claims: bool,
}

impl ResponseIdentity {
    fn of(request: &crate::request::Request) -> Self {
        ResponseIdentity {
            home: request.home.tenant(),
            user: request.user,
            understands_claims: understands_claims(&request.context),
        }
    }
}

/// `cp1` in Microsoft's documentation; not case-sensitive.
fn understands_claims(context: &Context) -> bool {
    let mut capabilities = context.client_capabilities.iter();
    capabilities.any(|capability| capability.eq_ignore_ascii_case("cp1"))
}

/// The claims that Envoy verified, from the configured namespace and key. `None` if the namespace also exists in typed
/// form, because Envoy itself reads only that one.
fn jwt_claims(
    attributes: &Attributes<'_>,
    source: &JwtAuthn,
) -> Option<serde_json::Map<String, serde_json::Value>> {
    let metadata = attributes.metadata_context.as_ref()?;
    if metadata
        .typed_filter_metadata
        .contains_key(&source.namespace)
    {
        return None;
    }
    let namespace = metadata.filter_metadata.get(&source.namespace)?;
    match namespace.fields.get(&source.payload)?.kind.as_ref()? {
        Kind::StructValue(claims) => Some(object(claims)),
        _ => None,
    }
}

fn object(structure: &Struct) -> serde_json::Map<String, serde_json::Value> {
    let fields = structure.fields.iter();
    fields
        .map(|(name, value)| (name.clone(), json(value)))
        .collect()
}

/// The depth is bounded: prost decodes at most 100 levels.
fn json(value: &Value) -> serde_json::Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(flag)) => (*flag).into(),
        Some(Kind::NumberValue(number)) => (*number).into(),
        Some(Kind::StringValue(text)) => text.as_str().into(),
        Some(Kind::ListValue(ListValue { values })) => values.iter().map(json).collect(),
        Some(Kind::StructValue(structure)) => object(structure).into(),
    }
}
