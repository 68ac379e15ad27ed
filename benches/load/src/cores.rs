//! CPU affinity: servers on core 0, the generator on core 1, or no pinning. A process inherits the affinity of the thread
//! that starts it, so a server is started from core 0. Never changes a running process.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The core of every server.
pub const SERVER: usize = 0;
/// The core of the generator.
pub const GENERATOR: usize = 1;

/// Pins this thread, and what it starts from now on, to this core.
pub fn pin_to(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores)
        .with_context(|| format!("cannot run on core {core}: two cores are needed"))
}

/// Removes the pinning of this thread, and of what it starts from now on.
pub fn unpin() -> Result<()> {
    let mut cores = CpuSet::new();
    // The kernel ignores cores that do not exist.
    (0..CpuSet::MAX_CPU).for_each(|core| cores.set(core));
    Ok(sched_setaffinity(None, &cores)?)
}

/// Runs `work`, which starts a server, on the server core, then returns to the generator core. Without pinning, runs it
/// in place.
pub fn on_server_core<T>(work: impl FnOnce() -> T) -> Result<T> {
    if sched_getaffinity(None)?.count() > 1 {
        return Ok(work());
    }
    pin_to(SERVER)?;
    let done = work();
    pin_to(GENERATOR)?;
    Ok(done)
}
