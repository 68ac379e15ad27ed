//! From attributes to an outcome: the route's facts, then the identity, then the engine.

use std::sync::Arc;

use bytes::Bytes;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};
use tonic::codegen::{Body as HttpBody, StdError};

use super::attributes::{self, Credentials};
use super::encode::{Fault, Outcome, Style, Written, encode};
use super::path;
use super::route::{self, RouteFacts};
use crate::decision::{Denial, Reason, Stage};
use crate::engine::{Engine, View};
use crate::id::{TenantId, UserId};
use crate::identity::Asked;
use crate::log::sign_in::PartlyAsked;
use crate::printable::printable;
use crate::request::{Api, Context};
use crate::rpc::assumed::{Assumed, NOTHING};
use crate::rpc::gateway::{Gateway, JwtAuthn};
use crate::rpc::limits::Limits;
use crate::rpc::message;
use crate::rpc::message::check::{Attributes, CheckRequest, HttpRequest};
use crate::rpc::proof::{self, Proof, Question, Settled, Unsettled};
use crate::rpc::recorder::{Recorder, Unrecorded};
use crate::rpc::reflection::Answering;
use crate::rpc::router::Rights;
use crate::rpc::{trace, unary};

/// The service, at a listener with these rights.
#[derive(Debug)]
pub struct Check {
    pub engine: Arc<Engine>,
    pub gateway: Arc<Gateway>,
    pub recorder: Recorder,
    pub limits: Limits,
    pub rights: Arc<Rights>,
}

/// Why a request does not get as far as the engine.
enum Stop {
    Denied(Denial),
    Unauthenticated(Option<String>),
    Fault(Fault),
}

/// Answers a call of Check.
pub fn call<B>(check: &Arc<Check>, request: http::Request<B>) -> Answering
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError> + Send,
{
    let check = Arc::clone(check);
    let most_bytes = check.limits.check_bytes;
    let has_trace = trace::is_traced(request.headers());
    unary::call(request, most_bytes, move |message| async move {
        Ok(check.answer(message, has_trace).await.into_bytes())
    })
}

impl Check {
    async fn answer(&self, message: Bytes, has_trace: bool) -> Written {
        let (style, question) = self.read(&message, has_trace);
        // Waiting for a record holds no more than the question.
        drop(message);
        let outcome = match question {
            Ok(question) => self.ask(question).await,
            Err(outcome) => outcome,
        };
        outcome.answer().into_iter().for_each(trace::decided);
        encode(&outcome, &style)
    }

    /// How the request is to be answered, and the question that it puts, or what becomes of it without one.
    fn read(&self, message: &[u8], has_trace: bool) -> (Style<'_>, Result<Question, Outcome>) {
        let mut style = Style {
            is_grpc: false,
            detail: false,
            challenge: &self.gateway.challenge,
        };
        let read = message::decode::<CheckRequest<'_>>(message);
        let attributes = read.unwrap_or_default().attributes;
        let Some(http) = &attributes.request.http else {
            return (style, Err(Outcome::Fault(Fault::Unreadable)));
        };
        if !has_trace {
            trace::asked_about(http);
        }
        style.is_grpc = attributes::is_grpc(http);
        let question = match self.route(&attributes, http) {
            Ok((facts, assumed)) => {
                style.detail = facts.detail;
                self.asked(&attributes, http, &facts, assumed)
                    .map_err(|stop| self.stopped(stop, on_route(&facts)))
            }
            Err(stop) => Err(self.stopped(stop, PartlyAsked::default())),
        };
        (style, question)
    }

    /// What is known of the route, and what is assumed there.
    fn route(
        &self,
        attributes: &Attributes<'_>,
        http: &HttpRequest<'_>,
    ) -> Result<(RouteFacts, &Assumed), Stop> {
        let unknown = || Stop::Denied(Denial::of(None, Reason::RouteUnknown));
        let path = path::unambiguous(http.path).ok_or_else(unknown)?;
        match route::stated(&attributes.context_extensions) {
            Some(Ok(facts)) => Ok((facts, &NOTHING)),
            Some(Err(problem)) => {
                tracing::warn!(host = %printable(http.host), problem, "context_extensions are malformed");
                Err(Stop::Fault(Fault::RouteMalformed))
            }
            None => {
                let destination = attributes::destination(attributes, http, path);
                let found = self.gateway.routes.find(destination);
                let route = found.ok_or_else(unknown)?;
                Ok((route.facts.clone(), &route.assumed))
            }
        }
    }

    /// The question, with what proves whose it is.
    fn asked(
        &self,
        attributes: &Attributes<'_>,
        http: &HttpRequest<'_>,
        facts: &RouteFacts,
        assumed: &Assumed,
    ) -> Result<Question, Stop> {
        if facts.require_channel && facts.channel.is_none() {
            let denial = Denial::of(Some(Stage::SharedChannel), Reason::ChannelUnknown);
            return Err(Stop::Denied(denial));
        }
        let restricting_tenant = self.restriction(http, facts)?;
        let proofs = self.proofs(attributes, http)?;
        let mut context = Context {
            ip_address: attributes::client_address(attributes),
            ..Context::default()
        };
        assumed.fill(&mut context);
        self.rights.assumed.fill(&mut context);
        let asked = Asked {
            resource: facts.resource,
            app: facts.app,
            access: facts.access,
            channel: facts.channel.clone(),
            restricting_tenant,
            home_cloud: None,
            context,
            request_id: String::new(),
        };
        Ok(Question::Proven {
            proofs,
            asked: Box::new(asked),
        })
    }

    /// The route's facts always win; where peers stamp the header, one that is missing or doubled is a denial
    /// (semantics §6).
    fn restriction(
        &self,
        http: &HttpRequest<'_>,
        facts: &RouteFacts,
    ) -> Result<Option<TenantId>, Stop> {
        if facts.restricting_tenant.is_some() || !self.rights.restriction_header {
            return Ok(facts.restricting_tenant);
        }
        let stamped = attributes::stamped_restriction(http);
        stamped.map(Some).ok_or_else(|| {
            let stage = Some(Stage::TenantRestriction);
            Stop::Denied(Denial::of(stage, Reason::TenantRestricted))
        })
    }

    /// A bearer token comes first; with the claims of Envoy's jwt_authn beside it, both have to say the same.
    fn proofs(
        &self,
        attributes: &Attributes<'_>,
        http: &HttpRequest<'_>,
    ) -> Result<Vec<Proof>, Stop> {
        let sources = &self.rights.identity;
        let mut proofs = Vec::new();
        match attributes::credentials(http) {
            Credentials::Several => {
                return Err(Stop::Denied(Denial::of(None, Reason::IdentityAmbiguous)));
            }
            Credentials::Bearer(token) if sources.bearer => {
                proofs.push(Proof::Token(token.to_owned()));
            }
            Credentials::Bearer(_) | Credentials::None => {}
        }
        let payload = sources.jwt_authn.as_ref();
        let payload = payload.and_then(|named| jwt_payload(attributes, named));
        proofs.extend(payload.map(Proof::Payload));
        if proofs.is_empty() {
            return Err(Stop::Unauthenticated(None));
        }
        Ok(proofs)
    }

    async fn ask(&self, question: Question) -> Outcome {
        let gateway = &self.gateway;
        let questions = std::slice::from_ref(&question);
        let answer = |view: &View<'_>, settled: &[Settled<'_>]| {
            let settled = settled.first()?;
            let pending = self.recorder.answer(view, settled, &question, Api::Check);
            Some((
                pending,
                settled.as_ref().ok().map(|request| Asker::of(request)),
            ))
        };
        let ask = || proof::settle(gateway, &self.engine, questions, answer);
        let (pending, asker) = match proof::patiently(gateway, questions, ask).await {
            Ok(Some(answered)) => answered,
            // One question was put, so one is settled.
            Ok(None) => return Outcome::Fault(Fault::Panicked),
            Err(Unsettled::Unproven(unproven)) => {
                let stop = Stop::Unauthenticated(Some(unproven.problem));
                return self.stopped(stop, question.partly());
            }
            Err(Unsettled::KeysChanging) => return Outcome::Fault(Fault::KeysChanging),
        };
        match (self.recorder.recorded(pending).await, asker) {
            (Ok(answer), Some(asker)) => Outcome::Decided {
                answer,
                home: asker.home,
                user: asker.user,
                understands_claims: asker.understands_claims,
            },
            (Ok(answer), None) => Outcome::Refused(answer),
            (Err(Unrecorded), _) => Outcome::Fault(Fault::AuditUnavailable),
        }
    }

    fn stopped(&self, stop: Stop, asked: PartlyAsked<'_>) -> Outcome {
        let view = self.engine.view();
        let refuse = |denial, problem| {
            let asked = PartlyAsked { problem, ..asked };
            self.recorder.refuse(&view, denial, asked, Api::Check)
        };
        match stop {
            Stop::Denied(denial) => Outcome::Refused(refuse(denial, None)),
            Stop::Unauthenticated(problem) => {
                let denial = Denial::of(None, Reason::IdentityMissing);
                let answer = refuse(denial, problem.as_deref());
                Outcome::Unauthenticated { answer, problem }
            }
            Stop::Fault(fault) => Outcome::Fault(fault),
        }
    }
}

/// What is known of a request on this route, where nobody could be found who made it.
fn on_route(facts: &RouteFacts) -> PartlyAsked<'_> {
    PartlyAsked {
        resource: Some(facts.resource),
        app: Some(facts.app),
        channel: facts.channel.as_ref(),
        ..PartlyAsked::default()
    }
}

/// What an answer has to know of the one it is for.
struct Asker {
    home: Option<TenantId>,
    user: Option<UserId>,
    understands_claims: bool,
}

impl Asker {
    fn of(request: &crate::request::Request) -> Self {
        Asker {
            home: request.home.tenant(),
            user: request.user,
            understands_claims: understands_claims(&request.context),
        }
    }
}

/// Microsoft's documentation writes `cp1`, in any case.
fn understands_claims(context: &Context) -> bool {
    let mut told = context.client_capabilities.iter();
    told.any(|capability| capability.eq_ignore_ascii_case("cp1"))
}

/// The claims that Envoy verified, from the place that the operator named. Where the same namespace is there
/// in typed form too, Envoy itself reads only that one, so there are none.
fn jwt_payload(
    attributes: &Attributes<'_>,
    named: &JwtAuthn,
) -> Option<serde_json::Map<String, serde_json::Value>> {
    let metadata = attributes.metadata_context.as_ref()?;
    if metadata
        .typed_filter_metadata
        .contains_key(&named.namespace)
    {
        return None;
    }
    let namespace = metadata.filter_metadata.get(&named.namespace)?;
    match namespace.fields.get(&named.payload)?.kind.as_ref()? {
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

/// Depth is bounded where the message was decoded: prost goes 100 levels deep.
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
