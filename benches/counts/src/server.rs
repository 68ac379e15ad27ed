//! The real program with the sample policies, one request thread, its own folder and no environment. It is ended by
//! SIGTERM.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use crosstrust_counts::calls;
use crosstrust_counts::check::SHAREPOINT;
use crosstrust_counts::issuer::Issuer;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_setaffinity};
use tempfile::TempDir;

#[path = "../../support/program.rs"]
mod starting;

use starting::{copy, loopback_address};

pub struct Server {
    child: Child,
    folder: TempDir,
    pub address: SocketAddr,
}

/// Whether new decisions are recorded.
#[derive(Debug, Clone, Copy)]
pub enum Log {
    Off,
    Strict,
}

/// Time limit of a start and of an end; an instrumented program under strace is slow.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Server {
    /// Starts this command line, which may have a tracer before the program.
    pub fn start(command_line: &[&Path], issuer: &Issuer, log: Log) -> Result<Server> {
        let folder = TempDir::new()?;
        copy(&calls::policies(), &folder.path().join("policies"))?;
        fs::write(folder.path().join("keys.json"), issuer.key_set())?;
        fs::write(folder.path().join("crosstrust.toml"), config(issuer, log))?;
        let output = fs::File::create(folder.path().join("output"))?;
        let (program, arguments) = command_line.split_first().context("no program")?;
        let child = Command::new(program)
            .args(arguments)
            .args(["serve", "--config", "crosstrust.toml"])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut server = Server {
            child,
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        server.address = server.await_address()?;
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Adds a partner to Contoso.
    pub fn add_a_partner(&self) -> Result<()> {
        let partner = r#"{ "tenantId": "600046c6-5ae9-4be1-9d1c-0b24f3a6b6f0" }"#;
        let partners = self.folder.path().join("policies/contoso/partners");
        fs::write(partners.join("another.json"), partner).context("cannot change the policies")
    }

    /// Ends the server and waits for a successful exit.
    pub fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("no process")?, Signal::TERM)?;
        let started = Instant::now();
        while started.elapsed() < TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "crosstrust ended with {status}");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("crosstrust did not end within {TIMEOUT:?}")
    }

    /// Waits for the log line that reports the address.
    fn await_address(&mut self) -> Result<SocketAddr> {
        let started = Instant::now();
        loop {
            let text = fs::read_to_string(self.folder.path().join("output"))?;
            let complete_lines = text.rfind('\n').map_or("", |end| &text[..end]);
            if let Some(line) = complete_lines.lines().find(|line| line.contains("serving")) {
                return loopback_address(line);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("crosstrust has ended, {status}:\n{text}");
            }
            ensure!(
                started.elapsed() < TIMEOUT,
                "crosstrust does not serve:\n{text}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pins this thread, and what it starts from now on, to this core, if the machine has it.
pub fn pin_to_core(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    let _ = sched_setaffinity(None, &cores);
}

fn config(issuer: &Issuer, log: Log) -> String {
    let mode = match log {
        Log::Off => "off",
        Log::Strict => "strict",
    };
    let (iss, tenant) = (issuer.iss(), calls::question(0, 0).home_tenant);
    format!(
        r#"policies = "policies"
admin = "off"
threads = 1

[limits]
# A traced server is slow; its calls must not be shed.
handler_ms = 5000
queue_ms = 5000

[log]
mode = "{mode}"
directory = "records"

[[listener]]
address = "127.0.0.1:0"

[[issuer]]
name = "counts"
preset = "entra-v1"
issuer = "{iss}"
keys = "keys.json"
audiences = ["{SHAREPOINT}"]
tenants = ["{tenant}"]
groups = "always"
"#
    )
}
