//! `crosstrust check` as a command: exit codes, output, and agreement with `serve`.

mod agree;
mod config;
mod output;
mod unread;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

pub const CONTOSO: &str = "1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11";
pub const FABRIKAM: &str = "2a7b6c5d-1111-4222-8333-444455556666";
pub const SOMETHING: &str = "4c9d8e7f-3333-4444-8555-666677778888";

/// Exit code and output of one run.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    /// The findings, one per line.
    pub fn findings(&self) -> Vec<&str> {
        self.out.lines().collect()
    }
}

/// Runs `crosstrust check` with these arguments in this directory.
pub fn check_in(directory: &Path, arguments: &[&str]) -> Run {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .arg("check")
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    Run {
        code: status.code(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Creates a directory with these files.
pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

pub fn organization(id: &str) -> String {
    format!(r#"{{"id": "{id}"}}"#)
}

/// A policy without id.
pub fn policy(name: &str, conditions: &str) -> String {
    format!(
        r#"{{"displayName": "{name}", "state": "enabled",
 "conditions": {{"users": {{"includeUsers": ["All"]}}, "applications": {{"includeApplications": ["All"]}}{conditions}}},
 "grantControls": {{"operator": "OR", "builtInControls": ["mfa"]}}}}"#
    )
}
