//! The servers: started for a measurement, ready when returned, ended on drop.

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

/// The programs and folders of a run.
pub struct Systems {
    pub artifacts: Artifacts,
    pub tools: Tools,
    /// The parent of the servers' folders; on a disk, because records are synced.
    pub out: PathBuf,
    pub issuer: Issuer,
}

/// A running server, without requests.
#[derive(Clone)]
pub struct Running {
    pub process: Rc<Process>,
    pub address: Address,
    pub folder: Rc<TempDir>,
}

/// Time limit of a start.
const START: Duration = Duration::from_secs(60);

impl Systems {
    /// A new folder for one server.
    pub fn folder(&self) -> Result<TempDir> {
        let folder = tempfile::Builder::new()
            .prefix("server-")
            .tempdir_in(&self.out);
        folder.context("cannot create a folder for a server")
    }
}
