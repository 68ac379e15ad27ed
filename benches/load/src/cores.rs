//! Which core runs what: servers on core 0, the generator on core 1, or everybody anywhere. A process inherits the cores
//! of the thread that starts it, so a server is started from core 0. Never touches a process that is running.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

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

/// This thread, and what it starts from now on, runs wherever the kernel puts it.
pub fn roam() -> Result<()> {
    let mut cores = CpuSet::new();
    // The kernel takes those that there are.
    (0..CpuSet::MAX_CPU).for_each(|core| cores.set(core));
    Ok(sched_setaffinity(None, &cores)?)
}

/// Starts a server from its core, and comes back. One that roams starts it from where it is.
pub fn on_the_servers<T>(work: impl FnOnce() -> T) -> Result<T> {
    if sched_getaffinity(None)?.count() > 1 {
        return Ok(work());
    }
    stay_on(SERVER)?;
    let done = work();
    stay_on(GENERATOR)?;
    Ok(done)
}
