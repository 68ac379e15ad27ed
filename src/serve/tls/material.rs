//! Reads the TLS files of a listener and builds the configuration of rustls.
//!
//! All or nothing: every file is read and checked before any is used. Errors never contain bytes of a key.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    NoClientAuth, NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};

use super::check::{self, CheckedTlsFile};
use super::peers::PeerVerifier;
use super::{FileExpiry, ListenerTls, Peers, TlsError};

/// A SHA-256 digest, to detect changed files.
pub(super) type Digest = [u8; 32];

/// The content of the TLS files.
pub(super) struct Material {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
    client_crl: Option<Vec<u8>>,
    /// Whether group or others can read the key.
    pub(super) key_is_shared: bool,
}

/// A valid configuration, with its expiries and warnings.
pub(super) struct LoadedTls {
    pub(super) config: Arc<ServerConfig>,
    pub(super) expiries: Vec<FileExpiry>,
    /// Problems that clients will have, by file.
    pub(super) warnings: Vec<(PathBuf, check::TlsFileWarning)>,
    /// Set if the server certificate has expired or is not valid yet.
    pub(super) out_of_date: Option<TlsError>,
}

impl Material {
    pub(super) fn read(tls: &ListenerTls) -> Result<Material, TlsError> {
        let (key, mode) = read(&tls.key, PRIVATE_KEY, MAX_BYTES)?;
        let optional = |file: &Option<PathBuf>, expected, limit| {
            let read = file.as_deref().map(|file| read(file, expected, limit));
            Ok(read.transpose()?.map(|(bytes, _mode)| bytes))
        };
        Ok(Material {
            certificate: read(&tls.certificate, CERTIFICATES, MAX_BYTES)?.0,
            key,
            client_ca: optional(&tls.client_ca, CAS, MAX_BYTES)?,
            client_crl: optional(&tls.client_crl, CRLS, MAX_CRL_BYTES)?,
            key_is_shared: mode & 0o044 != 0,
        })
    }

    pub(super) fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        let ca = self.client_ca.as_deref().unwrap_or_default();
        let crl = self.client_crl.as_deref().unwrap_or_default();
        for part in [&self.certificate, &self.key, ca, crl] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// The digest of the server certificate file alone.
    pub(super) fn certificate_digest(&self) -> Digest {
        Sha256::digest(&self.certificate).into()
    }

    /// Checks all files at `now`, in seconds since 1970, and builds the configuration. The crypto provider is explicit,
    /// because another library could set the process default.
    pub(super) fn load(&self, tls: &ListenerTls, now: i64) -> Result<LoadedTls, TlsError> {
        let chain = certificates(&tls.certificate, &self.certificate, CERTIFICATES)?;
        let (own, out_of_date) = check::server_chain(&tls.certificate, &chain, now)?;
        let mut loaded = LoadedTls {
            config: self.config(tls, chain)?,
            expiries: Vec::new(),
            warnings: Vec::new(),
            out_of_date,
        };
        loaded.add("certificate", &tls.certificate, own);
        if let (Some(file), Some(bytes)) = (&tls.client_ca, &self.client_ca) {
            let cas = certificates(file, bytes, CAS)?;
            loaded.add("client_ca", file, check::client_cas(file, &cas, now)?);
            if let (Some(file), Some(bytes)) = (&tls.client_crl, &self.client_crl) {
                let lists = revocation_lists(file, bytes)?;
                let checked = check::revocation_lists(file, &lists, &cas, now)?;
                loaded.add("client_crl", file, checked);
            }
        }
        Ok(loaded)
    }

    fn config(
        &self,
        tls: &ListenerTls,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let certified = self.certified(tls, chain)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_protocol_versions(&[&TLS13, &TLS12]);
        let builder = builder.map_err(|error| malformed(&tls.key, error, PRIVATE_KEY))?;
        let mut config = builder
            .with_client_cert_verifier(self.verifier(tls)?)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![H2.to_vec()];
        // No resumption in TLS 1.2 and 1.3: see the module documentation of `tls`.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }

    fn certified(
        &self,
        tls: &ListenerTls,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<CertifiedKey, TlsError> {
        check::reject_revocation_lists(&tls.key, &self.key, PRIVATE_KEY)?;
        let keys = PrivateKeyDer::pem_slice_iter(&self.key);
        let keys = keys.collect::<Result<Vec<_>, _>>();
        let keys = keys.map_err(|error| malformed(&tls.key, error, PRIVATE_KEY))?;
        let [key] = <[_; 1]>::try_from(keys)
            .map_err(|keys| malformed(&tls.key, format!("{} keys", keys.len()), PRIVATE_KEY))?;
        let key = PROVIDER.key_provider.load_private_key(key);
        let key = key.map_err(|error| malformed(&tls.key, error, PRIVATE_KEY))?;
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

    fn verifier(&self, tls: &ListenerTls) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let ids = match &tls.peers {
            Peers::Unauthenticated => return Ok(Arc::new(NoClientAuth)),
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
        let mut chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if let (Some(file), Some(bytes)) = (&tls.client_crl, &self.client_crl) {
            // Checks every certificate of a chain except the client CA's. A certificate whose issuer has no list (the
            // default of rustls) or an expired one (set here) is refused.
            let lists = revocation_lists(file, bytes)?;
            chain = chain.with_crls(lists).enforce_revocation_expiration();
        }
        let chain = chain.build();
        let chain = chain.map_err(|error| match (&error, &tls.client_crl) {
            (VerifierBuilderError::InvalidCrl(_), Some(file)) => malformed(file, error, CRLS),
            _ => malformed(file, error, CAS),
        })?;
        Ok(Arc::new(PeerVerifier { chain, ids }))
    }
}

impl LoadedTls {
    fn add(&mut self, key: &'static str, file: &Path, checked: CheckedTlsFile) {
        self.expiries.push(FileExpiry {
            file: key,
            not_after: checked.not_after,
        });
        let warnings = checked.warnings.into_iter();
        self.warnings
            .extend(warnings.map(|warning| (file.to_owned(), warning)));
    }
}

fn revocation_lists(
    file: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let found = CertificateRevocationListDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| malformed(file, error, CRLS))?;
    check::reject_other_pem_sections(file, bytes)?;
    if !(1..=MAX_CERTIFICATES).contains(&found.len()) {
        let found = format!("{} revocation lists", found.len());
        return Err(malformed(file, found, CRLS));
    }
    Ok(found)
}

/// Requires at least one, and that all parse: a skipped CA would refuse its clients without an error.
fn certificates(
    file: &Path,
    bytes: &[u8],
    expected: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| malformed(file, error, expected))?;
    check::reject_revocation_lists(file, bytes, expected)?;
    if !(1..=MAX_CERTIFICATES).contains(&found.len()) {
        let found = format!("{} certificates", found.len());
        return Err(malformed(file, found, expected));
    }
    for (index, one) in found.iter().enumerate() {
        if !x509_parser::parse_x509_certificate(one).is_ok_and(|(rest, _)| rest.is_empty()) {
            let found = format!("certificate {} that is not X.509", index + 1);
            return Err(malformed(file, found, expected));
        }
    }
    Ok(found)
}

/// Reads the content and the mode.
fn read(file: &Path, expected: &'static str, max_bytes: u64) -> Result<(Vec<u8>, u32), TlsError> {
    let failed = |source| TlsError::Unreadable {
        file: file.to_owned(),
        source,
        expected,
    };
    // Checked before opening, because opening a pipe blocks until there is a writer.
    if !fs::metadata(file).map_err(failed)?.is_file() {
        return Err(malformed(
            file,
            "a file that is not a regular file",
            expected,
        ));
    }
    let opened = File::open(file).map_err(failed)?;
    let mode = opened.metadata().map_err(failed)?.permissions().mode();
    let mut bytes = Vec::new();
    let read: io::Result<usize> = opened.take(max_bytes + 1).read_to_end(&mut bytes);
    read.map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max_bytes {
        let found = format!("more than {} MiB", max_bytes >> 20);
        return Err(malformed(file, found, expected));
    }
    Ok((bytes, mode))
}

pub(super) fn malformed(file: &Path, found: impl ToString, expected: &'static str) -> TlsError {
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

pub(super) const CERTIFICATES: &str = "the server certificate and its intermediates, PEM, 1 to 256";
const PRIVATE_KEY: &str = "the private key of the certificate, PEM, not encrypted, exactly 1";
pub(super) const CAS: &str = "the CA certificates that sign client certificates, PEM, 1 to 256";
pub(super) const CRLS: &str = "revocation lists (X509 CRL) of the client CAs and their intermediates, PEM, 1 to 256, and nothing else";

/// A bundle of public CAs has about 150.
const MAX_CERTIFICATES: usize = 256;

/// 256 certificates of 4 KiB.
const MAX_BYTES: u64 = 1024 * 1024;

/// About 40 bytes per revoked certificate: enough for a large organisation.
const MAX_CRL_BYTES: u64 = 16 * 1024 * 1024;
