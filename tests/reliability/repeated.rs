//! A denial that is not cached, requested repeatedly: it must not push out older records.

use std::fs;
use std::time::Instant;

use crosstrust::rpc::proto::Decision;
use prost_types::Timestamp;

use crate::figure::{row, size};
use crate::support::sidecar::{Sidecar, ask, log, opens_sharepoint, records};

#[test]
fn a_repeated_uncached_denial_has_one_event_per_minute() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(folder.path(), &["--log-mode", "strict"]);
    let calls = size(500, 50_000);
    let mut request = opens_sharepoint(1, true);
    request.claims.as_mut().unwrap().expires_at = Some(Timestamp::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let started = Instant::now();
    runtime.block_on(async {
        let mut client = sidecar.client().await;
        for _ in 0..calls {
            let answer = ask(&mut client, request.clone()).await.unwrap();
            assert_eq!(answer.decision(), Decision::Deny);
        }
    });
    let minutes = started.elapsed().as_secs() / 60;
    sidecar.end();
    let shown = log(folder.path(), &["show", "--operator", "--format", "json"]).stdout;
    let events = String::from_utf8(shown)
        .unwrap()
        .matches("TOKEN_EXPIRED")
        .count();
    assert!(
        (1..=minutes as usize + 2).contains(&events),
        "{events} events"
    );
    let files = fs::read_dir(records(folder.path())).unwrap();
    let name = |file: &fs::DirEntry| file.file_name().to_string_lossy().into_owned();
    let segments = files
        .map(Result::unwrap)
        .filter(|file| name(file).starts_with("segment-"));
    let bytes: u64 = segments.map(|file| file.metadata().unwrap().len()).sum();
    row(
        "1-repeated",
        "a client calls repeatedly with an expired token, a denial that is not cached (`log.mode = strict`)",
        &format!("{calls} calls"),
        &format!("all denied; {events} events; {bytes} bytes of records"),
    );
}
