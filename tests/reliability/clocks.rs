//! Wall clocks that jump and machines that sleep, on the real binary.
//!
//! A preloaded object (`clocks/preload.rs`) moves the wall clock and simulates sleep. A time namespace
//! (time_namespaces(7)) sets the boot clock at the start.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crosstrust::decision::Reason;
use crosstrust::identity::Algorithm;
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::proto::{AuthorizeRequest, Decision};
use prost_types::Timestamp;
use serde_json::json;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::figure::{lacks, row, size};
use crate::kill::missing;
use crate::support::sidecar::{Sidecar, ask, opens_sharepoint, records};
use crate::support::tokens::{Signer, claims, jwks, with};

const CONTOSO: &str = "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f";
const FABRIKAM: &str = "2000d417-3b6d-4dbf-977f-4b4cbba65319";
const FABRIKAM_ISS: &str = "https://sts.windows.net/2000d417-3b6d-4dbf-977f-4b4cbba65319/";
const FATIMA: &str = "2101ca1f-53eb-4c73-aac7-6f02ee5f1af0";
const LAUNCHER: &str = "1a01899f-ffd3-4659-9c8b-641314fe61f2";

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;
/// Small: some tens of allows fill a segment.
const SEGMENT_BYTES: &str = "65536";
/// How far the wall clock jumps, ahead and back, in seconds.
const JUMPS: [i64; 7] = [1, 60, 20 * 60, 2 * HOUR, DAY, YEAR, 10 * YEAR];

/// The files and tokens of a server whose clocks the test moves.
struct ClockedServer {
    folder: tempfile::TempDir,
    preload: PathBuf,
    offsets: File,
    signer: Signer,
    tokens: u64,
    users: u64,
    allows: HashSet<String>,
    answers: u64,
}

impl ClockedServer {
    fn new() -> ClockedServer {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::new(Algorithm::EdDsa, "key");
        fs::write(folder.path().join("keys.json"), jwks(&[&signer])).unwrap();
        let issuer = format!(
            "[[issuer]]\npreset = \"entra-v1\"\nissuer = \"{FABRIKAM_ISS}\"\nkeys = \"keys.json\"\n\
             audiences = [\"{LAUNCHER}\"]\ntenants = [\"{FABRIKAM}\"]\nalgorithms = [\"EdDSA\"]\n"
        );
        fs::write(folder.path().join("crosstrust.toml"), issuer).unwrap();
        let path = folder.path().join("offsets");
        fs::write(&path, [0; 16]).unwrap();
        let offsets = File::options().write(true).open(path).unwrap();
        ClockedServer {
            preload: preload(folder.path()),
            folder,
            offsets,
            signer,
            tokens: 0,
            users: 0,
            allows: HashSet::new(),
            answers: 0,
        }
    }

    /// Sets how far the clocks of the process are ahead, in seconds.
    fn set_clocks(&self, wall: i64, boot: i64) {
        for (at, seconds) in [(0, wall), (8, boot)] {
            let nanos = seconds * 1_000_000_000;
            self.offsets.write_all_at(&nanos.to_ne_bytes(), at).unwrap();
        }
    }

    /// Starts the real binary; with `boot_ahead`, in a time namespace whose boot clock is ahead by this many seconds.
    fn start(&self, boot_ahead: Option<i64>) -> Sidecar {
        let command = match boot_ahead {
            None => Command::new("/usr/bin/env"),
            Some(seconds) => {
                let mut command = in_time_namespace(seconds);
                command.arg("/usr/bin/env");
                command
            }
        };
        let (folder, mut command) = (self.folder.path(), self.with_moved_clocks(command));
        command.arg(env!("CARGO_BIN_EXE_crosstrust")).arg("serve");
        command.args(["--config", "crosstrust.toml", "--log-mode", "strict"]);
        command.args(["--listen", "127.0.0.1:0", "--admin", "off", "--policies"]);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"));
        command.arg("--log-directory").arg(records(folder));
        command.args(["--log-segment-bytes", SEGMENT_BYTES]);
        Sidecar::spawn(command, folder)
    }

    /// Completes an `env` command that runs the appended program with the moved clocks.
    fn with_moved_clocks(&self, mut env: Command) -> Command {
        let offsets = self.folder.path().join("offsets");
        env.arg(format!("LD_PRELOAD={}", self.preload.display()));
        env.arg(format!("CLOCK_OFFSETS={}", offsets.display()));
        env
    }

    /// A token that is issued at this time and valid for this many seconds.
    fn token(&mut self, issued: i64, seconds: i64) -> Token {
        self.tokens += 1;
        let members = json!({
            "iat": issued, "nbf": issued, "exp": issued + seconds, "tid": FABRIKAM, "oid": FATIMA,
            "aud": LAUNCHER, "groups": [], "jti": self.tokens.to_string(),
        });
        Token {
            text: self.signer.sign(&with(claims(FABRIKAM_ISS), members)),
            issued,
            expires: issued + seconds,
        }
    }

    /// Calls with a token and returns whether the answer is an allow. A rejected token is UNAUTHENTICATED.
    async fn allows(&mut self, client: &mut Client, token: &Token) -> bool {
        let request = AuthorizeRequest {
            resource_tenant: CONTOSO.to_owned(),
            app: LAUNCHER.to_owned(),
            token: token.text.clone(),
            ..AuthorizeRequest::default()
        };
        match self.answer(client, request).await {
            Ok(allowed) => allowed,
            Err(status) => {
                assert_eq!(status.code(), Code::Unauthenticated, "{status}");
                false
            }
        }
    }

    /// Calls with claims that expire at this time and returns whether the answer is an allow.
    async fn allows_claims(&mut self, client: &mut Client, user: u64, expires: i64) -> bool {
        let mut request = opens_sharepoint(user, true);
        request.claims.as_mut().unwrap().expires_at = Some(Timestamp {
            seconds: expires,
            nanos: 0,
        });
        self.answer(client, request).await.unwrap()
    }

    /// Requests an allow for each of `count` new users.
    async fn allow_new_users(&mut self, client: &mut Client, count: u64) {
        for _ in 0..count {
            self.users += 1;
            let request = opens_sharepoint(self.users, true);
            assert!(self.answer(client, request).await.unwrap());
        }
    }

    async fn answer(
        &mut self,
        client: &mut Client,
        request: AuthorizeRequest,
    ) -> Result<bool, Status> {
        loop {
            let answer = match ask(client, request.clone()).await {
                // The disk of a busy machine may be slow.
                Err(status) if status.message() == Reason::AuditUnavailable.message() => continue,
                answer => answer?,
            };
            self.answers += 1;
            let allowed = answer.decision() == Decision::Allow;
            if allowed {
                self.allows.insert(answer.decision_id);
            }
            return Ok(allowed);
        }
    }

    /// The wall clock jumps and comes back: no answer relies on an expired token, and then decisions are as before.
    async fn jump(&mut self, client: &mut Client, seconds: i64) {
        let now = now();
        let token = self.token(now - 60, HOUR);
        self.users += 1;
        let (user, expires) = (self.users, now + HOUR);
        assert!(self.allows(client, &token).await);
        assert!(self.allows_claims(client, user, expires).await);
        self.set_clocks(seconds, 0);
        let wall = now + seconds;
        // Five minutes: semantics §4, stage 1.
        let is_valid = wall < token.expires && token.issued <= wall + 300;
        let fresh = self.token(now, HOUR);
        for _ in 0..2 {
            assert_eq!(self.allows(client, &token).await, is_valid, "{seconds}");
            assert_eq!(self.allows(client, &fresh).await, is_valid, "{seconds}");
            let allowed = self.allows_claims(client, user, expires).await;
            assert_eq!(allowed, wall < expires, "{seconds}");
        }
        self.set_clocks(0, 0);
        // A token that was verified while the clock was ahead expires early; a new one is valid.
        assert!(self.allows(client, &token).await, "{seconds}");
        assert!(self.allows_claims(client, user, expires).await, "{seconds}");
        let renewed = self.token(now, HOUR);
        assert!(self.allows(client, &renewed).await, "{seconds}");
    }

    /// The machine sleeps for two hours; then the wall clock is set back by two hours.
    async fn sleep(&mut self, client: &mut Client) {
        let now = now();
        let (used, unused) = (self.token(now - 60, HOUR), self.token(now - 60, HOUR));
        assert!(self.allows(client, &used).await);
        self.users += 1;
        let user = self.users;
        assert!(self.allows_claims(client, user, now + HOUR).await);
        self.set_clocks(2 * HOUR, 2 * HOUR);
        assert!(!self.allows(client, &used).await);
        assert!(!self.allows_claims(client, user, now + HOUR).await);
        let later = self.token(now + 2 * HOUR, HOUR);
        assert!(self.allows(client, &later).await);
        self.set_clocks(0, 2 * HOUR);
        assert!(
            !self.allows(client, &used).await,
            "the token expired during the sleep"
        );
        assert!(
            self.allows(client, &unused).await,
            "the wall clock decides about a token that was not verified before"
        );
        self.set_clocks(0, 0);
    }
}

type Client = AuthorizationServiceClient<Channel>;

struct Token {
    text: String,
    issued: i64,
    expires: i64,
}

/// The unmoved wall clock, in seconds. A jump takes less time than the smallest margin, four minutes.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs().try_into().unwrap()
}

/// Compiles `clocks/preload.rs`.
fn preload(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reliability/clocks/preload.rs");
    let object = folder.join("libclocks.so");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled = Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-o"])
        .args([&object, &source])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{errors}");
    object
}

/// Whether the preloaded object can write into the vDSO (it cannot if the kernel seals the mapping).
fn can_move_clocks(server: &ClockedServer) -> bool {
    let moved = server
        .with_moved_clocks(Command::new("/usr/bin/env"))
        .arg("true")
        .status();
    moved.unwrap().success()
}

/// A command that runs the appended program with a boot clock that is ahead, by util-linux's unshare from `PATH`.
fn in_time_namespace(boot_ahead: i64) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("unshare"));
    let unshare = found.into_iter().find(|file| file.exists());
    let mut command = Command::new(unshare.unwrap_or_else(|| "unshare".into()));
    command.args(["--user", "--map-root-user", "--time", "--boottime"]);
    command.arg(boot_ahead.to_string());
    command
}

/// Whether this user can create a time namespace.
fn has_time_namespaces() -> bool {
    let uptime = |text: &str| text.split('.').next()?.parse::<i64>().ok();
    let here = fs::read_to_string("/proc/uptime").ok();
    let there = in_time_namespace(YEAR)
        .args(["cat", "/proc/uptime"])
        .output();
    let there = there
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let (here, there) = (
        here.as_deref().and_then(uptime),
        there.as_deref().and_then(uptime),
    );
    here.zip(there)
        .is_some_and(|(here, there)| there >= here + YEAR)
}

/// `None` if this machine cannot move the clocks of a process.
fn clocked_server() -> Option<ClockedServer> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        lacks("Linux on x86-64");
        return None;
    }
    let server = ClockedServer::new();
    if !can_move_clocks(&server) {
        lacks("a vDSO that can be written");
        return None;
    }
    Some(server)
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

#[test]
fn no_expired_token_is_accepted_and_no_record_is_lost_when_clocks_jump() {
    let _alone = crate::figure::alone();
    let Some(mut server) = clocked_server() else {
        return;
    };
    let boots = if has_time_namespaces() {
        vec![None, Some(10 * YEAR), None]
    } else {
        lacks("time namespaces without privileges (`unshare --user --time`)");
        vec![None, None]
    };
    let runtime = runtime();
    let rounds = size(1, 10);
    let (mut jumps, mut sleeps) = (0, 0);
    // Each start uses the same records and another boot clock.
    for boot in boots {
        let sidecar = server.start(boot);
        runtime.block_on(async {
            let mut client = sidecar.client().await;
            for _ in 0..rounds {
                for seconds in JUMPS.into_iter().flat_map(|jump| [jump, -jump]) {
                    server.jump(&mut client, seconds).await;
                    jumps += 1;
                }
                server.sleep(&mut client).await;
                sleeps += 1;
            }
        });
        sidecar.kill();
        let lost = missing(server.folder.path(), &server.allows);
        assert_eq!(lost, Vec::<String>::new());
    }
    let (answers, allows) = (server.answers, server.allows.len());
    row(
        "2-clocks",
        "wall clock jumps by ±1 s to ±10 years and comes back; machine sleeps for two hours, then the wall clock is set back; starts with a boot clock ten years ahead; kill -9 and `log verify` after each start",
        &format!("{jumps} jumps, {sleeps} sleeps, {answers} answers"),
        &format!(
            "no allow with a token that is expired by either clock; correct again at once; {allows} allows recorded, the chain verifies"
        ),
    );
}

/// The default of `log.retention_days` is 90.
#[test]
fn starts_with_the_clock_91_days_ahead_remove_no_record() {
    let _alone = crate::figure::alone();
    let Some(mut server) = clocked_server() else {
        return;
    };
    let starts = size(2, 20);
    for start in 0..starts {
        let is_ahead = start % 2 == 1;
        server.set_clocks(if is_ahead { 91 * DAY } else { 0 }, 0);
        let sidecar = server.start(None);
        runtime().block_on(async {
            let mut client = sidecar.client().await;
            // Several segments: a new segment also triggers removal.
            server.allow_new_users(&mut client, 200).await;
        });
        let is_postponed = sidecar
            .output()
            .contains("removing records by age is postponed");
        assert_eq!(is_postponed, is_ahead, "{}", sidecar.output());
        sidecar.end();
    }
    let files = fs::read_dir(records(server.folder.path())).unwrap().count();
    assert!(files > starts, "{files}");
    let lost = missing(server.folder.path(), &server.allows);
    assert_eq!(lost, Vec::<String>::new());
    row(
        "3-retention",
        "every second start has the wall clock 91 days ahead of the records (`log.retention_days = 90`)",
        &format!(
            "{starts} starts, {} allows, {files} files",
            server.allows.len()
        ),
        "removal by age postponed with a warning each time; every allow recorded, the chain verifies",
    );
}
