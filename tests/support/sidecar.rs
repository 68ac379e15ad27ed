//! The real binary with a decision log; it can be killed and started again on the same records.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::proto::{AuthorizeRequest, AuthorizeResponse, Claims};
use prost_types::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

pub struct Sidecar {
    process: Child,
    output: PathBuf,
    pub url: String,
}

impl Sidecar {
    /// Runs `crosstrust serve` with the sample policies and its records in this folder; returns once it serves.
    pub fn start(folder: &Path, arguments: &[&str]) -> Sidecar {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosstrust"));
        command.arg("serve").args(["--listen", "127.0.0.1:0"]);
        command.args(["--admin", "off", "--policies"]);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"));
        command.arg("--log-directory").arg(records(folder));
        command.args(arguments);
        Sidecar::spawn(command, folder)
    }

    pub fn spawn(mut command: Command, folder: &Path) -> Sidecar {
        let output = folder.join("output");
        let file = File::create(&output).unwrap();
        let process = command
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut sidecar = Sidecar {
            process,
            output,
            url: String::new(),
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while sidecar.url.is_empty() {
            assert!(Instant::now() < deadline, "{}", sidecar.output());
            if let Some(status) = sidecar.process.try_wait().unwrap() {
                panic!("the server ended with {status}: {}", sidecar.output());
            }
            std::thread::sleep(Duration::from_millis(10));
            let output = sidecar.output();
            let line = output.lines().find(|line| line.contains(" serving"));
            let address = line.and_then(|line| line.split('"').nth(1));
            sidecar.url = address.map_or_else(String::new, |at| format!("http://{at}"));
        }
        sidecar
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has written to stdout and stderr.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// The admin address, if it was started with one.
    pub fn admin(&self) -> SocketAddr {
        let output = self.output();
        let (_, rest) = output.split_once("admin=\"").unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Sends SIGTERM and waits for a successful end.
    pub fn end(mut self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.output());
    }

    /// A line of `/proc/PID/status` in bytes: `VmRSS`, resident memory, or `VmHWM`, its peak.
    pub fn memory(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status
            .lines()
            .find_map(|one| one.strip_prefix(line))
            .unwrap();
        let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kibibytes << 10
    }

    pub async fn client(&self) -> AuthorizationServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(self.url.clone()).unwrap();
        AuthorizationServiceClient::new(endpoint.connect().await.unwrap())
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The log directory of a sidecar that was started in this folder.
pub fn records(folder: &Path) -> PathBuf {
    folder.join("records")
}

/// `crosstrust log …` on the records of this folder.
pub fn log(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .arg("log")
        .args(arguments)
        .arg("--log-directory")
        .arg(records(folder))
        .env_clear()
        .output()
        .unwrap()
}

/// A user of Fabrikam opens Contoso's SharePoint: allowed after MFA, denied without.
pub fn opens_sharepoint(user: u64, mfa: bool) -> AuthorizeRequest {
    AuthorizeRequest {
        home_tenant: String::from("2000d417-3b6d-4dbf-977f-4b4cbba65319"),
        resource_tenant: String::from("1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f"),
        user: format!("21000000-0000-4000-8000-{user:012x}"),
        app: String::from("00000003-0000-0ff1-ce00-000000000000"),
        claims: Some(Claims {
            expires_at: Some(Timestamp {
                seconds: 4_070_908_800,
                nanos: 0,
            }),
            mfa,
            ..Claims::default()
        }),
        ..AuthorizeRequest::default()
    }
}

pub async fn ask(
    client: &mut AuthorizationServiceClient<Channel>,
    request: AuthorizeRequest,
) -> Result<AuthorizeResponse, Status> {
    let answer = client.authorize(request).await;
    answer.map(tonic::Response::into_inner)
}

/// Whether the server returned this status, as it may on a busy machine (a late record or answer, or a shed call).
/// Otherwise the connection failed.
pub fn is_refusal(status: &Status) -> bool {
    std::error::Error::source(status).is_none()
}
