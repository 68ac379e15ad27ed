//! The current segment or its folder is removed or replaced while clients call: every allow requested afterwards is
//! recorded, and `log verify` reports what is missing.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crosstrust::rpc::proto::Decision;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tokio::task::JoinSet;

use crate::figure::{row, size};
use crate::support::sidecar::{Sidecar, ask, log, opens_sharepoint, records};

/// Removes the current segment, the folder of records, or replaces the folder.
const REMOVALS: [fn(&Path); 3] = [
    |folder| fs::remove_file(newest_segment(folder)).unwrap(),
    |folder| {
        // The server creates new files there at once.
        while fs::remove_dir_all(folder).is_err() {}
    },
    |folder| {
        let other = folder.with_extension(format!("{:?}", Instant::now()));
        fs::create_dir(&other).unwrap();
        // An atomic exchange: the server creates the folder if it is missing.
        renameat_with(CWD, &other, CWD, folder, RenameFlags::EXCHANGE).unwrap();
    },
];

fn newest_segment(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let is_segment = |path: &PathBuf| path.to_string_lossy().contains("/segment-");
    paths.filter(is_segment).max().unwrap()
}

/// Runs one server. Of the requests after the removal, returns how many were allowed, how many were refused, and the
/// longest latency of an allow.
async fn remove_under_load(removal: fn(&Path), allows: u64) -> (u64, u64, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sidecar = Sidecar::start(folder, &["--log-mode", "strict"]);
    let users = Arc::new(AtomicU64::new(0));
    let is_removed = Arc::new(AtomicBool::new(false));
    let allowed = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let mut client = sidecar.client().await;
        let (users, is_removed, allowed) = (
            Arc::clone(&users),
            Arc::clone(&is_removed),
            Arc::clone(&allowed),
        );
        clients.spawn(async move {
            let (mut received, mut refused, mut longest) = (HashSet::new(), 0_u64, Duration::ZERO);
            while allowed.load(Ordering::Relaxed) < allows {
                let user = users.fetch_add(1, Ordering::Relaxed);
                let is_after_removal = is_removed.load(Ordering::SeqCst);
                let started = Instant::now();
                match ask(&mut client, opens_sharepoint(user, true)).await {
                    Ok(answer) if is_after_removal => {
                        assert_eq!(answer.decision(), Decision::Allow);
                        longest = longest.max(started.elapsed());
                        received.insert(answer.decision_id);
                        allowed.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(_) => {}
                    // AUDIT_UNAVAILABLE, or the time limit.
                    Err(_) => refused += u64::from(is_after_removal),
                }
            }
            (received, refused, longest)
        });
    }
    while users.load(Ordering::Relaxed) < 100 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let path = records(folder);
    tokio::task::spawn_blocking(move || removal(&path))
        .await
        .unwrap();
    is_removed.store(true, Ordering::SeqCst);
    let mut received = HashSet::new();
    let (mut refused, mut longest) = (0, Duration::ZERO);
    for (ids, more, latency) in clients.join_all().await {
        received.extend(ids);
        refused += more;
        longest = longest.max(latency);
    }
    let shown = log(folder, &["show", "--operator", "--format", "json"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    let recorded = text.lines().map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["id"].as_str().unwrap().to_owned()
    });
    let recorded: HashSet<String> = recorded.collect();
    assert_eq!(
        received.difference(&recorded).count(),
        0,
        "{}",
        sidecar.output()
    );
    let verified = log(folder, &["verify"]);
    let report = String::from_utf8(verified.stdout).unwrap();
    assert!(
        !verified.status.success() && report.contains("damaged"),
        "{report}"
    );
    (received.len() as u64, refused, longest)
}

#[test]
fn allows_after_a_removal_are_recorded_and_verify_reports_what_is_missing() {
    let _alone = crate::figure::alone();
    let (rounds, allows) = size((1, 50), (8, 2000));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (mut removals, mut received, mut refused, mut longest) = (0, 0, 0, Duration::ZERO);
    for _ in 0..rounds {
        for removal in REMOVALS {
            let (more, more_refused, latency) =
                runtime.block_on(remove_under_load(removal, allows));
            removals += 1;
            received += more;
            refused += more_refused;
            longest = longest.max(latency);
        }
    }
    row(
        "1-removed",
        "current segment removed, folder of records removed or replaced, while four clients call (`log.mode = strict`)",
        &format!("{removals} removals, {received} allows afterwards"),
        &format!(
            "no allow without a record, {refused} refused because the record was late, longest latency {} ms; `log verify` reports what is missing each time",
            longest.as_millis()
        ),
    );
}
