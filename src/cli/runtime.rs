//! A small runtime for commands that ask a server one thing.

use std::future::Future;

use anyhow::Context;

/// Runs one future to its end on this thread.
pub(super) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(future)
}
