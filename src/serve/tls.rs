//! TLS on a listener: our certificate, and whose certificates are let in.

use std::path::PathBuf;

/// The files of a listener's TLS, and who may connect. The files are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Our certificate and those between it and its root, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The certificates that sign those of clients, PEM. Goes with `peers`: both, or neither.
    pub client_ca: Option<PathBuf>,
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
