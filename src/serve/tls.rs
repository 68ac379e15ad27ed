//! TLS on a listener: the server certificate, authentication of clients, and the handshake.
//!
//! TLS 1.2 and 1.3, with HTTP/2 by ALPN only. The certificate of a client alone decides, within the handshake, whether it
//! may connect. Sessions are never resumed: one that began under another client CA or other peers would skip the check.
//! No early data.

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

use super::preface::{TLS_HANDSHAKE, detect_plaintext, may_be_http};
use super::{CertificateExpiry, ListenAddress, PeerRefusal, WrongProtocol};
use crate::clock::Clock;
use material::{Digest, LoadedTls, Material};

pub(super) use peers::PeerCertificate;
pub(super) use watch::TlsFileWatcher;
pub use watch::TlsReloadHandle;

/// The TLS files of a listener, and which clients may connect. The files are reloaded when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// The server certificate and its intermediates, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The CA certificates that sign client certificates, PEM. Required with `peers`, and only then.
    pub client_ca: Option<PathBuf>,
    /// Revocation lists of every CA below `client_ca` and of those in it that issue client certificates, PEM. Requires
    /// `client_ca`.
    pub client_crl: Option<PathBuf>,
    /// Which clients may connect.
    pub peers: Peers,
}

/// Which clients may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peers {
    /// All. No client certificate is requested.
    Unauthenticated,
    /// Clients with a certificate of the client CA.
    AnyOfCa,
    /// Clients with a certificate of the client CA whose only URI equals one of these, byte by byte: `spiffe://…`.
    Spiffe(Vec<String>),
}

/// Why the TLS of a listener cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {source}, expected {expected}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The error of the system.
        source: io::Error,
        /// The expected content.
        expected: &'static str,
    },
    /// A file does not contain what is expected.
    #[error("{}: found {found}, expected {expected}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// A description of the content, without its bytes.
        found: String,
        /// The expected content.
        expected: &'static str,
    },
    /// The key is not the key of the certificate.
    #[error("{}: found another key, expected the private key of {}", .key.display(), .certificate.display())]
    OtherKey {
        /// The key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
    },
    /// The server certificate has expired or is not valid yet.
    #[error("{}: found {found}, expected one that is valid now", .file.display())]
    OutOfDate {
        /// The file.
        file: PathBuf,
        /// The certificate and its date.
        found: String,
    },
    /// `client_crl` without `client_ca`.
    #[error("found client_crl and no client_ca, expected both")]
    NoCaForCrl,
    /// `peers` without `client_ca`.
    #[error(
        "found peers and no client_ca, expected both; client_ca is the file of the CAs that sign client certificates"
    )]
    NoClientCa,
    /// `client_ca` without `peers`.
    #[error(
        "found client_ca and no peers, expected both; peers lists the clients that may connect"
    )]
    NoPeers,
    /// A peer is not a SPIFFE id.
    #[error(
        "peer `{found}`: expected a SPIFFE id such as spiffe://contoso.example/envoy, without wildcards"
    )]
    Peer {
        /// The configured text.
        found: String,
    },
}

/// The TLS of a listener: its settings and the active configuration.
pub(super) struct TlsEndpoint {
    address: ListenAddress,
    tls: ListenerTls,
    active: ArcSwap<ActiveTls>,
}

struct ActiveTls {
    config: Arc<ServerConfig>,
    digest: Digest,
    /// The digest of the server certificate file alone.
    certificate: Digest,
    expiries: Vec<FileExpiry>,
}

/// When the first certificate or revocation list in a file expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileExpiry {
    /// The key of the configuration that names the file.
    pub(super) file: &'static str,
    /// `notAfter` or `nextUpdate`, in seconds since 1970.
    pub(super) not_after: i64,
}

/// Why a connection is refused before it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConnectionRefusal {
    /// The system has no resources, for example memory.
    System,
    /// The client disconnected before it sent anything to refuse.
    Disconnected,
    /// It did not open in time.
    TimedOut,
    /// The TLS handshake failed, with the error of rustls or the system.
    Handshake(String),
    /// The first bytes are those of another protocol.
    Protocol(WrongProtocol),
    /// The client may not connect, with the certificate that it sent.
    Peer(PeerRefusal, Option<PeerCertificate>),
}

impl ListenerTls {
    /// Whether clients are authenticated. Encryption alone does not protect the services.
    pub(super) fn authenticates_clients(&self) -> bool {
        match self.peers {
            Peers::Unauthenticated => false,
            Peers::AnyOfCa | Peers::Spiffe(_) => true,
        }
    }

    fn check(&self) -> Result<(), TlsError> {
        if self.client_crl.is_some() && self.client_ca.is_none() {
            return Err(TlsError::NoCaForCrl);
        }
        match (&self.peers, &self.client_ca) {
            (Peers::Unauthenticated, None) | (Peers::AnyOfCa, Some(_)) => Ok(()),
            (Peers::Unauthenticated, Some(_)) => Err(TlsError::NoPeers),
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

impl TlsEndpoint {
    /// Reads all files and activates them.
    pub(super) fn load(address: ListenAddress, tls: ListenerTls) -> Result<TlsEndpoint, TlsError> {
        tls.check()?;
        let material = Material::read(&tls)?;
        let mut loaded = material.load(&tls, now())?;
        log_warnings(&address, &loaded);
        // Not an error at startup: new files are loaded without a restart, and other listeners are served meanwhile.
        if let Some(error) = loaded.out_of_date.take() {
            tracing::warn!(%address, %error, "clients refuse the server certificate of this listener; renew it");
        }
        let active = ArcSwap::from_pointee(ActiveTls {
            config: loaded.config,
            digest: material.digest(),
            certificate: material.certificate_digest(),
            expiries: loaded.expiries,
        });
        if let Peers::AnyOfCa = tls.peers {
            tracing::warn!(%address, "every client with a certificate of client_ca may connect; list peers to restrict it");
        }
        if material.key_is_shared {
            tracing::warn!(%address, key = %tls.key.display(), "the private key is readable by group or others; expected mode 0600");
        }
        Ok(TlsEndpoint {
            address,
            tls,
            active,
        })
    }

    /// When the active files expire.
    pub(super) fn certificate_expiries(&self) -> Vec<CertificateExpiry> {
        let active = self.active.load();
        let expiries = active.expiries.iter().map(|expiry| CertificateExpiry {
            listener: self.address.clone(),
            file: expiry.file,
            not_after: expiry.not_after,
        });
        expiries.collect()
    }

    /// Reads the ClientHello and finishes the handshake with the configuration that is active then. The caller sets the
    /// deadline.
    pub(super) async fn handshake(
        &self,
        mut stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ConnectionRefusal> {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1) => {}
            Ok(_) | Err(_) => return Err(ConnectionRefusal::Disconnected),
        }
        let [first] = first;
        if first != TLS_HANDSHAKE && may_be_http(first) {
            let protocol = detect_plaintext(&mut stream).await;
            return Err(
                protocol.map_or(ConnectionRefusal::Disconnected, ConnectionRefusal::Protocol)
            );
        }
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await;
        let hello = hello.map_err(|error| ConnectionRefusal::Handshake(error.to_string()))?;
        let config = Arc::clone(&self.active.load().config);
        let (certificate, stream) =
            peers::with_refused_certificate(hello.into_stream(config), HANDSHAKE_TIMEOUT).await;
        // Bounds how long a client that stalls after its ClientHello occupies a slot.
        let stream = stream.map_err(|_elapsed| ConnectionRefusal::TimedOut)?;
        let stream = stream.map_err(|error| refusal(&error, certificate))?;
        // rustls refuses a client that offers other protocols. One that offers none gets here.
        match stream.get_ref().1.alpn_protocol() {
            Some(material::H2) => Ok(stream),
            _ => Err(ConnectionRefusal::Handshake(
                "the client does not offer h2 by ALPN".to_owned(),
            )),
        }
    }
}

impl fmt::Debug for TlsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsEndpoint")
            .field("address", &self.address)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// Logs the problems that clients will have with activated files.
fn log_warnings(address: &ListenAddress, loaded: &LoadedTls) {
    for (file, warning) in &loaded.warnings {
        let (file, found, effect) = (file.display(), &warning.found, warning.effect);
        tracing::warn!(%address, %file, found, effect, "problem in a TLS file");
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let nanos = Clock::System.now().wall.as_nanos();
    nanos / 1_000_000_000
}

fn refusal(error: &io::Error, certificate: Option<PeerCertificate>) -> ConnectionRefusal {
    let cause = error.get_ref().and_then(|error| error.downcast_ref());
    match cause {
        Some(rustls::Error::NoCertificatesPresented) => {
            ConnectionRefusal::Peer(PeerRefusal::NoCertificate, None)
        }
        Some(rustls::Error::InvalidCertificate(error)) => {
            ConnectionRefusal::Peer(peers::reason(error), certificate)
        }
        // A list with a wrong signature, or whose issuer may not sign lists.
        Some(rustls::Error::InvalidCertRevocationList(_)) => {
            ConnectionRefusal::Peer(PeerRefusal::NoRevocationList, certificate)
        }
        _ => ConnectionRefusal::Handshake(error.to_string()),
    }
}

/// The time from the ClientHello to the end of the handshake: a few round trips around the world.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(client_ca: Option<&str>, peers: Peers) -> Result<(), TlsError> {
        let tls = ListenerTls {
            certificate: "server.pem".into(),
            key: "server.key".into(),
            client_ca: client_ca.map(PathBuf::from),
            client_crl: None,
            peers,
        };
        tls.check()
    }

    #[test]
    fn a_client_ca_and_peers_require_each_other() {
        let named = || Peers::Spiffe(vec!["spiffe://a/b".to_owned()]);
        assert!(checked(None, Peers::Unauthenticated).is_ok());
        assert!(checked(Some("ca.pem"), Peers::AnyOfCa).is_ok());
        assert!(checked(Some("ca.pem"), named()).is_ok());
        for (ca, peers) in [
            (Some("ca.pem"), Peers::Unauthenticated),
            (Some("ca.pem"), Peers::Spiffe(Vec::new())),
        ] {
            assert!(matches!(checked(ca, peers), Err(TlsError::NoPeers)));
        }
        for peers in [Peers::AnyOfCa, named()] {
            assert!(matches!(checked(None, peers), Err(TlsError::NoClientCa)));
        }
    }

    #[test]
    fn a_peer_that_is_not_a_spiffe_id_is_refused_at_startup() {
        let peers = Peers::Spiffe(vec!["spiffe://a/b".to_owned(), "spiffe://a/*".to_owned()]);
        let refused = checked(Some("ca.pem"), peers).unwrap_err();
        assert!(refused.to_string().contains("`spiffe://a/*`"), "{refused}");
    }
}
