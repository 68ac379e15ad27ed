//! Complete calls without a network: the router of `serve`, called with bytes.
//!
//! The sample policies, users of Fabrikam that open Contoso's SharePoint, no log. `benches/load` measures the cost of
//! HTTP/2 over sockets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use crosstrust::cache::CacheBytes;
use crosstrust::clock::Clock;
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::reload::{ReloadOptions, ReloadOutcome, load_once};
use crosstrust::rpc::proto::{AuthorizeBatchRequest, AuthorizeRequest, Claims};
use crosstrust::rpc::{
    Backend, Gateway, HealthState, Recorder, RequestLimits, Rights, Router, router,
};
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Full};
use tower_service::Service as _;

pub const AUTHORIZE: &str = "/crosstrust.v1.AuthorizationService/Authorize";
pub const AUTHORIZE_BATCH: &str = "/crosstrust.v1.AuthorizationService/AuthorizeBatch";

/// A router with or without a cache.
pub fn serving(cache: Option<CacheBytes>) -> Router {
    routed(engine(cache), Gateway::default())
}

/// An engine with the sample policies in force.
pub fn engine(cache: Option<CacheBytes>) -> Arc<Engine> {
    let engine = Arc::new(Engine::new(EngineOptions {
        cache,
        clock: Clock::System,
    }));
    let loaded = load_once(&engine, ReloadOptions::of(policies()));
    assert!(matches!(loaded, ReloadOutcome::Activated(_)), "{loaded:?}");
    engine
}

/// The folder of the sample policies, also for the packages below `benches`.
pub fn policies() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut folders = above.map(|folder| folder.join("policies"));
    folders.find(|folder| folder.is_dir()).unwrap()
}

/// A router for this engine.
pub fn routed(engine: Arc<Engine>, gateway: Gateway) -> Router {
    let backend = Backend {
        engine,
        reload: None,
        limits: RequestLimits::default(),
        reflection: false,
        gateway: Arc::new(gateway),
        recorder: Recorder::default(),
    };
    router(&backend, &Rights::ALL, &HealthState::new())
}

/// Calls the router and returns the body of its answer. No part of the call waits.
#[inline(never)]
pub fn call(router: &mut Router, path: &str, message: Bytes) -> Bytes {
    let request = http::Request::post(path)
        .header("content-type", "application/grpc")
        .body(Full::new(message))
        .unwrap();
    let Ok(response) = router.call(request).now_or_never().unwrap();
    let body = response.into_body().collect().now_or_never().unwrap();
    body.unwrap().to_bytes()
}

/// A message with gRPC's prefix: uncompressed, and its length.
pub fn framed(message: &impl prost::Message) -> Bytes {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), &message].concat().into()
}

/// A request of the user with this number and this many groups, which the sample policies allow.
pub fn question(user: u128, groups: u128) -> AuthorizeRequest {
    let id = |number: u128| uuid::Uuid::from_u128(number).to_string();
    AuthorizeRequest {
        home_tenant: "2000d417-3b6d-4dbf-977f-4b4cbba65319".to_owned(),
        resource_tenant: "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f".to_owned(),
        user: id(0x2101_ca1f << 96 | user),
        groups: (0..groups)
            .map(|n| id((user << 32 | n) << 64 | 0x6666))
            .collect(),
        app: "00000003-0000-0ff1-ce00-000000000000".to_owned(),
        claims: Some(Claims {
            // The year 2099.
            expires_at: Some(prost_types::Timestamp {
                seconds: 4_070_908_800,
                nanos: 0,
            }),
            mfa: true,
            ..Claims::default()
        }),
        ..AuthorizeRequest::default()
    }
}

/// A batch of the requests of these users.
pub fn batch(users: std::ops::Range<u128>, groups: u128) -> AuthorizeBatchRequest {
    AuthorizeBatchRequest {
        requests: users.map(|user| question(user, groups)).collect(),
    }
}
