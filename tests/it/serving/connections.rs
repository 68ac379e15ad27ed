//! Connection limits, silent and old connections, and the assignment of connections to threads.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crosstrust::serve::{ListenAddress, ListenError, ServeError, ServeOptions, Server};

use super::echo::{
    NEVER, Running, echo, header, listener, options, wait_for_count, wait_for_count_async,
    wait_until, with_timeout,
};
use super::raw::{GOAWAY, PING, PREFACE, Raw, SETTINGS};

fn short_first_byte() -> ServeOptions {
    ServeOptions {
        first_byte: Duration::from_millis(30),
        ..options()
    }
}

#[test]
fn a_silent_connection_is_closed() {
    let server = Running::tcp(short_first_byte());
    Raw::tcp(server.socket_address()).wait_until_closed();
    wait_until(|| server.closed("silent", "") == 1);
}

#[test]
fn a_connection_that_stops_within_its_preface_or_first_frame_is_closed() {
    let server = Running::tcp(short_first_byte());
    for length in [1, PREFACE.len() - 1, PREFACE.len(), PREFACE.len() + 8] {
        let mut raw = Raw::tcp(server.socket_address());
        raw.send(&[PREFACE, SETTINGS].concat()[..length]);
        raw.wait_until_closed();
    }
    wait_until(|| server.closed("silent", "") == 4);
}

#[test]
fn settings_are_sent_to_a_client_that_has_sent_nothing_yet() {
    let server = Running::tcp(options());
    let mut raw = Raw::tcp(server.socket_address());
    assert_eq!(raw.frame().unwrap().kind, SETTINGS[3]);
}

#[test]
fn an_open_connection_outlives_the_deadline_for_opening() {
    with_timeout(async {
        let server = Running::tcp(short_first_byte());
        let client = server.client().await;
        assert_eq!(client.status("Ok").await, "0");
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(client.status("Ok").await, "0");
        assert_eq!(server.counters.accepted.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_client_that_does_not_answer_pings_is_closed() {
    let server = Running::tcp(ServeOptions {
        keepalive_interval: Duration::from_millis(20),
        keepalive_timeout: Duration::from_millis(20),
        ..options()
    });
    let mut raw = Raw::open(server.socket_address());
    raw.until(PING);
    raw.wait_until_closed();
}

#[test]
fn a_connection_of_maximum_age_receives_goaway_and_is_closed_after_the_grace_period() {
    let server = Running::tcp(ServeOptions {
        connection_age: Duration::from_millis(50),
        goaway_grace: Duration::from_millis(50),
        ..short_first_byte()
    });
    let mut raw = Raw::open(server.socket_address());
    // A call that does not end keeps the connection open until it is cut.
    raw.begin(1, "/test.Echo/Wait");
    assert_eq!(raw.until(GOAWAY).payload[4..8], [0; 4], "NO_ERROR");
    raw.wait_until_closed();
}

#[test]
fn a_connection_over_the_limit_waits_for_a_released_slot() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            connections: 1,
            idle_when_full: NEVER,
            ..options()
        });
        let first = server.client().await;
        assert_eq!(first.status("Ok").await, "0");
        let second = server.client().await;
        let waiting = tokio::spawn(async move { second.status("Ok").await });
        wait_for_count_async(&server.listeners[0].delayed, 1).await;
        assert_eq!(
            first.status("Ok").await,
            "0",
            "the first connection still works"
        );
        assert!(!waiting.is_finished());
        drop(first);
        assert_eq!(waiting.await.unwrap(), "0");
    });
}

#[test]
fn silent_connections_do_not_block_other_clients() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            connections: 2,
            ..short_first_byte()
        });
        let _silent: Vec<_> = (0..8).map(|_| Raw::tcp(server.socket_address())).collect();
        assert_eq!(server.client().await.status("Ok").await, "0");
    });
}

/// A listener address for tests with several listeners.
fn any() -> ListenAddress {
    "127.0.0.1:0".parse().unwrap()
}

#[test]
fn unopened_connections_do_not_block_clients_of_any_listener() {
    with_timeout(async {
        // No deadline closes any of them.
        let server = Running::start(options(), &[any(), any()]);
        let silent: Vec<_> = (0..200).map(|_| Raw::tcp(server.address_of(0))).collect();
        let half = |at| {
            let mut raw = Raw::tcp(at);
            raw.send(&PREFACE[..20]);
            raw
        };
        let half: Vec<_> = (0..200).map(|_| half(server.address_of(0))).collect();
        for listener in [1, 0] {
            let client = server.client_of(listener).await;
            assert_eq!(client.status("Ok").await, "0", "listener {listener}");
        }
        // The oldest are closed, and the newest are still open.
        wait_until(|| server.closed("unopened", "") == 400 - 63);
        for mut oldest in silent {
            oldest.wait_until_closed();
        }
        assert_eq!(server.listeners[0].unopened.load(Ordering::Relaxed), 63);
        assert_eq!(server.listeners[1].closed_by("unopened"), 0);
        drop(half);
    });
}

#[test]
fn all_connections_of_a_burst_over_the_unopened_limit_open() {
    let server = Running::tcp(ServeOptions {
        unopened: 4,
        unopened_grace: NEVER,
        ..options()
    });
    let mut burst: Vec<_> = (0..100)
        .map(|_| Raw::open(server.socket_address()))
        .collect();
    for raw in &mut burst {
        raw.ping();
    }
    assert_eq!(server.listeners[0].closed_by("unopened"), 0);
}

#[test]
fn a_full_listener_leaves_reserved_slots_to_the_others() {
    with_timeout(async {
        let server = Running::start(
            ServeOptions {
                connections: 8,
                idle_when_full: NEVER,
                ..options()
            },
            &[any(), any()],
        );
        let mut clients = Vec::new();
        for _ in 0..6 {
            let client = server.client_of(0).await;
            assert_eq!(client.status("Ok").await, "0");
            clients.push(client);
        }
        // The reserve and the shared slots are used up.
        let waiting = server.client_of(0).await;
        let waiting = tokio::spawn(async move { waiting.status("Ok").await });
        wait_for_count_async(&server.listeners[0].delayed, 1).await;
        for _ in 0..2 {
            let client = server.client_of(1).await;
            assert_eq!(client.status("Ok").await, "0");
            clients.push(client);
        }
        assert!(!waiting.is_finished());
        // It cannot use a slot that is reserved for the other listener.
        clients.pop();
        assert_eq!(server.client_of(1).await.status("Ok").await, "0");
        assert!(!waiting.is_finished());
        clients.remove(0);
        assert_eq!(waiting.await.unwrap(), "0");
    });
}

#[test]
fn an_idle_connection_is_not_closed_if_no_waiting_connection_can_use_its_slot() {
    with_timeout(async {
        let server = Running::start(
            ServeOptions {
                connections: 4,
                idle_when_full: Duration::from_millis(10),
                ..options()
            },
            &[any(), any()],
        );
        // It uses the slot that is reserved for its listener.
        let other = server.client_of(1).await;
        assert_eq!(other.status("Ok").await, "0");
        let mut clients = Vec::new();
        for _ in 0..3 {
            let client = server.client_of(0).await;
            clients.push(client.clone());
            tokio::spawn(async move { client.call("Wait").await });
            server.wait_for_calls(1).await;
        }
        let waiting = server.client_of(0).await;
        let waiting = tokio::spawn(async move { waiting.status("Ok").await });
        wait_for_count_async(&server.listeners[0].delayed, 1).await;
        // `other` has been idle for longer than the connection that is closed for the waiting one.
        server.control.release.add_permits(1);
        assert_eq!(waiting.await.unwrap(), "0");
        assert_eq!(server.listeners[1].closed_by("crowded"), 0);
        assert_eq!(other.status("Ok").await, "0");
        assert_eq!(server.listeners[0].closed_by("crowded"), 1);
        server.control.release.add_permits(2);
    });
}

#[test]
fn opening_connections_are_closed_before_those_that_wait_for_a_slot() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            connections: 1,
            unopened: 4,
            idle_when_full: NEVER,
            ..options()
        });
        let first = server.client().await;
        assert_eq!(first.status("Ok").await, "0");
        let second = server.client().await;
        let waiting = tokio::spawn(async move { second.status("Ok").await });
        wait_for_count_async(&server.listeners[0].delayed, 1).await;
        let _silent: Vec<_> = (0..32).map(|_| Raw::tcp(server.socket_address())).collect();
        wait_until(|| server.closed("unopened", "") == 32 - 3);
        drop(first);
        assert_eq!(waiting.await.unwrap(), "0");
    });
}

#[test]
fn another_protocol_on_a_plaintext_listener_is_closed_and_counted_by_name() {
    let server = Running::tcp(options());
    let cases: [(&[u8], &str); 5] = [
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "http1"),
        (b"POST /x HTTP/1.1\r\n", "http1"),
        (&[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3], "tls"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "unknown"),
        (&[0; 40], "unknown"),
    ];
    let mut counts = std::collections::BTreeMap::new();
    for (bytes, reason) in cases {
        let mut raw = Raw::tcp(server.socket_address());
        raw.send(bytes);
        raw.wait_until_closed();
        let count: &mut u64 = counts.entry(reason).or_default();
        *count += 1;
        wait_until(|| server.closed("protocol", reason) == *count);
    }
    assert_eq!(server.listeners[0].closed_by("silent"), 0);
}

#[test]
fn a_client_that_disconnects_before_it_sends_anything_is_not_counted_as_closed() {
    let server = Running::tcp(options());
    for _ in 0..3 {
        drop(Raw::tcp(server.socket_address()));
    }
    wait_for_count(&server.counters.accepted, 3);
    wait_until(|| server.listeners[0].unopened.load(Ordering::Relaxed) == 0);
    assert!(server.listeners[0].closed().all(|(_, count)| count == 0));
}

#[test]
fn an_idle_connection_that_ignores_goaway_is_closed_for_a_waiting_one() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            connections: 2,
            idle_when_full: Duration::from_millis(20),
            first_byte: Duration::from_millis(500),
            ..options()
        });
        let idle = server.client().await;
        assert_eq!(idle.status("Ok").await, "0");
        let _ignoring = Raw::open(server.socket_address());
        wait_for_count(&server.counters.accepted, 2);
        let (third, fourth) = (server.client().await, server.client().await);
        let pending = tokio::spawn(async move { third.status("Wait").await });
        let ok = tokio::spawn(async move { fourth.status("Ok").await });
        assert_eq!(ok.await.unwrap(), "0");
        // A connection with a running call is not idle.
        server.control.release.add_permits(1);
        assert_eq!(pending.await.unwrap(), "0");
        idle.wait_until_closed().await;
    });
}

#[test]
fn connections_are_assigned_to_the_thread_with_the_fewest() {
    with_timeout(async {
        let server = Running::tcp(ServeOptions {
            threads: 3,
            ..options()
        });
        let mut clients = Vec::new();
        let mut threads = Vec::new();
        for _ in 0..6 {
            let client = server.client().await;
            let answer = client.call("Ok").await.unwrap();
            threads.push(header(&answer, "thread"));
            clients.push(client);
        }
        for three in threads.chunks(3) {
            assert_eq!(
                three.iter().collect::<BTreeSet<_>>().len(),
                3,
                "{threads:?}"
            );
        }
        // Both connections of one thread end: the next two go there.
        let left: Vec<_> = (0..6).filter(|i| threads[*i] == threads[0]).collect();
        for i in left.iter().rev() {
            clients.remove(*i);
        }
        for _ in 0..2 {
            let mut found = String::new();
            // The server notices the end asynchronously.
            while found != threads[0] {
                let client = server.client().await;
                found = header(&client.call("Ok").await.unwrap(), "thread");
                if found == threads[0] {
                    clients.push(client);
                }
            }
        }
    });
}

#[test]
fn a_plaintext_listener_beyond_loopback_must_be_allowed_explicitly() {
    let bind = |at: &str, plaintext: bool| {
        let mut listener = listener(at.parse().unwrap(), echo().0);
        listener.plaintext = plaintext;
        Server::bind(vec![listener], options())
    };
    // RFC 5737 §3: an address that no machine has, so nothing is opened to the network.
    let refused = bind("192.0.2.1:0", false).unwrap_err();
    assert!(matches!(
        refused,
        ServeError::Listen(ListenError::Unprotected { .. })
    ));
    assert!(
        refused.to_string().contains("plaintext = true"),
        "{refused}"
    );
    let allowed = bind("192.0.2.1:0", true).unwrap_err();
    assert!(matches!(
        allowed,
        ServeError::Listen(ListenError::Io { .. })
    ));
    assert!(bind("127.0.0.1:0", false).is_ok());
}

#[test]
fn all_listeners_are_bound_or_none() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listeners = [
        ListenAddress::Unix(path.clone()),
        ListenAddress::Tcp(taken.local_addr().unwrap()),
    ];
    let listeners = listeners.map(|at| listener(at, echo().0));
    assert!(Server::bind(listeners.into(), options()).is_err());
    assert!(!path.exists());
    assert!(matches!(
        Server::<super::echo::Echo>::bind(Vec::new(), options()),
        Err(ServeError::NoListener)
    ));
}

#[test]
fn one_server_answers_on_all_listeners() {
    with_timeout(async {
        let any: ListenAddress = "127.0.0.1:0".parse().unwrap();
        let server = Running::start(options(), &[any.clone(), any]);
        for address in &server.addresses {
            let ListenAddress::Tcp(address) = address else {
                panic!("{address}");
            };
            assert_ne!(address.port(), 0);
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let client = super::echo::Client::over(stream).await;
            assert_eq!(client.status("Ok").await, "0");
        }
    });
}
