//! The thread that looks at the files of all listeners with TLS, and puts new ones in force.
//!
//! It looks every few seconds and when it is told to, and compares what the files hold, for a few kilobytes are
//! read sooner than all is thought of that can change a file and leave its dates alone. What cannot be used
//! changes nothing and is told once. Connections that exist are not looked at again: they go by their age.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::material::{Digest, Material};
use super::{Active, Endpoint, TlsError, now, warn_of};

/// The thread's owner: it ends when this is dropped, after the look that it is at.
#[derive(Debug)]
pub(in crate::serve) struct Watch(Option<Arc<SyncSender<()>>>);

/// Makes the files be looked at now, as long as the server runs.
#[derive(Debug, Clone)]
pub struct TlsHint(Weak<SyncSender<()>>);

/// A listener's files as the thread knows them.
struct Watched {
    endpoint: Arc<Endpoint>,
    /// What was told last of files that cannot be used.
    told: Option<Told>,
}

#[derive(PartialEq, Eq)]
struct Told {
    digest: Option<Digest>,
    error: String,
}

impl Watch {
    /// Starts the thread, if there is something to look at.
    pub(in crate::serve) fn start(
        endpoints: Vec<Arc<Endpoint>>,
        every: Duration,
    ) -> io::Result<Watch> {
        if endpoints.is_empty() {
            return Ok(Watch(None));
        }
        // One hint that waits is as good as many.
        let (hint, hints) = sync_channel(1);
        let watched = endpoints.into_iter().map(|endpoint| Watched {
            endpoint,
            told: None,
        });
        let watched: Vec<Watched> = watched.collect();
        thread::Builder::new()
            .name("tls-files".to_owned())
            .spawn(move || look_until_the_end(watched, &hints, every))?;
        Ok(Watch(Some(Arc::new(hint))))
    }

    pub(in crate::serve) fn hint(&self) -> TlsHint {
        TlsHint(self.0.as_ref().map_or_else(Weak::new, Arc::downgrade))
    }
}

impl TlsHint {
    /// Look now.
    pub fn hint(&self) {
        if let Some(hint) = self.0.upgrade() {
            // It fails when one waits already, or when the thread has ended with the server.
            let _ = hint.try_send(());
        }
    }
}

fn look_until_the_end(mut watched: Vec<Watched>, hints: &Receiver<()>, every: Duration) {
    loop {
        let is_hint = match hints.recv_timeout(every) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        for one in &mut watched {
            let before = one.endpoint.active.load().digest;
            // Parsers of what others wrote: a panic may cost this look, not all later ones.
            if catch_unwind(AssertUnwindSafe(|| one.look())).is_err() {
                tracing::error!(address = %one.endpoint.address, "looking at the TLS files panicked");
            }
            if is_hint && one.told.is_none() && before == one.endpoint.active.load().digest {
                tracing::info!(address = %one.endpoint.address, "SIGHUP: looked at the TLS files, nothing changed");
            }
        }
    }
}

impl Watched {
    fn look(&mut self) {
        let tls = &self.endpoint.tls;
        let material = match Material::read(tls) {
            Ok(material) => material,
            Err(error) => return self.tell(None, &error),
        };
        let digest = material.digest();
        if digest == self.endpoint.active.load().digest {
            self.told = None;
            return;
        }
        // Who writes them may be at it: the next look sees more.
        if !Material::read(tls).is_ok_and(|again| again.digest() == digest) {
            return;
        }
        let certificate = material.certificate_digest();
        let is_new = certificate != self.endpoint.active.load().certificate;
        let loaded = material.load(tls, now());
        let loaded = loaded.and_then(|mut loaded| match loaded.out_of_date.take() {
            // The certificate in force may still be believed.
            Some(error) if is_new => Err(error),
            // It is the one in force: a change of the client CAs or revocation lists must not wait for a better one.
            Some(_) | None => Ok(loaded),
        });
        match loaded {
            Ok(loaded) => {
                let address = &self.endpoint.address;
                warn_of(address, &loaded);
                self.endpoint.active.store(Arc::new(Active {
                    config: loaded.config,
                    digest,
                    certificate,
                    endings: loaded.endings,
                }));
                self.told = None;
                tracing::info!(%address, "new TLS files are in force");
            }
            Err(error) => self.tell(Some(digest), &error),
        }
    }

    fn tell(&mut self, digest: Option<Digest>, error: &TlsError) {
        let told = Told {
            digest,
            error: error.to_string(),
        };
        if self.told.as_ref() != Some(&told) {
            let address = &self.endpoint.address;
            tracing::error!(%address, %error, "the TLS files cannot be used: what they were before stays in force");
            self.told = Some(told);
        }
    }
}
