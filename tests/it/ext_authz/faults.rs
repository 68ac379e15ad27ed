//! A fault of the service is a 503 with a reason: never a gRPC error, never an allow.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use crosstrust::clock::Clock;
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::log::Log;
use crosstrust::metrics::Metrics;
use crosstrust::rpc::{HealthState, Rights, RpcCallRules, ServiceSet, router};
use crosstrust::serve::{CallFault, CallRules as _, Listener, ServeOptions, Server};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use prost::Message as _;
use tokio::sync::{Semaphore, oneshot};
use tonic::Code;
use tonic::transport::Channel;
use tower_service::Service as _;

use super::asking::{LAUNCHER, PATH, Setup, World, assert_denied, attributes, get, http, send};
use super::read::{EnvoyResponse, decode_response};
use crate::server;

fn budgets() -> RpcCallRules {
    RpcCallRules {
        metrics: Arc::new(Metrics::new(&[])),
        log: Log::default(),
    }
}

async fn denial_for(fault: CallFault) -> EnvoyResponse {
    let response = budgets().answer(PATH, fault).unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert!(!response.headers().contains_key("grpc-status"));
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
    let frame = collected.to_bytes();
    let length = u32::from_be_bytes(frame[1..5].try_into().unwrap());
    assert_eq!((frame[0], length as usize), (0, frame.len() - 5));
    decode_response(&frame[5..])
}

#[tokio::test]
async fn a_call_that_is_shed_late_or_panics_is_a_denial_with_a_reason() {
    for (fault, reason) in [
        (CallFault::Overloaded, "OVERLOADED"),
        (CallFault::OverBudget, "TIMEOUT"),
        (CallFault::Panicked, "INTERNAL"),
    ] {
        let answer = denial_for(fault).await;
        assert_denied(&answer, 503, Code::Unavailable);
        assert_eq!(answer.problem()["reason"], reason);
        assert!(
            budgets()
                .answer("/crosstrust.v1.AuthorizationService/Authorize", fault)
                .is_none()
        );
    }
}

#[tokio::test]
async fn without_policies_the_answer_is_503() {
    let world = World::new(Setup {
        has_policies: false,
        ..Setup::default()
    })
    .await;
    let answer = world.check(&get(LAUNCHER, Some(&world.good_token()))).await;
    assert_denied(&answer, 503, Code::Unavailable);
    assert_eq!(answer.problem()["reason"], "NO_SNAPSHOT");
}

#[tokio::test]
async fn a_request_that_cannot_be_decoded_is_503() {
    let world = World::new(Setup::default()).await;
    let mut huge = get(LAUNCHER, Some(&world.good_token()));
    http(&mut huge)
        .headers
        .insert("cookie".into(), "c".repeat(256 * 1024));
    let empty = envoy_types::pb::envoy::service::auth::v3::CheckRequest::default();
    for bytes in [
        Bytes::from(huge.encode_to_vec()),
        Bytes::from_static(b"\xff\xff\xff\xff"),
        Bytes::from(empty.encode_to_vec()),
    ] {
        let answer = world.send(bytes).await.unwrap();
        assert_denied(&answer, 503, Code::Unavailable);
        assert_eq!(answer.problem()["reason"], "UNREADABLE");
    }
}

/// A truncated, compressed or aborted call is a denial. Without policies, a request that could be decoded gives
/// a different denial.
#[tokio::test]
async fn an_incomplete_call_is_a_denial() {
    let message = get(LAUNCHER, None).encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let call = [&[0][..], &length, &message].concat();
    let compressed = [&[1][..], &length, &message].concat();
    let broken = || Err(std::io::Error::other("the connection is closed"));
    let cases: [(Vec<Result<Bytes, std::io::Error>>, bool); 6] = [
        (
            vec![Ok(call[..9].to_vec().into()), Ok(call[9..].to_vec().into())],
            true,
        ),
        (vec![Ok(call[..9].to_vec().into())], false),
        (vec![Ok(compressed.into())], false),
        (vec![], false),
        (vec![broken()], false),
        (vec![Ok(call[..9].to_vec().into()), broken()], false),
    ];
    for (index, (frames, is_read)) in cases.into_iter().enumerate() {
        let answer = send_frames(frames, None).await;
        assert_denied(
            &answer,
            if is_read { 401 } else { 503 },
            answer_code(is_read),
        );
        assert_eq!(
            answer.problem()["reason"] == "UNREADABLE",
            !is_read,
            "case {index}"
        );
    }
    let answer = send_frames(vec![Ok(call.into())], Some("gzip")).await;
    assert_denied(&answer, 503, Code::Unavailable);
}

fn answer_code(is_read: bool) -> Code {
    if is_read {
        Code::Unauthenticated
    } else {
        Code::Unavailable
    }
}

/// Sends these frames to a router without policies.
async fn send_frames(
    frames: Vec<Result<Bytes, std::io::Error>>,
    encoding: Option<&str>,
) -> EnvoyResponse {
    let engine = Arc::new(Engine::new(EngineOptions {
        cache: None,
        clock: Clock::System,
    }));
    let mut router = router(&server::backend(engine), &Rights::ALL, &HealthState::new());
    let frames = frames.into_iter().map(|frame| frame.map(Frame::data));
    let mut request = http_request(PATH);
    if let Some(encoding) = encoding {
        request = request.header("grpc-encoding", encoding);
    }
    let request = request.body(StreamBody::new(futures_util::stream::iter(frames)));
    let answer = router.call(request.unwrap()).await.unwrap();
    assert!(!answer.headers().contains_key("grpc-status"));
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
    decode_response(&body.to_bytes()[5..])
}

fn http_request(path: &str) -> ::http::request::Builder {
    ::http::Request::post(path).header("content-type", "application/grpc")
}

#[tokio::test]
async fn a_listener_without_the_service_denies_and_does_not_err() {
    let world = World::new(Setup {
        rights: Rights {
            services: ServiceSet {
                check: false,
                ..ServiceSet::ALL
            },
            ..Rights::ALL
        },
        ..Setup::default()
    })
    .await;
    let answer = world.check(&get(LAUNCHER, Some(&world.good_token()))).await;
    assert_denied(&answer, 503, Code::Unavailable);
}

#[tokio::test]
async fn malformed_route_facts_are_a_service_fault_and_not_a_client_error() {
    let world = World::new(Setup::default()).await;
    for (name, value) in [
        ("app", "launcher"),
        ("resource_tenant", ""),
        ("acess_type", "collaboration"),
        ("require_channel", "TRUE"),
    ] {
        let mut request = get(LAUNCHER, Some(&world.good_token()));
        let extensions = &mut attributes(&mut request).context_extensions;
        extensions.insert(name.into(), value.into());
        let answer = world.check(&request).await;
        assert_denied(&answer, 503, Code::Unavailable);
        assert_eq!(answer.problem()["reason"], "ROUTE_MALFORMED");
    }
}

#[tokio::test]
async fn a_route_that_requires_a_channel_denies_requests_without_one() {
    let world = World::new(Setup::default()).await;
    let mut request = get(LAUNCHER, Some(&world.good_token()));
    let extensions = &mut attributes(&mut request).context_extensions;
    extensions.insert("require_channel".into(), "true".into());
    assert_denied(&world.check(&request).await, 403, Code::PermissionDenied);
}

/// A service whose calls all panic or never end.
#[derive(Clone)]
struct FaultyService {
    panics: bool,
    begun: Arc<Semaphore>,
}

type Answer = Result<http::Response<tonic::body::Body>, Infallible>;

impl tower_service::Service<http::Request<crosstrust::serve::CallBody>> for FaultyService {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<crosstrust::serve::CallBody>) -> Self::Future {
        self.begun.add_permits(1);
        assert!(!self.panics, "panic on request");
        Box::pin(std::future::pending())
    }
}

/// The accept loop, limits and layers of the product around it.
struct FaultyServer {
    channel: Channel,
    begun: Arc<Semaphore>,
    _stop: oneshot::Sender<()>,
}

async fn start_faulty(panics: bool, options: ServeOptions) -> FaultyServer {
    let begun = Arc::new(Semaphore::new(0));
    let service = FaultyService {
        panics,
        begun: Arc::clone(&begun),
    };
    let listener = Listener {
        address: "127.0.0.1:0".parse().unwrap(),
        plaintext: false,
        uids: None,
        tls: None,
        service,
    };
    let options = ServeOptions {
        rules: Arc::new(budgets()),
        drain: Duration::ZERO,
        ..options
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let (address_sender, bound_address) = oneshot::channel();
    std::thread::spawn(move || {
        let server = Server::bind(vec![listener], options).unwrap();
        address_sender.send(server.addresses()[0].clone()).unwrap();
        let shutdown = async {
            let _ = stopped.await;
        };
        server.run(shutdown, || ());
    });
    let url = format!("http://{}", bound_address.await.unwrap());
    let endpoint = Channel::from_shared(url).unwrap();
    FaultyServer {
        channel: endpoint.connect().await.unwrap(),
        begun,
        _stop: stop,
    }
}

#[tokio::test]
async fn each_fault_is_forced_over_a_connection_and_is_still_a_denial() {
    let ask = |at: &FaultyServer| {
        send(
            at.channel.clone(),
            get(LAUNCHER, None).encode_to_vec().into(),
        )
    };
    let assert_fault = |answer: EnvoyResponse, reason: &str| {
        assert_denied(&answer, 503, Code::Unavailable);
        assert_eq!(answer.problem()["reason"], reason);
    };
    let panicking = start_faulty(true, ServeOptions::default()).await;
    assert_fault(ask(&panicking).await.unwrap(), "INTERNAL");

    let soon = ServeOptions {
        handler_budget: Duration::from_millis(20),
        ..ServeOptions::default()
    };
    let late = start_faulty(false, soon).await;
    assert_fault(ask(&late).await.unwrap(), "TIMEOUT");

    let full = ServeOptions {
        in_flight: 1,
        handler_budget: Duration::from_secs(3600),
        ..ServeOptions::default()
    };
    let full = start_faulty(false, full).await;
    let pending = tokio::spawn(ask(&full));
    full.begun.acquire().await.unwrap().forget();
    assert_fault(ask(&full).await.unwrap(), "OVERLOADED");
    pending.abort();
}

#[tokio::test]
async fn a_caller_with_only_the_check_right_can_call_nothing_else() {
    use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
    use crosstrust::rpc::proto::policy_service_client::PolicyServiceClient;
    use crosstrust::rpc::proto::{AuthorizeRequest, ExplainRequest, ReloadRequest};
    let only_check = ServiceSet::named(&["check".to_owned()]).unwrap();
    let world = World::new(Setup {
        rights: Rights {
            services: only_check,
            operator: false,
            own_claims: false,
            ..Rights::ALL
        },
        ..Setup::default()
    })
    .await;
    let mut grpc_client = AuthorizationServiceClient::connect(world.url())
        .await
        .unwrap();
    let mut policies = PolicyServiceClient::connect(world.url()).await.unwrap();
    let refused = [
        grpc_client
            .authorize(AuthorizeRequest::default())
            .await
            .unwrap_err(),
        grpc_client
            .explain(ExplainRequest::default())
            .await
            .unwrap_err(),
        policies.reload(ReloadRequest::default()).await.unwrap_err(),
    ];
    for status in refused {
        assert_eq!(status.code(), Code::Unimplemented, "{status}");
    }
    let answer = world.check(&get(LAUNCHER, Some(&world.good_token()))).await;
    assert!(answer.is_allow(), "{answer:?}");
}
