//! A small file system of its own that gets full: one record says so, no other takes the reserve's space, and records
//! go on when there is space again. Needs a user namespace, which some machines do not allow.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use tonic::transport::Channel;

use crate::figure::{lacks, row, size};
use crate::support::sidecar::{Sidecar, ask, opens_sharepoint};

const MOUNT: &str = r#"mount -t tmpfs -o size=16m tmpfs "$0" && exec "$@""#;
/// What is left of the file system for records, besides the reserve.
const ROOM: u64 = 64 << 10;

fn in_small_disk(folder: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", MOUNT]).arg(folder);
    command
}

fn log(records: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .arg("log")
        .args(arguments)
        .arg("--log-directory")
        .arg(records)
        .env_clear()
        .output()
        .unwrap()
}

/// How many sign-ins are on record, and what is noted about gaps.
fn shown(records: &Path) -> (usize, String) {
    let shown = log(records, &["show", "--operator", "--format", "json"]);
    let events = String::from_utf8(shown.stdout).unwrap().lines().count();
    (events, String::from_utf8(shown.stderr).unwrap())
}

/// A file that takes all but the room.
fn fill(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    let full = file.metadata().unwrap().len();
    file.set_len(full - ROOM).unwrap();
}

struct Disk {
    client: AuthorizationServiceClient<Channel>,
    records: PathBuf,
    ballast: PathBuf,
    user: u64,
}

impl Disk {
    fn reserve(&self) -> bool {
        self.records.join("reserve").exists()
    }

    /// Asks for a fresh user; whether there was an allow.
    async fn is_allowed(&mut self) -> bool {
        self.user += 1;
        ask(&mut self.client, opens_sharepoint(self.user, true))
            .await
            .is_ok()
    }

    /// Fills the disk and frees it again. Returns how many fresh users were refused while it was full, and how long it
    /// took from the space to the first allow.
    async fn fill_and_free(&mut self, refusals: u64) -> Duration {
        fill(&self.ballast);
        let until = Instant::now() + Duration::from_secs(60);
        while self.reserve() {
            assert!(Instant::now() < until);
            self.is_allowed().await;
        }
        let (before, _) = shown(&self.records);
        for _ in 0..refusals {
            assert!(!self.is_allowed().await, "an allow without a record");
            let denied = ask(&mut self.client, opens_sharepoint(self.user, false)).await;
            assert!(denied.is_ok(), "a denial waits for no record");
        }
        let (after, noted) = shown(&self.records);
        assert_eq!(before, after, "a record in the space of the reserve");
        assert!(noted.contains("diskError"), "{noted}");
        assert!(!self.reserve());
        fs::remove_file(&self.ballast).unwrap();
        let since = Instant::now();
        while !self.is_allowed().await {
            assert!(since.elapsed() < Duration::from_secs(60));
        }
        assert!(self.reserve());
        since.elapsed()
    }
}

async fn survive(times: u64, refusals: u64) -> Option<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let can_mount = in_small_disk(&disk).arg("true").output();
    if !can_mount.is_ok_and(|output| output.status.success()) {
        lacks("file systems that can be mounted in a user namespace");
        return None;
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
    let mut disk = Disk {
        client: sidecar.client().await,
        records: disk.join("log"),
        ballast: disk.join("ballast"),
        user: 0,
    };
    assert!(disk.reserve());
    let mut longest = Duration::ZERO;
    for _ in 0..times {
        longest = longest.max(disk.fill_and_free(refusals).await);
    }
    let verified = log(&disk.records, &["verify"]);
    assert!(verified.status.success(), "{verified:?}");
    let (_, noted) = shown(&disk.records);
    let counted = format!(r#""signIns":{refusals}"#);
    assert!(noted.contains(&counted), "{noted}");
    Some(longest)
}

#[test]
fn a_full_disk_takes_one_record_that_says_so_and_no_other_until_there_is_space_again() {
    let _alone = crate::figure::alone();
    let (times, refusals) = size((1, 50), (20, 200));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if let Some(longest) = runtime.block_on(survive(times, refusals)) {
        row(
            "1-full-disk",
            "the disk of the records filled up and freed again (tmpfs of 16 MiB, `log.mode = strict`)",
            &format!(
                "{times} times, {} allows asked for while it was full",
                times * refusals
            ),
            &format!(
                "no allow without a record; that it is full is on record, nothing else takes the reserve; the first allow at most {} ms after there is space; the chain verifies",
                longest.as_millis()
            ),
        );
    }
}
