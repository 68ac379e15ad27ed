//! Builds the programs that are put under load, and tells where they are. Never builds while something is measured.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The programs that this package needs.
#[derive(Debug)]
pub struct Artifacts {
    pub crosstrust: PathBuf,
    pub constant: PathBuf,
}

/// The folder of crosstrust itself.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
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

/// `cargo build` of one program; cargo itself says where it has put it.
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
    let told = String::from_utf8(built.stdout).context("cargo's messages are not text")?;
    let messages = told
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let executable = |message: Value| {
        let is_it = message["target"]["name"] == name;
        let path = message["executable"].as_str().map(PathBuf::from);
        path.filter(|_| is_it)
    };
    let found = messages.filter_map(executable).next_back();
    found.with_context(|| format!("cargo does not say where it has put {name}"))
}
