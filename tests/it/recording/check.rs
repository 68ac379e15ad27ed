//! Envoy check requests: records of allowed, denied and unidentified requests.

use crosstrust::log::Mode;
use crosstrust::log::journal::{GapReason, RecordKind};
use crosstrust::rpc::Recorder;
use serde_json::Value;
use tonic::Code;

use super::ledger::Ledger;
use super::valve::State;
use crate::ext_authz::asking::{
    CONTOSO, FABRIKAM, FATIMA, LAUNCHER, Setup, World, assert_denied, get,
};

async fn world(ledger: &Ledger) -> World {
    let recorder = Recorder {
        log: ledger.log.clone(),
        ..Recorder::default()
    };
    World::new(Setup {
        recorder,
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn a_check_is_503_until_its_record_can_be_written() {
    let ledger = Ledger::new(Mode::Strict);
    let world = world(&ledger).await;
    let request = get(LAUNCHER, Some(&world.good_token()));
    ledger.valve.turn(State::Blocked);
    let answer = world.check(&request).await;
    assert_denied(&answer, 503, Code::Unavailable);
    assert_eq!(answer.problem()["reason"], "AUDIT_UNAVAILABLE");
    ledger.valve.turn(State::Open);
    assert!(world.check(&request).await.is_allow());

    let events = ledger.close(RecordKind::SignIn);
    let event = events.last().unwrap();
    assert_eq!(event["userId"], FATIMA);
    assert_eq!(event["homeTenantId"], FABRIKAM);
    assert_eq!(event["resourceTenantId"], CONTOSO);
    assert_eq!(event["ipAddress"], "192.0.2.7");
    assert_eq!(event["status"]["errorCode"], 0);
}

#[tokio::test]
async fn a_rejected_token_is_recorded_with_the_error_and_without_the_token() {
    let ledger = Ledger::new(Mode::Strict);
    let world = world(&ledger).await;
    let token = world.good_token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let forged: String = signature.chars().rev().collect();
    let answer = world
        .check(&get(LAUNCHER, Some(&format!("{signed}.{forged}"))))
        .await;
    assert_denied(&answer, 401, Code::Unauthenticated);

    let events = ledger.close(RecordKind::SignIn);
    let [event] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(event["id"], answer.problem()["decision_id"]);
    assert_eq!(event["crosstrust"]["reason"], "IDENTITY_MISSING");
    assert_eq!(event["resourceId"], LAUNCHER);
    assert_eq!(event["userId"], Value::Null);
    let details = event["status"]["additionalDetails"].as_str().unwrap();
    assert!(!details.is_empty());
    for part in [signed.rsplit_once('.').unwrap().1, &forged] {
        assert!(!event.to_string().contains(part), "{event}");
    }
}

#[tokio::test]
async fn unidentified_callers_cannot_fill_the_log_and_omitted_events_are_counted() {
    let ledger = Ledger::new(Mode::Strict);
    let world = world(&ledger).await;
    for _ in 0..200 {
        let answer = world.check(&get(LAUNCHER, None)).await;
        assert_denied(&answer, 401, Code::Unauthenticated);
    }
    let journal = ledger.log.journal().unwrap().status();
    let counted = journal.lost.of(GapReason::Limited);
    assert!(counted > 100, "{journal:?}");
    let gaps = ledger.close(RecordKind::Gap);
    let limited = gaps.iter().filter(|gap| gap["reason"] == "limited");
    let in_gaps: u64 = limited.map(|gap| gap["signIns"].as_u64().unwrap()).sum();
    assert_eq!(in_gaps, counted);
}
