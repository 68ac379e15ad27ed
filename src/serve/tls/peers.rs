//! Authenticates clients by the SPIFFE id in their certificate.
//!
//! Follows SPIFFE X509-SVID §2 and §5: the id is the leaf's only URI. Ids are compared byte by byte, never by
//! pattern or prefix. rustls verifies the chain, the dates and the key usage first.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use tokio::time::error::Elapsed;
use x509_parser::extensions::GeneralName;

use crate::printable::printable;
use crate::serve::PeerRefusal;

/// Accepts client certificates that `chain` accepts and whose SPIFFE id `ids` lists.
#[derive(Debug)]
pub(super) struct PeerVerifier {
    pub(super) chain: Arc<dyn ClientCertVerifier>,
    /// `None` accepts every certificate of the client CA.
    pub(super) ids: Option<Vec<String>>,
}

/// The identity in the certificate of a refused peer, escaped for a log line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::serve) struct PeerCertificate {
    /// Its URIs, separated by commas.
    pub(in crate::serve) uri: String,
    /// Its serial number, hexadecimal.
    pub(in crate::serve) serial: String,
}

tokio::task_local! {
    /// The certificate that the handshake of this task refused. Task-local, because rustls passes no connection to its
    /// verifier and its error cannot contain a certificate.
    static REFUSED: RefCell<Option<PeerCertificate>>;
}

/// Runs a handshake with a timeout, and also returns the certificate that a [`PeerVerifier`] refused.
pub(super) async fn with_refused_certificate<F: Future>(
    handshake: F,
    timeout: Duration,
) -> (Option<PeerCertificate>, Result<F::Output, Elapsed>) {
    let handshake = async {
        let outcome = tokio::time::timeout(timeout, handshake).await;
        (REFUSED.with(RefCell::take), outcome)
    };
    REFUSED.scope(RefCell::default(), handshake).await
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(leaf, intermediates, now);
        let verified = verified.and_then(|verified| match (&self.ids, single_uri(leaf)) {
            (None, _) => Ok(verified),
            (Some(ids), Some(uri)) if ids.contains(&uri) => Ok(verified),
            (Some(_), _) => Err(CertificateError::ApplicationVerificationFailure.into()),
        });
        if verified.is_err() {
            // Fails outside of `with_refused_certificate`, where it is not needed.
            let _ = REFUSED.try_with(|refused| refused.replace(Some(PeerCertificate::of(leaf))));
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }

    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        true
    }
}

impl PeerCertificate {
    fn of(leaf: &[u8]) -> PeerCertificate {
        let Ok((_, leaf)) = x509_parser::parse_x509_certificate(leaf) else {
            return PeerCertificate::default();
        };
        let names = leaf.subject_alternative_name().ok().flatten();
        let names = names.map_or(&[][..], |names| &names.value.general_names);
        let uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        let uris: Vec<&str> = uris.take(MAX_LOGGED_URIS).collect();
        PeerCertificate {
            uri: for_log(&uris.join(",")),
            serial: for_log(&leaf.raw_serial_as_string()),
        }
    }
}

/// Truncates and escapes a text for a log line.
fn for_log(text: &str) -> String {
    let truncated: String = text.chars().take(MAX_LOGGED_CHARACTERS).collect();
    printable(&truncated).into_owned()
}

/// Why a certificate was refused.
pub(super) fn reason(error: &CertificateError) -> PeerRefusal {
    use CertificateError as E;
    match error {
        E::ApplicationVerificationFailure => PeerRefusal::NotListed,
        E::Expired | E::ExpiredContext { .. } => PeerRefusal::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => PeerRefusal::NotYetValid,
        // A bad signature: another CA of the same name signed it.
        E::UnknownIssuer | E::BadSignature => PeerRefusal::UnknownIssuer,
        E::Revoked => PeerRefusal::Revoked,
        E::UnknownRevocationStatus => PeerRefusal::NoRevocationList,
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => {
            PeerRefusal::RevocationListExpired
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => PeerRefusal::Purpose,
        _ => PeerRefusal::Invalid,
    }
}

/// The URI of the certificate, if it has exactly one, of printable ASCII characters.
fn single_uri(leaf: &[u8]) -> Option<String> {
    let (rest, leaf) = x509_parser::parse_x509_certificate(leaf).ok()?;
    // Fails if the extension occurs twice.
    let names = leaf.subject_alternative_name().ok()??;
    let mut uris = Vec::new();
    for name in &names.value.general_names {
        match name {
            GeneralName::URI(uri) => uris.push(*uri),
            // It could be a second URI.
            GeneralName::Invalid(..) => return None,
            _ => {}
        }
    }
    match uris.as_slice() {
        // NUL ends a string in other programs: the CA may have checked another name.
        [uri] if rest.is_empty() && uri.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Some((*uri).to_owned())
        }
        _ => None,
    }
}

/// SPIFFE-ID §2: a trust domain and a path of at least one segment, without characters that need escaping.
pub(super) fn is_spiffe_id(text: &str) -> bool {
    let Some((domain, path)) = text
        .strip_prefix("spiffe://")
        .and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_digit() || b".-_".contains(&byte);
    let in_domain = |byte: u8| byte.is_ascii_lowercase() || plain(byte);
    let in_path = |byte: u8| byte.is_ascii_alphabetic() || plain(byte);
    text.len() <= MAX_ID_BYTES
        && !domain.is_empty()
        && domain.bytes().all(in_domain)
        && path
            .split('/')
            .all(|segment| !["", ".", ".."].contains(&segment) && segment.bytes().all(in_path))
}

/// A valid certificate has one URI. More are logged so that the mistake is visible.
const MAX_LOGGED_URIS: usize = 4;

/// Longer than any SPIFFE id in use, and short enough for a log line.
const MAX_LOGGED_CHARACTERS: usize = 256;

/// SPIFFE-ID §2.3.
const MAX_ID_BYTES: usize = 2048;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn leaf(names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    #[test]
    fn the_id_is_the_only_uri_of_the_certificate() {
        let dns = || SanType::DnsName("a.example".try_into().unwrap());
        let id = "spiffe://contoso.example/envoy";
        assert_eq!(single_uri(&leaf(vec![dns(), uri(id)])).as_deref(), Some(id));
        for names in [
            vec![],
            vec![dns()],
            vec![uri(id), uri(id)],
            vec![uri(id), uri("https://a.example")],
        ] {
            assert_eq!(single_uri(&leaf(names)), None);
        }
    }

    #[test]
    fn a_uri_with_an_unprintable_character_is_not_an_id() {
        for end in ["\0", "\n", " ", "\0.evil.example", "\u{7f}"] {
            let id = format!("spiffe://contoso.example/envoy{end}");
            assert_eq!(single_uri(&leaf(vec![uri(&id)])), None, "{id:?}");
        }
    }

    #[test]
    fn the_logged_identity_is_escaped_and_truncated() {
        let long = "b".repeat(2000);
        let names = vec![uri("spiffe://a/\n\u{1b}[31m"), uri(&long)];
        let logged = PeerCertificate::of(&leaf(names));
        let begin = "spiffe://a/\\u{000a}\\u{001b}[31m,bbb";
        assert!(logged.uri.starts_with(begin), "{}", logged.uri);
        assert!(logged.uri.len() < 300);
        assert!(!logged.serial.is_empty());
        assert_eq!(PeerCertificate::of(b""), PeerCertificate::default());
    }

    #[test]
    fn bytes_that_are_not_a_certificate_have_no_id() {
        assert_eq!(single_uri(b""), None);
        assert_eq!(single_uri(b"spiffe://contoso.example/envoy"), None);
        let mut longer = leaf(vec![uri("spiffe://a/b")]);
        longer.push(0);
        assert_eq!(single_uri(&longer), None);
    }

    #[test]
    fn a_spiffe_id_has_a_domain_and_a_path() {
        for id in [
            "spiffe://a/b",
            "spiffe://prod.contoso.example/ns/Edge/sa/envoy-1_x.y",
        ] {
            assert!(is_spiffe_id(id), "{id}");
        }
        let long = format!("spiffe://a/{}", "b".repeat(2048 - 11));
        assert!(is_spiffe_id(&long));
        for id in [
            "",
            "*",
            "spiffe://a",
            "spiffe://a/",
            "spiffe:///b",
            "spiffe://a//b",
            "spiffe://a/b/",
            "spiffe://a/../b",
            "spiffe://A/b",
            "SPIFFE://a/b",
            "spiffe://a:1/b",
            "spiffe://u@a/b",
            "spiffe://a/b?c",
            "spiffe://a/%62",
            "spiffe://a/*",
            "spiffe://a/b\0",
            "https://a/b",
            &format!("{long}b"),
        ] {
            assert!(!is_spiffe_id(id), "{id}");
        }
    }
}
