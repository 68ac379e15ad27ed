//! Builds the programs under load and returns their paths. Never builds during a measurement.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The paths of the built programs.
#[derive(Debug)]
pub struct Artifacts {
    pub crosstrust: PathBuf,
    pub constant: PathBuf,
}

/// The root of the crosstrust repository.
pub fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

impl Artifacts {
    pub fn build() -> Result<Artifacts> {
        let main = repository().join("Cargo.toml");
        let load = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        Ok(Artifacts {
            crosstrust: build(&main, "crosstrust", "dist")?,
            constant: build(&load, "constant", "release")?,
        })
    }
}

/// Runs `cargo build` for one program, and returns the path that cargo reports.
fn build(manifest: &Path, name: &str, profile: &str) -> Result<PathBuf> {
    eprintln!("building {name} ({profile})");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--locked", "--bin", name, "--profile", profile])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(manifest)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !built.status.success() {
        bail!("cargo could not build {name}: {}", built.status);
    }
    let text = String::from_utf8(built.stdout).context("cargo's messages are not text")?;
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let executable = |message: Value| {
        let is_wanted = message["target"]["name"] == name;
        let path = message["executable"].as_str().map(PathBuf::from);
        path.filter(|_| is_wanted)
    };
    let found = messages.filter_map(executable).next_back();
    found.with_context(|| format!("cargo does not report the path of {name}"))
}
