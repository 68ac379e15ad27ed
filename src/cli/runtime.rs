//! A small runtime for commands that send one request to a server.

use std::future::Future;

use anyhow::Context;

/// Runs one future to completion on this thread.
pub(super) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(future)
}
