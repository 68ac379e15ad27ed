//! A denial that is not cached has one event per request and minute; every allow has its own.

use crosstrust::graph::document::{ApplicationTarget, UserTarget};
use crosstrust::id::GroupId;
use crosstrust::log::Mode;
use crosstrust::log::journal::{GapReason, RecordKind};
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::proto::{AuthorizeRequest, AuthorizeResponse, Decision, Reason};
use crosstrust::rpc::{Backend, HealthState, Recorder, Rights, router};
use crosstrust::vocabulary::{Access, SignInFrequency};
use prost_types::Timestamp;
use serde_json::Value;
use tonic::transport::Channel;

use super::ledger::Ledger;
use crate::compiling::documents::{policy_with, setting};
use crate::server::{self, TestServer};
use crate::wire::world::{claims, request_with, tenants};

struct World {
    ledger: Ledger,
    client: AuthorizationServiceClient<Channel>,
    _server: TestServer,
}

impl World {
    /// Contoso allows a group of Fabrikam, and requires a fresh sign-in of its own users every time.
    async fn new() -> World {
        let ledger = Ledger::new(Mode::Strict);
        let mut tenants = tenants();
        tenants[0].policies = vec![policy_with(1, |policy| {
            policy.session.sign_in_frequency = Some(SignInFrequency::EveryTime);
        })];
        tenants[0].partners[0].configuration.direct_connect_inbound = Some(setting(
            (Access::Allowed, &[UserTarget::Group(GROUP)]),
            (Access::Allowed, &[ApplicationTarget::AllApplications]),
        ));
        let backend = Backend {
            recorder: Recorder {
                log: ledger.log.clone(),
                ..Recorder::default()
            },
            ..server::backend(server::engine(&tenants))
        };
        let router = router(&backend, &Rights::ALL, &HealthState::new());
        let server = server::serve_for_test(router).await;
        World {
            ledger,
            client: AuthorizationServiceClient::new(server.channel().await),
            _server: server,
        }
    }

    /// Retries if the disk of a busy machine was slow.
    async fn authorize(&self, request: &AuthorizeRequest) -> AuthorizeResponse {
        for _ in 0..50 {
            match self.client.clone().authorize(request.clone()).await {
                Err(status) if status.code() == tonic::Code::Unavailable => {}
                answer => return answer.unwrap().into_inner(),
            }
        }
        panic!("the disk accepts no record");
    }

    /// The ids of all events, and the number of events counted as omitted.
    fn close(self) -> (Vec<String>, u64) {
        let limited = self
            .ledger
            .log
            .journal()
            .unwrap()
            .status()
            .lost
            .of(GapReason::Limited);
        let events = self.ledger.close(RecordKind::SignIn);
        let id = |event: &Value| event["id"].as_str().unwrap().to_owned();
        (events.iter().map(id).collect(), limited)
    }
}

/// In seconds.
const NOW: i64 = 1_800_000_000;
const GROUP: GroupId = GroupId(0x9);

/// A member of the group who has just signed in with MFA.
fn signed_in() -> AuthorizeRequest {
    request_with(|request| {
        request.groups = vec![GROUP.to_string()];
        let claims = request.claims.as_mut().unwrap();
        claims.mfa = true;
        claims.auth_time = Some(seconds(NOW - 1));
    })
}

fn signed_in_with(change: impl FnOnce(&mut AuthorizeRequest)) -> AuthorizeRequest {
    let mut request = signed_in();
    change(&mut request);
    request
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

/// Each kind of denial that is never cached.
fn uncached_denials() -> [(Reason, AuthorizeRequest); 3] {
    [
        (
            Reason::TokenExpired,
            signed_in_with(|request| {
                claims(request).expires_at = Some(seconds(NOW - 1));
            }),
        ),
        (
            Reason::GroupsUnknown,
            signed_in_with(|request| {
                request.groups.clear();
                claims(request).groups_incomplete = true;
            }),
        ),
        (
            Reason::SignInFrequencyExceeded,
            signed_in_with(|request| {
                request.home_tenant.clone_from(&request.resource_tenant);
                claims(request).auth_time = Some(seconds(NOW - 3600));
            }),
        ),
    ]
}

#[tokio::test]
async fn a_repeated_uncached_denial_has_one_event_and_the_rest_are_counted() {
    let world = World::new().await;
    let mut first = Vec::new();
    for (reason, request) in uncached_denials() {
        let answers = [
            world.authorize(&request).await,
            world.authorize(&request).await,
            world.authorize(&request).await,
        ];
        for answer in &answers {
            assert_eq!(answer.reason(), reason);
            assert!(!answer.cached);
            assert_eq!(
                answer.decision_id, answers[0].decision_id,
                "the id is that of the recorded event"
            );
        }
        first.push(answers[0].decision_id.clone());
    }
    let (events, limited) = world.close();
    assert_eq!(events, first);
    assert_eq!(limited, 6);
}

#[tokio::test]
async fn another_user_and_another_reason_have_their_own_events() {
    let world = World::new().await;
    let [_, (_, unknown), (_, stale)] = uncached_denials();
    let other = {
        let mut other = unknown.clone();
        other.user = String::from("00000000-0000-0000-0000-0000000000a2");
        other
    };
    for request in [&unknown, &other, &stale, &unknown] {
        world.authorize(request).await;
    }
    let (events, limited) = world.close();
    assert_eq!(events.len(), 3);
    assert_eq!(limited, 1);
}

#[tokio::test]
async fn every_allow_has_its_own_event_although_it_is_not_cached() {
    let world = World::new().await;
    // Sign-in frequency does not apply to users of direct connect.
    let internal = signed_in_with(|request| {
        request.home_tenant.clone_from(&request.resource_tenant);
    });
    let mut answered = Vec::new();
    for _ in 0..3 {
        let answer = world.authorize(&internal).await;
        assert_eq!(answer.decision(), Decision::Allow);
        assert!(!answer.cached);
        answered.push(answer.decision_id);
    }
    let (events, limited) = world.close();
    // A timeout on a busy machine leaves an event without an answer.
    assert!(answered.iter().all(|id| events.contains(id)), "{events:?}");
    assert_eq!(limited, 0);
}
