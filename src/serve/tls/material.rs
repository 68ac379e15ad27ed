//! The files of a listener's TLS, read into memory and made into what rustls takes.
//!
//! All or nothing: every file is read and checked before anything of it is used. Never says a byte of a key.

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

use super::check::{self, Checked};
use super::peers::PeerVerifier;
use super::{Ending, Peers, Tls, TlsError};

/// Tells two contents of the files apart.
pub(super) type Digest = [u8; 32];

/// What the files hold.
pub(super) struct Material {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
    client_crl: Option<Vec<u8>>,
    /// Others than its owner can read the key.
    pub(super) key_is_shared: bool,
}

/// What can be served with.
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    pub(super) endings: Vec<Ending>,
    /// What clients will notice, by file.
    pub(super) concerns: Vec<(PathBuf, check::Concern)>,
    /// The reason for which no client would believe our certificate now.
    pub(super) out_of_date: Option<TlsError>,
}

impl Material {
    pub(super) fn read(tls: &Tls) -> Result<Material, TlsError> {
        let (key, mode) = read(&tls.key, A_KEY, MOST_BYTES)?;
        let optional = |file: &Option<PathBuf>, expected, most| {
            let read = file.as_deref().map(|file| read(file, expected, most));
            Ok(read.transpose()?.map(|(bytes, _mode)| bytes))
        };
        Ok(Material {
            certificate: read(&tls.certificate, CERTIFICATES, MOST_BYTES)?.0,
            key,
            client_ca: optional(&tls.client_ca, CAS, MOST_BYTES)?,
            client_crl: optional(&tls.client_crl, CRLS, MOST_CRL_BYTES)?,
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

    /// Which certificate it is, whatever else changes.
    pub(super) fn certificate_digest(&self) -> Digest {
        Sha256::digest(&self.certificate).into()
    }

    /// Checks everything at this moment, in seconds since 1970. What is explicit here would otherwise be a process
    /// default, and could be another library's choice.
    pub(super) fn load(&self, tls: &Tls, now: i64) -> Result<Loaded, TlsError> {
        let chain = certificates(&tls.certificate, &self.certificate, CERTIFICATES)?;
        let (own, out_of_date) = check::own(&tls.certificate, &chain, now)?;
        let mut loaded = Loaded {
            config: self.config(tls, chain)?,
            endings: Vec::new(),
            concerns: Vec::new(),
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
        tls: &Tls,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let certified = self.certified(tls, chain)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_protocol_versions(&[&TLS13, &TLS12]);
        let builder = builder.map_err(|error| malformed(&tls.key, error, A_KEY))?;
        let mut config = builder
            .with_client_cert_verifier(self.verifier(tls)?)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![H2.to_vec()];
        // Not resumed, in neither version: see the head of `tls`.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }

    fn certified(
        &self,
        tls: &Tls,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<CertifiedKey, TlsError> {
        check::no_revocation_list(&tls.key, &self.key, A_KEY)?;
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
        let mut chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if let (Some(file), Some(bytes)) = (&tls.client_crl, &self.client_crl) {
            // Every certificate of a chain but the client CA's own is looked up. One whose issuer has no list, or an old
            // one, is refused: that is rustls' default for the first, and said here for the second.
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

impl Loaded {
    fn add(&mut self, key: &'static str, file: &Path, checked: Checked) {
        self.endings.push(Ending {
            file: key,
            not_after: checked.not_after,
        });
        let concerns = checked.concerns.into_iter();
        self.concerns
            .extend(concerns.map(|concern| (file.to_owned(), concern)));
    }
}

fn revocation_lists(
    file: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let found = CertificateRevocationListDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| malformed(file, error, CRLS))?;
    check::only_revocation_lists(file, bytes)?;
    if !(1..=MOST_CERTIFICATES).contains(&found.len()) {
        let found = format!("{} revocation lists", found.len());
        return Err(malformed(file, found, CRLS));
    }
    Ok(found)
}

/// At least one, and all of them readable: a CA that is passed over would shut its clients out without a word.
fn certificates(
    file: &Path,
    bytes: &[u8],
    expected: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| malformed(file, error, expected))?;
    check::no_revocation_list(file, bytes, expected)?;
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
fn read(file: &Path, expected: &'static str, most_bytes: u64) -> Result<(Vec<u8>, u32), TlsError> {
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
    let read: io::Result<usize> = opened.take(most_bytes + 1).read_to_end(&mut bytes);
    read.map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most_bytes {
        let found = format!("more than {} MiB", most_bytes >> 20);
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

pub(super) const CERTIFICATES: &str = "our certificate and those above it, PEM, 1 to 256";
const A_KEY: &str = "the certificate's private key, PEM, not encrypted, and no other";
pub(super) const CAS: &str = "the CA certificates that sign clients' certificates, PEM, 1 to 256";
pub(super) const CRLS: &str = "revocation lists (X509 CRL) of the client CAs and of CAs below them, PEM, 1 to 256, and nothing else";

/// A bundle of public CAs has some 150.
const MOST_CERTIFICATES: usize = 256;

/// So many certificates of 4 KiB: more than any real one has.
const MOST_BYTES: u64 = 1024 * 1024;

/// A revocation list has some 40 bytes a certificate: as many as a large organisation revokes.
const MOST_CRL_BYTES: u64 = 16 * 1024 * 1024;
