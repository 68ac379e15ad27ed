//! Under a file size limit (RLIMIT_FSIZE), records continue in the next file and the process keeps running.

use std::path::Path;
use std::process::Command;

use crosstrust::decision::Reason;
use crosstrust::rpc::proto::Decision;

use crate::support::sidecar::{Sidecar, ask, log, opens_sharepoint, records};

#[tokio::test]
async fn a_file_at_its_size_limit_is_followed_by_another_and_no_call_fails() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("bash");
    command
        .arg("-c")
        // In KiB: about two hundred records.
        .arg("ulimit -f 256; exec \"$@\"")
        .args(["crosstrust", env!("CARGO_BIN_EXE_crosstrust"), "serve"])
        .args(["--listen", "127.0.0.1:0", "--admin", "off"])
        .args(["--log-reserve-bytes", "0", "--policies"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"))
        .arg("--log-directory")
        .arg(records(folder.path()));
    let sidecar = Sidecar::spawn(command, folder.path());
    let mut client = sidecar.client().await;
    let mut allowed = 0;
    for user in 0..1000 {
        match ask(&mut client, opens_sharepoint(user, true)).await {
            Ok(answer) => {
                assert_eq!(answer.decision(), Decision::Allow);
                allowed += 1;
            }
            // The disk of a busy machine may be slow.
            Err(status) => assert_eq!(status.message(), Reason::AuditUnavailable.message()),
        }
    }
    assert!(allowed > 900, "{allowed}");
    let files = std::fs::read_dir(records(folder.path())).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let segments = names.filter(|name| name.starts_with("segment-"));
    assert!(segments.count() > 3);
    // Shutdown would wait for an open connection.
    drop(client);
    tokio::task::spawn_blocking(|| sidecar.end()).await.unwrap();
    let verified = log(folder.path(), &["verify"]);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stdout)
    );
}
