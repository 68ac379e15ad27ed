//! Follows the issuers' key sets (JWKS): fetches and refreshes them, and watches key set files.
//!
//! Everything runs on one separate thread. A request never fetches: a token with an unknown `kid` or a wrong signature makes
//! a refresh request ([`RefreshRequests`](crate::identity::RefreshRequests)), and all refresh requests together cause at most
//! one fetch per issuer and pause. Fetched keys expire if they are not confirmed for too long; then the issuer's tokens are
//! refused. Keys from a file do not expire. A failed refresh is logged once per cause and never removes cached keys.

mod error;
mod fetch;
mod file;
mod publisher;
mod remote;

use std::convert::Infallible;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};

use crate::identity::{IssuerIndex, SkippedKey, TokenVerifier, TrustedIssuers};
use crate::log::Log;
use crate::time::Timestamp;
use fetch::{Fetcher, RemoteKeySource, read_origin};
use file::KeySetFiles;
use publisher::KeySetPublisher;
use remote::RemoteKeySet;

/// Options of [`KeySetFollower`].
#[derive(Debug, Clone)]
pub struct FollowOptions {
    /// Interval between fetches of a key set, with a random jitter of a tenth.
    pub refresh: Duration,
    /// How long fetched keys stay valid without a successful refresh.
    pub max_stale: Duration,
    /// Minimum time between two fetches that are caused by an unknown `kid` or a wrong signature.
    pub unknown_key_pause: Duration,
    /// Timeout of one refresh, including discovery.
    pub timeout: Duration,
    /// Interval between reads of key set files, in addition to file system events.
    pub rescan: Duration,
    /// Additional origins that may be fetched from: `https://host`, `http://host:port`.
    pub origins: Vec<String>,
    /// PEM file with CA certificates that are trusted in addition to the system's.
    pub ca: Option<PathBuf>,
    /// The audit log for changes of keys.
    pub log: Log,
}

impl Default for FollowOptions {
    fn default() -> Self {
        FollowOptions {
            refresh: Duration::from_secs(600),
            max_stale: Duration::from_secs(24 * 60 * 60),
            unknown_key_pause: Duration::from_secs(30),
            timeout: Duration::from_secs(3),
            rescan: Duration::from_secs(5),
            origins: Vec::new(),
            ca: None,
            log: Log::default(),
        }
    }
}

/// The state of one issuer's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerStatus {
    /// The issuer.
    pub issuer: IssuerIndex,
    /// The configured name.
    pub name: String,
    /// The file or URL of its keys.
    pub source: String,
    /// Number of keys in force.
    pub keys: usize,
    /// Time of the last successful refresh.
    pub last_success: Option<Timestamp>,
    /// The error of the last refresh, if it failed.
    pub last_error: Option<String>,
    /// Expiry of the keys on the boot clock; `None`: no expiry, or no keys.
    pub good_until: Option<Duration>,
    /// Number of finished refreshes, successful or not.
    pub attempts: u64,
    /// Digest of the keys in force.
    digest: Option<[u8; 32]>,
    /// The keys in force.
    ids: Vec<KeyIdentity>,
    /// The unusable keys of the same document.
    pub skipped: Vec<SkippedKey>,
}

impl IssuerStatus {
    /// Whether both have the same keys in force.
    pub fn has_same_keys(&self, other: &IssuerStatus) -> bool {
        self.digest == other.digest
    }
}

/// A key's id, and a digest of the key.
type KeyIdentity = (String, [u8; 32]);

/// Loads, refreshes and watches key sets.
#[derive(Debug)]
pub struct KeySetFollower;

/// A running follower. It stops when its last handle is dropped.
#[derive(Debug, Clone)]
pub struct FollowHandle(Arc<FollowerThread>);

#[derive(Debug)]
struct FollowerThread {
    hints: watch::Sender<()>,
    statuses: watch::Receiver<Vec<IssuerStatus>>,
    stop: Arc<Notify>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The state of the follower thread.
struct FollowerWorker {
    identity: Arc<TokenVerifier>,
    remotes: Vec<RemoteKeySet>,
    files: KeySetFiles,
    hints: watch::Receiver<()>,
    stop: Arc<Notify>,
}

/// Dropped after the first refresh of a key set; nothing is ever sent.
type StartupGuard = mpsc::Sender<Infallible>;

impl KeySetFollower {
    /// Returns the errors that a retry cannot fix: an invalid origin, an HTTP URL whose origin is not listed, unreadable
    /// certificates. Fetches nothing.
    pub fn check(trust: &TrustedIssuers, options: &FollowOptions) -> io::Result<()> {
        sources(trust, options).map(drop)
    }

    /// Loads every key set once, waiting at most for the timeout, and continues on a separate thread. A failed refresh is
    /// logged and retried. Returns the errors of [`check`](Self::check), which a retry cannot fix.
    pub fn start(identity: Arc<TokenVerifier>, options: FollowOptions) -> io::Result<FollowHandle> {
        let publisher = Arc::new(KeySetPublisher::new(
            Arc::clone(&identity),
            options.log.clone(),
        ));
        let remotes = remotes(&identity, &publisher, &options)?;
        let mut files = KeySetFiles::new(identity.trust(), Arc::clone(&publisher), options.rescan);
        files.refresh();
        let (hints, hinted) = watch::channel(());
        let stop = Arc::new(Notify::new());
        let worker = FollowerWorker {
            identity,
            remotes,
            files,
            hints: hinted,
            stop: Arc::clone(&stop),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (first, all_refreshed) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(String::from("keys"))
            .spawn(move || worker.run(runtime, first))?;
        // Returns early, with an error, when every first refresh is over.
        let _ = all_refreshed.recv_timeout(options.timeout);
        Ok(FollowHandle(Arc::new(FollowerThread {
            hints,
            statuses: publisher.statuses(),
            stop,
            thread: Mutex::new(Some(thread)),
        })))
    }
}

impl FollowHandle {
    /// Refreshes every key set now (SIGHUP).
    pub fn hint(&self) {
        self.0.hints.send_replace(());
    }

    /// The state of each issuer's keys, in the order of the configuration.
    pub fn status(&self) -> Vec<IssuerStatus> {
        self.0.statuses.borrow().clone()
    }

    /// The same, with notification of changes.
    pub fn statuses(&self) -> watch::Receiver<Vec<IssuerStatus>> {
        self.0.statuses.clone()
    }

    /// Stops the follower and waits for its thread. Keys in force stay valid until their expiry.
    pub fn stop(&self) {
        self.0.stop.notify_one();
        let thread = self
            .0
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // The thread catches panics; one that escaped has been printed.
            let _ = thread.join();
        }
    }
}

impl Drop for FollowerThread {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

impl FollowerWorker {
    fn run(self, runtime: Runtime, first: StartupGuard) {
        let identity = Arc::clone(&self.identity);
        identity.refresh_requests().attach_follower();
        let stop = Arc::clone(&self.stop);
        let work = AssertUnwindSafe(self.work(first)).catch_unwind();
        runtime.block_on(async {
            let mut work = pin!(work);
            tokio::select! {
                () = stop.notified() => {}
                _ = &mut work => tracing::error!("the key set follower stopped: this is a bug"),
            }
            // Before the work and its statuses are dropped, so that no request is made after that.
            identity.refresh_requests().detach_follower();
        });
        // Does not wait for DNS or disk operations in progress.
        runtime.shutdown_background();
    }

    async fn work(self, first: StartupGuard) {
        let FollowerWorker {
            identity,
            remotes,
            files,
            hints,
            ..
        } = self;
        let notifiers: Vec<(IssuerIndex, Arc<Notify>)> = remotes
            .iter()
            .map(|remote| (remote.issuer(), remote.refresh_notifier()))
            .collect();
        let remotes = remotes
            .into_iter()
            .map(|remote| follow_remote(remote, hints.clone(), first.clone()));
        let remotes: Vec<_> = remotes.collect();
        drop(first);
        let files_hints = hints;
        tokio::join!(
            join_all(remotes),
            follow_files(files, files_hints),
            dispatch_refresh_requests(&identity, &notifiers),
            sweep_token_cache(&identity),
        );
    }
}

async fn follow_files(files: KeySetFiles, hints: watch::Receiver<()>) {
    if !files.is_empty() {
        files.follow(hints).await;
    }
}

async fn follow_remote(
    mut remote: RemoteKeySet,
    mut hints: watch::Receiver<()>,
    first: StartupGuard,
) {
    let mut first = Some(first);
    keep_following(async || remote.follow(&mut hints, &mut first).await).await;
}

/// Restarts after each panic or return, with a pause: a repeated panic neither uses a core nor delays the stop of the
/// thread.
async fn keep_following(mut follow: impl AsyncFnMut()) {
    loop {
        let _ = AssertUnwindSafe(follow()).catch_unwind().await;
        tracing::error!("refreshing a key set panicked: this is a bug");
        tokio::time::sleep(PAUSE_AFTER_PANIC).await;
    }
}

/// Removes expired tokens from the cache. Called more often than needed: the store limits how often it sweeps.
async fn sweep_token_cache(identity: &TokenVerifier) {
    let mut ticks = tokio::time::interval(Duration::from_secs(10));
    loop {
        ticks.tick().await;
        identity.sweep();
    }
}

/// Passes refresh requests to each issuer. Requests for key set files are completed at once, because files are watched.
async fn dispatch_refresh_requests(
    identity: &TokenVerifier,
    notifiers: &[(IssuerIndex, Arc<Notify>)],
) {
    loop {
        for issuer in identity.refresh_requests().take_next().await {
            match notifiers.iter().find(|(of, _)| *of == issuer) {
                Some((_, notifier)) => notifier.notify_one(),
                None => identity.refresh_requests().complete(issuer),
            }
        }
    }
}

/// The issuers whose key sets are fetched.
fn remotes(
    identity: &Arc<TokenVerifier>,
    publisher: &Arc<KeySetPublisher>,
    options: &FollowOptions,
) -> io::Result<Vec<RemoteKeySet>> {
    let (fetcher, sources) = sources(identity.trust(), options)?;
    let fetcher = Arc::new(fetcher);
    let remotes = sources.into_iter().map(|(issuer, source)| {
        let (fetcher, publisher) = (Arc::clone(&fetcher), Arc::clone(publisher));
        RemoteKeySet::new(issuer, source, fetcher, publisher, options)
    });
    Ok(remotes.collect())
}

/// The sources of key sets that are fetched, checked for errors that a retry cannot fix.
fn sources(
    trust: &TrustedIssuers,
    options: &FollowOptions,
) -> io::Result<(Fetcher, Vec<(IssuerIndex, RemoteKeySource)>)> {
    let mut origins = Vec::with_capacity(options.origins.len());
    for text in &options.origins {
        origins.push(read_origin(text).ok_or_else(|| {
            invalid(format!(
                "keys.origins: found {text:?}, expected https://host or http://host:port"
            ))
        })?);
    }
    let fetcher = Fetcher::new(origins, options.ca.clone(), options.timeout);
    let mut sources = Vec::new();
    for (index, issuer) in trust.issuers.iter().enumerate() {
        let Some(source) = RemoteKeySource::of(issuer) else {
            continue;
        };
        fetcher
            .check(&source)
            .map_err(|error| invalid(format!("issuer {}: {error}", issuer.name)))?;
        sources.push((IssuerIndex(index), source));
    }
    Ok((fetcher, sources))
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// A repeated panic is logged once in this time.
const PAUSE_AFTER_PANIC: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_that_always_panics_pauses_and_lets_the_thread_stop() {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let (sender, receiver) = mpsc::channel();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = stopped.notified() => {}
                    () = keep_following(async || {
                        sender.send(()).unwrap();
                        panic!("a refresh panics in this test")
                    }) => {}
                }
            });
        });
        receiver.recv().unwrap();
        stop.notify_one();
        thread.join().unwrap();
        // At most one more refresh began before the stop was observed.
        assert!(receiver.try_iter().count() <= 1);
    }
}
