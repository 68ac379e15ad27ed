//! The disk of the records gets full: one record states it, no other record uses the reserve's space, and recording
//! continues when there is space again. The small file system needs a user namespace, which some machines do not allow.

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
/// Free space for records besides the reserve, in bytes.
const FREE_BYTES: u64 = 64 << 10;

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

/// Returns the number of recorded sign-ins, and what `log show` reports about gaps.
fn shown(records: &Path) -> (usize, String) {
    let shown = log(records, &["show", "--operator", "--format", "json"]);
    let events = String::from_utf8(shown.stdout).unwrap().lines().count();
    (events, String::from_utf8(shown.stderr).unwrap())
}

/// Writes a file that leaves only `FREE_BYTES`.
fn fill(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    let full = file.metadata().unwrap().len();
    file.set_len(full - FREE_BYTES).unwrap();
}

struct Disk {
    client: AuthorizationServiceClient<Channel>,
    records: PathBuf,
    ballast: PathBuf,
    user: u64,
}

impl Disk {
    fn has_reserve(&self) -> bool {
        self.records.join("reserve").exists()
    }

    /// Requests an allow for a new user; returns whether it was answered.
    async fn is_allowed(&mut self) -> bool {
        self.user += 1;
        ask(&mut self.client, opens_sharepoint(self.user, true))
            .await
            .is_ok()
    }

    /// Fills the disk, has this many allows refused and frees it again. Returns the time until the first allow.
    async fn fill_and_free(&mut self, refusals: u64) -> Duration {
        fill(&self.ballast);
        let until = Instant::now() + Duration::from_secs(60);
        while self.has_reserve() {
            assert!(Instant::now() < until);
            self.is_allowed().await;
        }
        let (before, _) = shown(&self.records);
        for _ in 0..refusals {
            assert!(!self.is_allowed().await, "an allow without a record");
            let denied = ask(&mut self.client, opens_sharepoint(self.user, false)).await;
            assert!(denied.is_ok(), "a denial waited for a record");
        }
        let (after, gaps) = shown(&self.records);
        assert_eq!(before, after, "a record used the space of the reserve");
        assert!(gaps.contains("diskError"), "{gaps}");
        assert!(!self.has_reserve());
        fs::remove_file(&self.ballast).unwrap();
        let since = Instant::now();
        while !self.is_allowed().await {
            assert!(since.elapsed() < Duration::from_secs(60));
        }
        assert!(self.has_reserve());
        since.elapsed()
    }
}

async fn fill_repeatedly(times: u64, refusals: u64) -> Option<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let can_mount = in_small_disk(&disk).arg("true").output();
    if !can_mount.is_ok_and(|output| output.status.success()) {
        lacks("permission to mount file systems in a user namespace");
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
    // The path as the process sees it.
    let root = PathBuf::from(format!("/proc/{}/root", sidecar.id()));
    let disk = root.join(disk.strip_prefix("/").unwrap());
    let mut disk = Disk {
        client: sidecar.client().await,
        records: disk.join("log"),
        ballast: disk.join("ballast"),
        user: 0,
    };
    assert!(disk.has_reserve());
    let mut longest = Duration::ZERO;
    for _ in 0..times {
        longest = longest.max(disk.fill_and_free(refusals).await);
    }
    let verified = log(&disk.records, &["verify"]);
    assert!(verified.status.success(), "{verified:?}");
    let (_, gaps) = shown(&disk.records);
    let counted = format!(r#""signIns":{refusals}"#);
    assert!(gaps.contains(&counted), "{gaps}");
    Some(longest)
}

#[test]
fn a_full_disk_is_recorded_once_and_allows_are_refused_until_there_is_space() {
    let _alone = crate::figure::alone();
    let (times, refusals) = size((1, 50), (20, 200));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if let Some(longest) = runtime.block_on(fill_repeatedly(times, refusals)) {
        row(
            "1-full-disk",
            "disk of the records filled and freed again (tmpfs of 16 MiB, `log.mode = strict`)",
            &format!(
                "{times} times, {} allows requested while it was full",
                times * refusals
            ),
            &format!(
                "no allow without a record; the full disk is recorded, and nothing else uses the reserve; first allow at most {} ms after there is space; the chain verifies",
                longest.as_millis()
            ),
        );
    }
}
