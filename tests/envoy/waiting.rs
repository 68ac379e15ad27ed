//! Waiting for what another process does.

use std::time::{Duration, Instant};

/// Long enough for a machine that does other things too; nothing takes this long unless it is broken.
const DEADLINE: Duration = Duration::from_secs(60);

/// What this gives at last.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
