//! Signals: SIGTERM and SIGINT end the server, SIGHUP looks at every file again, SIGUSR1 and SIGUSR2 do nothing.

use std::future::Future;
use std::time::Duration;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::identity::follow::FollowHandle;
use crate::reload::{Outcome, ReloadHandle};
use crate::serve::TlsHint;

/// Keeps signals that do not end the server from ending it while it starts: by default each of them does. What SIGHUP
/// asks for is done by the start itself.
pub(super) fn ignore_early() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let Ok(runtime) = { runtime }.enable_all().build() else {
        return;
    };
    let _within = runtime.enter();
    // The handler of the process stays when the stream is dropped.
    for kind in [
        SignalKind::hangup(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
    ] {
        let _ = signal(kind);
    }
}

/// What SIGHUP looks at.
pub(super) struct Followed {
    pub(super) reload: ReloadHandle,
    pub(super) keys: Option<FollowHandle>,
    pub(super) tls: TlsHint,
}

/// Resolves at SIGTERM or SIGINT; `ready` is called when signals count. SIGXFSZ is caught so that a limit of file sizes is an error of a write, after which
/// the records go on in the next file, and not the end.
pub(super) async fn stop(followed: Followed, ready: impl FnOnce()) {
    let Followed { reload, keys, tls } = followed;
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
        tracing::error!("signals cannot be caught: the process will end without draining");
        return std::future::pending().await;
    };
    ready();
    loop {
        tokio::select! {
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
            _ = hangup.recv() => {
                tls.hint();
                tokio::spawn(look_at_policies(reload.clone()));
                if let Some(keys) = &keys {
                    tokio::spawn(look_at_keys(keys.clone()));
                }
            }
        }
    }
}

/// What is new is logged by the reloader.
async fn look_at_policies(reload: ReloadHandle) {
    match reload.reload(false).await {
        Outcome::Unchanged { id } => {
            let snapshot = id.map(|id| id.to_string());
            tracing::info!(snapshot, "SIGHUP: looked at the policies, nothing changed");
        }
        Outcome::Activated(_) | Outcome::Rejected(_) => {
            tracing::info!("SIGHUP: looked at the policies, they have changed or cannot be used");
        }
    }
}

/// What is new is logged by the follower.
async fn look_at_keys(following: FollowHandle) {
    let before = following.status();
    let mut statuses = following.statuses();
    following.hint();
    let looked = statuses.wait_for(|now| {
        let mut pairs = now.iter().zip(&before);
        pairs.all(|(now, before)| now.looks > before.looks)
    });
    let is_over = within(LONGEST_LOOK, async { looked.await.is_ok() }).await;
    let now = following.status();
    let is_same = now
        .iter()
        .zip(&before)
        .all(|(now, before)| now.has_same_keys(before) && now.last_error == before.last_error);
    match (is_over, is_same) {
        (true, true) => tracing::info!("SIGHUP: looked at the key sets, nothing changed"),
        (true, false) => tracing::info!("SIGHUP: looked at the key sets, some have changed"),
        (false, _) => tracing::warn!("SIGHUP: not every key set could be looked at yet"),
    }
}

async fn within(limit: Duration, done: impl Future<Output = bool>) -> bool {
    tokio::time::timeout(limit, done).await.unwrap_or(false)
}

/// Longer than a fetch may take, discovery included.
const LONGEST_LOOK: Duration = Duration::from_secs(10);
