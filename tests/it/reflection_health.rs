//! Reflection, health, and the policy service.

use std::fs;
use std::sync::Arc;

use crosstrust::compile::compile;
use crosstrust::engine::Engine;
use crosstrust::policy_settings::PolicySettings;
use crosstrust::reload::{ReloadOptions, Reloader};
use crosstrust::rpc::proto::policy_service_client::PolicyServiceClient;
use crosstrust::rpc::proto::watch_snapshots_response::Event;
use crosstrust::rpc::proto::*;
use crosstrust::rpc::{Backend, HealthState, Rights, ServiceSet, router};
use crosstrust::time::Timestamp;
use crosstrust::watch::WatcherFactory;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::compiling::documents::{contoso, tenant};
use crate::server::{TestServer, backend, empty_engine, engine, serve_engine, serve_for_test};

const ALL: [&str; 5] = [
    "crosstrust.v1.AuthorizationService",
    "crosstrust.v1.PolicyService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// The services that a server lists, for a version of the reflection service.
macro_rules! listed {
    ($version:ident, $server:expr) => {{
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
        use tonic_reflection::pb::$version::{ServerReflectionRequest, ServerReflectionResponse};
        let mut client = ServerReflectionClient::new($server.channel().await);
        let ask = |message_request| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message_request),
        };
        let requests = tokio_stream::iter([
            ask(MessageRequest::ListServices(String::new())),
            ask(MessageRequest::FileContainingSymbol(String::from(ALL[0]))),
        ]);
        match client.server_reflection_info(requests).await {
            Err(status) => Err(status.code()),
            Ok(answers) => {
                let answers: Vec<ServerReflectionResponse> =
                    answers.into_inner().map(Result::unwrap).collect().await;
                let Some(MessageResponse::ListServicesResponse(list)) =
                    &answers[0].message_response
                else {
                    panic!("{answers:?}");
                };
                assert!(matches!(
                    answers[1].message_response,
                    Some(MessageResponse::FileDescriptorResponse(_))
                ));
                let mut names: Vec<String> =
                    list.service.iter().map(|one| one.name.clone()).collect();
                names.sort();
                Ok(names)
            }
        }
    }};
}

#[tokio::test]
async fn both_versions_of_reflection_list_the_services_of_the_listener() {
    let server = serve_engine(empty_engine()).await;
    assert_eq!(listed!(v1, server).unwrap(), ALL);
    assert_eq!(listed!(v1alpha, server).unwrap(), ALL);

    let rights = Rights {
        services: ServiceSet {
            policy: false,
            health: false,
            ..ServiceSet::ALL
        },
        ..Rights::ALL
    };
    let fewer = router(&backend(empty_engine()), &rights, &HealthState::new());
    let server = serve_for_test(fewer).await;
    assert_eq!(listed!(v1, server).unwrap(), [ALL[0], ALL[3], ALL[4]]);
}

#[tokio::test]
async fn reflection_can_be_switched_off() {
    let backend = Backend {
        reflection: false,
        ..backend(empty_engine())
    };
    let server = serve_for_test(router(&backend, &Rights::ALL, &HealthState::new())).await;
    assert_eq!(listed!(v1, server), Err(Code::Unimplemented));
    assert_eq!(listed!(v1alpha, server), Err(Code::Unimplemented));
}

fn health_request(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: String::from(service),
    }
}

async fn check(client: &mut HealthClient<Channel>, service: &str) -> ServingStatus {
    let answer = client.check(health_request(service)).await.unwrap();
    answer.into_inner().status()
}

async fn serve(engine: &Arc<Engine>, health: &HealthState) -> TestServer {
    let backend = backend(Arc::clone(engine));
    serve_for_test(router(&backend, &Rights::ALL, health)).await
}

fn activate(engine: &Engine) {
    engine.activate(
        compile(&[contoso()], &PolicySettings::NONE, Timestamp::MIN)
            .unwrap()
            .snapshot,
        "a test",
    );
}

#[tokio::test]
async fn every_service_serves_only_with_policies_and_until_the_process_drains() {
    let engine = empty_engine();
    let health = HealthState::new();
    let server = serve(&engine, &health).await;
    let mut client = HealthClient::new(server.channel().await);
    let services = [&["", "envoy.service.auth.v3.Authorization"], &ALL[..]].concat();
    for service in &services {
        assert_eq!(check(&mut client, service).await, ServingStatus::NotServing);
    }
    activate(&engine);
    for service in &services {
        assert_eq!(check(&mut client, service).await, ServingStatus::Serving);
    }
    health.drain();
    for service in &services {
        assert_eq!(check(&mut client, service).await, ServingStatus::NotServing);
    }
    let unknown = client.check(health_request("crosstrust.v2.PolicyService"));
    assert_eq!(unknown.await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_health_watcher_receives_each_change_and_the_shutdown() {
    let engine = empty_engine();
    let health = HealthState::new();
    let server = serve(&engine, &health).await;
    let mut client = HealthClient::new(server.channel().await);
    let watching = client.watch(health_request(ALL[0])).await.unwrap();
    let mut statuses = watching
        .into_inner()
        .map(|one| one.map(|answer| answer.status()));
    assert_eq!(
        statuses.next().await.unwrap().unwrap(),
        ServingStatus::NotServing
    );
    activate(&engine);
    assert_eq!(
        statuses.next().await.unwrap().unwrap(),
        ServingStatus::Serving
    );
    health.drain();
    assert_eq!(
        statuses.next().await.unwrap().unwrap(),
        ServingStatus::NotServing
    );
    health.close();
    assert!(statuses.next().await.is_none());
}

#[tokio::test]
async fn a_watcher_of_an_unknown_service_receives_service_unknown_and_stays_open() {
    let health = HealthState::new();
    let server = serve(&engine(&[contoso()]), &health).await;
    let mut client = HealthClient::new(server.channel().await);
    let watching = client
        .watch(health_request("no.such.Service"))
        .await
        .unwrap();
    let mut statuses = watching
        .into_inner()
        .map(|one| one.map(|answer| answer.status()));
    let first = statuses.next().await.unwrap().unwrap();
    assert_eq!(first, ServingStatus::ServiceUnknown);
    health.close();
    assert!(statuses.next().await.is_none());
}

fn write_tenant(folder: &std::path::Path, name: &str, id: &str) {
    fs::create_dir_all(folder.join(name)).unwrap();
    let organization = format!(r#"{{"id": "{id}", "displayName": "{name}"}}"#);
    fs::write(folder.join(name).join("organization.json"), organization).unwrap();
}

#[tokio::test]
async fn policies_can_be_read_reloaded_and_watched() {
    let folder = tempfile::tempdir().unwrap();
    write_tenant(
        folder.path(),
        "contoso",
        "1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11",
    );
    let engine = empty_engine();
    let options = ReloadOptions {
        watcher: WatcherFactory::with(|_| Ok(Box::new(notify::NullWatcher))),
        rescan: std::time::Duration::from_secs(3600),
        ..ReloadOptions::of(folder.path())
    };
    let started = Reloader::start(Arc::clone(&engine), options).unwrap();
    let health = HealthState::new();
    let backend = Backend {
        reload: Some(started.handle),
        ..backend(engine)
    };
    let server = serve_for_test(router(&backend, &Rights::ALL, &health)).await;
    let mut client = PolicyServiceClient::new(server.channel().await);
    let watching = client.watch_snapshots(WatchSnapshotsRequest {}).await;
    let mut events = watching.unwrap().into_inner();

    let unchanged = client.reload(ReloadRequest::default()).await.unwrap();
    let unchanged = unchanged.into_inner();
    assert_eq!(unchanged.outcome(), ReloadOutcome::Unchanged);
    assert_eq!(unchanged.snapshot.unwrap().version, 1);

    write_tenant(
        folder.path(),
        "fabrikam",
        "2f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11",
    );
    let answer = client.reload(ReloadRequest::default()).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!(answer.outcome(), ReloadOutcome::Activated);
    let event = events.next().await.unwrap().unwrap().event;
    assert_eq!(event, answer.snapshot.clone().map(Event::Activated));

    let response = client.get_snapshot(GetSnapshotRequest {}).await.unwrap();
    let response = response.into_inner();
    assert_eq!(response.snapshot, answer.snapshot);
    assert_eq!(response.counts.unwrap().tenants, 2);
    assert!(!response.source.is_empty());
    assert_eq!(
        (response.last_error.as_str(), response.stale_since),
        ("", None)
    );

    fs::write(folder.path().join("fabrikam/organization.json"), "{").unwrap();
    let answer = client.reload(ReloadRequest::default()).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!(answer.outcome(), ReloadOutcome::Rejected);
    assert_eq!(answer.snapshot.unwrap().version, 2);
    assert!(!answer.findings.is_empty() && !answer.message.is_empty());
    match events.next().await.unwrap().unwrap().event {
        Some(Event::Rejected(rejection)) => assert_eq!(rejection.findings, answer.findings),
        other => panic!("{other:?}"),
    }
    let response = client.get_snapshot(GetSnapshotRequest {}).await.unwrap();
    let response = response.into_inner();
    assert_eq!(response.last_error, answer.message);
    assert!(response.stale_since.is_some());

    health.close();
    let end = events.next().await.unwrap().unwrap_err();
    assert_eq!(end.code(), Code::Unavailable);
}

#[tokio::test]
async fn without_a_folder_reload_and_watch_are_unavailable() {
    let tenants = [contoso(), tenant(crosstrust::id::TenantId(9), "nine")];
    let server = serve_engine(engine(&tenants)).await;
    let mut client = PolicyServiceClient::new(server.channel().await);
    let response = client.get_snapshot(GetSnapshotRequest {}).await.unwrap();
    let response = response.into_inner();
    assert_eq!(response.source, "a test");
    assert_eq!(response.counts.unwrap().tenants, 2);
    let status = client.reload(ReloadRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    let status = client.watch_snapshots(WatchSnapshotsRequest {}).await;
    assert_eq!(status.unwrap_err().code(), Code::FailedPrecondition);
}
