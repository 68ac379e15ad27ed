//! The file that is written, or its folder, is removed or replaced while clients ask: every allow that was asked for
//! afterwards is on record, and what is gone is named.

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

/// What is done to the folder of records.
const REMOVALS: [fn(&Path); 3] = [
    |folder| fs::remove_file(newest_segment(folder)).unwrap(),
    |folder| {
        // The server puts new files there at once.
        while fs::remove_dir_all(folder).is_err() {}
    },
    |folder| {
        let other = folder.with_extension(format!("{:?}", Instant::now()));
        fs::create_dir(&other).unwrap();
        // At once: the server puts a folder where there is none.
        renameat_with(CWD, &other, CWD, folder, RenameFlags::EXCHANGE).unwrap();
    },
];

fn newest_segment(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let is_segment = |path: &PathBuf| path.to_string_lossy().contains("/segment-");
    paths.filter(is_segment).max().unwrap()
}

/// One server. Returns how many allows were asked for after the removal, how many of these were refused, and the
/// longest wait of one that was allowed.
async fn survive(removal: fn(&Path), allows: u64) -> (u64, u64, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sidecar = Sidecar::start(folder, &["--log-mode", "strict"]);
    let users = Arc::new(AtomicU64::new(0));
    let is_removed = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let mut asking = JoinSet::new();
    for _ in 0..4 {
        let mut client = sidecar.client().await;
        let (users, is_removed, done) = (
            Arc::clone(&users),
            Arc::clone(&is_removed),
            Arc::clone(&done),
        );
        asking.spawn(async move {
            let (mut seen, mut refused, mut longest) = (HashSet::new(), 0_u64, Duration::ZERO);
            while done.load(Ordering::Relaxed) < allows {
                let user = users.fetch_add(1, Ordering::Relaxed);
                let counts = is_removed.load(Ordering::SeqCst);
                let since = Instant::now();
                match ask(&mut client, opens_sharepoint(user, true)).await {
                    Ok(answer) if counts => {
                        assert_eq!(answer.decision(), Decision::Allow);
                        longest = longest.max(since.elapsed());
                        seen.insert(answer.decision_id);
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(_) => {}
                    // AUDIT_UNAVAILABLE, or out of time.
                    Err(_) => refused += u64::from(counts),
                }
            }
            (seen, refused, longest)
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
    let mut seen = HashSet::new();
    let (mut refused, mut longest) = (0, Duration::ZERO);
    for (ids, more, wait) in asking.join_all().await {
        seen.extend(ids);
        refused += more;
        longest = longest.max(wait);
    }
    let shown = log(folder, &["show", "--operator", "--format", "json"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    let recorded = text.lines().map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["id"].as_str().unwrap().to_owned()
    });
    let recorded: HashSet<String> = recorded.collect();
    assert_eq!(seen.difference(&recorded).count(), 0, "{}", sidecar.told());
    let verified = log(folder, &["verify"]);
    let told = String::from_utf8(verified.stdout).unwrap();
    assert!(
        !verified.status.success() && told.contains("damaged"),
        "{told}"
    );
    (seen.len() as u64, refused, longest)
}

#[test]
fn every_allow_that_is_asked_for_after_a_removal_is_on_record_and_verify_names_what_is_gone() {
    let _alone = crate::figure::alone();
    let (rounds, allows) = size((1, 50), (8, 2000));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (mut removals, mut seen, mut refused, mut longest) = (0, 0, 0, Duration::ZERO);
    for _ in 0..rounds {
        for removal in REMOVALS {
            let (more, turned_away, wait) = runtime.block_on(survive(removal, allows));
            removals += 1;
            seen += more;
            refused += turned_away;
            longest = longest.max(wait);
        }
    }
    row(
        "1-removed",
        "the segment that is written removed, the folder of records removed, or another put in its place, while four clients ask (`log.mode = strict`)",
        &format!("{removals} removals, {seen} allows asked for afterwards"),
        &format!(
            "no allow without a record, {refused} refused for lack of a record in time, longest wait {} ms; `log verify` names what is gone each time",
            longest.as_millis()
        ),
    );
}
