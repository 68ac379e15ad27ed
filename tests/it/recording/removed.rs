//! The open file of the log, or its folder, is removed or replaced while the server runs.

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

/// Retries until these users are allowed, and returns the ids of the allows.
async fn allow(client: &mut Client, users: std::ops::Range<u64>) -> HashSet<String> {
    let mut ids = HashSet::new();
    let until = Instant::now() + Duration::from_secs(20);
    for user in users {
        let answer = loop {
            match ask(client, opens_sharepoint(user, true)).await {
                Ok(answer) => break answer,
                // The disk of a busy machine may be slow.
                Err(status) => assert_eq!(status.message(), Reason::AuditUnavailable.message()),
            }
            assert!(Instant::now() < until);
        };
        assert_eq!(answer.decision(), Decision::Allow);
        ids.insert(answer.decision_id);
    }
    ids
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

/// The ids of the recorded sign-ins. Does not verify the records.
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

/// The output of `log verify`, which must report faults.
fn verify_faults(folder: &Path) -> String {
    let verified = log(folder, &["verify"]);
    let report = String::from_utf8(verified.stdout).unwrap();
    assert_eq!(verified.status.code(), Some(1), "{report}");
    report
}

async fn ready(sidecar: &Sidecar) -> Value {
    let admin = sidecar.admin();
    let page = tokio::task::spawn_blocking(move || page(admin, "/readyz", "*/*"));
    page.await.unwrap().json()
}

/// Asserts that after `remove` new allows are recorded, the damage is reported everywhere, and a restart works.
async fn assert_survives(remove: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sidecar = start(folder);
    let mut client = sidecar.client().await;
    let before = allow(&mut client, 0..5).await;
    remove(&records(folder));
    let after = allow(&mut client, 5..15).await;
    let found = recorded(folder);
    assert_eq!(after.difference(&found).count(), 0, "{}", sidecar.output());
    assert_eq!(before.intersection(&found).count(), 0);
    let report = verify_faults(folder);
    assert!(
        report.contains("damaged") && report.contains("were lost"),
        "{report}"
    );
    let output = sidecar.output();
    assert!(
        output.contains("ERROR") && output.contains("files of records were removed"),
        "{output}"
    );
    let ready = ready(&sidecar).await;
    assert_eq!(ready["log"]["failing"], false);
    let error = ready["log"]["lastError"].as_str().unwrap();
    assert!(error.contains("removed, renamed or replaced"), "{error}");
    // Shutdown would wait for an open connection.
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
async fn after_removal_of_the_open_file_records_continue_in_a_new_one() {
    assert_survives(|records| fs::remove_file(newest_segment(records)).unwrap()).await;
}

#[tokio::test]
async fn after_a_move_of_the_open_file_records_continue_in_a_new_one() {
    assert_survives(|records| {
        fs::rename(newest_segment(records), records.join("moved")).unwrap();
    })
    .await;
}

#[tokio::test]
async fn after_removal_of_the_folder_records_continue_in_a_new_one() {
    // The server may create new files there at once.
    assert_survives(|records| while fs::remove_dir_all(records).is_err() {}).await;
}

#[tokio::test]
async fn after_replacement_of_the_folder_records_continue_in_the_new_one() {
    assert_survives(|records| {
        fs::rename(records, records.with_extension("old")).unwrap();
        fs::create_dir(records).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_removed_file_is_detected_without_traffic() {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = start(folder.path());
    while fs::remove_dir_all(records(folder.path())).is_err() {}
    let until = Instant::now() + Duration::from_secs(20);
    while !sidecar.output().contains("files of records were removed") {
        assert!(Instant::now() < until, "{}", sidecar.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(newest_segment(&records(folder.path())).exists());
}

#[tokio::test]
async fn while_no_folder_can_be_created_new_allows_are_refused_and_readyz_fails() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sidecar = start(folder);
    let mut client = sidecar.client().await;
    allow(&mut client, 0..5).await;
    fs::rename(records(folder), folder.join("old")).unwrap();
    // A file: no folder can be created there.
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
    // Recorded allows are still answered from the cache.
    allow(&mut client, 0..5).await;

    fs::remove_file(records(folder)).unwrap();
    let after = allow(&mut client, 10..15).await;
    assert_eq!(after.difference(&recorded(folder)).count(), 0);
    assert!(verify_faults(folder).contains("damaged"));
}

#[tokio::test]
async fn a_folder_locked_by_another_process_is_not_written() {
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
