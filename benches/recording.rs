//! The cost of a record: `cargo bench --bench recording`.
//!
//! Complete calls over loopback with the log off, async and strict, in alternating rounds, because the machine is not
//! quiet. Each miss is a new user, all hits are one user. Times are medians. Ratios are to the round with the log off;
//! the table shows the median of the rounds.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench may fail loudly"
)]

#[path = "support/calls.rs"]
mod calls;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crosstrust::cache::CacheBytes;
use crosstrust::clock::Clock;
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::log::journal::checkpoint::Signer;
use crosstrust::log::journal::disk::SystemDisk;
use crosstrust::log::journal::{Journal, JournalOptions, WaitBounds};
use crosstrust::log::pseudonym::Pseudonyms;
use crosstrust::log::{Log, Mode};
use crosstrust::reload::{ReloadOptions, ReloadOutcome, load_once};
use crosstrust::rpc::proto::Decision;
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::{self, Backend, HealthState, Recorder, RequestLimits, Rights};
use crosstrust::serve::{Listener, ServeOptions, Server};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tonic::transport::Channel;

use calls::question;

const MODES: [(&str, Option<Mode>); 3] = [
    ("off", None),
    ("async", Some(Mode::Async)),
    ("strict", Some(Mode::Strict)),
];
const ROUNDS: usize = 7;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    println!("| calls | callers | log | median, µs | ÷ off | calls/s | ÷ off |");
    println!("|---|---|---|---|---|---|---|");
    for (name, is_hit) in [("hit", true), ("miss", false)] {
        for (callers, calls) in [(1, 400), (32, 4000)] {
            let servers = MODES.map(|(_, mode)| RunningServer::start(mode));
            let mut measured = [const { Vec::new() }; 3];
            for round in 0..=ROUNDS {
                for (server, measured) in servers.iter().zip(&mut measured) {
                    let result = runtime.block_on(server.measure(callers, calls, is_hit));
                    // The first round is a warm-up.
                    if round > 0 {
                        measured.push(result);
                    }
                }
            }
            print_rows(name, callers, &measured);
        }
    }
}

/// A round: the median time of a call in µs, and calls per second.
type Round = (f64, f64);

fn print_rows(name: &str, callers: usize, measured: &[Vec<Round>; 3]) {
    let median_of =
        |pick: fn(&Round) -> f64, rounds: &[Round]| median(rounds.iter().map(pick).collect());
    let median_ratio = |pick: fn(&Round) -> f64, rounds: &[Round]| {
        let pairs = rounds.iter().zip(&measured[0]);
        median(pairs.map(|(round, off)| pick(round) / pick(off)).collect())
    };
    for ((mode, _), rounds) in MODES.iter().zip(measured) {
        println!(
            "| {name} | {callers} | {mode} | {:.0} | {:.2} | {:.0} | {:.2} |",
            median_of(|round| round.0, rounds),
            median_ratio(|round| round.0, rounds),
            median_of(|round| round.1, rounds),
            median_ratio(|round| round.1, rounds),
        );
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// A server with its own log on the disk of the working folder.
struct RunningServer {
    url: String,
    users: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    _records: Option<TempDir>,
}

impl RunningServer {
    fn start(mode: Option<Mode>) -> RunningServer {
        let engine = Arc::new(Engine::new(EngineOptions {
            cache: Some(CacheBytes::default()),
            clock: Clock::System,
        }));
        let loaded = load_once(&engine, ReloadOptions::of("policies"));
        assert!(matches!(loaded, ReloadOutcome::Activated(_)), "{loaded:?}");
        let (log, records) = mode.map(log).unzip();
        let health = HealthState::new();
        let backend = Backend {
            engine,
            reload: None,
            limits: RequestLimits::default(),
            reflection: false,
            gateway: Arc::default(),
            recorder: Recorder {
                log: log.unwrap_or_default(),
                ..Recorder::default()
            },
        };
        let listener = Listener {
            address: "127.0.0.1:0".parse().unwrap(),
            plaintext: false,
            uids: None,
            tls: None,
            service: rpc::router(&backend, &Rights::ALL, &health),
        };
        let options = ServeOptions {
            threads: 1,
            ..ServeOptions::default()
        };
        let server = Server::bind(vec![listener], options).unwrap();
        let url = format!("http://{}", server.addresses()[0]);
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let shutdown = async {
                let _ = stopped.await;
            };
            server.run(shutdown, || {})
        });
        RunningServer {
            url,
            users: Arc::new(AtomicU64::new(1)),
            stop: Some(stop),
            _records: records,
        }
    }

    async fn measure(&self, callers: usize, calls: usize, is_hit: bool) -> Round {
        let channel = Channel::from_shared(self.url.clone()).unwrap();
        let channel = channel.connect().await.unwrap();
        let started = Instant::now();
        let callers = (0..callers).map(|_| {
            let client = AuthorizationServiceClient::new(channel.clone());
            tokio::spawn(call_repeatedly(
                client,
                Arc::clone(&self.users),
                calls / callers,
                is_hit,
            ))
        });
        let callers: Vec<_> = callers.collect();
        let mut times = Vec::with_capacity(calls);
        for caller in callers {
            times.extend(caller.await.unwrap());
        }
        let total = started.elapsed().as_secs_f64();
        let rate = times.len() as f64 / total;
        let times = times.iter().map(|time| time.as_secs_f64() * 1e6);
        (median(times.collect()), rate)
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

async fn call_repeatedly(
    mut client: AuthorizationServiceClient<Channel>,
    users: Arc<AtomicU64>,
    calls: usize,
    is_hit: bool,
) -> Vec<Duration> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let user = if is_hit {
            0
        } else {
            users.fetch_add(1, Ordering::Relaxed)
        };
        let question = question(u128::from(user), 0);
        let started = Instant::now();
        let answer = client.authorize(question).await.unwrap().into_inner();
        times.push(started.elapsed());
        assert_eq!(answer.decision(), Decision::Allow);
    }
    times
}

fn log(mode: Mode) -> (Log, TempDir) {
    let folder = tempfile::tempdir_in("target").unwrap();
    let options = JournalOptions {
        signer: Signer::load_or_create(&folder.path().join("signing.key")).unwrap(),
        queue: 8192,
        wait: WaitBounds::within(Duration::from_millis(100)),
        linger: match mode {
            Mode::Strict => Duration::ZERO,
            Mode::Async => Duration::from_millis(10),
        },
        segment_bytes: 64 << 20,
        retention_bytes: 1 << 30,
        retention: Duration::from_secs(3600),
        reserve_bytes: 0,
        is_exported: false,
    };
    let disk = SystemDisk::lock(folder.path()).unwrap();
    let (journal, _) = Journal::open(options, Arc::new(disk), Clock::System).unwrap();
    let log = Log::new(Arc::new(journal), mode, Pseudonyms::OFF, Clock::System);
    (log, folder)
}
