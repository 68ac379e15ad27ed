//! Services that a listener does not offer, and rights that a caller lacks.

use crosstrust::rpc::proto::policy_service_client::PolicyServiceClient;
use crosstrust::rpc::proto::*;
use crosstrust::rpc::{HealthState, Rights, ServiceSet, router};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower_service::Service as _;

use super::world::*;
use crate::server::{self, TestServer, serve_for_test};

async fn server_for(rights: Rights) -> TestServer {
    let backend = server::backend(engine());
    serve_for_test(router(&backend, &rights, &HealthState::new())).await
}

fn assert_denied(status: &Status, message: &str) {
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    assert_eq!(status.message(), message);
}

#[tokio::test]
async fn explain_and_reload_are_for_operators() {
    let server = server_for(Rights {
        operator: false,
        ..Rights::ALL
    })
    .await;
    let mut grpc_client = client(&server).await;
    grpc_client.authorize(request()).await.unwrap();
    let status = grpc_client
        .explain(ExplainRequest {
            request: Some(request()),
        })
        .await
        .unwrap_err();
    assert_denied(&status, "Explain requires operator rights");
    let mut policies = PolicyServiceClient::new(server.channel().await);
    policies.get_snapshot(GetSnapshotRequest {}).await.unwrap();
    let status = policies.reload(ReloadRequest::default()).await;
    assert_denied(&status.unwrap_err(), "Reload requires operator rights");
}

#[tokio::test]
async fn a_caller_without_the_right_to_state_claims_needs_a_token() {
    let server = server_for(Rights {
        own_claims: false,
        ..Rights::ALL
    })
    .await;
    let mut client = client(&server).await;
    let sentence = "this caller may not state claims: set token";
    let status = client.authorize(request()).await.unwrap_err();
    assert_denied(&status, sentence);
    let request_explained = ExplainRequest {
        request: Some(request()),
    };
    let status = client.explain(request_explained).await.unwrap_err();
    assert_denied(&status, sentence);
    let with_token = request_with(|request| request.token = String::from("eyJ"));
    let batch = AuthorizeBatchRequest {
        requests: vec![with_token.clone(), request()],
    };
    let status = client.authorize_batch(batch).await.unwrap_err();
    assert_denied(&status, sentence);
}

#[tokio::test]
async fn a_service_that_is_not_offered_is_unimplemented() {
    let none = ServiceSet {
        authorization: false,
        policy: false,
        check: false,
        health: false,
        reflection: false,
    };
    let server = server_for(Rights {
        services: none,
        ..Rights::ALL
    })
    .await;
    let mut grpc_client = client(&server).await;
    let mut policies = PolicyServiceClient::new(server.channel().await);
    let mut health = HealthClient::new(server.channel().await);
    let statuses = [
        grpc_client.authorize(request()).await.unwrap_err(),
        grpc_client
            .authorize_batch(AuthorizeBatchRequest::default())
            .await
            .unwrap_err(),
        policies
            .get_snapshot(GetSnapshotRequest {})
            .await
            .unwrap_err(),
        health
            .check(HealthCheckRequest::default())
            .await
            .unwrap_err(),
    ];
    for status in statuses {
        assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_not_grpc_is_an_unsupported_media_type() {
    let mut router = router(
        &server::backend(engine()),
        &Rights::ALL,
        &HealthState::new(),
    );
    for content_type in [None, Some("application/json")] {
        let mut http_request = http::Request::post("/crosstrust.v1.AuthorizationService/Authorize");
        if let Some(content_type) = content_type {
            http_request = http_request.header("content-type", content_type);
        }
        let http_request = http_request.body(tonic::body::Body::empty()).unwrap();
        let answer = router.call(http_request).await.unwrap();
        assert_eq!(answer.status(), http::StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[tokio::test]
async fn a_path_without_a_method_is_unimplemented() {
    let mut router = router(
        &server::backend(engine()),
        &Rights::ALL,
        &HealthState::new(),
    );
    for path in [
        "/",
        "/crosstrust.v1.AuthorizationService",
        "/crosstrust.v1.AuthorizationService/Allow",
        "/crosstrust.v2.AuthorizationService/Authorize",
        "//crosstrust.v1.AuthorizationService/Authorize",
    ] {
        let http_request = http::Request::post(path)
            .header("content-type", "application/grpc")
            .body(tonic::body::Body::empty());
        let answer = router.call(http_request.unwrap()).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "12", "{path}");
    }
}
