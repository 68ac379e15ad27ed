//! TLS on a listener: our certificate, whose certificates are let in, and the handshake.
//!
//! TLS 1.2 and 1.3 with HTTP/2 agreed on by ALPN, or nothing. Whether a client may connect is decided by its
//! certificate alone and within the handshake. No session is ever resumed: one that began under another client
//! CA, or when other peers were let in, would come back without being looked at. No early data either.

mod check;
mod material;
mod peers;
mod watch;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::opening::{TLS_HANDSHAKE, may_be_http, without_tls};
use super::{Address, Certificate, PeerRefusal, WrongProtocol};
use crate::clock::Clock;
use material::{Digest, Loaded, Material};

pub(super) use peers::PeerCertificate;
pub use watch::TlsHint;
pub(super) use watch::Watch;

/// The files of a listener's TLS, and who may connect. The files are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Our certificate and those between it and its root, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The certificates that sign those of clients, PEM. Goes with `peers`: both, or neither.
    pub client_ca: Option<PathBuf>,
    /// The certificates that count no longer, as revocation lists of every CA below `client_ca` and of those in it that
    /// issue certificates of clients, PEM. Goes with `client_ca`.
    pub client_crl: Option<PathBuf>,
    /// Who may connect.
    pub peers: Peers,
}

/// Who may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peers {
    /// No certificate is asked for.
    Anyone,
    /// Whoever has a certificate of the client CA.
    AnyOfCa,
    /// Whoever has one whose only URI is among these, letter by letter: `spiffe://…`.
    Spiffe(Vec<String>),
}

/// Why a listener has no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("{}: {source}, expected {expected}", .file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
        /// What it should hold.
        expected: &'static str,
    },
    /// A file that holds something else.
    #[error("{}: found {found}, expected {expected}", .file.display())]
    Malformed {
        /// Which.
        file: PathBuf,
        /// What it holds; never bytes of it.
        found: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// Two files that do not belong together.
    #[error("{}: found another key's, expected the private key of {}", .key.display(), .certificate.display())]
    OtherKey {
        /// The key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
    },
    /// A certificate that no client would believe at this moment.
    #[error("{}: found {found}, expected one that is valid now", .file.display())]
    OutOfDate {
        /// The file.
        file: PathBuf,
        /// What it holds, and since when or until when.
        found: String,
    },
    /// Revocation lists without those whose certificates they revoke.
    #[error("client_crl is given and no client_ca, expected both")]
    NoCaForCrl,
    /// Clients are to be told apart, and nothing says by whose word.
    #[error(
        "peers are named and no client CA, expected client_ca: the file of those who sign their certificates"
    )]
    NoClientCa,
    /// A client CA for nobody.
    #[error("a client CA is given and no peers, expected whom to let in")]
    NoPeers,
    /// Not what a certificate could hold.
    #[error(
        "peer `{found}`: expected a SPIFFE id such as spiffe://contoso.example/envoy, without wildcards"
    )]
    Peer {
        /// What is given.
        found: String,
    },
}

/// A listener's TLS: what its files say and what is in force.
pub(super) struct Endpoint {
    address: Address,
    tls: Tls,
    active: ArcSwap<Active>,
}

struct Active {
    config: Arc<ServerConfig>,
    digest: Digest,
    /// Of the certificate alone.
    certificate: Digest,
    endings: Vec<Ending>,
}

/// When the first certificate, or revocation list, of a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    /// The key of the configuration that names the file.
    pub(super) file: &'static str,
    /// In seconds since 1970.
    pub(super) not_after: i64,
}

/// Why a connection does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The system has no memory for it, or the like.
    System,
    /// The client went away before it had sent anything that could be refused.
    Gone,
    /// It was not complete in time.
    Late,
    /// Not TLS as it is spoken here; with what rustls or the system says.
    Handshake(String),
    /// The first bytes are those of another protocol.
    Protocol(WrongProtocol),
    /// A client that may not connect, and what it showed.
    Peer(PeerRefusal, Option<PeerCertificate>),
}

impl Tls {
    /// Whether clients are told apart: this protects what is served, encryption alone does not.
    pub(super) fn knows_peers(&self) -> bool {
        match self.peers {
            Peers::Anyone => false,
            Peers::AnyOfCa | Peers::Spiffe(_) => true,
        }
    }

    fn check(&self) -> Result<(), TlsError> {
        if self.client_crl.is_some() && self.client_ca.is_none() {
            return Err(TlsError::NoCaForCrl);
        }
        match (&self.peers, &self.client_ca) {
            (Peers::Anyone, None) | (Peers::AnyOfCa, Some(_)) => Ok(()),
            (Peers::Anyone, Some(_)) => Err(TlsError::NoPeers),
            (Peers::AnyOfCa | Peers::Spiffe(_), None) => Err(TlsError::NoClientCa),
            (Peers::Spiffe(ids), Some(_)) if ids.is_empty() => Err(TlsError::NoPeers),
            (Peers::Spiffe(ids), Some(_)) => match ids.iter().find(|id| !peers::is_spiffe_id(id)) {
                None => Ok(()),
                Some(found) => Err(TlsError::Peer {
                    found: found.clone(),
                }),
            },
        }
    }
}

impl Endpoint {
    /// Reads all files; what they say is in force from here on.
    pub(super) fn load(address: Address, tls: Tls) -> Result<Endpoint, TlsError> {
        tls.check()?;
        let material = Material::read(&tls)?;
        let mut loaded = material.load(&tls, now())?;
        warn_of(&address, &loaded);
        // Not an error at a start: the next files are taken up without one, and other listeners are served meanwhile.
        if let Some(error) = loaded.out_of_date.take() {
            tracing::warn!(%address, %error, "clients refuse the certificate of this listener");
        }
        let active = ArcSwap::from_pointee(Active {
            config: loaded.config,
            digest: material.digest(),
            certificate: material.certificate_digest(),
            endings: loaded.endings,
        });
        if let Peers::AnyOfCa = tls.peers {
            tracing::warn!(%address, "every certificate of the client CA is let in");
        }
        if material.key_is_shared {
            tracing::warn!(%address, key = %tls.key.display(), "others than its owner can read the private key");
        }
        Ok(Endpoint {
            address,
            tls,
            active,
        })
    }

    /// When the files in force end.
    pub(super) fn certificates(&self) -> Vec<Certificate> {
        let active = self.active.load();
        let endings = active.endings.iter().map(|ending| Certificate {
            listener: self.address.clone(),
            file: ending.file,
            not_after: ending.not_after,
        });
        endings.collect()
    }

    /// Takes a client's hello and finishes the handshake with what is in force then. The caller bounds the time.
    pub(super) async fn handshake(
        &self,
        mut stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Refusal> {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1) => {}
            Ok(_) | Err(_) => return Err(Refusal::Gone),
        }
        let [first] = first;
        if first != TLS_HANDSHAKE && may_be_http(first) {
            let protocol = without_tls(&mut stream).await;
            return Err(protocol.map_or(Refusal::Gone, Refusal::Protocol));
        }
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await;
        let hello = hello.map_err(|error| Refusal::Handshake(error.to_string()))?;
        let config = Arc::clone(&self.active.load().config);
        let (shown, stream) =
            peers::noting_refused(hello.into_stream(config), ANSWERED_WITHIN).await;
        // A client that stalls after its hello holds its place no longer than this.
        let stream = stream.map_err(|_elapsed| Refusal::Late)?;
        let stream = stream.map_err(|error| refusal(&error, shown))?;
        // rustls refuses a client that names other protocols; one that names none gets here.
        match stream.get_ref().1.alpn_protocol() {
            Some(material::H2) => Ok(stream),
            _ => Err(Refusal::Handshake(
                "the client does not ask for h2 by ALPN".to_owned(),
            )),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("address", &self.address)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// Logs what clients will notice of files that are put in force.
fn warn_of(address: &Address, loaded: &Loaded) {
    for (file, concern) in &loaded.concerns {
        let (file, found, effect) = (file.display(), &concern.found, concern.effect);
        tracing::warn!(%address, %file, found, effect, "TLS files may not do what they should");
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let nanos = Clock::System.now().wall.as_nanos();
    nanos / 1_000_000_000
}

fn refusal(error: &io::Error, shown: Option<PeerCertificate>) -> Refusal {
    let said = error.get_ref().and_then(|error| error.downcast_ref());
    match said {
        Some(rustls::Error::NoCertificatesPresented) => {
            Refusal::Peer(PeerRefusal::NoCertificate, None)
        }
        Some(rustls::Error::InvalidCertificate(error)) => {
            Refusal::Peer(peers::reason(error), shown)
        }
        // A list that another key signed than the issuer's, or that the issuer may not sign.
        Some(rustls::Error::InvalidCertRevocationList(_)) => {
            Refusal::Peer(PeerRefusal::NoRevocationList, shown)
        }
        _ => Refusal::Handshake(error.to_string()),
    }
}

/// The time from a client's hello to the end of its handshake: a few round trips around the world.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(client_ca: Option<&str>, peers: Peers) -> Result<(), TlsError> {
        let tls = Tls {
            certificate: "server.pem".into(),
            key: "server.key".into(),
            client_ca: client_ca.map(PathBuf::from),
            client_crl: None,
            peers,
        };
        tls.check()
    }

    #[test]
    fn a_client_ca_and_peers_go_together() {
        let named = || Peers::Spiffe(vec!["spiffe://a/b".to_owned()]);
        assert!(checked(None, Peers::Anyone).is_ok());
        assert!(checked(Some("ca.pem"), Peers::AnyOfCa).is_ok());
        assert!(checked(Some("ca.pem"), named()).is_ok());
        for (ca, peers) in [
            (Some("ca.pem"), Peers::Anyone),
            (Some("ca.pem"), Peers::Spiffe(Vec::new())),
        ] {
            assert!(matches!(checked(ca, peers), Err(TlsError::NoPeers)));
        }
        for peers in [Peers::AnyOfCa, named()] {
            assert!(matches!(checked(None, peers), Err(TlsError::NoClientCa)));
        }
    }

    #[test]
    fn a_peer_that_no_certificate_could_name_is_refused_at_the_start() {
        let peers = Peers::Spiffe(vec!["spiffe://a/b".to_owned(), "spiffe://a/*".to_owned()]);
        let refused = checked(Some("ca.pem"), peers).unwrap_err();
        assert!(refused.to_string().contains("`spiffe://a/*`"), "{refused}");
    }
}
