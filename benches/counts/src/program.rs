//! Programs that this needs: which are there, and the one that is built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The folder of crosstrust itself.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// What a program says of its version; nothing where it is not there.
pub fn version(program: &str, arguments: &[&str]) -> Option<String> {
    let said = Command::new(program).args(arguments).output().ok()?;
    let is_there = said.status.success();
    is_there.then(|| String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Builds crosstrust as a user does. cargo itself says where it has put it.
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
    let told = String::from_utf8(built.stdout).context("cargo's messages are not text")?;
    let executable = |line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    };
    let found = told.lines().filter_map(executable).next_back();
    found.context("cargo does not say where it has put crosstrust")
}
