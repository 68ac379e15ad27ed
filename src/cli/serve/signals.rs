//! Signals: SIGTERM and SIGINT end the server, SIGHUP rereads all files, SIGUSR1 and SIGUSR2 are ignored.

use std::future::Future;
use std::time::Duration;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::identity::follow::FollowHandle;
use crate::reload::{ReloadHandle, ReloadOutcome};
use crate::serve::TlsReloadHandle;

/// Ignores SIGHUP, SIGUSR1 and SIGUSR2 during the start: by default they end the process. A start reads all files, so
/// SIGHUP has nothing to do.
pub(super) fn ignore_early() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let Ok(runtime) = { runtime }.enable_all().build() else {
        return;
    };
    let _within = runtime.enter();
    // The process keeps the handler when the stream is dropped.
    for kind in [
        SignalKind::hangup(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
    ] {
        let _ = signal(kind);
    }
}

/// What SIGHUP reloads.
pub(super) struct SighupTargets {
    pub(super) reload: ReloadHandle,
    pub(super) keys: Option<FollowHandle>,
    pub(super) tls: TlsReloadHandle,
}

/// Resolves at SIGTERM or SIGINT. Calls `ready` once signals are handled. SIGXFSZ is caught so that a limit on file sizes
/// is a write error, after which records go to the next file, and does not end the process.
pub(super) async fn stop(targets: SighupTargets, ready: impl FnOnce()) {
    let SighupTargets { reload, keys, tls } = targets;
    let streams = || {
        std::io::Result::Ok((
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?,
        ))
    };
    let Ok((mut terminate, mut interrupt, mut hangup, _file_size)) = streams() else {
        ready();
        tracing::error!("cannot handle signals: the process will end without draining");
        return std::future::pending().await;
    };
    ready();
    loop {
        tokio::select! {
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
            _ = hangup.recv() => {
                tls.check_now();
                tokio::spawn(reload_policies(reload.clone()));
                if let Some(keys) = &keys {
                    tokio::spawn(refresh_keys(keys.clone()));
                }
            }
        }
    }
}

/// Changes are logged by the reloader.
async fn reload_policies(reload: ReloadHandle) {
    match reload.reload(false).await {
        ReloadOutcome::Unchanged { id } => {
            let snapshot = id.map(|id| id.to_string());
            tracing::info!(snapshot, "SIGHUP: read the policies, nothing changed");
        }
        ReloadOutcome::Activated(_) | ReloadOutcome::Rejected(_) => {
            tracing::info!("SIGHUP: read the policies, they have changed or are invalid");
        }
    }
}

/// Changes are logged by the follower.
async fn refresh_keys(following: FollowHandle) {
    let before = following.status();
    let mut statuses = following.statuses();
    following.hint();
    let refreshed = statuses.wait_for(|now| {
        let mut pairs = now.iter().zip(&before);
        pairs.all(|(now, before)| now.attempts > before.attempts)
    });
    let is_complete = within(MAX_REFRESH_WAIT, async { refreshed.await.is_ok() }).await;
    let now = following.status();
    let is_same = now
        .iter()
        .zip(&before)
        .all(|(now, before)| now.has_same_keys(before) && now.last_error == before.last_error);
    match (is_complete, is_same) {
        (true, true) => tracing::info!("SIGHUP: read the key sets, nothing changed"),
        (true, false) => tracing::info!("SIGHUP: read the key sets, some have changed"),
        (false, _) => tracing::warn!("SIGHUP: some key sets are not read yet"),
    }
}

async fn within(limit: Duration, done: impl Future<Output = bool>) -> bool {
    tokio::time::timeout(limit, done).await.unwrap_or(false)
}

/// Longer than the limit of a fetch, including discovery.
const MAX_REFRESH_WAIT: Duration = Duration::from_secs(10);
