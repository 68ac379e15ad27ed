//! Which connection a call came by, for code that treats connections alike.
//!
//! The guard sets it around each call, as a value of the call's task: that allocates nothing, where an extension of the
//! request would.

use std::sync::atomic::{AtomicU64, Ordering};

/// Names a connection of this process. Numbers begin at 1 and are not used again.
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

/// The connection of the call that is being answered; `None` outside of a call.
pub fn connection() -> Option<ConnectionId> {
    CONNECTION.try_with(|id| *id).ok()
}
