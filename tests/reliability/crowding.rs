//! A client requests fresh allows while other connections flood the log with denials or with allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::proto::{AuthorizeBatchRequest, Decision};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::figure::{percentile, row, size};
use crate::support::sidecar::{Sidecar, ask, log, opens_sharepoint};

/// What the flooding connections send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flood {
    /// Batches of denials for new users.
    Denials,
    /// Batches of allows for new users: many more records wait than one group commit holds.
    Allows,
}

/// The client's results, and the rate of the flood.
struct FloodResults {
    requested: usize,
    allowed: usize,
    latencies: Vec<Duration>,
    /// Requests of the flood per second.
    rate: u64,
}

/// The number of flood requests sent, and whether the flood should stop.
#[derive(Default)]
struct FloodState {
    requests_sent: AtomicU64,
    is_over: AtomicBool,
}

const BATCH: u64 = 100;

impl Flood {
    /// Concurrent calls on a connection: the most that leave the request threads time for other calls, and far below
    /// `limits.in_flight`. An allow waits for its record; a denial does not wait.
    fn concurrent_calls(self) -> usize {
        match self {
            Flood::Denials => 8,
            Flood::Allows => 96,
        }
    }

    /// Sends until the flood is over, and ignores errors.
    async fn send(
        self,
        mut client: AuthorizationServiceClient<Channel>,
        state: Arc<FloodState>,
        users: Arc<AtomicU64>,
    ) {
        while !state.is_over.load(Ordering::Relaxed) {
            let first = users.fetch_add(BATCH, Ordering::Relaxed);
            let mfa = self == Flood::Allows;
            let requests = (first..first + BATCH).map(|user| opens_sharepoint(user, mfa));
            let batch = AuthorizeBatchRequest {
                requests: requests.collect(),
            };
            let _ = client.authorize_batch(batch).await;
            state.requests_sent.fetch_add(BATCH, Ordering::Relaxed);
        }
    }
}

/// Floods from this many connections while a client on its own connection sends one request after another.
fn flood(kind: Flood, connections: usize, requested: usize) -> FloodResults {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Arc::new(Sidecar::start(folder.path(), &["--log-mode", "strict"]));
    let state = Arc::new(FloodState::default());
    let users = Arc::new(AtomicU64::new(1 << 32));
    let flooder = std::thread::spawn({
        let (sidecar, state) = (Arc::clone(&sidecar), Arc::clone(&state));
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut calls = JoinSet::new();
                for _ in 0..connections {
                    let client = sidecar.client().await;
                    for _ in 0..kind.concurrent_calls() {
                        let (state, users) = (Arc::clone(&state), Arc::clone(&users));
                        calls.spawn(kind.send(client.clone(), state, users));
                    }
                }
                calls.join_all().await;
            });
        }
    });
    // The log queue is full by then.
    while state.requests_sent.load(Ordering::Relaxed) < 20_000 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let before = state.requests_sent.load(Ordering::Relaxed);
    let begun = Instant::now();
    let (allowed, latencies) = request_fresh_allows(&sidecar, requested);
    let sent = state.requests_sent.load(Ordering::Relaxed) - before;
    let rate = sent as f64 / begun.elapsed().as_secs_f64();
    state.is_over.store(true, Ordering::Relaxed);
    flooder.join().unwrap();
    let sidecar = Arc::try_unwrap(sidecar).unwrap_or_else(|_| panic!("the flood is over"));
    sidecar.end();
    let verified = log(folder.path(), &["verify"]);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stdout)
    );
    FloodResults {
        requested,
        allowed,
        latencies,
        rate: rate as u64,
    }
}

/// Returns how many of `requested` requests were allowed, and the latency of each allow.
fn request_fresh_allows(sidecar: &Sidecar, requested: usize) -> (usize, Vec<Duration>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut client = sidecar.client().await;
        let mut latencies = Vec::with_capacity(requested);
        for user in 0..requested {
            let begun = Instant::now();
            let answer = ask(&mut client, opens_sharepoint(user as u64, true)).await;
            if answer.is_ok_and(|answer| answer.decision() == Decision::Allow) {
                latencies.push(begun.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (latencies.len(), latencies)
    })
}

impl FloodResults {
    fn row(&mut self, place: &str, tried: &str) {
        let (requested, allowed, rate) = (self.requested, self.allowed, self.rate);
        let median = percentile(&mut self.latencies, 50);
        let p99 = percentile(&mut self.latencies, 99);
        row(
            place,
            tried,
            &format!("{requested} fresh allows, {rate} flood requests/s"),
            &format!("{allowed} of {requested} answered; median {median}, p99 {p99}"),
        );
    }

    /// The goal is 99 %. The short form expects 90 %: it sends few requests, while other tests run on the machine.
    fn assert_served(&self) {
        let goal = size(90, 99);
        assert!(
            self.allowed * 100 >= self.requested * goal,
            "{} of {} fresh allows were answered at {} flood requests/s, expected {goal} %",
            self.allowed,
            self.requested,
            self.rate
        );
    }
}

#[test]
fn fresh_allows_are_answered_while_two_other_connections_flood_the_log_with_denials() {
    let _alone = crate::figure::alone();
    let mut results = flood(Flood::Denials, 2, size(100, 6000));
    results.row(
        "1-crowding-denials",
        "two connections send batches of 100 denials, 8 at a time each, while a client requests fresh allows (`log.mode = strict`)",
    );
    results.assert_served();
}

#[test]
fn fresh_allows_are_answered_while_another_connection_floods_the_log_with_allows() {
    let _alone = crate::figure::alone();
    let mut results = flood(Flood::Allows, 1, size(100, 6000));
    results.row(
        "1-crowding-allows",
        "one connection sends batches of 100 fresh allows, 96 at a time, while a client requests fresh allows (`log.mode = strict`)",
    );
    results.assert_served();
}
