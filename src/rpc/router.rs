//! From a path to the service that answers it, for callers with the same rights.
//!
//! A router is made once for a listener and a set of rights; its clones are one router and cost nothing. What
//! a listener does not offer is UNIMPLEMENTED, as if it did not exist; what a caller may not do is
//! PERMISSION_DENIED. Never answers a message that is compressed or too large.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use envoy_types::pb::envoy::service::auth::v3::authorization_server::SERVICE_NAME as ENVOY;
use futures_util::FutureExt as _;
use futures_util::future::Map;
use http::HeaderValue;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, StdError};
use tonic::server::NamedService;
use tonic::{Code, Status};
use tonic_health::pb::health_server::HealthServer;
use tower_service::Service;

use super::assumed::Assumed;
use super::authorization::Authorization;
use super::ext_authz::{self, Check};
use super::gateway::{Gateway, IdentitySources};
use super::health::{Health, HealthState};
use super::limits::Limits;
use super::policy::Policy;
use super::proto::policy_service_server::PolicyServiceServer;
use super::recorder::Recorder;
use super::reflection::{self, Answering, Reflection};
use super::service::{self, Method};
use super::trace;
use crate::engine::Engine;
use crate::reload::ReloadHandle;

/// What answers calls.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Decides.
    pub engine: Arc<Engine>,
    /// Follows the policies folder, where there is one.
    pub reload: Option<ReloadHandle>,
    /// What a request may hold at most.
    pub limits: Limits,
    /// Whether reflection is offered at all.
    pub reflection: bool,
    /// What requests with a token need.
    pub gateway: Arc<Gateway>,
    /// Records and counts what is answered.
    pub recorder: Recorder,
}

/// What callers of a listener may do, and what is taken for granted of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// What records call them.
    pub callers: Cow<'static, str>,
    /// The services that are there for them.
    pub services: ServiceSet,
    /// They may Explain and Reload.
    pub operator: bool,
    /// They may state claims without a token that proves them.
    pub own_claims: bool,
    /// Where the identity of a Check may come from.
    pub identity: IdentitySources,
    /// They stamp the header of tenant restrictions on the requests that they ask about.
    pub restriction_header: bool,
    /// What the operator vouches for where a request is silent.
    pub assumed: Assumed,
}

impl Rights {
    /// Everything: for callers of the same machine, unless configured otherwise.
    pub const ALL: Rights = Rights {
        callers: Cow::Borrowed("a caller"),
        services: ServiceSet::ALL,
        operator: true,
        own_claims: true,
        identity: IdentitySources::BEARER,
        restriction_header: false,
        assumed: Assumed::NOTHING,
    };
}

/// Which services a listener offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServiceSet {
    /// `crosstrust.v1.AuthorizationService`
    pub authorization: bool,
    /// `crosstrust.v1.PolicyService`
    pub policy: bool,
    /// `envoy.service.auth.v3.Authorization`
    pub check: bool,
    /// `grpc.health.v1.Health`
    pub health: bool,
    /// `grpc.reflection.v1.ServerReflection` and its predecessor
    pub reflection: bool,
}

impl ServiceSet {
    /// Every service.
    pub const ALL: ServiceSet = ServiceSet {
        authorization: true,
        policy: true,
        check: true,
        health: true,
        reflection: true,
    };

    /// The services with these names, as a configuration calls them.
    pub fn named(names: &[String]) -> Result<Self, String> {
        let mut set = ServiceSet {
            authorization: false,
            policy: false,
            check: false,
            health: false,
            reflection: false,
        };
        for name in names {
            match name.as_str() {
                "authorization" => set.authorization = true,
                "policy" => set.policy = true,
                "check" => set.check = true,
                "health" => set.health = true,
                "reflection" => set.reflection = true,
                other => {
                    return Err(format!(
                        "found the service `{other}`, expected one of authorization, policy, check, health, reflection"
                    ));
                }
            }
        }
        Ok(set)
    }
}

/// Answers HTTP requests that carry gRPC calls.
#[derive(Clone)]
pub struct Router(Arc<Services>);

/// Each service that is offered.
struct Services {
    authorization: Option<Arc<Authorization>>,
    policy: Option<PolicyServiceServer<Policy>>,
    check: Option<Arc<Check>>,
    health: Option<HealthServer<Health>>,
    reflection: Option<Reflection>,
}

/// A router over the services that these callers are offered.
pub fn router(backend: &Backend, rights: &Rights, health: &HealthState) -> Router {
    let offered = rights.services;
    let limits = backend.limits;
    let rights = Arc::new(rights.clone());
    let authorization = || {
        Arc::new(Authorization {
            engine: Arc::clone(&backend.engine),
            gateway: Arc::clone(&backend.gateway),
            recorder: backend.recorder.clone(),
            limits,
            rights: Arc::clone(&rights),
        })
    };
    let check = || {
        Arc::new(Check {
            engine: Arc::clone(&backend.engine),
            gateway: Arc::clone(&backend.gateway),
            recorder: backend.recorder.clone(),
            limits,
            rights: Arc::clone(&rights),
        })
    };
    let policy = || {
        PolicyServiceServer::new(Policy {
            engine: Arc::clone(&backend.engine),
            reload: backend.reload.clone(),
            log: backend.recorder.log.clone(),
            rights: Arc::clone(&rights),
            health: health.clone(),
        })
        .max_decoding_message_size(MOST_BYTES_ELSEWHERE)
    };
    let names = names(offered, backend.reflection);
    let health = || {
        HealthServer::new(Health {
            engine: Arc::clone(&backend.engine),
            state: health.clone(),
            services: names.clone(),
        })
        .max_decoding_message_size(MOST_BYTES_ELSEWHERE)
    };
    Router(Arc::new(Services {
        authorization: offered.authorization.then(authorization),
        policy: offered.policy.then(policy),
        check: offered.check.then(check),
        health: offered.health.then(health),
        reflection: (offered.reflection && backend.reflection)
            .then(|| reflection::reflection(&described(&names)))
            .flatten(),
    }))
}

/// What only operators may do is nobody else's.
pub fn operators_only(rights: &Rights, what: &str) -> Result<(), Status> {
    if rights.operator {
        return Ok(());
    }
    Err(Status::permission_denied(format!(
        "{what} is for operators, and this caller is none"
    )))
}

/// Envoy's contract comes to us without descriptors, and a listed service has to have one.
fn described(names: &[&'static str]) -> Vec<&'static str> {
    let described = |name: &&'static str| *name != ENVOY;
    names.iter().copied().filter(described).collect()
}

fn names(offered: ServiceSet, reflection: bool) -> Vec<&'static str> {
    let reflection = offered.reflection && reflection;
    [
        (offered.authorization, service::NAME),
        (offered.policy, POLICY),
        (offered.check, ENVOY),
        (offered.health, HEALTH),
        (reflection, reflection::V1),
        (reflection, reflection::V1ALPHA),
    ]
    .into_iter()
    .filter_map(|(is_offered, name)| is_offered.then_some(name))
    .collect()
}

impl fmt::Debug for Router {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Router")
    }
}

impl<B> Service<http::Request<B>> for Router
where
    B: HttpBody<Data = bytes::Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Map<Answering, Told>;

    /// Always: a call that is too many is refused before it gets here (`serve`).
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let tell: Told = with_usual_code;
        trace::call(request, |request| self.route(request)).map(tell)
    }
}

impl Router {
    /// Whatever keeps a Check from its service is told Envoy as a denial.
    fn check<B>(&self, request: http::Request<B>) -> Answering
    where
        B: HttpBody<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError> + Send + 'static,
    {
        let answer = match &self.0.check {
            Some(check) => ext_authz::call(check, request),
            None => unimplemented(),
        };
        Box::pin(answer.map(|answer| {
            answer.map(|response| match response.headers().get(GRPC_STATUS) {
                // Only a response without a message has its status among the headers.
                Some(_) => ext_authz::fault_response(ext_authz::Fault::Unreadable),
                None => response,
            })
        }))
    }

    fn route<B>(&self, request: http::Request<B>) -> Answering
    where
        B: HttpBody<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError> + Send + 'static,
    {
        if !is_grpc(&request) {
            return not_grpc();
        }
        let services = &self.0;
        let path = request.uri().path();
        let (name, method) = path
            .strip_prefix('/')
            .and_then(|path| path.split_once('/'))
            .unwrap_or_default();
        match (name, method) {
            (service::NAME, name) => match services.authorization.as_ref().zip(Method::named(name))
            {
                Some((authorization, method)) => service::call(authorization, method, request),
                None => unimplemented(),
            },
            (POLICY, _) => hand_over(services.policy.as_ref(), request),
            (ENVOY, "Check") => self.check(request),
            (HEALTH, _) => hand_over(services.health.as_ref(), request),
            (reflection::V1, _) => match &services.reflection {
                Some(versions) => (versions.v1)(request.map(Body::new)),
                None => unimplemented(),
            },
            (reflection::V1ALPHA, _) => match &services.reflection {
                Some(versions) => (versions.v1alpha)(request.map(Body::new)),
                None => unimplemented(),
            },
            _ => unimplemented(),
        }
    }
}

type Answer = Result<http::Response<Body>, Infallible>;
type Told = fn(Answer) -> Answer;

/// tonic answers a message above the limit with OUT_OF_RANGE, which nothing else here gives. Every other gRPC
/// server says RESOURCE_EXHAUSTED, and callers look for that.
fn with_usual_code(answer: Answer) -> Answer {
    answer.map(|mut response| {
        if let Some(status) = response.headers_mut().get_mut(GRPC_STATUS)
            && status.as_bytes() == OUT_OF_RANGE
        {
            *status = HeaderValue::from(Code::ResourceExhausted as i32);
        }
        response
    })
}

const GRPC_STATUS: &str = "grpc-status";
const OUT_OF_RANGE: &[u8] = b"11";

fn hand_over<S, B>(server: Option<&S>, request: http::Request<B>) -> Answering
where
    B: HttpBody<Data = bytes::Bytes> + Send + 'static,
    S: Service<
            http::Request<B>,
            Response = http::Response<Body>,
            Error = Infallible,
            Future = Answering,
        > + Clone,
{
    match server {
        Some(server) => server.clone().call(request),
        None => unimplemented(),
    }
}

fn unimplemented() -> Answering {
    let status = Status::unimplemented("this listener has no such method");
    answer(status.into_http())
}

fn answer(response: http::Response<Body>) -> Answering {
    Box::pin(std::future::ready(Ok(response)))
}

/// gRPC over HTTP2: a content type that does not begin with `application/grpc` is answered 415.
fn is_grpc<B>(request: &http::Request<B>) -> bool {
    let named = request.headers().get(http::header::CONTENT_TYPE);
    named.is_some_and(|named| named.as_bytes().starts_with(b"application/grpc"))
}

fn not_grpc() -> Answering {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
    answer(response)
}

const POLICY: &str = PolicyServiceServer::<Policy>::NAME;
const HEALTH: &str = HealthServer::<Health>::NAME;
/// Requests of the other services hold a flag or a name.
const MOST_BYTES_ELSEWHERE: usize = 4096;
