//! A slow disk, and callers whose wait for a record times out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crosstrust::log::journal::WaitBounds;
use crosstrust::log::{Log, Mode};
use crosstrust::rpc::proto::Decision;
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::{Backend, HealthState, Recorder, Rights, RpcCallRules, router};
use crosstrust::serve::CallRules as _;
use tonic::transport::Channel;

use super::ledger::Ledger;
use super::valve::State;
use crate::server::{self, TestServer};
use crate::wire::world::{engine, request_with, request_with_mfa};

async fn serve(log: &Log) -> (AuthorizationServiceClient<Channel>, TestServer) {
    let backend = Backend {
        recorder: Recorder {
            log: log.clone(),
            ..Recorder::default()
        },
        ..server::backend(engine())
    };
    let router = router(&backend, &Rights::ALL, &HealthState::new());
    let server = server::serve_for_test(router).await;
    let client = AuthorizationServiceClient::new(server.channel().await);
    (client, server)
}

#[tokio::test]
async fn a_slow_disk_is_reported_before_a_caller_times_out() {
    let ledger = Ledger::with(Mode::Strict, |options| {
        // Reported from a quarter of the timeout on: the test has three seconds to observe it.
        options.wait = WaitBounds::fixed(Duration::from_secs(4));
    });
    let (mut client, _server) = serve(&ledger.log).await;
    let journal = Arc::clone(ledger.log.journal().unwrap());
    assert!(
        !journal.commit_stats().is_slow,
        "{:?}",
        journal.commit_stats()
    );
    ledger.valve.turn(State::Blocked);
    let call = tokio::spawn(async move { client.authorize(request_with_mfa()).await });
    let since = Instant::now();
    while !journal.commit_stats().is_slow {
        assert!(since.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(journal.commit_stats().timeouts, 0);
    ledger.valve.turn(State::Open);
    let answer = call.await.unwrap().unwrap().into_inner();
    assert_eq!(answer.decision(), Decision::Allow);
}

#[tokio::test]
async fn a_record_timeout_is_counted_and_has_the_configured_length() {
    let wait = Duration::from_millis(30);
    let ledger = Ledger::with(Mode::Strict, |options| {
        options.wait = WaitBounds::fixed(wait);
    });
    let (client, _server) = serve(&ledger.log).await;
    let journal = Arc::clone(ledger.log.journal().unwrap());
    assert_eq!(journal.commit_stats().wait, wait);
    ledger.valve.turn(State::Blocked);
    let begun = Instant::now();
    let calls = (0..3).map(|user| {
        let mut client = client.clone();
        let request = request_with(|request| {
            request.user = format!("00000000-0000-0000-0000-{user:012x}");
            request.claims.as_mut().unwrap().mfa = true;
        });
        tokio::spawn(async move { client.authorize(request).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().is_err());
    }
    assert!(begun.elapsed() >= wait);
    assert_eq!(journal.commit_stats().timeouts, 3);
    assert!(journal.commit_stats().is_slow, "the pending commit counts");
    ledger.valve.turn(State::Open);
}

#[test]
fn the_call_deadline_includes_the_record_timeout_and_time_to_answer() {
    let ledger = Ledger::with(Mode::Strict, |options| {
        options.wait = WaitBounds::fixed(Duration::from_millis(140));
    });
    let budgets = RpcCallRules {
        metrics: Arc::default(),
        log: ledger.log.clone(),
    };
    let usual = Duration::from_millis(100);
    for path in [
        "/envoy.service.auth.v3.Authorization/Check",
        "/crosstrust.v1.AuthorizationService/Authorize",
        "/crosstrust.v1.AuthorizationService/AuthorizeBatch",
    ] {
        assert_eq!(budgets.budget(path, usual), Duration::from_millis(160));
        let longer = Duration::from_millis(500);
        assert_eq!(budgets.budget(path, longer), longer);
    }
    let other = "/grpc.health.v1.Health/Check";
    assert_eq!(budgets.budget(other, usual), usual);
}
