//! Limits on open streams: for each connection, for each listener and in total.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crosstrust::serve::{CallRules, ServeOptions};

use super::echo::{Client, Running, options, status, with_timeout};

const RESOURCE_EXHAUSTED: &str = "8";

#[derive(Debug)]
struct WatchIsAStream;

impl CallRules for WatchIsAStream {
    fn is_stream(&self, path: &str) -> bool {
        path == "/test.Echo/Watch"
    }
}

fn limited(open_streams: usize, on_one_connection: usize) -> ServeOptions {
    ServeOptions {
        open_streams,
        open_streams_per_connection: on_one_connection,
        rules: Arc::new(WatchIsAStream),
        ..options()
    }
}

type Response = http::Response<hyper::body::Incoming>;

/// The stream, or `None` if it is refused.
async fn watch(client: &Client) -> Option<Response> {
    let response = client.call("Watch").await.unwrap();
    match response.headers().contains_key("grpc-status") {
        true => {
            assert_eq!(status(&response), RESOURCE_EXHAUSTED);
            None
        }
        false => Some(response),
    }
}

async fn open(client: &Client, most: usize) -> Vec<Response> {
    let mut open = Vec::new();
    for _ in 0..most {
        open.extend(watch(client).await);
    }
    open
}

#[test]
fn open_streams_per_connection_are_limited_and_calls_continue() {
    with_timeout(async {
        let server = Running::tcp(limited(100, 2));
        let (client, other) = (server.client().await, server.client().await);
        let streams = open(&client, 3).await;
        assert_eq!(streams.len(), 2);
        assert_eq!(client.status("Ok").await, "0");
        assert_eq!(open(&other, 1).await.len(), 1);
        assert_eq!(server.counters.refused_streams.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_finished_stream_releases_its_slot() {
    with_timeout(async {
        let server = Running::tcp(limited(1, 1));
        let client = server.client().await;
        let stream = watch(&client).await.unwrap();
        assert!(watch(&client).await.is_none());
        drop(stream);
        while watch(&client).await.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn streams_on_one_listener_leave_reserved_slots_to_another() {
    with_timeout(async {
        let any = || "127.0.0.1:0".parse().unwrap();
        let server = Running::start(limited(8, 100), &[any(), any()]);
        let one = open(&server.client_of(0).await, 20).await;
        let other = open(&server.client_of(1).await, 20).await;
        assert_eq!((one.len(), other.len()), (6, 2));
    });
}
