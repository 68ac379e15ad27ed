//! Responses that the client does not read.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crosstrust::serve::ServeOptions;
use http_body_util::BodyExt as _;

use super::echo::{LARGE, NEVER, Running, options, wait_until, with_timeout};
use super::raw::Raw;

/// The limit admits one response and a part of a second one.
fn limited(unread_wait: Duration) -> ServeOptions {
    ServeOptions {
        unread_bytes: LARGE + LARGE / 2,
        unread_wait,
        ..options()
    }
}

#[test]
fn a_connection_whose_responses_are_not_read_is_closed() {
    let server = Running::tcp(limited(Duration::from_millis(30)));
    let mut raw = Raw::open_without_window(server.socket_address());
    for stream in [1, 3, 5, 7] {
        raw.begin(stream, "/test.Echo/Large");
    }
    raw.wait_until_closed();
    assert_eq!(server.closed("unread", ""), 1);
    wait_for_release(&server);
}

/// Waits until the connection has released its slots.
fn wait_for_release(server: &Running) {
    with_timeout(async {
        while server.counters.in_flight.load(Ordering::Relaxed) > 0
            || server.counters.connections.load(Ordering::Relaxed) > 0
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn responses_buffered_in_the_socket_count_as_unread() {
    let server = Running::tcp(ServeOptions {
        unread_bytes: 16 * LARGE,
        unread_wait: Duration::from_millis(30),
        ..options()
    });
    // The windows are large, and the client reads no byte.
    let mut raw = Raw::open(server.socket_address());
    raw.send(&[0, 0, 4, 8, 0, 0, 0, 0, 0, 64, 0, 0, 0]);
    let mut sent = 0;
    for stream in (1..256_u16).step_by(2) {
        let stream = u8::try_from(stream).unwrap();
        raw.begin(stream, "/test.Echo/Large");
        raw.widen(stream);
        sent += 1;
    }
    assert_eq!(sent, 128);
    wait_until(|| server.closed("unread", "") >= 1);
}

#[test]
fn unread_responses_apply_backpressure_to_further_calls() {
    let server = Running::tcp(limited(NEVER));
    let mut raw = Raw::open_without_window(server.socket_address());
    for stream in [1, 3, 5, 7] {
        raw.begin(stream, "/test.Echo/Large");
    }
    with_timeout(server.wait_for_calls(2));
    // The thread takes calls in turn: before it answers a PING it has handled all of them.
    raw.ping();
    raw.ping();
    assert_eq!(server.control.started.available_permits(), 0);
    raw.widen(0);
    raw.widen(1);
    raw.widen(3);
    with_timeout(server.wait_for_calls(2));
}

#[test]
fn a_client_that_reads_receives_more_than_the_unread_limit() {
    with_timeout(async {
        let server = Running::tcp(limited(Duration::from_secs(10)));
        let client = server.client().await;
        let calls = (0..20).map(|_| async {
            let answer = client.call("Large").await.unwrap();
            answer.into_body().collect().await.unwrap().to_bytes().len()
        });
        let read = futures_util::future::join_all(calls).await;
        assert_eq!(read, [LARGE; 20]);
        assert_eq!(server.closed("unread", ""), 0);
    });
}

#[test]
fn calls_that_wait_for_unread_responses_hold_no_slot() {
    let server = Running::tcp(ServeOptions {
        in_flight: 1,
        handler_budget: NEVER,
        ..limited(NEVER)
    });
    let mut raw = Raw::open_without_window(server.socket_address());
    for stream in [1, 3] {
        raw.begin(stream, "/test.Echo/Large");
        with_timeout(server.wait_for_calls(1));
    }
    // It waits for the client to read.
    raw.begin(5, "/test.Echo/Large");
    raw.ping();
    with_timeout(async {
        let client = server.client().await;
        assert_eq!(client.status("Ok").await, "0");
    });
}
