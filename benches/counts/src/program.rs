//! External tools, and the build of crosstrust.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The root of the crosstrust repository.
pub fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

/// The version that a program prints; `None` if it is not installed.
pub fn version(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let is_installed = output.status.success();
    is_installed.then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Builds crosstrust like a user, and returns the path that cargo reports.
pub fn build() -> Result<PathBuf> {
    eprintln!("building crosstrust (release)");
    let built = cargo()
        .args(["build", "--locked", "--release", "--bin", "crosstrust"])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(repository().join("Cargo.toml"))
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(built.status.success(), "cargo could not build crosstrust");
    let messages = String::from_utf8(built.stdout).context("cargo's messages are not text")?;
    let executable = |line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    };
    let found = messages.lines().filter_map(executable).next_back();
    found.context("cargo does not report the path of crosstrust")
}
