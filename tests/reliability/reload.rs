//! Reloads under load: every answer follows the policies of its snapshot.
//!
//! Each version of the policies allows a different set of users, and every other version trusts the home tenant's MFA.
//! So an answer that mixes two versions, comes from an older one, or follows rejected policies is wrong for some user.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crosstrust::rpc::proto::policy_service_client::PolicyServiceClient;
use crosstrust::rpc::proto::watch_snapshots_response::Event;
use crosstrust::rpc::proto::{
    Decision, GetSnapshotRequest, Reason, Snapshot, WatchSnapshotsRequest,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tonic::transport::Endpoint;

use crate::figure::{percentile, row, size};
use crate::support::random::Rng;
use crate::support::sidecar::{Sidecar, ask, is_refusal, opens_sharepoint};

/// Versions of the policies. Each reload activates the next; the first follows the last.
const VERSIONS: u64 = 40;
const USERS: u64 = 16;
const CLIENTS: u64 = 4;

/// Whether this version allows this user.
fn allows_user(version: u64, user: u64) -> bool {
    Rng::new(version << 16 | user).next() & 1 == 1
}

fn trusts_mfa(version: u64) -> bool {
    version.is_multiple_of(2)
}

/// The decision of this version for a user who did MFA in the home tenant.
fn expected(version: u64, user: u64) -> (Decision, Reason) {
    match (allows_user(version, user), trusts_mfa(version)) {
        (false, _) => (Decision::Deny, Reason::InboundUser),
        (true, false) => (Decision::Deny, Reason::MfaNotTrusted),
        (true, true) => (Decision::Allow, Reason::Allowed),
    }
}

/// A copy of the sample policies, in which one file changes.
struct Policies {
    folder: PathBuf,
    /// The sample's partner settings of Contoso for Fabrikam.
    sample: Value,
}

impl Policies {
    fn copy_sample(folder: &Path) -> Policies {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        copy(&sample, folder);
        let partner = fs::read(folder.join(PARTNER)).unwrap();
        Policies {
            folder: folder.to_owned(),
            sample: serde_json::from_slice(&partner).unwrap(),
        }
    }

    fn document(&self, version: u64) -> Value {
        let mut document = self.sample.clone();
        let users = (0..USERS).filter(|user| allows_user(version, *user));
        let target = |user: u64| json!({ "target": opens_sharepoint(user, true).user, "targetType": "user" });
        let targets: Vec<Value> = users.map(target).collect();
        document["b2bDirectConnectInbound"]["usersAndGroups"]["targets"] = json!(targets);
        document["inboundTrust"]["isMfaAccepted"] = json!(trusts_mfa(version));
        document
    }

    /// Writes a file outside the folder and renames it into the folder: one change, and so one event.
    fn replace(&self, text: &str) {
        let new = self.folder.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.folder.join(PARTNER)).unwrap();
    }

    fn write(&self, version: u64) {
        self.replace(&self.document(version).to_string());
    }

    /// A broken document that would allow every user if any part of it took effect. `reload` makes each document differ.
    fn write_broken(&self, reload: u64) {
        let mut document = self.sample.clone();
        document["displayName"] = json!(format!("reload {reload}"));
        let inbound = "b2bDirectConnectInbound";
        let mut text = match reload / 5 % 4 {
            0 => {
                document[inbound]["applications"]["accessType"] = json!("perhaps");
                document.to_string()
            }
            1 => {
                document["tenantId"] = json!(7);
                document.to_string()
            }
            2 => {
                document[inbound]["unlessOtherwise"] = json!({ "accessType": "allowed" });
                document[inbound]["usersAndGroups"]["targets"] = json!("AllUsers");
                document.to_string()
            }
            _ => document.to_string(),
        };
        if reload / 5 % 4 == 3 {
            text.truncate(text.len() * 2 / 3);
        }
        self.replace(&text);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(path, target).unwrap();
        }
    }
}

const PARTNER: &str = "contoso/partners/fabrikam.json";

/// State that the clients and the writer share.
#[derive(Default)]
struct Shared {
    /// The version of the last activation that the server has reported.
    reported: AtomicU64,
    answers: AtomicU64,
    unanswered: AtomicU64,
    stop: AtomicBool,
}

/// An answer to a client, with the state before its call.
struct ReceivedAnswer {
    user: u64,
    snapshot: Snapshot,
    decision: (Decision, Reason),
    cached: bool,
    reported_before: u64,
    latency: Duration,
}

async fn call(
    sidecar: &Sidecar,
    shared: Arc<Shared>,
    seed: u64,
) -> impl Future<Output = Vec<ReceivedAnswer>> + use<> {
    let mut client = sidecar.client().await;
    let mut random = Rng::new(seed);
    async move {
        let mut received = Vec::new();
        while !shared.stop.load(Ordering::Relaxed) {
            let reported_before = shared.reported.load(Ordering::SeqCst);
            let user = random.next() % USERS;
            let call_started = Instant::now();
            let answer = match ask(&mut client, opens_sharepoint(user, true)).await {
                Ok(answer) => answer,
                Err(status) => {
                    assert!(is_refusal(&status), "{status}");
                    shared.unanswered.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            };
            shared.answers.fetch_add(1, Ordering::Relaxed);
            received.push(ReceivedAnswer {
                user,
                decision: (answer.decision(), answer.reason()),
                cached: answer.cached,
                snapshot: answer.snapshot.unwrap(),
                reported_before,
                latency: call_started.elapsed(),
            });
        }
        received
    }
}

/// The version of the policies by snapshot id, and how many reloads were rejected.
struct ReloadResults {
    versions: HashMap<String, u64>,
    rejected: u64,
}

/// Writes one version after another, every fifth broken, and waits for the server's event each time.
async fn reload(
    sidecar: &Sidecar,
    policies: &Policies,
    reloads: u64,
    shared: &Shared,
) -> ReloadResults {
    let endpoint = Endpoint::from_shared(sidecar.url.clone()).unwrap();
    let mut client = PolicyServiceClient::new(endpoint.connect().await.unwrap());
    let watching = client
        .watch_snapshots(WatchSnapshotsRequest {})
        .await
        .unwrap();
    let mut events = watching.into_inner();
    let first = client
        .get_snapshot(GetSnapshotRequest {})
        .await
        .unwrap()
        .into_inner();
    let mut results = ReloadResults {
        versions: HashMap::from([(first.snapshot.unwrap().id, 0)]),
        rejected: 0,
    };
    for number in 1..=reloads {
        let is_broken = number.is_multiple_of(5);
        let version = number % VERSIONS;
        if is_broken {
            policies.write_broken(number);
        } else {
            policies.write(version);
        }
        let event = events.message().await.unwrap().unwrap().event.unwrap();
        match event {
            Event::Activated(snapshot) => {
                assert!(!is_broken, "reload {number} is broken and was activated");
                let known = *results.versions.entry(snapshot.id).or_insert(version);
                assert_eq!(known, version, "two versions have the same snapshot id");
                shared.reported.store(snapshot.version, Ordering::SeqCst);
            }
            Event::Rejected(rejection) => {
                assert!(is_broken, "reload {number}: {rejection:?}");
                results.rejected += 1;
            }
        }
        // So that clients call while this version is active.
        let answers = shared.answers.load(Ordering::Relaxed);
        while shared.answers.load(Ordering::Relaxed) < answers + CLIENTS {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
    results
}

#[test]
fn every_answer_during_reloads_follows_its_snapshot() {
    let _alone = crate::figure::alone();
    let reloads = size(40, 500);
    let folder = tempfile::tempdir().unwrap();
    let policies = Policies::copy_sample(&folder.path().join("policies"));
    policies.write(0);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_crosstrust"));
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "off",
        "--policies",
    ]);
    command
        .arg(&policies.folder)
        .args(["--reload-debounce-ms", "1"]);
    command
        .arg("--log-directory")
        .arg(folder.path().join("records"));
    let sidecar = Sidecar::spawn(command, folder.path());
    let shared = Arc::new(Shared::default());
    shared.reported.store(1, Ordering::SeqCst);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let started = Instant::now();
    let (results, received) = runtime.block_on(async {
        let mut clients = JoinSet::new();
        for seed in 0..CLIENTS {
            clients.spawn(call(&sidecar, Arc::clone(&shared), seed).await);
        }
        let results = reload(&sidecar, &policies, reloads, &shared).await;
        shared.stop.store(true, Ordering::Relaxed);
        let received: Vec<ReceivedAnswer> =
            clients.join_all().await.into_iter().flatten().collect();
        (results, received)
    });
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(results.rejected, reloads / 5);
    let mut found = HashSet::new();
    for answer in &received {
        let version = results.versions.get(&answer.snapshot.id);
        let version = *version.expect("the snapshot of an activation");
        assert_eq!(
            answer.decision,
            expected(version, answer.user),
            "user {}, version {version}",
            answer.user
        );
        assert!(answer.snapshot.version >= answer.reported_before);
        found.insert((answer.decision, answer.cached));
    }
    // Each of the three decisions came both fresh and from the cache.
    assert_eq!(found.len(), 6, "{found:?}");
    let unanswered = shared.unanswered.load(Ordering::Relaxed);
    // The short form runs on a debug build beside other tests, where answers may be late.
    let most_unanswered = size(u64::MAX, received.len() as u64 / 100);
    assert!(unanswered <= most_unanswered, "{unanswered}");
    let mut latencies: Vec<Duration> = received.iter().map(|answer| answer.latency).collect();
    row(
        "0-reload",
        "policies changed by rename while four clients call, every fifth change broken in one of four ways; each answer is compared with the policies of its snapshot, and its snapshot with the last one reported before the call",
        &format!("{reloads} reloads, {} calls", received.len()),
        &format!(
            "no wrong answer, none from an older snapshot, {unanswered} calls unanswered; {} reloads rejected; {:.0} calls/s, p99 {}",
            results.rejected,
            received.len() as f64 / seconds,
            percentile(&mut latencies, 99),
        ),
    );
}
