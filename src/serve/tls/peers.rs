//! Which of the client CA's certificates may connect: those with a SPIFFE id that is named.
//!
//! Follows SPIFFE X509-SVID §2 and §5: the id is the leaf's only URI. Ids are compared byte by byte, never by
//! pattern or prefix. The chain, the dates and the key usage are rustls' business and come first.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::extensions::GeneralName;

/// Lets in whom `chain` lets in and who is named.
#[derive(Debug)]
pub(super) struct OnlyNamed {
    pub(super) chain: Arc<dyn ClientCertVerifier>,
    pub(super) ids: Vec<String>,
}

impl ClientCertVerifier for OnlyNamed {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(leaf, intermediates, now)?;
        match only_uri(leaf) {
            Some(uri) if self.ids.contains(&uri) => Ok(verified),
            _ => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
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

/// The certificate's URI, if it has exactly one and nothing in it that one cannot read.
fn only_uri(leaf: &[u8]) -> Option<String> {
    let (rest, leaf) = x509_parser::parse_x509_certificate(leaf).ok()?;
    // Fails where the extension is there twice.
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
        // A NUL ends a text in other programs: whoever signed it may have read another name.
        [uri] if rest.is_empty() && uri.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Some((*uri).to_owned())
        }
        _ => None,
    }
}

/// SPIFFE-ID §2: a trust domain and a path of at least one segment, without anything that needs escaping.
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
    text.len() <= MOST_ID_BYTES
        && !domain.is_empty()
        && domain.bytes().all(in_domain)
        && path
            .split('/')
            .all(|segment| !["", ".", ".."].contains(&segment) && segment.bytes().all(in_path))
}

/// SPIFFE-ID §2.3.
const MOST_ID_BYTES: usize = 2048;

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
    fn an_id_is_the_only_uri_among_other_names() {
        let dns = || SanType::DnsName("a.example".try_into().unwrap());
        let id = "spiffe://contoso.example/envoy";
        assert_eq!(only_uri(&leaf(vec![dns(), uri(id)])).as_deref(), Some(id));
        for names in [
            vec![],
            vec![dns()],
            vec![uri(id), uri(id)],
            vec![uri(id), uri("https://a.example")],
        ] {
            assert_eq!(only_uri(&leaf(names)), None);
        }
    }

    #[test]
    fn an_id_with_a_character_that_does_not_show_is_none() {
        for end in ["\0", "\n", " ", "\0.evil.example", "\u{7f}"] {
            let id = format!("spiffe://contoso.example/envoy{end}");
            assert_eq!(only_uri(&leaf(vec![uri(&id)])), None, "{id:?}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_id() {
        assert_eq!(only_uri(b""), None);
        assert_eq!(only_uri(b"spiffe://contoso.example/envoy"), None);
        let mut longer = leaf(vec![uri("spiffe://a/b")]);
        longer.push(0);
        assert_eq!(only_uri(&longer), None);
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
