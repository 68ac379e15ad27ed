//! The file that is written, or its folder, is removed or replaced while the server runs.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crosstrust::decision::Reason;
use crosstrust::rpc::proto::Decision;
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use serde_json::Value;
use tonic::transport::Channel;

use crate::observed::page;
use crate::support::sidecar::{Sidecar, ask, log, opens_sharepoint, records};

type Client = AuthorizationServiceClient<Channel>;

fn start(folder: &Path) -> Sidecar {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstrust"));
    command
        .arg("serve")
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args(["--log-mode", "strict", "--policies"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"))
        .arg("--log-directory")
        .arg(records(folder));
    Sidecar::spawn(command, folder)
}

/// Asks until these users are allowed, and gives the ids of the allows.
async fn allow(client: &mut Client, users: std::ops::Range<u64>) -> HashSet<String> {
    let mut seen = HashSet::new();
    let until = Instant::now() + Duration::from_secs(20);
    for user in users {
        let answer = loop {
            match ask(client, opens_sharepoint(user, true)).await {
                Ok(answer) => break answer,
                // The disk of a busy machine may be late.
                Err(status) => assert_eq!(status.message(), Reason::AuditUnavailable.message()),
            }
            assert!(Instant::now() < until);
        };
        assert_eq!(answer.decision(), Decision::Allow);
        seen.insert(answer.decision_id);
    }
    seen
}

fn newest_segment(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let is_segment = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("segment-")
    };
    files.filter(is_segment).max().unwrap()
}

/// The ids of the sign-ins that are on record. Whether the records are as they were written is not asked here.
fn recorded(folder: &Path) -> HashSet<String> {
    let shown = log(folder, &["show", "--operator", "--format", "json"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    text.lines()
        .map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// What `log verify` prints, and that it finds fault.
fn faults(folder: &Path) -> String {
    let verified = log(folder, &["verify"]);
    let told = String::from_utf8(verified.stdout).unwrap();
    assert_eq!(verified.status.code(), Some(1), "{told}");
    told
}

async fn ready(sidecar: &Sidecar) -> Value {
    let admin = sidecar.admin();
    let page = tokio::task::spawn_blocking(move || page(admin, "/readyz", "*/*"));
    page.await.unwrap().json()
}

/// What must hold after `remove`: new allows are on record, the damage is told everywhere, and a restart goes on.
async fn survives(remove: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sidecar = start(folder);
    let mut client = sidecar.client().await;
    let before = allow(&mut client, 0..5).await;
    remove(&records(folder));
    let after = allow(&mut client, 5..15).await;
    let found = recorded(folder);
    assert_eq!(after.difference(&found).count(), 0, "{}", sidecar.told());
    assert_eq!(before.intersection(&found).count(), 0);
    let told = faults(folder);
    assert!(
        told.contains("damaged") && told.contains("were lost"),
        "{told}"
    );
    let told = sidecar.told();
    assert!(
        told.contains("ERROR") && told.contains("files of records were removed"),
        "{told}"
    );
    let ready = ready(&sidecar).await;
    assert_eq!(ready["log"]["failing"], false);
    let error = ready["log"]["lastError"].as_str().unwrap();
    assert!(error.contains("removed, renamed or replaced"), "{error}");
    // An open connection would be waited for.
    drop(client);
    tokio::task::spawn_blocking(|| sidecar.end()).await.unwrap();

    let again = start(folder);
    let mut client = again.client().await;
    let later = allow(&mut client, 20..25).await;
    let found = recorded(folder);
    assert_eq!(
        later
            .union(&after)
            .filter(|id| !found.contains(*id))
            .count(),
        0
    );
}

#[tokio::test]
async fn when_the_file_that_is_written_is_removed_records_go_on_in_a_new_one() {
    survives(|records| fs::remove_file(newest_segment(records)).unwrap()).await;
}

#[tokio::test]
async fn when_the_file_that_is_written_is_moved_away_records_go_on_in_a_new_one() {
    survives(|records| {
        fs::rename(newest_segment(records), records.join("moved")).unwrap();
    })
    .await;
}

#[tokio::test]
async fn when_the_folder_is_removed_records_go_on_in_a_new_one() {
    // The server may put new files there at once.
    survives(|records| while fs::remove_dir_all(records).is_err() {}).await;
}

#[tokio::test]
async fn when_another_folder_is_put_in_place_records_go_on_in_it() {
    survives(|records| {
        fs::rename(records, records.with_extension("old")).unwrap();
        fs::create_dir(records).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_removed_file_is_noticed_while_nothing_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = start(folder.path());
    while fs::remove_dir_all(records(folder.path())).is_err() {}
    let until = Instant::now() + Duration::from_secs(20);
    while !sidecar.told().contains("files of records were removed") {
        assert!(Instant::now() < until, "{}", sidecar.told());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(newest_segment(&records(folder.path())).exists());
}

#[tokio::test]
async fn while_no_folder_can_be_made_nothing_new_is_allowed_and_readiness_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sidecar = start(folder);
    let mut client = sidecar.client().await;
    allow(&mut client, 0..5).await;
    fs::rename(records(folder), folder.join("old")).unwrap();
    // A file: no folder can be made there.
    fs::write(records(folder), "").unwrap();
    for user in 10..15 {
        let refused = ask(&mut client, opens_sharepoint(user, true))
            .await
            .unwrap_err();
        assert_eq!(refused.message(), Reason::AuditUnavailable.message());
    }
    let not_ready = ready(&sidecar).await;
    assert_eq!(not_ready["log"]["failing"], true, "{not_ready}");
    assert!(not_ready["log"]["lastError"].is_string());
    // What is on record already goes on being allowed.
    allow(&mut client, 0..5).await;

    fs::remove_file(records(folder)).unwrap();
    let after = allow(&mut client, 10..15).await;
    assert_eq!(after.difference(&recorded(folder)).count(), 0);
    assert!(faults(folder).contains("damaged"));
}

#[tokio::test]
async fn a_folder_that_another_process_writes_to_is_left_to_it() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sidecar = start(folder.path());
    let _other = start(other.path());
    let mut client = sidecar.client().await;
    allow(&mut client, 0..5).await;
    fs::rename(records(folder.path()), folder.path().join("old")).unwrap();
    std::os::unix::fs::symlink(records(other.path()), records(folder.path())).unwrap();
    let refused = ask(&mut client, opens_sharepoint(10, true))
        .await
        .unwrap_err();
    assert_eq!(refused.message(), Reason::AuditUnavailable.message());
    let verified = log(other.path(), &["verify"]);
    assert!(verified.status.success());
}
