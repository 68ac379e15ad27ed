//! More concurrent calls than the server admits, and calls that never end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crosstrust::rpc::proto::{AuthorizeBatchRequest, AuthorizeBatchResponse, Decision};
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use prost::Message as _;
use tokio::task::LocalSet;

use crate::figure::{row, size};
use crate::http2_client::{AUTHORIZE, AUTHORIZE_BATCH, CHECK, Client, REFUSALS};
use crate::support::sidecar::{Sidecar, opens_sharepoint};

const WINDOW: u32 = 1 << 20;
/// Requests in a batch: enough that a call costs the server more than the client.
const BATCH: u64 = 50;

#[derive(Default)]
struct OverloadResults {
    answered: Vec<Duration>,
    refused: usize,
}

impl OverloadResults {
    fn p99(&mut self) -> Duration {
        self.answered.sort_unstable();
        self.answered[(self.answered.len() - 1) * 99 / 100]
    }
}

/// Every second request is of a user without MFA, who is denied.
fn batch(first: u64) -> Vec<u8> {
    let requests = (first..first + BATCH).map(|user| opens_sharepoint(user, user % 2 == 0));
    let requests = requests.collect();
    AuthorizeBatchRequest { requests }.encode_to_vec()
}

/// Whether the answers to [`batch`] are complete and match the policies.
fn is_correct(message: &[u8]) -> bool {
    let answers = AuthorizeBatchResponse::decode(message).unwrap().responses;
    let expected = |user: usize| match user % 2 {
        0 => Decision::Allow,
        _ => Decision::Deny,
    };
    let mut decisions = answers.iter().map(|answer| answer.decision()).enumerate();
    answers.len() as u64 == BATCH && decisions.all(|(user, decision)| decision == expected(user))
}

/// Each of `streams` streams calls again as soon as its call is answered or refused.
async fn call_continuously(address: &str, streams: usize, span: Duration) -> OverloadResults {
    let results = Rc::new(RefCell::new(OverloadResults::default()));
    let tasks = LocalSet::new();
    let end = Rc::new(Cell::new(Instant::now()));
    let request = Rc::new(batch(0));
    for first in (0..streams).step_by(64) {
        let client = Client::connect(address, WINDOW).await;
        for _ in first..streams.min(first + 64) {
            let (client, results) = (client.clone(), Rc::clone(&results));
            let (request, end) = (Rc::clone(&request), Rc::clone(&end));
            tasks.spawn_local(async move {
                while Instant::now() < end.get() {
                    let started = Instant::now();
                    let answer = client.call(AUTHORIZE_BATCH, &request).await;
                    let answer = answer.expect("every call is answered");
                    let mut results = results.borrow_mut();
                    if answer.status == "0" {
                        assert!(is_correct(&answer.message));
                        results.answered.push(started.elapsed());
                    } else {
                        assert!(REFUSALS.contains(&&*answer.status), "{}", answer.status);
                        results.refused += 1;
                    }
                }
            });
        }
    }
    // All connections are open, and no task has run yet.
    end.set(Instant::now() + span);
    tasks.await;
    results.take()
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// Concurrent calls that the server admits.
const ADMITTED: usize = 32;
/// Streams that keep the server busy without overload.
const BASELINE_STREAMS: usize = 8;

#[test]
fn calls_beyond_the_limit_are_refused_and_no_answer_is_wrong() {
    let _alone = crate::figure::alone();
    for times in size(&[10][..], &[2, 5, 10]) {
        measure_overload(*times);
    }
}

fn measure_overload(times: usize) {
    let folder = tempfile::tempdir().unwrap();
    // A long handler budget: on a debug build a batch may take longer than the default.
    let long_limits = ["--log-mode", "off", "--limits-handler-ms", "5000"];
    let limits = [
        "--threads",
        "1",
        "--limits-in-flight",
        &ADMITTED.to_string(),
    ];
    let sidecar = Sidecar::start(folder.path(), &[&long_limits[..], &limits[..]].concat());
    let address = sidecar.url.trim_start_matches("http://").to_owned();
    let span = size(Duration::from_millis(400), Duration::from_secs(8));
    let (mut baseline, mut overloaded) = runtime().block_on(async {
        let baseline = call_continuously(&address, BASELINE_STREAMS, span).await;
        (
            baseline,
            call_continuously(&address, times * ADMITTED, span).await,
        )
    });
    sidecar.end();
    assert!(
        !baseline.answered.is_empty(),
        "{} refused",
        baseline.refused
    );
    assert!(
        !overloaded.answered.is_empty(),
        "{} refused",
        overloaded.refused
    );
    assert!(overloaded.refused > 0);
    let ratio = overloaded.answered.len() as f64 / baseline.answered.len() as f64;
    assert!(ratio >= size(0.0, 0.8), "{times} ×: {ratio}");
    row(
        &format!("2-overload-{times:02}"),
        &format!(
            "{times} × the admitted calls (`limits.in_flight = {ADMITTED}`, one thread), batches of 50, each stream calls again at once"
        ),
        &format!(
            "{} answered, {} refused in {} s",
            overloaded.answered.len(),
            overloaded.refused,
            span.as_secs()
        ),
        &format!(
            "all refusals explicit, no wrong answer; {:.0} % of the answers to {} streams, p99 {:.1} ms ({:.1} ms)",
            100.0 * ratio,
            BASELINE_STREAMS,
            overloaded.p99().as_secs_f64() * 1e3,
            baseline.p99().as_secs_f64() * 1e3
        ),
    );
}

#[test]
fn a_shed_check_is_a_denial() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "--log-mode",
        "off",
        "--threads",
        "1",
        "--limits-in-flight",
        "1",
    ];
    let sidecar = Sidecar::start(folder.path(), &arguments);
    let address = sidecar.url.trim_start_matches("http://").to_owned();
    let rounds = size(4, 200);
    let request = CheckRequest::default().encode_to_vec();
    let (mut decided, mut shed) = (0, 0);
    runtime().block_on(async {
        let client = Client::connect(&address, WINDOW).await;
        for _ in 0..rounds {
            // Sent together, so that the server reads them together and admits one.
            let calls = (0..100).map(|_| client.call(CHECK, &request));
            for answer in futures_util::future::join_all(calls).await {
                let answer = answer.expect("every call is answered");
                assert_eq!(
                    answer.status, "0",
                    "Envoy does not treat a gRPC error as a denial"
                );
                let answer = CheckResponse::decode(answer.message).unwrap();
                assert_ne!(answer.status.as_ref().map_or(0, |status| status.code), 0);
                match format!("{answer:?}").contains("OVERLOADED") {
                    true => shed += 1,
                    false => decided += 1,
                }
            }
        }
    });
    sidecar.end();
    assert!(shed > 0 && decided > 0, "{shed} shed, {decided} decided");
    row(
        "2-overload-check",
        "100 concurrent Checks, one admitted (`limits.in_flight = 1`)",
        &format!("{} Checks, {shed} shed", shed + decided),
        "all are denials (`denied_response` 503), none an allow or a gRPC error",
    );
}

#[test]
fn unfinished_calls_on_one_listener_do_not_refuse_the_calls_of_another() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    // Long limits: the test must not depend on the load of the machine.
    let long_limits = ["--limits-queue-ms", "60000", "--limits-handler-ms", "5000"];
    let listeners = ["--log-mode", "off", "--listen", "127.0.0.1:0"];
    let in_flight = ["--limits-in-flight", size("64", "512")];
    let arguments = [&listeners[..], &long_limits[..], &in_flight[..]].concat();
    let sidecar = Sidecar::start(folder.path(), &arguments);
    let addresses = sidecar.url.trim_start_matches("http://").to_owned();
    let (flooded, other) = addresses.split_once(", ").unwrap();
    let (connections, streams, calls) = size((1, 100, 50), (4, 250, 5_000));
    let answered = runtime().block_on(async {
        let unfinished = LocalSet::new();
        for _ in 0..connections {
            let client = Client::connect(flooded, WINDOW).await;
            for _ in 0..streams {
                let client = client.clone();
                unfinished.spawn_local(async move {
                    loop {
                        client.start_unfinished_call(AUTHORIZE).await;
                    }
                });
            }
        }
        let request = opens_sharepoint(1, true).encode_to_vec();
        unfinished
            .run_until(async {
                let client = Client::connect(flooded, WINDOW).await;
                // Until this listener has no capacity left.
                while client.call(AUTHORIZE, &request).await.unwrap().status == "0" {}
                let client = Client::connect(other, WINDOW).await;
                let mut answered = 0;
                for _ in 0..calls {
                    let answer = client.call(AUTHORIZE, &request).await.unwrap();
                    answered += usize::from(answer.status == "0");
                }
                answered
            })
            .await
    });
    sidecar.end();
    assert_eq!(answered, calls);
    row(
        "2-unfinished",
        "calls that never send a message, repeatedly on one listener; a client on another listener",
        &format!(
            "{} such calls at a time; {calls} calls of the client",
            connections * streams
        ),
        "all answered",
    );
}
