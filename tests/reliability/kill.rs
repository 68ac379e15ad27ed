//! kill -9 at random moments: every allow that a client received is recorded, and the chain verifies.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crosstrust::rpc::proto::Decision;
use tokio::task::JoinSet;

use crate::figure::{row, size};
use crate::support::random::Rng;
use crate::support::sidecar::{Sidecar, ask, is_refusal, log, opens_sharepoint};

/// Runs `kills` times on the same records: starts the server, waits for at least 100 allows and kills it during calls.
/// Returns how many allows the clients received.
fn kill_repeatedly(kills: u64, seed: u64) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut random = Rng::new(seed);
    let mut received = HashSet::new();
    let users = Arc::new(AtomicU64::new(0));
    for kill in 0..kills {
        let sidecar = Sidecar::start(folder.path(), &["--log-mode", "strict"]);
        let extra = Duration::from_micros(random.next() % 20_000);
        received.extend(runtime.block_on(call_until_killed(sidecar, extra, &users)));
        assert_eq!(
            missing(folder.path(), &received),
            Vec::<String>::new(),
            "kill {kill}, seed {seed}"
        );
    }
    assert!(received.len() as u64 >= 100 * kills);
    received.len()
}

/// The ids of the allows that four clients received until the process ended.
async fn call_until_killed(
    sidecar: Sidecar,
    extra: Duration,
    users: &Arc<AtomicU64>,
) -> HashSet<String> {
    let allows = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let mut client = sidecar.client().await;
        let (users, allows) = (Arc::clone(users), Arc::clone(&allows));
        clients.spawn(async move {
            let mut received = HashSet::new();
            loop {
                let user = users.fetch_add(1, Ordering::Relaxed);
                let mfa = !user.is_multiple_of(5);
                let answer = match ask(&mut client, opens_sharepoint(user, mfa)).await {
                    Ok(answer) => answer,
                    Err(status) if is_refusal(&status) => continue,
                    Err(_) => return received,
                };
                if answer.decision() == Decision::Allow {
                    received.insert(answer.decision_id);
                    allows.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    while allows.load(Ordering::Relaxed) < 100 {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    tokio::time::sleep(extra).await;
    tokio::task::spawn_blocking(|| sidecar.kill())
        .await
        .unwrap();
    clients.join_all().await.into_iter().flatten().collect()
}

/// Verifies the records and returns the ids in `allows` that are not recorded.
pub fn missing(folder: &Path, allows: &HashSet<String>) -> Vec<String> {
    let verified = log(folder, &["verify"]);
    assert!(
        verified.status.success(),
        "{}{}",
        String::from_utf8_lossy(&verified.stdout),
        String::from_utf8_lossy(&verified.stderr)
    );
    let resource = "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f";
    let arguments = ["show", "--tenant", resource, "--side", "resource"];
    let shown = log(folder, &[&arguments[..], &["--format", "json"]].concat());
    let recorded: HashSet<String> = String::from_utf8(shown.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["id"].as_str().unwrap().to_owned()
        })
        .collect();
    allows.difference(&recorded).cloned().collect()
}

#[test]
fn every_allow_that_a_client_received_before_a_kill_is_recorded() {
    let _alone = crate::figure::alone();
    let kills = size(20, 100);
    let allows = kill_repeatedly(kills, 1);
    row(
        "1-kill",
        "kill -9 while four clients call (`log.mode = strict`); then `log verify` and a search for each allow that a client received",
        &format!("{kills} kills, {allows} allows"),
        "no allow without a record; the chain verifies",
    );
}
