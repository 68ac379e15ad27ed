//! Returns freed memory to the system.
//!
//! mimalloc keeps freed pages for a second and returns them (madvise) when a thread next frees a page or ends
//! (`mi_theap_collect_ex` and `mi_arenas_try_purge` in its v3). A process that is idle after a peak does neither and
//! would keep that memory, so a thread starts and ends every few seconds. `mi_collect` itself is an unsafe call, which
//! this crate forbids, and a purge delay of zero would cost a system call for each freed page.

use std::hint::black_box;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Runs until it is dropped.
#[derive(Debug)]
pub(super) struct MemoryPurge {
    _running: mpsc::Sender<()>,
}

impl MemoryPurge {
    /// Fails only if the system cannot start a thread.
    pub fn start() -> io::Result<MemoryPurge> {
        let (running, end) = mpsc::channel();
        thread::Builder::new()
            .name(String::from("memory"))
            .spawn(move || {
                while end.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                    purge();
                }
            })?;
        Ok(MemoryPurge { _running: running })
    }
}

/// Starts a thread and waits for its end. If the system cannot start one, the next attempt is in [`PERIOD`].
fn purge() {
    let purging = thread::Builder::new().name(String::from("memory-purge"));
    // Only a thread that has allocated has a heap to collect.
    let purging = purging.spawn(|| drop(black_box(Box::new(0_u8))));
    if let Ok(thread) = purging {
        // It cannot panic.
        let _ = thread.join();
    }
}

/// A thread costs tens of microseconds; ten seconds after a peak its memory is returned.
const PERIOD: Duration = Duration::from_secs(5);
