//! The thread that checks the TLS files of all listeners and reloads changed ones.
//!
//! It checks at an interval and on request, and compares the content, because a file can change without a change of its
//! timestamps. Files that cannot be used change nothing and are reported once. Existing connections are not checked
//! again; they end at their maximum age.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::material::{Digest, Material};
use super::{ActiveTls, TlsEndpoint, TlsError, log_warnings, now};

/// Owns the thread: when dropped, the thread ends after its current check.
#[derive(Debug)]
pub(in crate::serve) struct TlsFileWatcher(Option<Arc<SyncSender<()>>>);

/// Triggers an immediate check of the TLS files while the server runs.
#[derive(Debug, Clone)]
pub struct TlsReloadHandle(Weak<SyncSender<()>>);

/// A listener with TLS that the thread checks.
struct WatchedEndpoint {
    endpoint: Arc<TlsEndpoint>,
    /// The last reported error. `None` while the files can be used.
    reported: Option<ReportedTlsError>,
}

#[derive(PartialEq, Eq)]
struct ReportedTlsError {
    digest: Option<Digest>,
    error: String,
}

impl TlsFileWatcher {
    /// Starts the thread, if there are listeners with TLS.
    pub(in crate::serve) fn start(
        endpoints: Vec<Arc<TlsEndpoint>>,
        interval: Duration,
    ) -> io::Result<TlsFileWatcher> {
        if endpoints.is_empty() {
            return Ok(TlsFileWatcher(None));
        }
        // One pending request serves for many.
        let (request, requests) = sync_channel(1);
        let watched = endpoints.into_iter().map(|endpoint| WatchedEndpoint {
            endpoint,
            reported: None,
        });
        let watched: Vec<WatchedEndpoint> = watched.collect();
        thread::Builder::new()
            .name("tls-files".to_owned())
            .spawn(move || run_checks(watched, &requests, interval))?;
        Ok(TlsFileWatcher(Some(Arc::new(request))))
    }

    pub(in crate::serve) fn handle(&self) -> TlsReloadHandle {
        TlsReloadHandle(self.0.as_ref().map_or_else(Weak::new, Arc::downgrade))
    }
}

impl TlsReloadHandle {
    /// Requests a check.
    pub fn check_now(&self) {
        if let Some(request) = self.0.upgrade() {
            // Fails if a request is pending, or if the thread has ended with the server.
            let _ = request.try_send(());
        }
    }
}

fn run_checks(mut watched: Vec<WatchedEndpoint>, requests: &Receiver<()>, interval: Duration) {
    loop {
        let is_requested = match requests.recv_timeout(interval) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        for one in &mut watched {
            let before = one.endpoint.active.load().digest;
            // A panic of a parser ends this check, not the later ones.
            if catch_unwind(AssertUnwindSafe(|| one.check())).is_err() {
                tracing::error!(address = %one.endpoint.address, "the check of the TLS files panicked");
            }
            if is_requested && one.reported.is_none() && before == one.endpoint.active.load().digest
            {
                tracing::info!(address = %one.endpoint.address, "SIGHUP: TLS files checked, nothing changed");
            }
        }
    }
}

impl WatchedEndpoint {
    fn check(&mut self) {
        let tls = &self.endpoint.tls;
        let material = match Material::read(tls) {
            Ok(material) => material,
            Err(error) => return self.report(None, &error),
        };
        let digest = material.digest();
        if digest == self.endpoint.active.load().digest {
            self.reported = None;
            return;
        }
        // A write may be in progress: the next check reads the files again.
        if !Material::read(tls).is_ok_and(|again| again.digest() == digest) {
            return;
        }
        let certificate = material.certificate_digest();
        let is_new = certificate != self.endpoint.active.load().certificate;
        let loaded = material.load(tls, now());
        let loaded = loaded.and_then(|mut loaded| match loaded.out_of_date.take() {
            // The active certificate may still be valid.
            Some(error) if is_new => Err(error),
            // The certificate is unchanged: a change of client CAs or revocation lists must not wait for its renewal.
            Some(_) | None => Ok(loaded),
        });
        match loaded {
            Ok(loaded) => {
                let address = &self.endpoint.address;
                log_warnings(address, &loaded);
                self.endpoint.active.store(Arc::new(ActiveTls {
                    config: loaded.config,
                    digest,
                    certificate,
                    expiries: loaded.expiries,
                }));
                self.reported = None;
                tracing::info!(%address, "TLS files reloaded");
            }
            Err(error) => self.report(Some(digest), &error),
        }
    }

    fn report(&mut self, digest: Option<Digest>, error: &TlsError) {
        let reported = ReportedTlsError {
            digest,
            error: error.to_string(),
        };
        if self.reported.as_ref() != Some(&reported) {
            let address = &self.endpoint.address;
            tracing::error!(%address, %error, "cannot reload the TLS files: the previous ones stay active");
            self.reported = Some(reported);
        }
    }
}
