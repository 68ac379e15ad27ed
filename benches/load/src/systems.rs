//! The servers: started for a measurement, ready when they are returned, ended when they are dropped.

mod constant;
mod crosstrust;
pub mod foreign;

pub use constant::Constant;
pub use crosstrust::{Log, Transport};

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::artifacts::Artifacts;
use crate::process::Process;
use crate::questions::tokens::Issuer;
use crate::server::Address;
use crate::tools::Tools;

/// What the servers of one run are started from.
pub struct Systems {
    pub artifacts: Artifacts,
    pub tools: Tools,
    /// Folders of servers are made in it; on a disk, because records are synced.
    pub out: PathBuf,
    pub issuer: Issuer,
}

/// A running server, without a question.
#[derive(Clone)]
pub struct Running {
    pub process: Rc<Process>,
    pub address: Address,
    pub folder: Rc<TempDir>,
}

/// A start that takes longer has failed.
const START: Duration = Duration::from_secs(60);

impl Systems {
    /// For one server.
    pub fn folder(&self) -> Result<TempDir> {
        let folder = tempfile::Builder::new()
            .prefix("server-")
            .tempdir_in(&self.out);
        folder.context("no folder for a server")
    }
}
