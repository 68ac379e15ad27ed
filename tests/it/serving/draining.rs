//! The end of the server: running calls finish, the rest is cut, and nothing waits for nothing.

use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crosstrust::serve::{DrainSummary, ServeOptions, Server};

use super::echo::{NEVER, PATIENCE, Running, bounded, echo, listener, options};
use super::raw::Raw;

#[test]
fn draining_finishes_running_calls_and_accepts_no_new_connections() {
    bounded(async {
        let mut server = Running::tcp(options());
        let client = server.client().await;
        let held = tokio::spawn({
            let client = client.clone();
            async move { client.status("Held").await }
        });
        server.begun(1).await;
        server.stop();
        // The address is given up first.
        while TcpStream::connect(server.socket_address()).is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.stage.release.add_permits(1);
        assert_eq!(held.await.unwrap(), "0");
        client.closed().await;
        assert_eq!(server.drained().await, DrainSummary { aborted: 0 });
    });
}

#[test]
fn an_idle_server_drains_immediately() {
    bounded(async {
        let mut server = Running::tcp(ServeOptions {
            drain: NEVER,
            threads: 2,
            ..options()
        });
        let client = server.client().await;
        assert_eq!(client.status("Ok").await, "0");
        // One that has not opened holds nothing up either.
        let _silent = Raw::tcp(server.socket_address());
        let begun = Instant::now();
        server.stop();
        client.closed().await;
        assert_eq!(server.drained().await, DrainSummary { aborted: 0 });
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
    });
}

#[test]
fn a_call_that_does_not_end_is_aborted_and_counted() {
    bounded(async {
        let mut server = Running::tcp(ServeOptions {
            drain: Duration::from_millis(30),
            ..options()
        });
        let (stuck, stream) = (server.client().await, server.client().await);
        let held = tokio::spawn(async move { stuck.call("Held").await });
        let _open = stream.call("Stream").await.unwrap();
        server.begun(2).await;
        server.stop();
        assert_eq!(server.drained().await, DrainSummary { aborted: 2 });
        assert!(held.await.unwrap().is_err());
    });
}

#[test]
fn a_thread_that_never_yields_does_not_block_the_drain() {
    bounded(async {
        let mut server = Running::tcp(ServeOptions {
            drain: Duration::from_millis(10),
            ..options()
        });
        let client = server.client().await;
        let spinning = tokio::spawn(async move { client.call("Spin").await });
        server.begun(1).await;
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
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let drained = server.run(async {}, || {
            tell.send(TcpStream::connect(address).is_ok()).unwrap();
        });
        assert_eq!(drained, DrainSummary { aborted: 0 });
    });
    assert!(told.recv_timeout(PATIENCE).unwrap());
}
