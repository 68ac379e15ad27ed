//! The files of a listener's TLS, read into memory and made into what rustls takes.
//!
//! All or nothing: every file is read and checked before anything of it is used. Never says a byte of a key.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};

use super::peers::PeerVerifier;
use super::{Peers, Tls, TlsError};

/// Tells two contents of the files apart.
pub(super) type Digest = [u8; 32];

/// What the files hold.
pub(super) struct Material {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
    /// Others than its owner can read the key.
    pub(super) key_is_shared: bool,
}

impl Material {
    pub(super) fn read(tls: &Tls) -> Result<Material, TlsError> {
        let (key, mode) = read(&tls.key, A_KEY)?;
        let client_ca = tls.client_ca.as_deref().map(|file| read(file, CAS));
        Ok(Material {
            certificate: read(&tls.certificate, CERTIFICATES)?.0,
            key,
            client_ca: client_ca.transpose()?.map(|(bytes, _mode)| bytes),
            key_is_shared: mode & 0o044 != 0,
        })
    }

    pub(super) fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        let ca = self.client_ca.as_deref().unwrap_or_default();
        for part in [&self.certificate, &self.key, ca] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// When our certificate ends, in seconds since 1970.
    pub(super) fn not_after(&self, tls: &Tls) -> Result<i64, TlsError> {
        let chain = certificates(&tls.certificate, &self.certificate, CERTIFICATES)?;
        let own = chain.first().and_then(|own| {
            let (_, parsed) = x509_parser::parse_x509_certificate(own).ok()?;
            Some(parsed.validity().not_after.timestamp())
        });
        own.ok_or_else(|| malformed(&tls.certificate, "no certificate", CERTIFICATES))
    }

    /// Everything is given explicitly: a process default could be another library's choice.
    pub(super) fn config(&self, tls: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
        let certified = self.certified(tls)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_protocol_versions(&[&TLS13, &TLS12]);
        let builder = builder.map_err(|error| malformed(&tls.key, error, A_KEY))?;
        let mut config = builder
            .with_client_cert_verifier(self.verifier(tls)?)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![H2.to_vec()];
        // Not resumed, in neither version: see the head of this room.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }

    fn certified(&self, tls: &Tls) -> Result<CertifiedKey, TlsError> {
        let chain = certificates(&tls.certificate, &self.certificate, CERTIFICATES)?;
        let keys = PrivateKeyDer::pem_slice_iter(&self.key);
        let keys = keys.collect::<Result<Vec<_>, _>>();
        let keys = keys.map_err(|error| malformed(&tls.key, error, A_KEY))?;
        let [key] = <[_; 1]>::try_from(keys)
            .map_err(|keys| malformed(&tls.key, format!("{} keys", keys.len()), A_KEY))?;
        let key = PROVIDER.key_provider.load_private_key(key);
        let key = key.map_err(|error| malformed(&tls.key, error, A_KEY))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) => Ok(certified),
            Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::OtherKey {
                key: tls.key.clone(),
                certificate: tls.certificate.clone(),
            }),
            Err(error) => Err(malformed(&tls.certificate, error, CERTIFICATES)),
        }
    }

    fn verifier(&self, tls: &Tls) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let ids = match &tls.peers {
            Peers::Anyone => return Ok(Arc::new(NoClientAuth)),
            Peers::AnyOfCa => None,
            Peers::Spiffe(ids) => Some(ids.clone()),
        };
        let (Some(file), Some(bytes)) = (&tls.client_ca, &self.client_ca) else {
            return Err(TlsError::NoClientCa);
        };
        let mut roots = RootCertStore::empty();
        for ca in certificates(file, bytes, CAS)? {
            roots.add(ca).map_err(|error| malformed(file, error, CAS))?;
        }
        let provider = Arc::clone(&PROVIDER);
        let chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let chain = chain.build().map_err(|error| malformed(file, error, CAS))?;
        Ok(Arc::new(PeerVerifier { chain, ids }))
    }
}

/// At least one, and all of them readable: a CA that is passed over would shut its clients out without a word.
fn certificates(
    file: &Path,
    bytes: &[u8],
    expected: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| malformed(file, error, expected))?;
    if !(1..=MOST_CERTIFICATES).contains(&found.len()) {
        let found = format!("{} certificates", found.len());
        return Err(malformed(file, found, expected));
    }
    for (index, one) in found.iter().enumerate() {
        if !x509_parser::parse_x509_certificate(one).is_ok_and(|(rest, _)| rest.is_empty()) {
            let found = format!("no X.509 in certificate {}", index + 1);
            return Err(malformed(file, found, expected));
        }
    }
    Ok(found)
}

/// The content and the mode.
fn read(file: &Path, expected: &'static str) -> Result<(Vec<u8>, u32), TlsError> {
    let failed = |source| TlsError::Unreadable {
        file: file.to_owned(),
        source,
        expected,
    };
    // Before it is opened: to open a pipe would wait for somebody to write.
    if !fs::metadata(file).map_err(failed)?.is_file() {
        return Err(malformed(file, "no regular file", expected));
    }
    let opened = File::open(file).map_err(failed)?;
    let mode = opened.metadata().map_err(failed)?.permissions().mode();
    let mut bytes = Vec::new();
    let read: io::Result<usize> = opened.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(malformed(file, "more than 1 MiB", expected));
    }
    Ok((bytes, mode))
}

fn malformed(file: &Path, found: impl ToString, expected: &'static str) -> TlsError {
    TlsError::Malformed {
        file: file.to_owned(),
        found: found.to_string(),
        expected,
    }
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// RFC 9113 §3.2: HTTP/2 over TLS.
pub(super) const H2: &[u8] = b"h2";

const CERTIFICATES: &str = "our certificate and those above it, PEM, 1 to 256";
const A_KEY: &str = "the certificate's private key, PEM, not encrypted, and no other";
const CAS: &str = "the certificates of those who sign clients' certificates, PEM, 1 to 256";

/// A bundle of public CAs has some 150.
const MOST_CERTIFICATES: usize = 256;

/// So many certificates of 4 KiB: more than any real one has.
const MOST_BYTES: u64 = 1024 * 1024;
