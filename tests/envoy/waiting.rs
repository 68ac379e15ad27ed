//! Waits for effects of another process.

use std::time::{Duration, Instant};

/// Long enough for a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Calls `poll` until it returns a value.
pub fn until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(
            Instant::now() < end,
            "waited for {what} longer than {DEADLINE:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
