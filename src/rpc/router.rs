//! Routes calls to services by path, for callers with the same rights.
//!
//! A router is created once for a listener and a set of rights; clones are cheap and share it. A service that the
//! listener does not offer is UNIMPLEMENTED; a method that the caller may not call is PERMISSION_DENIED. Compressed
//! messages and messages above the size limit are rejected.

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

use super::assumed::AssumedFacts;
use super::authorization::AuthorizationHandler;
use super::ext_authz::{self, CheckHandler};
use super::gateway::{Gateway, IdentitySources};
use super::health::{HealthHandler, HealthState};
use super::limits::RequestLimits;
use super::policy::PolicyHandler;
use super::proto::policy_service_server::PolicyServiceServer;
use super::recorder::Recorder;
use super::reflection::{self, ReflectionServices, ResponseFuture};
use super::service::{self, AuthorizationMethod};
use super::trace;
use crate::engine::Engine;
use crate::reload::ReloadHandle;

/// The parts that the services share.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Decides requests.
    pub engine: Arc<Engine>,
    /// Reloads the policies. `None` if they are not read from a folder.
    pub reload: Option<ReloadHandle>,
    /// The limits on requests.
    pub limits: RequestLimits,
    /// Whether reflection is enabled.
    pub reflection: bool,
    /// The configuration for requests with a token.
    pub gateway: Arc<Gateway>,
    /// Records and counts answers.
    pub recorder: Recorder,
}

/// The rights of the callers of a listener, and the facts that are assumed for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// The name of these callers in audit records.
    pub callers: Cow<'static, str>,
    /// The services that they may call.
    pub services: ServiceSet,
    /// Whether they may call Explain and Reload.
    pub operator: bool,
    /// Whether they may state claims without a token.
    pub own_claims: bool,
    /// The accepted sources of the identity in a Check.
    pub identity: IdentitySources,
    /// Whether they set the tenant restrictions header on the requests that they check.
    pub restriction_header: bool,
    /// The facts that are assumed if a request does not contain them.
    pub assumed: AssumedFacts,
}

impl Rights {
    /// All rights: for callers on the same machine, unless configured otherwise.
    pub const ALL: Rights = Rights {
        callers: Cow::Borrowed("a caller"),
        services: ServiceSet::ALL,
        operator: true,
        own_claims: true,
        identity: IdentitySources::BEARER,
        restriction_header: false,
        assumed: AssumedFacts::NOTHING,
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

    /// The services with these names of the configuration.
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

/// The services that are offered.
struct Services {
    authorization: Option<Arc<AuthorizationHandler>>,
    policy: Option<PolicyServiceServer<PolicyHandler>>,
    check: Option<Arc<CheckHandler>>,
    health: Option<HealthServer<HealthHandler>>,
    reflection: Option<ReflectionServices>,
}

/// Creates a router for the services that these callers may call.
pub fn router(backend: &Backend, rights: &Rights, health: &HealthState) -> Router {
    let offered = rights.services;
    let limits = backend.limits;
    let rights = Arc::new(rights.clone());
    let authorization = || {
        Arc::new(AuthorizationHandler {
            engine: Arc::clone(&backend.engine),
            gateway: Arc::clone(&backend.gateway),
            recorder: backend.recorder.clone(),
            limits,
            rights: Arc::clone(&rights),
        })
    };
    let check = || {
        Arc::new(CheckHandler {
            engine: Arc::clone(&backend.engine),
            gateway: Arc::clone(&backend.gateway),
            recorder: backend.recorder.clone(),
            limits,
            rights: Arc::clone(&rights),
        })
    };
    let policy = || {
        PolicyServiceServer::new(PolicyHandler {
            engine: Arc::clone(&backend.engine),
            reload: backend.reload.clone(),
            log: backend.recorder.log.clone(),
            rights: Arc::clone(&rights),
            health: health.clone(),
        })
        .max_decoding_message_size(MAX_OTHER_REQUEST_BYTES)
    };
    let names = service_names(offered, backend.reflection);
    let health = || {
        HealthServer::new(HealthHandler {
            engine: Arc::clone(&backend.engine),
            state: health.clone(),
            services: names.clone(),
        })
        .max_decoding_message_size(MAX_OTHER_REQUEST_BYTES)
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

/// Returns PERMISSION_DENIED to callers without operator rights.
pub fn check_operator(rights: &Rights, method: &str) -> Result<(), Status> {
    if rights.operator {
        return Ok(());
    }
    Err(Status::permission_denied(format!(
        "{method} requires operator rights"
    )))
}

/// The services with descriptors. `envoy-types` has none, and reflection lists only services with one.
fn described(names: &[&'static str]) -> Vec<&'static str> {
    let described = |name: &&'static str| *name != ENVOY;
    names.iter().copied().filter(described).collect()
}

fn service_names(offered: ServiceSet, reflection: bool) -> Vec<&'static str> {
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
    type Future = Map<ResponseFuture, MapResult>;

    /// Always ready: `serve` refuses excess calls before.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let map: MapResult = map_out_of_range;
        trace::call(request, |request| self.route(request)).map(map)
    }
}

impl Router {
    /// Handles a Check. If the call fails before its service, Envoy receives a denial.
    fn check<B>(&self, request: http::Request<B>) -> ResponseFuture
    where
        B: HttpBody<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError> + Send + 'static,
    {
        let response = match &self.0.check {
            Some(check) => ext_authz::call(check, request),
            None => unimplemented(),
        };
        Box::pin(response.map(|result| {
            result.map(|response| match response.headers().get(GRPC_STATUS) {
                // Only a trailers-only response has the status in its headers.
                Some(_) => ext_authz::error_response(ext_authz::CheckError::Unreadable),
                None => response,
            })
        }))
    }

    fn route<B>(&self, request: http::Request<B>) -> ResponseFuture
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
            (service::NAME, name) => match services
                .authorization
                .as_ref()
                .zip(AuthorizationMethod::named(name))
            {
                Some((authorization, method)) => service::call(authorization, method, request),
                None => unimplemented(),
            },
            (POLICY, _) => call_service(services.policy.as_ref(), request),
            (ENVOY, "Check") => self.check(request),
            (HEALTH, _) => call_service(services.health.as_ref(), request),
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

type HttpResult = Result<http::Response<Body>, Infallible>;
type MapResult = fn(HttpResult) -> HttpResult;

/// Replaces OUT_OF_RANGE, which tonic returns for a message above the limit, by RESOURCE_EXHAUSTED, which other gRPC servers
/// return and clients expect. Nothing else here returns OUT_OF_RANGE.
fn map_out_of_range(result: HttpResult) -> HttpResult {
    result.map(|mut response| {
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

fn call_service<S, B>(server: Option<&S>, request: http::Request<B>) -> ResponseFuture
where
    B: HttpBody<Data = bytes::Bytes> + Send + 'static,
    S: Service<
            http::Request<B>,
            Response = http::Response<Body>,
            Error = Infallible,
            Future = ResponseFuture,
        > + Clone,
{
    match server {
        Some(server) => server.clone().call(request),
        None => unimplemented(),
    }
}

fn unimplemented() -> ResponseFuture {
    let status = Status::unimplemented("this listener does not offer the method");
    ready(status.into_http())
}

fn ready(response: http::Response<Body>) -> ResponseFuture {
    Box::pin(std::future::ready(Ok(response)))
}

/// gRPC over HTTP2: a content type that does not begin with `application/grpc` gets 415.
fn is_grpc<B>(request: &http::Request<B>) -> bool {
    let value = request.headers().get(http::header::CONTENT_TYPE);
    value.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

fn not_grpc() -> ResponseFuture {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
    ready(response)
}

const POLICY: &str = PolicyServiceServer::<PolicyHandler>::NAME;
const HEALTH: &str = HealthServer::<HealthHandler>::NAME;
/// Requests of the other services contain a flag or a name.
const MAX_OTHER_REQUEST_BYTES: usize = 4096;
