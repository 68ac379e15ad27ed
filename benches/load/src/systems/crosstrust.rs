//! crosstrust as a server: the real program with a copy of the sample policies, one request thread by default, its own
//! folder, and no environment.

use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rcgen::generate_simple_self_signed;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

#[path = "../../../support/program.rs"]
mod starting;

use starting::{copy, loopback_address};

use super::{Running, START, Systems};
use crate::artifacts::repository;
use crate::process::{Process, command};
use crate::server::Address;

/// The mode of crosstrust's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    Off,
    Async,
    Strict,
}

/// The transport of crosstrust's listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Unix,
    Tls,
}

/// The number of crosstrust's request threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threads {
    One,
    /// One per core, the default.
    Usual,
}

/// When crosstrust sheds calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shedding {
    /// The default limits.
    Usual,
    /// High limits: a busy core shows as latency, not as shed calls.
    Late,
}

impl Systems {
    pub fn crosstrust(&self, log: Log, transport: Transport) -> Result<Running> {
        self.sample(log, transport, Threads::One, Shedding::Late)
    }

    /// With one request thread and its default limits, without a log, over TCP.
    pub fn crosstrust_with_default_limits(&self) -> Result<Running> {
        self.sample(Log::Off, Transport::Tcp, Threads::One, Shedding::Usual)
    }

    /// With as many request threads as there are cores, without a log, over TCP.
    pub fn crosstrust_with_all_threads(&self) -> Result<Running> {
        self.sample(Log::Off, Transport::Tcp, Threads::Usual, Shedding::Late)
    }

    fn sample(
        &self,
        log: Log,
        transport: Transport,
        threads: Threads,
        shedding: Shedding,
    ) -> Result<Running> {
        let folder = self.folder()?;
        copy(
            &repository().join("policies"),
            &folder.path().join("policies"),
        )?;
        fs::write(folder.path().join("keys.json"), self.issuer.key_set())?;
        let tls = write_certificate(folder.path())?;
        let config = config(log, transport, threads, shedding);
        let (process, line) = self.serve(folder.path(), &config)?;
        let address = match transport {
            Transport::Tcp => Address::Tcp(loopback_address(&line)?),
            Transport::Unix => Address::Unix(folder.path().join("socket")),
            Transport::Tls => Address::Tls(loopback_address(&line)?, tls),
        };
        Ok(Running {
            process: Rc::new(process),
            address,
            folder: Rc::new(folder),
        })
    }

    /// Starts crosstrust in this folder; the configuration has one TCP listener.
    pub fn crosstrust_over(&self, folder: TempDir, config: &str) -> Result<Running> {
        let (process, line) = self.serve(folder.path(), config)?;
        Ok(Running {
            process: Rc::new(process),
            address: Address::Tcp(loopback_address(&line)?),
            folder: Rc::new(folder),
        })
    }

    /// Starts the process; returns it with the log line that reports the address.
    fn serve(&self, folder: &Path, config: &str) -> Result<(Process, String)> {
        fs::write(folder.join("crosstrust.toml"), config)?;
        let output_file = fs::File::create(folder.join("output"))?;
        let mut command = command(&self.artifacts.crosstrust);
        command
            .args(["serve", "--config", "crosstrust.toml"])
            .current_dir(folder)
            .stdout(output_file.try_clone()?)
            .stderr(output_file);
        let mut process = Process::start(&mut command)?;
        let line = await_line(&mut process, &folder.join("output"))?;
        Ok((process, line))
    }
}

fn config(log: Log, transport: Transport, threads: Threads, shedding: Shedding) -> String {
    let limits = match shedding {
        Shedding::Usual => "",
        Shedding::Late => "[limits]\nhandler_ms = 5000\nqueue_ms = 5000",
    };
    let mode = match log {
        Log::Off => "off",
        Log::Async => "async",
        Log::Strict => "strict",
    };
    let threads = match threads {
        Threads::One => "threads = 1",
        Threads::Usual => "",
    };
    let listener = match transport {
        Transport::Tcp => "address = \"127.0.0.1:0\"",
        Transport::Unix => "address = \"unix:socket\"",
        Transport::Tls => {
            "address = \"127.0.0.1:0\"\ntls = { certificate = \"server.pem\", key = \"server.key\" }"
        }
    };
    format!(
        r#"policies = "policies"
admin = "off"
{threads}

{limits}

[log]
mode = "{mode}"
directory = "records"
retention_bytes = 1073741824

[[listener]]
{listener}

[[issuer]]
name = "load"
preset = "entra-v2"
issuer = "https://login.microsoftonline.com/{{tenantid}}/v2.0"
keys = "keys.json"
audiences = ["00000003-0000-0ff1-ce00-000000000000"]
tenants = ["2000d417-3b6d-4dbf-977f-4b4cbba65319"]
groups = "always"

[issuer.claims]
mfa = {{ claim = "acrs", contains = "c1" }}

[challenge]
mfa = "c1"
"#
    )
}

/// Writes a certificate for `localhost` into the folder; returns a client configuration that trusts it.
fn write_certificate(folder: &Path) -> Result<std::sync::Arc<ClientConfig>> {
    let made = generate_simple_self_signed(vec!["localhost".to_owned()])?;
    fs::write(folder.join("server.pem"), made.cert.pem())?;
    fs::write(folder.join("server.key"), made.signing_key.serialize_pem())?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec()))?;
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(std::sync::Arc::new(config))
}

/// Waits for the log line that reports the address.
fn await_line(process: &mut Process, output_file: &Path) -> Result<String> {
    let begun = Instant::now();
    while begun.elapsed() < START {
        let text = fs::read_to_string(output_file)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        if let Some(line) = whole.lines().find(|line| line.contains("serving")) {
            return Ok(line.to_owned());
        }
        if let Some(status) = process.child().try_wait()? {
            bail!("crosstrust ended with {status}:\n{text}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let text = fs::read_to_string(output_file)?;
    bail!("crosstrust does not serve within {START:?}:\n{text}")
}
