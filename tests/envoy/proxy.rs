//! A running Envoy on ports that the kernel chooses. It ends on drop, and prints its log if the test fails.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::client::Connection;
use crate::tool;
use crate::waiting::until;

pub struct Envoy {
    /// The address of its only listener.
    pub address: SocketAddr,
    admin: SocketAddr,
    process: Child,
    log: PathBuf,
}

/// The shipped configurations have no admin interface. The tests need one for the port and the counters.
const ADMIN: &str = "\nadmin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n";

/// Whether Envoy accepts this configuration; the error is Envoy's message.
pub fn validate(folder: &Path, configuration: &str) -> Result<(), String> {
    let file = folder.join("validate.yaml");
    fs::write(&file, configuration).unwrap();
    let output = Command::new(tool::envoy())
        .args([
            "--mode",
            "validate",
            "--log-level",
            "error",
            "--config-path",
        ])
        .arg(&file)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Envoy {
    /// Starts Envoy in this folder.
    pub fn start(folder: &Path, configuration: &str) -> Envoy {
        let (file, log, admin) = (
            folder.join("envoy.yaml"),
            folder.join("envoy.log"),
            folder.join("envoy.admin"),
        );
        fs::write(&file, configuration.to_owned() + ADMIN).unwrap();
        let output = File::create(&log).unwrap();
        let process = Command::new(tool::envoy())
            .args(["--disable-hot-restart", "--concurrency", "1", "--log-level"])
            .args(["warning", "--config-path"])
            .arg(&file)
            .arg("--admin-address-path")
            .arg(&admin)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        // Owned before any step can fail, so that the process ends with the test.
        let unset = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut envoy = Envoy {
            address: unset,
            admin: unset,
            process,
            log,
        };
        envoy.admin = until("Envoy's administration address", || {
            envoy.check_alive();
            fs::read_to_string(&admin).ok()?.trim().parse().ok()
        });
        envoy.address = until("Envoy's listener", || {
            envoy.check_alive();
            envoy.listener()
        });
        envoy
    }

    /// The address of the listener, once Envoy is ready.
    fn listener(&self) -> Option<SocketAddr> {
        let ready = self.admin_get("/ready")?;
        if ready.trim() != "LIVE" {
            return None;
        }
        let listeners: Value =
            serde_json::from_str(&self.admin_get("/listeners?format=json")?).ok()?;
        let address = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
        let port = u16::try_from(address["port_value"].as_u64()?).ok()?;
        Some(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn admin_get(&self, path: &str) -> Option<String> {
        let answer = Connection::open(self.admin).try_send(&format!(
            "GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n"
        ))?;
        Some(answer.body)
    }

    /// The sum of the listener's counters whose names end with `end` (clusters have counters of the same names).
    pub fn counter(&self, end: &str) -> u64 {
        let stats = self.admin_get("/stats?usedonly").unwrap();
        let lines = stats.lines().filter_map(|line| line.split_once(": "));
        let found = lines.filter(|(name, _)| name.starts_with("http.") && name.ends_with(end));
        found
            .filter_map(|(_, value)| value.parse::<u64>().ok())
            .sum()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn check_alive(&mut self) {
        if let Some(status) = self.process.try_wait().unwrap() {
            panic!("Envoy ended, {status}");
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("Envoy:\n{}", self.log());
        }
    }
}
