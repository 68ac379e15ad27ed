//! When an answer is sent, and the content of its record.

use std::io;
use std::time::Duration;

use crosstrust::log::Mode;
use crosstrust::log::journal::RecordKind;
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::proto::{
    AuthorizeBatchRequest, AuthorizeRequest, AuthorizeResponse, Decision, ExplainRequest,
};
use crosstrust::rpc::{Backend, HealthState, Recorder, Rights, router};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::ledger::Ledger;
use super::valve::State;
use crate::server::{self, TestServer};
use crate::wire::world::{engine, request, request_with, request_with_mfa};

struct World {
    ledger: Ledger,
    client: AuthorizationServiceClient<Channel>,
    _server: TestServer,
}

impl World {
    async fn new(mode: Mode) -> World {
        let ledger = Ledger::new(mode);
        let backend = Backend {
            recorder: Recorder {
                log: ledger.log.clone(),
                ..Recorder::default()
            },
            ..server::backend(engine())
        };
        let router = router(&backend, &Rights::ALL, &HealthState::new());
        let server = server::serve_for_test(router).await;
        World {
            ledger,
            client: AuthorizationServiceClient::new(server.channel().await),
            _server: server,
        }
    }

    async fn authorize(&self, request: AuthorizeRequest) -> Result<AuthorizeResponse, Status> {
        let answer = self.client.clone().authorize(request).await;
        answer.map(tonic::Response::into_inner)
    }

    /// Retries if the disk of a busy machine was slow.
    async fn authorize_with_retry(&self, request: AuthorizeRequest) -> AuthorizeResponse {
        for _ in 0..50 {
            match self.authorize(request.clone()).await {
                Err(status) if status.code() == Code::Unavailable => {}
                answer => return answer.unwrap(),
            }
        }
        panic!("the disk accepts no record");
    }

    async fn authorize_allowed(&self) -> AuthorizeResponse {
        let answer = self.authorize_with_retry(request_with_mfa()).await;
        assert_eq!(answer.decision(), Decision::Allow);
        answer
    }

    /// Waits until the log accepts records again.
    async fn wait_until_writable(&self) {
        self.wait_for_failing(false).await;
    }

    async fn wait_until_failing(&self) {
        self.wait_for_failing(true).await;
    }

    async fn wait_for_failing(&self, expected: bool) {
        let journal = self.ledger.log.journal().unwrap();
        for _ in 0..500 {
            if journal.status().failing_since.is_some() == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("failing stays {}", !expected);
    }
}

fn assert_record_unavailable(answer: Result<AuthorizeResponse, Status>) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let details = status.get_details_error_info().unwrap();
    assert_eq!(details.reason, "AUDIT_UNAVAILABLE");
}

#[tokio::test]
async fn an_allow_is_sent_after_its_record_is_on_disk_and_blocks_no_other_call() {
    let world = World::new(Mode::Strict).await;
    let before = world.authorize_allowed().await;
    world.ledger.valve.turn(State::Blocked);
    let other = request_with(|request| {
        request.request_id = String::from("another");
        request.user = String::from("00000000-0000-0000-0000-0000000000a2");
        request.claims.as_mut().unwrap().mfa = true;
    });
    let waiting = world.authorize(other.clone());
    tokio::pin!(waiting);
    let none_yet = tokio::time::timeout(Duration::from_millis(20), &mut waiting).await;
    assert!(none_yet.is_err(), "{none_yet:?}");

    let again = world.authorize_allowed().await;
    assert!(again.cached);
    assert_eq!(again.decision_id, before.decision_id);
    let denied = world.authorize(request()).await.unwrap();
    assert_eq!(denied.decision(), Decision::Deny);

    world.ledger.valve.turn(State::Open);
    let answer = match waiting.await {
        Ok(answer) => answer,
        Err(_) => world.authorize_with_retry(other.clone()).await,
    };
    assert_eq!(answer.decision(), Decision::Allow);
    let again = world.authorize(other).await.unwrap();
    assert!(again.cached, "the answer is cached before it is sent");
    assert_eq!(again.decision_id, answer.decision_id);
}

#[tokio::test]
async fn an_allow_whose_record_is_late_is_not_sent_and_not_cached() {
    let world = World::new(Mode::Strict).await;
    world.ledger.valve.turn(State::Blocked);
    assert_record_unavailable(world.authorize(request_with_mfa()).await);
    world.ledger.valve.turn(State::Open);
    assert_eq!(world.authorize_allowed().await.decision(), Decision::Allow);
}

#[tokio::test]
async fn while_the_disk_fails_new_allows_are_refused_and_denials_are_counted_as_missing() {
    let world = World::new(Mode::Strict).await;
    let before = world.authorize_allowed().await;
    world
        .ledger
        .valve
        .turn(State::Failing(io::ErrorKind::StorageFull));
    let other = request_with(|request| {
        request.user = String::from("00000000-0000-0000-0000-0000000000a2");
        request.claims.as_mut().unwrap().mfa = true;
    });
    for _ in 0..3 {
        assert_record_unavailable(world.authorize(other.clone()).await);
        let denied = world.authorize(request()).await.unwrap();
        assert_eq!(denied.decision(), Decision::Deny);
    }
    let cached = world.authorize_allowed().await;
    assert_eq!(cached.decision_id, before.decision_id, "it is recorded");

    world.ledger.valve.turn(State::Open);
    world.wait_until_writable().await;
    let answer = world.authorize_with_retry(other).await;
    assert_eq!(answer.decision(), Decision::Allow);

    let gaps = world.ledger.close(RecordKind::Gap);
    let missing: u64 = gaps
        .iter()
        .map(|gap| gap["signIns"].as_u64().unwrap())
        .sum();
    assert_eq!(missing, 3, "{gaps:?}");
}

#[tokio::test]
async fn in_async_mode_an_allow_is_sent_at_once_and_lost_records_are_reported() {
    let world = World::new(Mode::Async).await;
    world
        .ledger
        .valve
        .turn(State::Failing(io::ErrorKind::Other));
    let first = world.authorize_allowed().await;
    assert!(world.authorize_allowed().await.cached);
    world.wait_until_failing().await;
    world.ledger.valve.turn(State::Open);
    world.wait_until_writable().await;
    let missing = world.ledger.close(RecordKind::Gap);
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0]["signIns"], 1, "{}", first.decision_id);
}

#[tokio::test]
async fn a_cached_answer_adds_no_record_until_the_token_changes() {
    let world = World::new(Mode::Strict).await;
    let first = world.authorize_allowed().await;
    for _ in 0..5 {
        assert!(world.authorize_allowed().await.cached);
    }
    let renewed = request_with(|request| {
        let claims = request.claims.as_mut().unwrap();
        claims.mfa = true;
        claims.expires_at.as_mut().unwrap().seconds += 60;
    });
    let second = world.authorize_with_retry(renewed).await;
    assert!(!second.cached);
    let denied = world.authorize(request()).await.unwrap();
    let events = world.ledger.close(RecordKind::SignIn);
    let ids: Vec<&str> = events
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    let expected = [first.decision_id, second.decision_id, denied.decision_id];
    assert_eq!(ids, expected);
    assert_eq!(events[2]["status"]["failureReason"], denied.message);
}

#[tokio::test]
async fn a_batch_waits_for_all_of_its_records() {
    let world = World::new(Mode::Strict).await;
    let requests = (0..20).map(|number| {
        request_with(|request| {
            request.user = format!("00000000-0000-0000-0000-0000000001{number:02}");
            request.claims.as_mut().unwrap().mfa = true;
        })
    });
    let batch = AuthorizeBatchRequest {
        requests: requests.collect(),
    };
    world.ledger.valve.turn(State::Blocked);
    let refused = world.client.clone().authorize_batch(batch.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
    world.ledger.valve.turn(State::Open);
    let answers = world.client.clone().authorize_batch(batch).await.unwrap();
    let answered: Vec<String> = answers
        .into_inner()
        .responses
        .into_iter()
        .map(|answer| answer.decision_id)
        .collect();
    let events = world.ledger.close(RecordKind::SignIn);
    for id in answered {
        assert!(events.iter().any(|event| event["id"] == id.as_str()));
    }
}

#[tokio::test]
async fn an_explanation_is_recorded_before_it_is_sent_and_is_not_a_sign_in() {
    let world = World::new(Mode::Strict).await;
    let explain = ExplainRequest {
        request: Some(request_with_mfa()),
    };
    world.ledger.valve.turn(State::Blocked);
    let refused = world.client.clone().explain(explain.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
    world.ledger.valve.turn(State::Open);
    world.client.clone().explain(explain).await.unwrap();
    let audits = world.ledger.close(RecordKind::Audit);
    let last = audits.last().unwrap();
    assert!(
        last["activityDisplayName"]
            .as_str()
            .unwrap()
            .contains("xplain"),
        "{last}"
    );
    assert!(
        last.to_string().contains(crate::wire::world::USER),
        "{last}"
    );
}
