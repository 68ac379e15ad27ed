//! More calls than are admitted: which are refused, when, and which slots are reserved.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crosstrust::serve::ServeOptions;

use super::echo::{NEVER, Running, options, wait_for_count, with_timeout};
use super::raw::{HEADERS, Raw};

const OK: &str = "0";
const RESOURCE_EXHAUSTED: &str = "8";

fn two_listeners(options: ServeOptions) -> Running {
    let any = "127.0.0.1:0".parse().unwrap();
    let other = "127.0.0.1:0".parse().unwrap();
    Running::start(options, &[any, other])
}

#[test]
fn a_call_is_admitted_when_its_headers_arrive() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            in_flight: 2,
            queue_delay: NEVER,
            ..options()
        });
        let client = server.client().await;
        let release = async {
            server.wait_for_calls(1).await;
            server.unspin.send(()).unwrap();
        };
        // All four are written at once, so they are read at once.
        let (spin, first, second, third, ()) = tokio::join!(
            client.status("Spin"),
            client.status("Ok"),
            client.status("Ok"),
            client.status("Ok"),
            release
        );
        assert_eq!((&*spin, &*first), (OK, OK));
        assert_eq!(
            (&*second, &*third),
            (RESOURCE_EXHAUSTED, RESOURCE_EXHAUSTED)
        );
        assert_eq!(server.counters.overloaded.load(Ordering::Relaxed), 2);
        assert_eq!(server.counters.in_flight.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_call_that_waits_for_an_overloaded_thread_longer_than_the_queue_delay_is_shed() {
    with_timeout(async {
        let server = Running::tcp(options());
        let client = server.client().await;
        let release = async {
            server.wait_for_calls(1).await;
            // Long enough that the second has waited and its time is measured.
            tokio::time::sleep(Duration::from_millis(5)).await;
            server.unspin.send(()).unwrap();
            server.wait_for_calls(1).await;
            // The thread is busy long enough to count as overloaded, and most of the time goes to this call.
            tokio::time::sleep(Duration::from_millis(500)).await;
            server.unspin.send(()).unwrap();
        };
        let (first, second, third, last, ()) = tokio::join!(
            client.status("Spin"),
            client.status("Spin"),
            client.status("Ok"),
            client.status("Ok"),
            release
        );
        assert_eq!((&*first, &*second, &*third), (OK, OK, RESOURCE_EXHAUSTED));
        // Without the others the connection has one call, which overloads no thread.
        assert_eq!(last, OK);
        assert_eq!(server.counters.queued_too_long.load(Ordering::Relaxed), 1);
        assert_eq!(client.status("Ok").await, OK);
    });
}

#[test]
fn a_message_that_comes_later_and_waits_for_an_overloaded_thread_is_shed() {
    // On a busy machine the thread may be idle between the calls: then it is not overloaded.
    assert!((0..10).any(|_| is_shed_behind_others()));
}

/// Two calls whose messages arrive while two others block the thread.
fn is_shed_behind_others() -> bool {
    let server = Running::tcp(options());
    let mut raw = Raw::open(server.socket_address());
    for stream in [1, 3] {
        raw.begin_with_body(stream, "/test.Echo/Read");
    }
    raw.ping();
    with_timeout(async { server.wait_for_calls(2).await });
    // Read at once, so that the second waits and its time is measured.
    raw.begin_at_once(&[5, 7], "/test.Echo/Spin");
    with_timeout(async { server.wait_for_calls(1).await });
    for stream in [1, 3] {
        raw.end(stream);
    }
    std::thread::sleep(Duration::from_millis(5));
    server.unspin.send(()).unwrap();
    with_timeout(async { server.wait_for_calls(1).await });
    std::thread::sleep(Duration::from_millis(500));
    server.unspin.send(()).unwrap();
    for _ in 0..4 {
        raw.until(HEADERS);
    }
    // Without the first the connection has one call, which overloads no thread.
    server.counters.queued_too_long.load(Ordering::Relaxed) == 1
}

#[test]
fn a_delayed_refusal_slows_down_clients_that_retry_immediately() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            in_flight: 1,
            ..options()
        });
        let (waiting, other) = (server.client().await, server.client().await);
        let pending = tokio::spawn(async move { waiting.status("Wait").await });
        server.wait_for_calls(1).await;
        let start = Instant::now();
        for _ in 0..5 {
            assert_eq!(other.status("Ok").await, RESOURCE_EXHAUSTED);
        }
        // A lower bound: a slow machine only takes longer.
        assert!(start.elapsed() >= 5 * Duration::from_millis(20));
        server.control.release.add_permits(1);
        assert_eq!(pending.await.unwrap(), OK);
    });
}

#[test]
fn unfinished_calls_on_one_listener_leave_reserved_slots_to_another() {
    let server = two_listeners(ServeOptions {
        in_flight: 8,
        message_wait: NEVER,
        ..options()
    });
    let mut unfinished = Raw::open(server.address_of(0));
    for stream in (1..65).step_by(2) {
        unfinished.begin_with_body(stream, "/test.Echo/Read");
    }
    // Six get a slot: the two reserved for the listener and the four shared ones.
    wait_for_count(&server.counters.overloaded, 26);
    with_timeout(async {
        let client = server.client_of(1).await;
        for _ in 0..20 {
            assert_eq!(client.status("Ok").await, OK);
        }
        assert_eq!(
            server.client_of(0).await.status("Ok").await,
            RESOURCE_EXHAUSTED
        );
    });
}

#[test]
fn a_call_whose_message_does_not_arrive_releases_its_slot() {
    let server = Running::tcp(ServeOptions {
        in_flight: 1,
        message_wait: Duration::from_millis(30),
        ..options()
    });
    let mut raw = Raw::open(server.socket_address());
    raw.begin_with_body(1, "/test.Echo/Read");
    let answer = raw.until(HEADERS);
    assert_eq!(answer.stream, 1);
    assert_eq!(server.counters.incomplete.load(Ordering::Relaxed), 1);
    with_timeout(async {
        assert_eq!(server.client().await.status("Ok").await, OK);
    });
}

#[test]
fn a_call_whose_message_has_arrived_has_its_full_budget() {
    let server = Running::tcp(ServeOptions {
        message_wait: Duration::from_millis(20),
        ..options()
    });
    with_timeout(async {
        let client = server.client().await;
        let pending = tokio::spawn(async move { client.status("Wait").await });
        server.wait_for_calls(1).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        server.control.release.add_permits(1);
        assert_eq!(pending.await.unwrap(), OK);
        assert_eq!(server.counters.incomplete.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_call_that_waited_is_answered_if_its_thread_served_no_other_calls() {
    with_timeout(async {
        let server = Running::tcp(options());
        let client = server.client().await;
        let release = async {
            server.wait_for_calls(1).await;
            tokio::time::sleep(Duration::from_millis(150)).await;
            server.unspin.send(()).unwrap();
        };
        // A first call is not measured, as if the machine had taken the core away: shedding the call behind it would
        // not help any other call.
        let (ahead, behind, ()) = tokio::join!(client.status("Spin"), client.status("Ok"), release);
        assert_eq!((&*ahead, &*behind), (OK, OK));
    });
}
