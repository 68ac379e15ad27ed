//! After a peak of connections, streams and large calls, the process returns its memory to the system.

use std::thread;
use std::time::{Duration, Instant};

use crosstrust::rpc::proto::AuthorizeBatchRequest;
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use tokio::task::JoinSet;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::figure::{row, size};
use crate::support::sidecar::{Sidecar, opens_sharepoint};

const STREAMS: usize = 100;
const BATCHES: usize = 16;

/// Resident memory in MiB.
fn resident(sidecar: &Sidecar) -> f64 {
    sidecar.memory("VmRSS") as f64 / f64::from(1 << 20)
}

/// Opens idle health streams and sends large batches concurrently on one connection. The server's limits refuse some;
/// the test measures the memory meanwhile.
async fn load(url: String) -> Vec<Streaming<HealthCheckResponse>> {
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let mut client = HealthClient::new(channel.clone());
        let stream = client.watch(HealthCheckRequest::default()).await;
        streams.extend(stream.ok().map(tonic::Response::into_inner));
    }
    let batches = (0..BATCHES).map(|_| large_batch(channel.clone()));
    let batches: JoinSet<()> = batches.collect();
    batches.join_all().await;
    streams
}

async fn large_batch(channel: Channel) {
    let mut request = opens_sharepoint(1, true);
    let groups = (0..150).map(|group| format!("{group:08x}-0000-4000-8000-000000000000"));
    request.groups = groups.collect();
    let batch = AuthorizeBatchRequest {
        requests: vec![request; 64],
    };
    let mut client = AuthorizationServiceClient::new(channel);
    let _ = client.authorize_batch(batch).await;
}

/// The peak of resident memory while this many connections send `load`, in MiB.
async fn peak(sidecar: &Sidecar, connections: usize) -> f64 {
    let loads = (0..connections).map(|_| load(sidecar.url.clone()));
    let mut loads: JoinSet<_> = loads.collect();
    let mut streams = Vec::new();
    let mut interval = tokio::time::interval(Duration::from_millis(5));
    let mut highest = resident(sidecar);
    loop {
        tokio::select! {
            load = loads.join_next() => match load {
                Some(load) => streams.push(load.unwrap()),
                None => return highest.max(resident(sidecar)),
            },
            _ = interval.tick() => highest = highest.max(resident(sidecar)),
        }
    }
}

#[test]
fn memory_is_returned_after_a_peak() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(folder.path(), &["--log-mode", "off"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // A warm-up, so that what is allocated at first use is not counted as part of the peak.
    runtime.block_on(peak(&sidecar, 1));
    let rest = resident(&sidecar);
    let connections = size(40, 100);
    let highest = runtime.block_on(peak(&sidecar, connections));
    // Closes every connection.
    drop(runtime);
    let ended = Instant::now();
    let returned = rest + (highest - rest) / 2.0;
    assert!(
        highest > rest + 8.0,
        "no peak: {rest:.1} MiB before, {highest:.1} after"
    );
    while resident(&sidecar) > returned {
        let now = resident(&sidecar);
        let is_in_time = ended.elapsed() < Duration::from_secs(30);
        assert!(
            is_in_time,
            "{rest:.1} MiB at rest, {highest:.1} at the peak, {now:.1} now"
        );
        thread::sleep(Duration::from_millis(100));
    }
    let wait = size(Duration::ZERO, Duration::from_secs(30));
    thread::sleep(wait.saturating_sub(ended.elapsed()));
    let after = resident(&sidecar);
    sidecar.end();
    row(
        "2-memory",
        "resident memory after a peak of connections, each with 100 health streams and 16 concurrent batches of 360 kB",
        &format!("{connections} connections"),
        &format!("{rest:.0} MiB before, {highest:.0} MiB at the peak, {after:.0} MiB 30 s later"),
    );
}
