//! More calls than are admitted, and calls that never come to an end.

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
/// Questions of a batch: so many that a call costs the server more than the client.
const BATCH: u64 = 50;

#[derive(Default)]
struct Seen {
    answered: Vec<Duration>,
    refused: usize,
}

impl Seen {
    fn p99(&mut self) -> Duration {
        self.answered.sort_unstable();
        self.answered[(self.answered.len() - 1) * 99 / 100]
    }
}

/// Every second question is one of a user without MFA, who is denied.
fn batch(first: u64) -> Vec<u8> {
    let requests = (first..first + BATCH).map(|user| opens_sharepoint(user, user % 2 == 0));
    let requests = requests.collect();
    AuthorizeBatchRequest { requests }.encode_to_vec()
}

/// Every allow is one that the policies give.
fn is_right(message: &[u8]) -> bool {
    let answers = AuthorizeBatchResponse::decode(message).unwrap().responses;
    let expected = |user: usize| match user % 2 {
        0 => Decision::Allow,
        _ => Decision::Deny,
    };
    let mut decisions = answers.iter().map(|answer| answer.decision()).enumerate();
    answers.len() as u64 == BATCH && decisions.all(|(user, decision)| decision == expected(user))
}

/// Each of so many streams asks again as soon as it is answered or refused.
async fn ask_beyond(address: &str, streams: usize, span: Duration) -> Seen {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let tasks = LocalSet::new();
    let end = Rc::new(Cell::new(Instant::now()));
    let question = Rc::new(batch(0));
    for first in (0..streams).step_by(64) {
        let client = Client::connect(address, WINDOW).await;
        for _ in first..streams.min(first + 64) {
            let (client, seen) = (client.clone(), Rc::clone(&seen));
            let (question, end) = (Rc::clone(&question), Rc::clone(&end));
            tasks.spawn_local(async move {
                while Instant::now() < end.get() {
                    let begun = Instant::now();
                    let answer = client.call(AUTHORIZE_BATCH, &question).await;
                    let answer = answer.expect("no call is left without an answer");
                    let mut seen = seen.borrow_mut();
                    if answer.status == "0" {
                        assert!(is_right(&answer.message));
                        seen.answered.push(begun.elapsed());
                    } else {
                        assert!(REFUSALS.contains(&&*answer.status), "{}", answer.status);
                        seen.refused += 1;
                    }
                }
            });
        }
    }
    // Connections stand and no task has run yet.
    end.set(Instant::now() + span);
    tasks.await;
    seen.take()
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// Calls at once that are admitted, and streams that keep the server busy.
const ADMITTED: usize = 32;
const USUAL: usize = 8;

#[test]
fn calls_beyond_those_admitted_are_refused_and_none_of_them_is_an_allow() {
    let _alone = crate::figure::alone();
    for times in size(&[10][..], &[2, 5, 10]) {
        ask_too_much(*times);
    }
}

fn ask_too_much(times: usize) {
    let folder = tempfile::tempdir().unwrap();
    // The budget is out of the way: without optimisation a batch may take longer.
    let patient = ["--log-mode", "off", "--limits-handler-ms", "5000"];
    let limits = [
        "--threads",
        "1",
        "--limits-in-flight",
        &ADMITTED.to_string(),
    ];
    let sidecar = Sidecar::start(folder.path(), &[&patient[..], &limits[..]].concat());
    let address = sidecar.url.trim_start_matches("http://").to_owned();
    let span = size(Duration::from_millis(400), Duration::from_secs(8));
    let (mut peak, mut beyond) = runtime().block_on(async {
        let peak = ask_beyond(&address, USUAL, span).await;
        (peak, ask_beyond(&address, times * ADMITTED, span).await)
    });
    sidecar.end();
    assert!(!peak.answered.is_empty(), "{} refused", peak.refused);
    assert!(!beyond.answered.is_empty(), "{} refused", beyond.refused);
    assert!(beyond.refused > 0);
    let ratio = beyond.answered.len() as f64 / peak.answered.len() as f64;
    assert!(ratio >= size(0.0, 0.8), "{times} ×: {ratio}");
    row(
        &format!("2-overload-{times:02}"),
        &format!(
            "{times} × the calls that are admitted (`limits.in_flight = {ADMITTED}`, a thread), batches of 50, each stream asks again at once"
        ),
        &format!(
            "{} answered, {} refused in {} s",
            beyond.answered.len(),
            beyond.refused,
            span.as_secs()
        ),
        &format!(
            "every refusal explicit, no wrong answer; {:.0} % of the answers of {} streams, p99 {:.1} ms ({:.1} ms)",
            100.0 * ratio,
            USUAL,
            beyond.p99().as_secs_f64() * 1e3,
            peak.p99().as_secs_f64() * 1e3
        ),
    );
}

#[test]
fn a_check_that_is_shed_is_a_denial() {
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
    let question = CheckRequest::default().encode_to_vec();
    let (mut decided, mut shed) = (0, 0);
    runtime().block_on(async {
        let client = Client::connect(&address, WINDOW).await;
        for _ in 0..rounds {
            // Written at once, and so read at once: one has the place.
            let calls = (0..100).map(|_| client.call(CHECK, &question));
            for answer in futures_util::future::join_all(calls).await {
                let answer = answer.expect("no call is left without an answer");
                assert_eq!(answer.status, "0", "to Envoy an error is no denial");
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
        "100 Checks at once where one is admitted",
        &format!("{} Checks, {shed} shed", shed + decided),
        "each is a denial (`denied_response` 503), none an allow or a gRPC error",
    );
}

#[test]
fn unfinished_calls_on_one_listener_do_not_refuse_the_calls_of_another() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    // A busy machine is not what this is about.
    let patient = ["--limits-queue-ms", "60000", "--limits-handler-ms", "5000"];
    let listeners = ["--log-mode", "off", "--listen", "127.0.0.1:0"];
    let places = ["--limits-in-flight", size("64", "512")];
    let arguments = [&listeners[..], &patient[..], &places[..]].concat();
    let sidecar = Sidecar::start(folder.path(), &arguments);
    let addresses = sidecar.url.trim_start_matches("http://").to_owned();
    let (weak, good) = addresses.split_once(", ").unwrap();
    let (connections, streams, calls) = size((1, 100, 50), (4, 250, 5_000));
    let answered = runtime().block_on(async {
        let unfinished = LocalSet::new();
        for _ in 0..connections {
            let client = Client::connect(weak, WINDOW).await;
            for _ in 0..streams {
                let client = client.clone();
                unfinished.spawn_local(async move {
                    loop {
                        client.begin_unfinished(AUTHORIZE).await;
                    }
                });
            }
        }
        let question = opens_sharepoint(1, true).encode_to_vec();
        unfinished
            .run_until(async {
                let client = Client::connect(weak, WINDOW).await;
                // Until no place is left for this listener.
                while client.call(AUTHORIZE, &question).await.unwrap().status == "0" {}
                let client = Client::connect(good, WINDOW).await;
                let mut answered = 0;
                for _ in 0..calls {
                    let answer = client.call(AUTHORIZE, &question).await.unwrap();
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
        "calls whose message never comes, again and again on one listener; a client on another listener",
        &format!(
            "{} such calls at a time; {calls} calls of that client",
            connections * streams
        ),
        "all answered",
    );
}
