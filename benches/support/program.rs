//! Helpers to start the program, for the packages below `benches`.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The loopback address in the log line of a server.
pub fn loopback_address(line: &str) -> Result<SocketAddr> {
    let start = line.find("127.0.0.1:");
    let rest = start.map(|start| &line[start..]).unwrap_or_default();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
    let address = rest[..end.unwrap_or(rest.len())].parse();
    address.with_context(|| format!("no address in: {line}"))
}

/// Copies a folder with its content.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        ensure!(!kind.is_symlink(), "a link among the policies");
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
