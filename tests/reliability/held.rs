//! Server memory that clients can hold: streams that stay open, and answers that are not read.

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
fn open_streams_are_bounded_per_connection_and_in_total() {
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
            let calls = (0..streams).map(|_| client.start_call(path, &[]));
            let mut on_connection = 0;
            for response in futures_util::future::join_all(calls).await {
                let response = response.unwrap();
                match status(response.headers()).as_str() {
                    "" => {
                        on_connection += 1;
                        open.push(response);
                    }
                    code => {
                        assert_eq!(code, RESOURCE_EXHAUSTED);
                        refused += 1;
                    }
                }
            }
            assert!(
                on_connection <= 8,
                "{on_connection} streams on one connection"
            );
        }
        (open.len(), refused, memory(&sidecar))
    });
    sidecar.end();
    assert_eq!(open, 256);
    assert_eq!(open + refused, connections * streams);
    let bound = size(f64::INFINITY, before + 32.0);
    assert!(after <= bound, "{after} MiB, {before} before");
    row(
        "2-streams",
        "WatchSnapshots and health Watch that stay open",
        &format!("{connections} connections × {streams} streams"),
        &format!(
            "{open} open, the others RESOURCE_EXHAUSTED; memory {before:.0} MiB before, {after:.0} MiB after"
        ),
    );
}

/// Time in which a server on any machine closes every connection.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Concurrent calls on a connection. All connections together have no more than the server admits.
const CONCURRENT_CALLS: usize = 8;

/// Calls until the connection is closed, and never reads the body of an answer.
async fn call_until_closed(client: &Client, batch: &[u8]) {
    let mut answers = Vec::new();
    while let Some(answer) = client.start_call(AUTHORIZE_BATCH, batch).await {
        answers.push(answer);
    }
}

#[test]
fn a_connection_whose_client_reads_no_answers_is_closed() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(folder.path(), &["--log-mode", "off"]);
    let address = sidecar.url.trim_start_matches("http://").to_owned();
    let connections = size(1, 60);
    let requests = (0..100).map(|user| opens_sharepoint(user, true)).collect();
    let batch = AuthorizeBatchRequest { requests }.encode_to_vec();
    let before = memory(&sidecar);
    let started = Instant::now();
    let peak = runtime().block_on(async {
        let tasks = tokio::task::LocalSet::new();
        for _ in 0..connections {
            let client = Client::connect(&address, 0).await;
            let batch = batch.clone();
            tasks.spawn_local(async move {
                let calls = (0..CONCURRENT_CALLS).map(|_| call_until_closed(&client, &batch));
                futures_util::future::join_all(calls).await;
            });
        }
        let mut peak = before;
        let mut closed = std::pin::pin!(tasks);
        loop {
            assert!(started.elapsed() < TIMEOUT, "a connection is not closed");
            let again = tokio::time::sleep(Duration::from_millis(20));
            tokio::select! {
                () = &mut closed => return peak,
                () = again => peak = peak.max(memory(&sidecar)),
            }
        }
    });
    let took = started.elapsed().as_secs_f64();
    sidecar.end();
    // 1 MiB for each connection, and the same again for data in transit.
    let bound = size(f64::INFINITY, before + 2.0 * connections as f64);
    assert!(peak <= bound, "{peak} MiB, {before} before");
    row(
        "2-unread",
        "clients with a flow-control window of 0 that read no answer: batches of 100, 8 at a time on each connection",
        &format!("{connections} connections"),
        &format!(
            "the last was closed after {took:.1} s; memory {before:.0} MiB before, {peak:.0} MiB at the peak"
        ),
    );
}
