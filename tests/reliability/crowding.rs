//! A client that asks for fresh allows while another connection floods the log with denials, or with allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::proto::{AuthorizeBatchRequest, Decision};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::figure::{percentile, row, size};
use crate::support::sidecar::{Sidecar, ask, log, opens_sharepoint};

/// What the other connection sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flood {
    /// Batches of denials, each for another user.
    Denials,
    /// Batches of allows, each for another user: many more records wait than a group holds.
    Allows,
}

/// What the client saw, and how much was sent beside it.
struct Seen {
    asked: usize,
    allowed: usize,
    latencies: Vec<Duration>,
    /// Questions of the flood a second.
    rate: u64,
}

/// The questions of the flood so far, and whether it goes on.
#[derive(Default)]
struct Flooding {
    questions: AtomicU64,
    is_over: AtomicBool,
}

const BATCH: u64 = 100;

impl Flood {
    /// Calls at once on a connection: the most that leave the request threads time for others, and far below
    /// `limits.in_flight`. An allow waits for its record, and a denial for nothing.
    fn calls_at_once(self) -> usize {
        match self {
            Flood::Denials => 8,
            Flood::Allows => 96,
        }
    }

    /// Sends until it is over; errors are part of a flood.
    async fn send(
        self,
        mut client: AuthorizationServiceClient<Channel>,
        flooding: Arc<Flooding>,
        users: Arc<AtomicU64>,
    ) {
        while !flooding.is_over.load(Ordering::Relaxed) {
            let first = users.fetch_add(BATCH, Ordering::Relaxed);
            let mfa = self == Flood::Allows;
            let requests = (first..first + BATCH).map(|user| opens_sharepoint(user, mfa));
            let batch = AuthorizeBatchRequest {
                requests: requests.collect(),
            };
            let _ = client.authorize_batch(batch).await;
            flooding.questions.fetch_add(BATCH, Ordering::Relaxed);
        }
    }
}

/// Floods from this many connections while a client on its own asks one question after another.
fn flood(kind: Flood, connections: usize, asked: usize) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Arc::new(Sidecar::start(folder.path(), &["--log-mode", "strict"]));
    let flooding = Arc::new(Flooding::default());
    let users = Arc::new(AtomicU64::new(1 << 32));
    let flooder = std::thread::spawn({
        let (sidecar, flooding) = (Arc::clone(&sidecar), Arc::clone(&flooding));
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut calls = JoinSet::new();
                for _ in 0..connections {
                    let client = sidecar.client().await;
                    for _ in 0..kind.calls_at_once() {
                        let (flooding, users) = (Arc::clone(&flooding), Arc::clone(&users));
                        calls.spawn(kind.send(client.clone(), flooding, users));
                    }
                }
                calls.join_all().await;
            });
        }
    });
    // The queue is full by then.
    while flooding.questions.load(Ordering::Relaxed) < 20_000 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let before = flooding.questions.load(Ordering::Relaxed);
    let begun = Instant::now();
    let (allowed, latencies) = ask_for_fresh_allows(&sidecar, asked);
    let sent = flooding.questions.load(Ordering::Relaxed) - before;
    let rate = sent as f64 / begun.elapsed().as_secs_f64();
    flooding.is_over.store(true, Ordering::Relaxed);
    flooder.join().unwrap();
    let sidecar = Arc::try_unwrap(sidecar).unwrap_or_else(|_| panic!("the flood is over"));
    sidecar.end();
    let verified = log(folder.path(), &["verify"]);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stdout)
    );
    Seen {
        asked,
        allowed,
        latencies,
        rate: rate as u64,
    }
}

/// How many of so many questions were allowed, and how long each allow took.
fn ask_for_fresh_allows(sidecar: &Sidecar, asked: usize) -> (usize, Vec<Duration>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut client = sidecar.client().await;
        let mut latencies = Vec::with_capacity(asked);
        for user in 0..asked {
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

impl Seen {
    fn row(&mut self, place: &str, tried: &str) {
        let (asked, allowed, rate) = (self.asked, self.allowed, self.rate);
        let median = percentile(&mut self.latencies, 50);
        let late = percentile(&mut self.latencies, 99);
        row(
            place,
            tried,
            &format!("{asked} fresh allows beside {rate} questions a second"),
            &format!("{allowed} of {asked} answered; median {median}, p99 {late}"),
        );
    }

    /// The goal is 99 in 100. The short form asks few questions on a machine that runs other tests as well.
    fn assert_served(&self) {
        let goal = size(90, 99);
        assert!(
            self.allowed * 100 >= self.asked * goal,
            "{} of {} fresh allows were answered, {goal} % expected, beside {} questions a second",
            self.allowed,
            self.asked,
            self.rate
        );
    }
}

#[test]
fn fresh_allows_are_answered_while_two_other_connections_flood_the_log_with_denials() {
    let _alone = crate::figure::alone();
    let mut seen = flood(Flood::Denials, 2, size(100, 6000));
    seen.row(
        "1-crowding-denials",
        "two connections ask for batches of 100 denials, 8 at a time each, while a client asks for fresh allows (`log.mode = strict`)",
    );
    seen.assert_served();
}

#[test]
fn fresh_allows_are_answered_while_another_connection_floods_the_log_with_allows() {
    let _alone = crate::figure::alone();
    let mut seen = flood(Flood::Allows, 1, size(100, 6000));
    seen.row(
        "1-crowding-allows",
        "one connection asks for batches of 100 fresh allows, 96 at a time, while a client asks for fresh allows (`log.mode = strict`)",
    );
    seen.assert_served();
}
