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

use crate::observed::{ObservedServer, Setup, ask, page};

async fn grpc_health(server: &ObservedServer) -> bool {
    let mut client = HealthClient::new(server.channel().await);
    let answer = client.check(HealthCheckRequest::default()).await.unwrap();
    answer.into_inner().status() == ServingStatus::Serving
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn livez_is_ok_and_readyz_matches_grpc_health_and_gives_the_reason() {
    for (has_policies, drains, status, why) in [
        (true, false, 200, serde_json::Value::Null),
        (false, false, 503, "noSnapshot".into()),
        (true, true, 503, "draining".into()),
    ] {
        let server = ObservedServer::start(Setup {
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
async fn the_snapshot_page_matches_the_grpc_response() {
    let server = ObservedServer::start(Setup::default());
    let mut client = PolicyServiceClient::new(server.channel().await);
    let response = client.get_snapshot(GetSnapshotRequest {}).await.unwrap();
    let response = response.into_inner();
    let page = page(server.admin.address(), "/v1/snapshot", "*/*");
    let shown = page.json();
    assert!(page.head.contains("content-type: application/json"));
    assert_eq!(shown["snapshot"]["id"], response.snapshot.unwrap().id);
    assert_eq!(
        shown["counts"]["tenants"],
        response.counts.unwrap().tenants.to_string()
    );
    assert_eq!(shown["source"], response.source);
}

#[test]
fn the_admin_address_is_read_only() {
    let server = ObservedServer::start(Setup::default());
    let address = server.admin.address();
    for path in ["/metrics", "/healthz", "/readyz", "/v1/snapshot"] {
        let response = ask(
            address,
            &format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n"),
        );
        assert_eq!(response.status, 405, "{path}");
        let response = ask(address, &format!("HEAD {path} HTTP/1.1\r\nhost: a\r\n"));
        assert_eq!(
            (response.status, response.body.as_str()),
            (200, ""),
            "{path}"
        );
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
    // A client that keeps writing after the response may be disconnected before it reads it.
    let long = "a".repeat(64 << 10);
    let mut stream = TcpStream::connect(address).unwrap();
    let _ = write!(stream, "GET /metrics HTTP/1.1\r\nhost: {long}\r\n\r\n");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
}

/// Sends a keep-alive request and reads its response.
fn send_keep_alive(stream: &mut TcpStream) -> String {
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
fn connections_without_a_request_block_no_page_and_are_closed() {
    let server = ObservedServer::start(Setup::default());
    let address = server.admin.address();
    let mut active = TcpStream::connect(address).unwrap();
    active
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    assert!(send_keep_alive(&mut active).starts_with("http/1.1 200"));
    // More than the connection limit; each sends half a request or nothing.
    let idle: Vec<TcpStream> = (0..100)
        .map(|number| {
            let mut stream = TcpStream::connect(address).unwrap();
            // The server may have closed it in favour of a newer connection.
            let _ = stream.write_all(&b"GET /metrics HT"[..number % 16]);
            stream
        })
        .collect();
    assert_eq!(page(address, "/readyz", "*/*").status, 200);
    assert_eq!(page(address, "/metrics", "*/*").status, 200);
    // A connection that has sent a request outlasts those that have not.
    assert!(send_keep_alive(&mut active).starts_with("http/1.1 200"));
    for mut stream in idle {
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut received = Vec::new();
        match stream.read_to_end(&mut received) {
            Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
            _ => assert!(received.is_empty()),
        }
    }
}

#[test]
fn idle_connections_are_closed_in_favour_of_new_ones() {
    let server = ObservedServer::start(Setup::default());
    let address = server.admin.address();
    let _idle: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            assert!(send_keep_alive(&mut stream).starts_with("http/1.1 200"));
            stream
        })
        .collect();
    assert_eq!(page(address, "/readyz", "*/*").status, 200);
}

#[test]
fn shutdown_is_prompt_while_a_client_keeps_a_connection_open() {
    let server = ObservedServer::start(Setup::default());
    let address = server.admin.address();
    let mut open_stream = TcpStream::connect(address).unwrap();
    open_stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut byte = [0];
    open_stream.read_exact(&mut byte).unwrap();
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
    let mut command = ServerProcess::command("127.0.0.1:0");
    command.envs(SERVICE_LINKS);
    let (_serving, line) = ServerProcess::start(command);
    assert!(line.contains(" serving"), "{line}");
    // The same start with an unknown variable exits at once.
    let mut command = ServerProcess::command("127.0.0.1:0");
    command.envs(SERVICE_LINKS).env("CROSSTRUST_SERVE", "1");
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("unknown variable `CROSSTRUST_SERVE`"),
        "{stderr}"
    );
}

/// The binary with the sample policies, on ports that the kernel chooses. Stops on drop.
pub struct ServerProcess(Child);

impl ServerProcess {
    pub fn command(admin: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosstrust"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", admin])
            // Only one process may use a log directory.
            .args(["--log-mode", "off"])
            .arg("--policies")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/policies"))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Returns once the process logs that it serves, with that line.
    fn start(mut command: Command) -> (ServerProcess, String) {
        let mut process = command.spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let serving = ServerProcess(process);
        let mut lines = log.lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains(" serving")).unwrap();
        // Drain the rest so that the process does not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        (serving, line)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_start_line_contains_the_admin_address_which_outlives_the_listeners() {
    let (mut serving, line) = ServerProcess::start(ServerProcess::command("127.0.0.1:0"));
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
fn the_admin_address_can_be_switched_off() {
    let (_serving, line) = ServerProcess::start(ServerProcess::command("off"));
    assert!(line.contains("admin=\"off\""), "{line}");
}

#[test]
fn an_address_in_use_or_invalid_is_reported_with_its_flag() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let expected = format!("flag: admin = `{taken}`: the address is in use");
    for (admin, expected) in [
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
        let output = ServerProcess::command(admin).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && stderr.contains(expected),
            "{stderr}"
        );
    }
}
