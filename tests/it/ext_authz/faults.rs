//! What is our own fault is a 503 with a reason: never a gRPC error, never an allow.

use bytes::Bytes;
use crosstrust::rpc::{Budgets, Rights, ServiceSet};
use crosstrust::serve::{CallRules as _, Fault};
use http_body_util::BodyExt as _;
use prost::Message as _;
use tonic::Code;

use super::asking::{LAUNCHER, PATH, Setup, World, assert_denied, attributes, get, http};
use super::read::{Read, read};

async fn told(fault: Fault) -> Read {
    let response = Budgets.answer(PATH, fault).unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert!(!response.headers().contains_key("grpc-status"));
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
    let frame = collected.to_bytes();
    let length = u32::from_be_bytes(frame[1..5].try_into().unwrap());
    assert_eq!((frame[0], length as usize), (0, frame.len() - 5));
    read(&frame[5..])
}

#[tokio::test]
async fn a_call_that_is_shed_late_or_panics_is_a_denial_with_a_reason() {
    for (fault, reason) in [
        (Fault::Overloaded, "OVERLOADED"),
        (Fault::OverBudget, "TIMEOUT"),
        (Fault::Panicked, "INTERNAL"),
    ] {
        let answer = told(fault).await;
        assert_denied(&answer, 503, Code::Unavailable);
        assert_eq!(answer.problem()["reason"], reason);
        assert!(
            Budgets
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
async fn a_question_that_cannot_be_read_is_503() {
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
async fn a_route_whose_facts_are_malformed_is_our_fault_and_not_the_clients() {
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
async fn a_route_that_requires_a_channel_lets_nobody_in_without_one() {
    let world = World::new(Setup::default()).await;
    let mut request = get(LAUNCHER, Some(&world.good_token()));
    let extensions = &mut attributes(&mut request).context_extensions;
    extensions.insert("require_channel".into(), "true".into());
    assert_denied(&world.check(&request).await, 403, Code::PermissionDenied);
}
