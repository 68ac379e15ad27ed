//! What the process holds after a peak of connections, streams and large calls: its memory goes back to the system.

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

/// Health streams that wait, and large batches at once, on one connection. Some are refused at the server's limits:
/// what matters is what the process holds meanwhile.
async fn crowd(url: String) -> Vec<Streaming<HealthCheckResponse>> {
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

/// The most that the process held while so many connections were crowded.
async fn peak(sidecar: &Sidecar, connections: usize) -> f64 {
    let crowds = (0..connections).map(|_| crowd(sidecar.url.clone()));
    let mut crowds: JoinSet<_> = crowds.collect();
    let mut streams = Vec::new();
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    let mut most = resident(sidecar);
    loop {
        tokio::select! {
            crowd = crowds.join_next() => match crowd {
                Some(crowd) => streams.push(crowd.unwrap()),
                None => return most.max(resident(sidecar)),
            },
            _ = looks.tick() => most = most.max(resident(sidecar)),
        }
    }
}

#[test]
fn memory_goes_back_after_a_peak() {
    let _alone = crate::figure::alone();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(folder.path(), &["--log-mode", "off"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // Once through everything, so that what is made at first use is not taken for the peak's.
    runtime.block_on(peak(&sidecar, 1));
    let rest = resident(&sidecar);
    let connections = size(40, 100);
    let most = runtime.block_on(peak(&sidecar, connections));
    // Closes every connection.
    drop(runtime);
    let ended = Instant::now();
    let goes_back = rest + (most - rest) / 2.0;
    assert!(most > rest + 8.0, "no peak: {rest:.1}, {most:.1}");
    while resident(&sidecar) > goes_back {
        let now = resident(&sidecar);
        let waited = ended.elapsed() < Duration::from_secs(30);
        assert!(
            waited,
            "at rest {rest:.1}, at the peak {most:.1}, now {now:.1} MiB"
        );
        thread::sleep(Duration::from_millis(100));
    }
    let wait = size(Duration::ZERO, Duration::from_secs(30));
    thread::sleep(wait.saturating_sub(ended.elapsed()));
    let after = resident(&sidecar);
    sidecar.end();
    row(
        "2-memory",
        "resident memory after a peak of connections, each with 100 health streams and 16 batches of 360 kB at once",
        &format!("{connections} connections"),
        &format!("{rest:.0} MiB before, {most:.0} MiB at the peak, {after:.0} MiB 30 s later"),
    );
}
