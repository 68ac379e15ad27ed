//! A process without free file descriptors: the accept loop pauses instead of spinning, and continues later.
//!
//! The limit applies to a process, so the test runs itself again in a separate process.

use std::fs::File;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crosstrust::serve::ServeOptions;
use rustix::process::{Resource, Rlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use super::echo::{Running, options, wait_for_count};
use super::raw::{PREFACE, Raw, SETTINGS};

const HEADERS: u8 = 1;
const IN_CHILD: &str = "CROSSTRUST_TEST_FEW_FILES";

#[test]
fn without_file_descriptors_the_accept_loop_pauses_and_then_continues() {
    if std::env::var_os(IN_CHILD).is_some() {
        return without_files();
    }
    let name = "serving::files::without_file_descriptors_the_accept_loop_pauses_and_then_continues";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(IN_CHILD, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
}

fn without_files() {
    let limit = Rlimit {
        current: Some(64),
        maximum: Some(64),
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let server = Running::tcp(ServeOptions {
        accept_backoff: Duration::from_millis(50),
        ..options()
    });
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert!(taken.len() < 64);
    assert_ne!(taken.len(), 0);
    client.connect(&server.socket_address().into()).unwrap();
    wait_for_count(&server.counters.accept_failures, 1);
    std::thread::sleep(Duration::from_millis(200));
    // 50, 100, 200 ms: a loop that spins would have failed thousands of times.
    let failures = server.counters.accept_failures.load(Ordering::Relaxed);
    assert!((1..=4).contains(&failures), "{failures}");
    drop(taken);
    let mut raw = Raw(std::net::TcpStream::from(client));
    raw.send(PREFACE);
    raw.send(SETTINGS);
    raw.begin(1, "/test.Echo/Ok");
    assert_eq!(raw.until(HEADERS).stream, 1);
}
