//! Calls over a limit, over their budget, or faulty.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use crosstrust::serve::{CallFault, CallRules, ServeOptions};
use http::{Request, Response};
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::body::Body;

use super::echo::{NEVER, Running, header, options, status, with_timeout};
use super::raw::{HEADERS, REFUSED_STREAM, RST_STREAM, Raw};

const OK: &str = "0";
const RESOURCE_EXHAUSTED: &str = "8";
const UNAVAILABLE: &str = "14";

#[test]
fn a_call_is_answered() {
    with_timeout(async {
        let server = Running::tcp(options());
        let answer = server.client().await.call("Ok").await.unwrap();
        assert_eq!(status(&answer), OK);
        assert_eq!(header(&answer, "thread"), "request-0");
        assert!(!answer.headers().contains_key("date"));
    });
}

#[test]
fn a_call_over_its_budget_is_unavailable_and_the_next_is_answered() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            handler_budget: Duration::from_millis(20),
            ..options()
        });
        let client = server.client().await;
        let answer = client.call("Wait").await.unwrap();
        assert_eq!(status(&answer), UNAVAILABLE);
        assert_eq!(header(&answer, "content-type"), "application/grpc");
        assert_eq!(server.counters.over_budget.load(Ordering::Relaxed), 1);
        assert_eq!(client.status("Ok").await, OK);
    });
}

#[test]
fn a_grpc_timeout_shorter_than_the_budget_is_respected() {
    with_timeout(async {
        let server = Running::tcp(options());
        let answer = server.client().await.call_within("Wait", Some("20m")).await;
        assert_eq!(status(&answer.unwrap()), UNAVAILABLE);
    });
}

#[test]
fn a_malformed_grpc_timeout_leaves_the_budget_unchanged() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            handler_budget: Duration::from_millis(20),
            ..options()
        });
        let answer = server
            .client()
            .await
            .call_within("Wait", Some("soon"))
            .await;
        assert_eq!(status(&answer.unwrap()), UNAVAILABLE);
    });
}

#[test]
fn a_call_over_the_in_flight_limit_is_shed_and_a_released_slot_is_reused() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            in_flight: 1,
            ..options()
        });
        // The limit applies to the server, not to a connection.
        let (first, second) = (server.client().await, server.client().await);
        let pending = tokio::spawn(async move { first.status("Wait").await });
        server.wait_for_calls(1).await;
        assert_eq!(second.status("Ok").await, RESOURCE_EXHAUSTED);
        assert_eq!(server.counters.overloaded.load(Ordering::Relaxed), 1);
        server.control.release.add_permits(1);
        assert_eq!(pending.await.unwrap(), OK);
        assert_eq!(second.status("Ok").await, OK);
    });
}

#[test]
fn calls_shed_before_their_body_arrives_do_not_close_their_connection() {
    let server = Running::tcp(ServeOptions {
        in_flight: 1,
        local_error_resets: 4,
        streams: 128,
        ..options()
    });
    let mut raw = Raw::open(server.socket_address());
    raw.begin(1, "/test.Echo/Wait");
    raw.ping();
    let streams = || (3..203).step_by(2);
    for stream in streams() {
        raw.begin_with_body(stream, "/test.Echo/Ok");
    }
    raw.ping();
    for stream in streams() {
        raw.end(stream);
    }
    for _ in streams() {
        raw.until(HEADERS);
    }
    assert_eq!(server.counters.overloaded.load(Ordering::Relaxed), 100);
}

#[test]
fn a_body_that_arrives_after_the_response_does_not_close_the_connection() {
    let server = Running::tcp(ServeOptions {
        in_flight: 1,
        local_error_resets: 4,
        message_wait: Duration::from_millis(20),
        streams: 128,
        ..options()
    });
    let mut raw = Raw::open(server.socket_address());
    // The first is answered because its message does not arrive in time; the others are refused.
    let streams = || (1..201).step_by(2);
    for stream in streams() {
        raw.begin_with_body(stream, "/test.Echo/Ok");
    }
    for _ in streams() {
        raw.until(HEADERS);
    }
    for stream in streams() {
        raw.end(stream);
    }
    raw.ping();
    raw.begin(201, "/test.Echo/Ok");
    assert_eq!(raw.until(HEADERS).stream, 201);
}

#[test]
fn a_call_that_waits_for_its_thread_longer_than_its_budget_is_shed_without_being_read() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            handler_budget: Duration::from_millis(50),
            ..options()
        });
        let client = server.client().await;
        let wait = async {
            server.wait_for_calls(1).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            server.unspin.send(()).unwrap();
        };
        // Both are written at once, so they are read at once and run one after the other.
        let (ahead, behind, ()) = tokio::join!(client.status("Spin"), client.status("Ok"), wait);
        // A call that computes is not interrupted.
        assert_eq!((&*ahead, &*behind), (OK, RESOURCE_EXHAUSTED));
        assert_eq!(server.control.started.available_permits(), 0);
        assert_eq!(server.counters.queued_too_long.load(Ordering::Relaxed), 1);
        assert_eq!(client.status("Ok").await, OK);
    });
}

#[test]
fn a_flood_of_frames_does_not_block_calls_of_other_connections() {
    let server = Running::tcp(ServeOptions {
        threads: 1,
        ..options()
    });
    let (mut first, mut flooding, mut other) = (
        Raw::open(server.socket_address()),
        Raw::open(server.socket_address()),
        Raw::open(server.socket_address()),
    );
    for raw in [&mut first, &mut flooding, &mut other] {
        raw.ping();
    }
    // Blocks the thread until the frames of the other connections have arrived.
    first.begin(1, "/test.Echo/Spin");
    with_timeout(server.wait_for_calls(1));
    // RFC 9113 §6.3: PRIORITY of an idle stream.
    let priority = [0, 0, 5, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1];
    flooding.send(&priority.repeat(20_000));
    // When all of that is read, this call blocks the thread.
    flooding.begin(5, "/test.Echo/Spin");
    other.begin(1, "/test.Echo/Ok");
    server.unspin.send(()).unwrap();
    other.until(HEADERS);
    server.unspin.send(()).unwrap();
    flooding.until(HEADERS);
}

#[test]
fn a_stream_releases_its_in_flight_slot_with_its_headers() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            in_flight: 1,
            ..options()
        });
        let client = server.client().await;
        let stream = client.call("Stream").await.unwrap();
        assert_eq!(status(&stream), OK);
        assert_eq!(client.status("Ok").await, OK);
    });
}

#[test]
fn a_panic_is_unavailable_and_the_connection_stays_open() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            in_flight: 1,
            ..options()
        });
        let client = server.client().await;
        assert_eq!(client.status("Panic").await, UNAVAILABLE);
        assert_eq!(client.status("PanicInCall").await, UNAVAILABLE);
        assert_eq!(client.status("Ok").await, OK);
        assert_eq!(server.counters.panicked.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_client_that_disconnects_releases_its_in_flight_slot() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            in_flight: 1,
            ..options()
        });
        let mut disconnecting = Raw::open(server.socket_address());
        disconnecting.begin(1, "/test.Echo/Wait");
        server.wait_for_calls(1).await;
        drop(disconnecting);
        let client = server.client().await;
        while client.status("Ok").await != OK {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn a_stream_over_the_http2_limit_is_refused_and_the_others_continue() {
    let server = Running::tcp(ServeOptions {
        streams: 2,
        ..options()
    });
    let mut raw = Raw::open(server.socket_address());
    for stream in [1, 3, 5] {
        raw.begin(stream, "/test.Echo/Wait");
    }
    let reset = raw.until(RST_STREAM);
    assert_eq!(reset.stream, 5);
    assert_eq!(reset.payload, REFUSED_STREAM.to_be_bytes());
    server.control.release.add_permits(2);
    let mut answered = [raw.until(HEADERS).stream, raw.until(HEADERS).stream];
    answered.sort_unstable();
    assert_eq!(answered, [1, 3]);
}

#[derive(Debug)]
struct WaitCallRules;

impl CallRules for WaitCallRules {
    fn budget(&self, path: &str, usual: Duration) -> Duration {
        if path == "/test.Echo/Wait" {
            NEVER
        } else {
            usual
        }
    }

    fn answer(&self, path: &str, fault: CallFault) -> Option<Response<Body>> {
        assert_eq!(
            path, "/test.Echo/Panic",
            "a panic of the rules is caught as well"
        );
        assert_eq!(fault, CallFault::Panicked);
        let answer = Response::builder().header("grpc-status", "0");
        Some(answer.header("own", "yes").body(Body::empty()).unwrap())
    }
}

#[test]
fn call_rules_override_the_budget_and_the_response_to_a_fault() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            handler_budget: Duration::from_millis(20),
            rules: Arc::new(WaitCallRules),
            ..options()
        });
        let client = server.client().await;
        let pending = tokio::spawn({
            let client = client.clone();
            async move { client.status("Wait").await }
        });
        server.wait_for_calls(1).await;
        tokio::time::sleep(Duration::from_millis(40)).await;
        server.control.release.add_permits(1);
        assert_eq!(pending.await.unwrap(), OK);
        assert_eq!(header(&client.call("Panic").await.unwrap(), "own"), "yes");
        assert_eq!(client.status("PanicInCall").await, UNAVAILABLE);
    });
}

#[test]
fn large_messages_are_not_rate_limited() {
    with_timeout(async {
        // At the rate limit of a connection without calls, 100 MiB would take ten seconds.
        let server = Running::tcp(ServeOptions {
            message_wait: Duration::from_secs(8),
            ..options()
        });
        let stream = TcpStream::connect(server.socket_address()).await.unwrap();
        let (send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let message = Bytes::from(vec![0; 1 << 20]);
        let calls = (0..100).map(|_| {
            let (mut send, body) = (send.clone(), Full::new(message.clone()));
            async move {
                let request = Request::post("http://test/test.Echo/Read").body(body);
                send.ready().await.unwrap();
                status(&send.send_request(request.unwrap()).await.unwrap())
            }
        });
        for status in futures_util::future::join_all(calls).await {
            assert_eq!(status, OK);
        }
    });
}
