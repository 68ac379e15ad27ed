//! Fairness between sources when records arrive faster than the disk writes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crosstrust::log::Mode;
use crosstrust::log::journal::{
    AppendError, EventKind, GapReason, Journal, JournalEntry, RecordKind, RecordSource, Ticket,
};
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::proto::{AuthorizeBatchRequest, AuthorizeRequest, Decision};
use crosstrust::rpc::{Backend, Recorder, Rights, RpcCallRules};
use crosstrust::serve::ServeOptions;
use crosstrust::time::Timestamp;
use serde_json::Value;
use tonic::transport::{Channel, Endpoint};

use super::ledger::Ledger;
use super::valve::State;
use crate::server;
use crate::support::server::{Running, serve_with};
use crate::wire::world::{engine, request_with};

const FLOOD: RecordSource = RecordSource(1);
const OTHER: RecordSource = RecordSource(2);

fn journal(ledger: &Ledger) -> &Journal {
    ledger.log.journal().unwrap()
}

fn append(
    ledger: &Ledger,
    id: &str,
    is_awaited: bool,
    source: RecordSource,
) -> Result<Ticket, AppendError> {
    journal(ledger).append(JournalEntry {
        kind: EventKind::SignIn,
        time: Timestamp::from_seconds(1_800_000_000),
        body: format!(r#"{{"id":"{id}"}}"#).into_bytes(),
        is_awaited,
        source,
        when_durable: None,
    })
}

/// Blocks the disk with a write in progress: later records wait in the queue.
fn block_disk(ledger: &Ledger) {
    ledger.valve.turn(State::Blocked);
    let _ticket = append(ledger, "held", true, RecordSource::PROCESS).unwrap();
    let since = Instant::now();
    while journal(ledger).status().queued > 0 {
        assert!(since.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The ids of the records on disk, in order.
fn ids(ledger: Ledger) -> Vec<String> {
    ledger.valve.turn(State::Open);
    let events = ledger.close(RecordKind::SignIn);
    let id = |event: &Value| event["id"].as_str().unwrap().to_owned();
    events.iter().map(id).collect()
}

#[test]
fn awaited_records_are_written_before_earlier_unawaited_ones() {
    let ledger = Ledger::new(Mode::Strict);
    block_disk(&ledger);
    for number in 0..20 {
        append(&ledger, &format!("denial {number}"), false, FLOOD).unwrap();
    }
    append(&ledger, "allow", true, OTHER).unwrap();
    assert_eq!(ids(ledger)[..3], ["held", "allow", "denial 0"]);
}

#[test]
fn unawaited_records_get_a_share_of_each_group() {
    let ledger = Ledger::with(Mode::Strict, |options| options.queue = 8192);
    block_disk(&ledger);
    for number in 0..200 {
        append(&ledger, &format!("denial {number}"), false, OTHER).unwrap();
    }
    for _ in 0..2000 {
        append(&ledger, "allow", true, FLOOD).unwrap();
    }
    let ids = ids(ledger);
    // Groups of 512 records; an eighth is 64.
    let denials = |from, to| {
        let group: &[String] = &ids[from..to];
        group.iter().filter(|id| id.starts_with("denial")).count()
    };
    assert_eq!(denials(1, 513), 64);
    assert_eq!(denials(513, 1025), 64);
    assert_eq!(ids.len(), 2201);
}

#[test]
fn sources_alternate_and_each_retains_its_order() {
    let ledger = Ledger::new(Mode::Strict);
    block_disk(&ledger);
    for number in 0..20 {
        append(&ledger, &format!("flood {number}"), true, FLOOD).unwrap();
    }
    for number in 0..2 {
        append(&ledger, &format!("other {number}"), true, OTHER).unwrap();
    }
    let ids = ids(ledger);
    let expected = [
        "held", "flood 0", "other 0", "flood 1", "other 1", "flood 2",
    ];
    assert_eq!(ids[..6], expected);
    assert_eq!(ids.last().unwrap(), "flood 19");
}

#[test]
fn a_source_gets_at_most_as_many_slots_as_it_leaves_free_and_rejections_are_counted() {
    let ledger = Ledger::new(Mode::Strict);
    block_disk(&ledger);
    let mut refused = 0;
    for _ in 0..200 {
        if let Err(full) = append(&ledger, "flood", false, FLOOD) {
            assert_eq!(full, AppendError::Full);
            journal(&ledger).count_lost(EventKind::SignIn, GapReason::from(full));
            refused += 1;
        }
    }
    // 75 of 100 slots are for unawaited records. The flood gets a slot while it holds fewer than are free.
    assert_eq!(200 - refused, 38);
    for number in 0..19 {
        append(&ledger, &format!("other {number}"), false, OTHER).unwrap();
    }
    for number in 0..20 {
        append(&ledger, &format!("allow {number}"), true, OTHER).unwrap();
    }
    ledger.valve.turn(State::Open);
    let gaps = ledger.close(RecordKind::Gap);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0]["reason"], "queueFull");
    assert_eq!(gaps[0]["signIns"], refused);
}

/// A user who is allowed, or denied for lack of MFA.
fn authorize_request(user: usize, mfa: bool) -> AuthorizeRequest {
    request_with(|request| {
        request.user = format!("00000000-0000-0000-0000-{user:012x}");
        request.claims.as_mut().unwrap().mfa = mfa;
    })
}

/// The product's accept loop, which distinguishes connections, with this log.
fn serve(ledger: &Ledger) -> Running {
    let backend = Backend {
        recorder: Recorder {
            log: ledger.log.clone(),
            ..Recorder::default()
        },
        ..server::backend(engine())
    };
    let options = ServeOptions {
        drain: Duration::from_millis(100),
        rules: Arc::new(RpcCallRules {
            metrics: Arc::default(),
            log: ledger.log.clone(),
        }),
        ..ServeOptions::default()
    };
    serve_with(&backend, &Rights::ALL, options)
}

async fn connect(server: &Running) -> AuthorizationServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(server.url.clone()).unwrap();
    AuthorizationServiceClient::new(endpoint.connect().await.unwrap())
}

#[tokio::test]
async fn a_connection_that_fills_the_queue_with_allows_leaves_slots_for_another() {
    let ledger = Ledger::new(Mode::Strict);
    let server = serve(&ledger);
    let (mut flooding, mut other) = (connect(&server).await, connect(&server).await);
    block_disk(&ledger);
    let batch = AuthorizeBatchRequest {
        requests: (100..200)
            .map(|user| authorize_request(user, true))
            .collect(),
    };
    let flood = tokio::spawn(async move { flooding.authorize_batch(batch).await });
    let since = Instant::now();
    while journal(&ledger).status().queued < 50 {
        assert!(since.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // A request is refused at its timeout if it got a slot, and at once if not.
    let refused = other
        .authorize(authorize_request(1, true))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    let queued = journal(&ledger).status().queued;
    assert_eq!(queued, 51);
    assert!(flood.await.unwrap().is_err());
    ledger.valve.turn(State::Open);
    let answer = until_recorded(&mut other, authorize_request(1, true)).await;
    assert_eq!(answer, Decision::Allow);
    drop((other, server));
    let events = ledger.close(RecordKind::SignIn);
    // After the record that blocked the disk: the flood's first, then the other connection's.
    assert_eq!(
        events[2]["userId"],
        authorize_request(1, true).user,
        "{events:?}"
    );
}

/// Retries if the machine was busy for longer than the timeout.
async fn until_recorded(
    client: &mut AuthorizationServiceClient<Channel>,
    request: AuthorizeRequest,
) -> Decision {
    for _ in 0..50 {
        if let Ok(answer) = client.authorize(request.clone()).await {
            return answer.into_inner().decision();
        }
    }
    panic!("the disk accepts no record");
}

/// With 24 groups before it, a record behind all others would be on disk after two seconds, but its caller waits
/// only one.
#[tokio::test]
async fn fresh_allows_are_answered_while_denials_fill_the_queue_of_a_slow_disk() {
    let ledger = Ledger::with(Mode::Strict, |options| options.queue = 8192);
    let server = serve(&ledger);
    let mut client = connect(&server).await;
    ledger.valve.turn(State::Slow(Duration::from_millis(80)));
    let flooding = Arc::new(AtomicBool::new(true));
    let flood = std::thread::spawn({
        let (journal, flooding) = (
            Arc::clone(ledger.log.journal().unwrap()),
            Arc::clone(&flooding),
        );
        move || {
            while flooding.load(Ordering::Relaxed) {
                // The size of a typical event.
                let body = format!(r#"{{"id":"{}"}}"#, "x".repeat(1400)).into_bytes();
                let flood = |source| journal.append(denial(body.clone(), RecordSource(source)));
                // From enough sources to fill the queue.
                if (100..120).all(|source| flood(source).is_err()) {
                    std::thread::sleep(Duration::from_micros(100));
                }
            }
        }
    });
    while journal(&ledger).status().queued < 4000 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut allowed = 0;
    for user in 0..5 {
        let answer = client.authorize(authorize_request(user, true)).await;
        allowed += usize::from(answer.is_ok());
    }
    flooding.store(false, Ordering::Relaxed);
    flood.join().unwrap();
    ledger.valve.turn(State::Open);
    assert!(allowed >= 4, "{allowed} of 5");
}

fn denial(body: Vec<u8>, source: RecordSource) -> JournalEntry {
    JournalEntry {
        kind: EventKind::SignIn,
        time: Timestamp::from_seconds(1_800_000_000),
        body,
        is_awaited: false,
        source,
        when_durable: None,
    }
}
