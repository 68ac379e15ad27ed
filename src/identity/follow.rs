//! Follows the issuers' key sets: fetches, refreshes, watches; what is known survives an outage.
//!
//! All of it runs on one thread of its own. A request never fetches: one that meets an unknown key id, or a wrong
//! signature, leaves a wish ([`Wanted`](crate::identity::Wanted)), and for all such wishes together an issuer is asked
//! at most once a pause. Fetched keys end when they were not confirmed for too long, and then its tokens are refused; keys from a
//! file have no end. A failure is told once, and never takes known keys away.

mod desk;
mod error;
mod fetch;
mod file;
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

use crate::identity::{Identity, IssuerIndex, Skipped, Trust};
use crate::log::Log;
use crate::time::Timestamp;
use desk::Desk;
use fetch::{Fetcher, Source, read_origin};
use file::Files;
use remote::Remote;

/// How key sets are followed.
#[derive(Debug, Clone)]
pub struct FollowOptions {
    /// How often a key set is fetched; a tenth more or less, by chance.
    pub refresh: Duration,
    /// How long fetched keys are used without being confirmed.
    pub max_stale: Duration,
    /// How long an unknown key id, or a signature that no known key verifies, is no reason to fetch, after one was.
    pub unknown_key_pause: Duration,
    /// What one look may take, discovery included.
    pub timeout: Duration,
    /// How often files are looked at, whatever the watcher tells.
    pub rescan: Duration,
    /// Further origins that may be fetched from: `https://host`, `http://host:port`.
    pub origins: Vec<String>,
    /// Certificates in PEM that are believed beside the system's.
    pub ca: Option<PathBuf>,
    /// Where changes of keys are recorded.
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

/// How one issuer's keys stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerStatus {
    /// Which issuer.
    pub issuer: IssuerIndex,
    /// What the configuration calls it.
    pub name: String,
    /// The file or the address of its keys.
    pub source: String,
    /// How many keys are in force.
    pub keys: usize,
    /// When they were last found or confirmed.
    pub last_success: Option<Timestamp>,
    /// Why they could not be had, if the last look failed.
    pub last_error: Option<String>,
    /// When they end, on the boot clock; `None` = not at all, or there are none.
    pub good_until: Option<Duration>,
    /// Counts the looks that have ended, whatever came of them.
    pub looks: u64,
    /// Tells whether they are the same as before.
    digest: Option<[u8; 32]>,
    /// Which they are.
    ids: Vec<KeyIdentity>,
    /// The keys of the same document that cannot be used.
    pub skipped: Vec<Skipped>,
}

impl IssuerStatus {
    /// Whether the keys in force are the same.
    pub fn has_same_keys(&self, other: &IssuerStatus) -> bool {
        self.digest == other.digest
    }
}

/// A key's id, and a digest of the key.
type KeyIdentity = (String, [u8; 32]);

/// Starts to follow key sets.
#[derive(Debug)]
pub struct Follower;

/// A follower that runs. It ends when the last of its handles is dropped.
#[derive(Debug, Clone)]
pub struct FollowHandle(Arc<Running>);

#[derive(Debug)]
struct Running {
    hints: watch::Sender<()>,
    statuses: watch::Receiver<Vec<IssuerStatus>>,
    stop: Arc<Notify>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// All that the thread owns.
struct Worker {
    identity: Arc<Identity>,
    remotes: Vec<Remote>,
    files: Files,
    hints: watch::Receiver<()>,
    stop: Arc<Notify>,
}

/// Nothing is ever sent: whoever has had its first look drops it.
type First = mpsc::Sender<Infallible>;

impl Follower {
    /// Finds what no trying again can mend: an origin that is none, an HTTP address that is not listed, certificates
    /// that cannot be read. Nothing is fetched.
    pub fn check(trust: &Trust, options: &FollowOptions) -> io::Result<()> {
        sources(trust, options).map(drop)
    }

    /// Looks at every key set once, waiting for that no longer than the timeout, and goes on following them on a
    /// thread of its own. A look that fails is told and tried again; an error is something that no trying again
    /// can mend: an origin that is none, an HTTP address that is not listed, certificates that cannot be read.
    pub fn start(identity: Arc<Identity>, options: FollowOptions) -> io::Result<FollowHandle> {
        let desk = Arc::new(Desk::new(Arc::clone(&identity), options.log.clone()));
        let remotes = remotes(&identity, &desk, &options)?;
        let mut files = Files::new(identity.trust(), Arc::clone(&desk), options.rescan);
        files.look();
        let (hints, hinted) = watch::channel(());
        let stop = Arc::new(Notify::new());
        let worker = Worker {
            identity,
            remotes,
            files,
            hints: hinted,
            stop: Arc::clone(&stop),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (first, all_looked) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(String::from("keys"))
            .spawn(move || worker.run(runtime, first))?;
        // It ends early, with an error, when every first look is over.
        let _ = all_looked.recv_timeout(options.timeout);
        Ok(FollowHandle(Arc::new(Running {
            hints,
            statuses: desk.statuses(),
            stop,
            thread: Mutex::new(Some(thread)),
        })))
    }
}

impl FollowHandle {
    /// Says that something may have changed (SIGHUP): every key set is looked at now.
    pub fn hint(&self) {
        self.0.hints.send_replace(());
    }

    /// How the issuers' keys stand, in the order of the configuration.
    pub fn status(&self) -> Vec<IssuerStatus> {
        self.0.statuses.borrow().clone()
    }

    /// The same, and every change of it.
    pub fn statuses(&self) -> watch::Receiver<Vec<IssuerStatus>> {
        self.0.statuses.clone()
    }

    /// Ends the follower and waits for its thread. Keys in force stay until their end.
    pub fn stop(&self) {
        self.0.stop.notify_one();
        let thread = self
            .0
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // It catches panics itself; one that escaped has been printed.
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

impl Worker {
    fn run(self, runtime: Runtime, first: First) {
        let identity = Arc::clone(&self.identity);
        identity.wanted().follow();
        let stop = Arc::clone(&self.stop);
        let work = AssertUnwindSafe(self.work(first)).catch_unwind();
        runtime.block_on(async {
            let mut work = pin!(work);
            tokio::select! {
                () = stop.notified() => {}
                _ = &mut work => tracing::error!("following the key sets has ended inside: this is a bug"),
            }
            // Before the work is dropped, and the statuses end with it: who sees that end leaves no wish.
            identity.wanted().unfollow();
        });
        // A name that is still being resolved, or a disk, is not waited for.
        runtime.shutdown_background();
    }

    async fn work(self, first: First) {
        let Worker {
            identity,
            remotes,
            files,
            hints,
            ..
        } = self;
        let bells: Vec<(IssuerIndex, Arc<Notify>)> = remotes
            .iter()
            .map(|remote| (remote.issuer(), remote.wanted()))
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
            pass_wishes_on(&identity, &bells),
            forget_tokens(&identity),
        );
    }
}

async fn follow_files(files: Files, hints: watch::Receiver<()>) {
    if !files.is_empty() {
        files.follow(hints).await;
    }
}

async fn follow_remote(mut remote: Remote, mut hints: watch::Receiver<()>, first: First) {
    let mut first = Some(first);
    keep_following(async || remote.follow(&mut hints, &mut first).await).await;
}

/// Starts again after each panic and after each end, with a pause: a panic that repeats neither uses a core nor keeps
/// the thread from its stop.
async fn keep_following(mut follow: impl AsyncFnMut()) {
    loop {
        let _ = AssertUnwindSafe(follow()).catch_unwind().await;
        tracing::error!("fetching a key set failed inside: this is a bug");
        tokio::time::sleep(PAUSE_AFTER_PANIC).await;
    }
}

/// A token that has ended is nobody's any more. Asked more often than it is done: the store keeps the time.
async fn forget_tokens(identity: &Identity) {
    let mut ticks = tokio::time::interval(Duration::from_secs(10));
    loop {
        ticks.tick().await;
        identity.sweep();
    }
}

/// Tells each issuer that its keys are wanted. Files are followed closely enough: nobody waits for them.
async fn pass_wishes_on(identity: &Identity, bells: &[(IssuerIndex, Arc<Notify>)]) {
    loop {
        for issuer in identity.wanted().next().await {
            match bells.iter().find(|(of, _)| *of == issuer) {
                Some((_, bell)) => bell.notify_one(),
                None => identity.wanted().looked(issuer),
            }
        }
    }
}

/// The issuers whose keys are fetched.
fn remotes(
    identity: &Arc<Identity>,
    desk: &Arc<Desk>,
    options: &FollowOptions,
) -> io::Result<Vec<Remote>> {
    let (fetcher, sources) = sources(identity.trust(), options)?;
    let fetcher = Arc::new(fetcher);
    let remotes = sources.into_iter().map(|(issuer, source)| {
        let (fetcher, desk) = (Arc::clone(&fetcher), Arc::clone(desk));
        Remote::new(issuer, source, fetcher, desk, options)
    });
    Ok(remotes.collect())
}

/// Where keys are fetched, each checked for what can never succeed.
fn sources(
    trust: &Trust,
    options: &FollowOptions,
) -> io::Result<(Fetcher, Vec<(IssuerIndex, Source)>)> {
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
        let Some(source) = Source::of(issuer) else {
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

/// A panic that repeats is logged once in this time.
const PAUSE_AFTER_PANIC: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_always_panics_pauses_and_lets_the_thread_stop() {
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
                        panic!("a look panics in this test")
                    }) => {}
                }
            });
        });
        receiver.recv().unwrap();
        stop.notify_one();
        thread.join().unwrap();
        // At most one more look came before the stop was seen.
        assert!(receiver.try_iter().count() <= 1);
    }
}
