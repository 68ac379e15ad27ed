//! What clients can make the server hold: streams that stay open, and answers that are not read.

use std::time::{Duration, Instant};

use crosstrust::rpc::proto::AuthorizeBatchRequest;
use prost::Message as _;

use crate::figure::{row, size};
use crate::http2_client::{AUTHORIZE_BATCH, Client, WATCH, WATCH_SNAPSHOTS, status};
use crate::support::sidecar::{Sidecar, opens_sharepoint};

const RESOURCE_EXHAUSTED: &str = "8";
const MIB: f64 = 1024.0 * 1024.0;

/// Resident memory in MiB.
fn memory(sidecar: &Sidecar) -> f64 {
    sidecar.memory("VmRSS") as f64 / MIB
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

#[test]
fn streams_that_stay_open_are_bounded_on_a_connection_and_in_all() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(folder.path(), &["--log-mode", "off"]);
    let address = sidecar.url.trim_start_matches("http://").to_owned();
    let before = memory(&sidecar);
    let (connections, streams) = size((40, 12), (60, 250));
    let (open, refused, after) = runtime().block_on(async {
        let (mut open, mut refused) = (Vec::new(), 0);
        for number in 0..connections {
            let client = Client::connect(&address, 65_535).await;
            let path = [WATCH, WATCH_SNAPSHOTS][number % 2];
            let calls = (0..streams).map(|_| client.begin(path, &[]));
            let mut of_this = 0;
            for response in futures_util::future::join_all(calls).await {
                let response = response.unwrap();
                match status(response.headers()).as_str() {
                    "" => {
                        of_this += 1;
                        open.push(response);
                    }
                    code => {
                        assert_eq!(code, RESOURCE_EXHAUSTED);
                        refused += 1;
                    }
                }
            }
            assert!(of_this <= 8, "{of_this} on one connection");
        }
        (open.len(), refused, memory(&sidecar))
    });
    sidecar.end();
    assert_eq!(open, 256);
    assert_eq!(open + refused, connections * streams);
    let most = size(f64::INFINITY, before + 32.0);
    assert!(after <= most, "{after} MiB, {before} before");
    row(
        "2-streams",
        "WatchSnapshots and health Watch that stay open",
        &format!("{connections} connections × {streams} streams"),
        &format!(
            "{open} open, the others RESOURCE_EXHAUSTED; memory {before:.0} MiB before, {after:.0} MiB with them"
        ),
    );
}

/// In which every connection is closed, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Calls at work on a connection: together no more than are admitted.
const AT_ONCE: usize = 8;

/// The headers of the answers come, and their bodies are held.
async fn ask_until_closed(client: &Client, question: &[u8]) {
    let mut answers = Vec::new();
    while let Some(answer) = client.begin(AUTHORIZE_BATCH, question).await {
        answers.push(answer);
    }
}

#[test]
fn a_client_that_asks_for_batches_and_reads_no_answer_is_closed() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(folder.path(), &["--log-mode", "off"]);
    let address = sidecar.url.trim_start_matches("http://").to_owned();
    let connections = size(1, 60);
    let requests = (0..100).map(|user| opens_sharepoint(user, true)).collect();
    let question = AuthorizeBatchRequest { requests }.encode_to_vec();
    let before = memory(&sidecar);
    let begun = Instant::now();
    let most = runtime().block_on(async {
        let tasks = tokio::task::LocalSet::new();
        for _ in 0..connections {
            let client = Client::connect(&address, 0).await;
            let question = question.clone();
            tasks.spawn_local(async move {
                let calls = (0..AT_ONCE).map(|_| ask_until_closed(&client, &question));
                futures_util::future::join_all(calls).await;
            });
        }
        let mut most = before;
        let mut closed = std::pin::pin!(tasks);
        loop {
            assert!(begun.elapsed() < PATIENCE, "a connection is not closed");
            let again = tokio::time::sleep(Duration::from_millis(20));
            tokio::select! {
                () = &mut closed => return most,
                () = again => most = most.max(memory(&sidecar)),
            }
        }
    });
    let took = begun.elapsed().as_secs_f64();
    sidecar.end();
    // A mebibyte on each, and as much again for what is on its way.
    let bound = size(f64::INFINITY, before + 2.0 * connections as f64);
    assert!(most <= bound, "{most} MiB, {before} before");
    row(
        "2-unread",
        "a window of zero: batches of 100 on each connection, 8 at a time, no answer is read",
        &format!("{connections} connections"),
        &format!(
            "the last was closed after {took:.1} s; memory {before:.0} MiB before, at most {most:.0} MiB"
        ),
    );
}
