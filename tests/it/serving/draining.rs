//! Draining: running calls finish, the rest is aborted, and idle connections delay nothing.

use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crosstrust::serve::{DrainSummary, ServeOptions, Server};

use super::echo::{NEVER, Running, TEST_TIMEOUT, echo, listener, options, with_timeout};
use super::raw::Raw;

#[test]
fn draining_finishes_running_calls_and_accepts_no_new_connections() {
    with_timeout(async {
        let mut server = Running::tcp(options());
        let client = server.client().await;
        let pending = tokio::spawn({
            let client = client.clone();
            async move { client.status("Wait").await }
        });
        server.wait_for_calls(1).await;
        server.stop();
        // The listener is closed first.
        while TcpStream::connect(server.socket_address()).is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.control.release.add_permits(1);
        assert_eq!(pending.await.unwrap(), "0");
        client.wait_until_closed().await;
        assert_eq!(server.drained().await, DrainSummary { aborted: 0 });
    });
}

#[test]
fn an_idle_server_drains_immediately() {
    with_timeout(async {
        let mut server = Running::tcp(ServeOptions {
            drain: NEVER,
            threads: 2,
            ..options()
        });
        let client = server.client().await;
        assert_eq!(client.status("Ok").await, "0");
        // A connection that has sent nothing does not delay the drain either.
        let _silent = Raw::tcp(server.socket_address());
        let start = Instant::now();
        server.stop();
        client.wait_until_closed().await;
        assert_eq!(server.drained().await, DrainSummary { aborted: 0 });
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
    });
}

#[test]
fn a_call_that_does_not_end_is_aborted_and_counted() {
    with_timeout(async {
        let mut server = Running::tcp(ServeOptions {
            drain: Duration::from_millis(30),
            ..options()
        });
        let (stuck, stream) = (server.client().await, server.client().await);
        let pending = tokio::spawn(async move { stuck.call("Wait").await });
        let _open = stream.call("Stream").await.unwrap();
        server.wait_for_calls(2).await;
        server.stop();
        assert_eq!(server.drained().await, DrainSummary { aborted: 2 });
        assert!(pending.await.unwrap().is_err());
    });
}

#[test]
fn a_thread_that_never_yields_does_not_block_the_drain() {
    with_timeout(async {
        let mut server = Running::tcp(ServeOptions {
            drain: Duration::from_millis(10),
            ..options()
        });
        let client = server.client().await;
        let spinning = tokio::spawn(async move { client.call("Spin").await });
        server.wait_for_calls(1).await;
        server.stop();
        assert_eq!(server.drained().await, DrainSummary { aborted: 1 });
        server.unspin.send(()).unwrap();
        drop(spinning.await);
    });
}

#[test]
fn health_can_report_not_serving_before_the_drain() {
    let (echo, _unspin) = echo();
    let listener = listener("127.0.0.1:0".parse().unwrap(), echo);
    let server = Server::bind(vec![listener], options()).unwrap();
    let address = server.addresses()[0].to_string();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let drained = server.run(async {}, || {
            sender.send(TcpStream::connect(address).is_ok()).unwrap();
        });
        assert_eq!(drained, DrainSummary { aborted: 0 });
    });
    assert!(receiver.recv_timeout(TEST_TIMEOUT).unwrap());
}
