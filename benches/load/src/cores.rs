//! Which core runs what: servers on core 0, the generator on core 1. A process inherits the cores of the thread that
//! starts it, so a server is started from core 0. Never touches a process that is running.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The core of every server.
pub const SERVER: usize = 0;
/// The core of the generator.
pub const GENERATOR: usize = 1;

/// This thread, and what it starts from now on, runs on this core.
pub fn stay_on(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores)
        .with_context(|| format!("cannot run on core {core}: two cores are needed"))
}

/// Runs this on the server's core, and comes back.
pub fn on_the_servers<T>(work: impl FnOnce() -> T) -> Result<T> {
    stay_on(SERVER)?;
    let done = work();
    stay_on(GENERATOR)?;
    Ok(done)
}
