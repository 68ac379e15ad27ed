//! A small file system of its own that gets full. Needs a user namespace, which some machines do not allow.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crosstrust::decision::Reason;
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use tonic::transport::Channel;

use crate::support::sidecar::{Sidecar, ask, opens_sharepoint};

const MOUNT: &str = r#"mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@""#;

fn in_small_disk(folder: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", MOUNT]).arg(folder);
    command
}

fn records_command(records: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .arg("log")
        .args(arguments)
        .arg("--log-directory")
        .arg(records)
        .env_clear()
        .output()
        .unwrap()
}

/// Asks for fresh users until one is answered in this way.
async fn until_allowed(
    client: &mut AuthorizationServiceClient<Channel>,
    user: &mut u64,
    allowed: bool,
) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        assert!(Instant::now() < until);
        *user += 1;
        match ask(client, opens_sharepoint(*user, true)).await {
            Ok(_) if allowed => return,
            Ok(_) => {}
            Err(status) => {
                assert_eq!(status.message(), Reason::AuditUnavailable.message());
                if !allowed {
                    return;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_full_disk_takes_one_record_that_says_so_and_no_other_until_there_is_space_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let can_mount = in_small_disk(&disk).arg("true").output();
    if !can_mount.is_ok_and(|output| output.status.success()) {
        println!("skipped: no file system can be mounted in a user namespace here");
        return;
    }
    let mut command = in_small_disk(&disk);
    command
        .args([env!("CARGO_BIN_EXE_crosstrust"), "serve"])
        .args(["--listen", "127.0.0.1:0", "--admin", "off"])
        .args(["--log-reserve-bytes", "131072", "--policies"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"))
        .arg("--log-directory")
        .arg(disk.join("log"));
    let sidecar = Sidecar::spawn(command, folder.path());
    // As that process sees it.
    let root = PathBuf::from(format!("/proc/{}/root", sidecar.id()));
    let disk = root.join(disk.strip_prefix("/").unwrap());
    let (records, ballast) = (disk.join("log"), disk.join("ballast"));
    assert!(records.join("reserve").exists());
    fs::write(&ballast, vec![0; 400_000]).unwrap();

    let mut client = sidecar.client().await;
    let mut user = 0;
    // A busy machine may be late; a full disk goes on.
    let until = Instant::now() + Duration::from_secs(60);
    while records.join("reserve").exists() {
        assert!(Instant::now() < until);
        until_allowed(&mut client, &mut user, false).await;
    }
    let written = |records: &Path| {
        let shown = records_command(records, &["show", "--operator", "--format", "json"]);
        let told = String::from_utf8(shown.stderr).unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        (shown.lines().count(), told)
    };
    let (before, _) = written(&records);
    for _ in 0..100 {
        user += 1;
        let refused = ask(&mut client, opens_sharepoint(user, true))
            .await
            .unwrap_err();
        assert_eq!(refused.message(), Reason::AuditUnavailable.message());
        let denied = ask(&mut client, opens_sharepoint(user, false)).await;
        assert!(denied.is_ok(), "a denial waits for no record");
    }
    let (after, told) = written(&records);
    assert_eq!(before, after);
    assert!(told.contains("diskError"), "{told}");
    assert!(!records.join("reserve").exists());

    fs::remove_file(&ballast).unwrap();
    until_allowed(&mut client, &mut user, true).await;
    assert!(records.join("reserve").exists());
    let (_, told) = written(&records);
    assert!(told.contains(r#""signIns":100"#), "{told}");
    let verified = records_command(&records, &["verify"]);
    assert!(verified.status.success(), "{verified:?}");
}
