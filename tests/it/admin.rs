//! The pages of the admin address, and what its clients cannot do to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crosstrust::rpc::proto::GetSnapshotRequest;
use crosstrust::rpc::proto::policy_service_client::PolicyServiceClient;
use rustix::process::{Pid, Signal, kill_process};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::observed::{Observed, Setup, ask, page};

async fn grpc_health(server: &Observed) -> bool {
    let mut client = HealthClient::new(server.channel().await);
    let answer = client.check(HealthCheckRequest::default()).await.unwrap();
    answer.into_inner().status() == ServingStatus::Serving
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn alive_is_alive_and_ready_is_what_grpc_health_says_with_its_reason() {
    for (has_policies, drains, status, why) in [
        (true, false, 200, serde_json::Value::Null),
        (false, false, 503, "noSnapshot".into()),
        (true, true, 503, "draining".into()),
    ] {
        let server = Observed::start(Setup {
            has_policies,
            ..Setup::default()
        });
        if drains {
            server.health.drain();
        }
        let address = server.admin.address();
        let ready = page(address, "/readyz", "*/*");
        assert_eq!((ready.status, &ready.json()["why"]), (status, &why));
        assert_eq!(ready.json()["ready"], status == 200);
        assert_eq!(grpc_health(&server).await, status == 200);
        assert_eq!(
            server.scrape().get("crosstrust_ready"),
            f64::from(status == 200)
        );
        assert_eq!(page(address, "/healthz", "*/*").status, 200);
        let version = ready.json()["snapshot"]["version"].as_u64();
        assert_eq!(version, has_policies.then_some(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_snapshot_is_told_as_over_grpc() {
    let server = Observed::start(Setup::default());
    let mut client = PolicyServiceClient::new(server.channel().await);
    let told = client.get_snapshot(GetSnapshotRequest {}).await.unwrap();
    let told = told.into_inner();
    let page = page(server.admin.address(), "/v1/snapshot", "*/*");
    let shown = page.json();
    assert!(page.head.contains("content-type: application/json"));
    assert_eq!(shown["snapshot"]["id"], told.snapshot.unwrap().id);
    assert_eq!(
        shown["counts"]["tenants"],
        told.counts.unwrap().tenants.to_string()
    );
    assert_eq!(shown["source"], told.source);
}

#[test]
fn nothing_but_looking_is_possible() {
    let server = Observed::start(Setup::default());
    let address = server.admin.address();
    for path in ["/metrics", "/healthz", "/readyz", "/v1/snapshot"] {
        let told = ask(
            address,
            &format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n"),
        );
        assert_eq!(told.status, 405, "{path}");
        let told = ask(address, &format!("HEAD {path} HTTP/1.1\r\nhost: a\r\n"));
        assert_eq!((told.status, told.body.as_str()), (200, ""), "{path}");
        assert!(
            page(address, path, "*/*")
                .head
                .contains("cache-control: no-store")
        );
    }
    assert_eq!(page(address, "/", "*/*").status, 404);
    assert_eq!(page(address, "/metrics/../v1/snapshot", "*/*").status, 404);
    let many = "a: b\r\n".repeat(200);
    let refused = ask(
        address,
        &format!("GET /metrics HTTP/1.1\r\nhost: a\r\n{many}"),
    );
    assert_eq!(refused.status, 431);
    // Who goes on writing after the answer may be cut before reading it.
    let long = "a".repeat(64 << 10);
    let mut stream = TcpStream::connect(address).unwrap();
    let _ = write!(stream, "GET /metrics HTTP/1.1\r\nhost: {long}\r\n\r\n");
    let mut told = String::new();
    let _ = stream.read_to_string(&mut told);
    assert!(
        told.is_empty() || told.starts_with("HTTP/1.1 431"),
        "{told}"
    );
}

/// Sends a request on a connection that stays, and reads its answer.
fn ask_and_stay(stream: &mut TcpStream) -> String {
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    let head = String::from_utf8(answer).unwrap().to_ascii_lowercase();
    let length = head
        .split_once("content-length: ")
        .map_or("0", |(_, rest)| rest.split("\r\n").next().unwrap());
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    head
}

#[test]
fn connections_that_send_no_request_take_no_page_away_and_are_closed() {
    let server = Observed::start(Setup::default());
    let address = server.admin.address();
    let mut asking = TcpStream::connect(address).unwrap();
    asking
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    assert!(ask_and_stay(&mut asking).starts_with("http/1.1 200"));
    // More than there are places, and each says half a request or nothing.
    let silent: Vec<TcpStream> = (0..100)
        .map(|number| {
            let mut stream = TcpStream::connect(address).unwrap();
            // It may have been closed for a newer one.
            let _ = stream.write_all(&b"GET /metrics HT"[..number % 16]);
            stream
        })
        .collect();
    assert_eq!(page(address, "/readyz", "*/*").status, 200);
    assert_eq!(page(address, "/metrics", "*/*").status, 200);
    // A connection that has asked outlasts those that have not.
    assert!(ask_and_stay(&mut asking).starts_with("http/1.1 200"));
    for mut stream in silent {
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut said = Vec::new();
        match stream.read_to_end(&mut said) {
            Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
            _ => assert!(said.is_empty()),
        }
    }
}

#[test]
fn idle_connections_that_have_asked_make_way_for_new_ones() {
    let server = Observed::start(Setup::default());
    let address = server.admin.address();
    let _idle: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            assert!(ask_and_stay(&mut stream).starts_with("http/1.1 200"));
            stream
        })
        .collect();
    assert_eq!(page(address, "/readyz", "*/*").status, 200);
}

#[test]
fn its_end_is_prompt_also_while_somebody_keeps_a_connection() {
    let server = Observed::start(Setup::default());
    let address = server.admin.address();
    let mut kept = TcpStream::connect(address).unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut byte = [0];
    kept.read_exact(&mut byte).unwrap();
    let start = Instant::now();
    drop(server);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert!(TcpStream::connect(address).is_err());
}

/// `kubectl exec … env` in a pod beside a Service named crosstrust with two ports.
const SERVICE_LINKS: [(&str, &str); 12] = [
    ("CROSSTRUST_SERVICE_HOST", "10.96.0.7"),
    ("CROSSTRUST_SERVICE_PORT", "50051"),
    ("CROSSTRUST_SERVICE_PORT_GRPC", "50051"),
    ("CROSSTRUST_SERVICE_PORT_ADMIN", "9090"),
    ("CROSSTRUST_PORT", "tcp://10.96.0.7:50051"),
    ("CROSSTRUST_PORT_50051_TCP", "tcp://10.96.0.7:50051"),
    ("CROSSTRUST_PORT_50051_TCP_PROTO", "tcp"),
    ("CROSSTRUST_PORT_50051_TCP_PORT", "50051"),
    ("CROSSTRUST_PORT_50051_TCP_ADDR", "10.96.0.7"),
    ("CROSSTRUST_PORT_9090_TCP", "tcp://10.96.0.7:9090"),
    ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
    ("KUBERNETES_PORT", "tcp://10.96.0.1:443"),
];

#[test]
fn the_variables_that_kubernetes_injects_for_a_service_named_crosstrust_are_ignored() {
    let mut command = Serving::command("127.0.0.1:0");
    command.envs(SERVICE_LINKS);
    let (_serving, line) = Serving::start(command);
    assert!(line.contains(" serving"), "{line}");
    // The same start with a variable of another name ends at once.
    let mut command = Serving::command("127.0.0.1:0");
    command.envs(SERVICE_LINKS).env("CROSSTRUST_SERVE", "1");
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("unknown variable `CROSSTRUST_SERVE`"),
        "{told}"
    );
}

/// The binary, over the sample policies, on ports of the kernel's choice. Ends when it is dropped.
pub struct Serving(Child);

impl Serving {
    pub fn command(admin: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosstrust"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", admin])
            // A folder of records is one process's.
            .args(["--log-mode", "off"])
            .arg("--policies")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/policies"))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Returns with the line that says that it serves.
    fn start(mut command: Command) -> (Serving, String) {
        let mut process = command.spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let serving = Serving(process);
        let mut lines = log.lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains(" serving")).unwrap();
        // The rest is read so that it can be written.
        std::thread::spawn(move || lines.for_each(drop));
        (serving, line)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_line_at_start_tells_the_admin_address_and_it_outlives_the_listeners() {
    let (mut serving, line) = Serving::start(Serving::command("127.0.0.1:0"));
    let (_, rest) = line.split_once("admin=\"").unwrap();
    let address: SocketAddr = rest.split('"').next().unwrap().parse().unwrap();
    assert_eq!(page(address, "/readyz", "*/*").status, 200);
    assert!(
        page(address, "/metrics", "*/*")
            .body
            .contains("crosstrust_build_info{version=")
    );
    kill_process(Pid::from_child(&serving.0), Signal::TERM).unwrap();
    assert!(serving.0.wait().unwrap().success());
}

#[test]
fn there_may_be_no_admin_address() {
    let (_serving, line) = Serving::start(Serving::command("off"));
    assert!(line.contains("admin=\"off\""), "{line}");
}

#[test]
fn an_address_that_is_taken_or_none_is_told_with_the_flag() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let expected = format!("flag: admin = `{taken}`: the address is in use");
    for (admin, told) in [
        (taken.as_str(), expected.as_str()),
        (
            taken.as_str(),
            "name another address with `--admin`, or `off`",
        ),
        (
            "localhost:9090",
            "expected an IP address and port such as 127.0.0.1:9090, or off",
        ),
    ] {
        let output = Serving::command(admin).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(told), "{said}");
    }
}
