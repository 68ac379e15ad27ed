//! The constant servers, which answer every call with the same message.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::rc::Rc;

use anyhow::{Context, Result};

use super::{Running, Systems};
use crate::process::{Process, command};
use crate::server::Address;

/// How a constant server treats a request.
#[derive(Debug, Clone, Copy)]
pub enum Constant {
    Prost,
    Skip,
    Check,
}

impl Systems {
    /// Starts a server that answers every call with this message.
    pub fn constant(&self, constant: Constant, answer: &[u8]) -> Result<Running> {
        let folder = self.folder()?;
        let path = folder.path().join("answer");
        fs::write(&path, answer)?;
        let mode = match constant {
            Constant::Prost => "prost",
            Constant::Skip => "skip",
            Constant::Check => "check",
        };
        let mut command = command(&self.artifacts.constant);
        command.arg(mode).arg(&path).stdout(Stdio::piped());
        let mut process = Process::start(&mut command)?;
        let output = process.child().stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse();
        let address = address.with_context(|| format!("constant {mode} printed {line:?}"))?;
        Ok(Running {
            process: Rc::new(process),
            address: Address::Tcp(address),
            folder: Rc::new(folder),
        })
    }
}
