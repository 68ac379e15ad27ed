//! The connection id of the current call.
//!
//! `guard` sets it around each call as a task-local value, which, unlike a request extension, allocates nothing.

use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies a connection within this process. Numbers start at 1 and are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

tokio::task_local! {
    pub(super) static CONNECTION: ConnectionId;
}

impl ConnectionId {
    pub(super) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        ConnectionId(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// The connection of the current call; `None` outside of a call.
pub fn connection() -> Option<ConnectionId> {
    CONNECTION.try_with(|id| *id).ok()
}
