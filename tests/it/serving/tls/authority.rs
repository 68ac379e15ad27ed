//! Certificates made on the spot, and clients that show them.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// The name in every server's certificate.
pub const HOST: &str = "pdp.example";

/// Who signs certificates.
pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
pub struct Leaf {
    pub pem: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        Authority::with(|_| {})
    }

    pub fn named(name: &str) -> Self {
        Authority::with(|params| params.distinguished_name.push(DnType::CommonName, name))
    }

    pub fn expired() -> Self {
        Authority::with(expire)
    }

    fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        change(&mut params);
        let certificate = params.self_signed(&key).unwrap();
        Authority {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A revocation list that is good until the first day of this year.
    pub fn revocation_list(&self, revoked: &[&Leaf], until: i32) -> String {
        let revoked = revoked.iter().map(|leaf| RevokedCertParams {
            serial_number: leaf.serial(),
            revocation_time: rcgen::date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2020, 1, 1),
            next_update: rcgen::date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    /// A certificate of the server with this changed.
    pub fn server_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
        change(&mut params);
        self.sign(params)
    }

    pub fn server(&self) -> Leaf {
        self.sign(CertificateParams::new([HOST.to_owned()]).unwrap())
    }

    pub fn client(&self, uris: &[&str]) -> Leaf {
        self.sign(with_uris(uris))
    }

    pub fn expired_client(&self, uri: &str) -> Leaf {
        let mut params = with_uris(&[uri]);
        expire(&mut params);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        Leaf {
            pem: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Leaf {
    pub fn write(&self, folder: &Path) {
        std::fs::write(folder.join("server.pem"), &self.pem).unwrap();
        std::fs::write(folder.join("server.key"), &self.key).unwrap();
    }

    pub fn serial(&self) -> SerialNumber {
        let der = self.der();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        SerialNumber::from_slice(parsed.raw_serial())
    }

    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()
    }
}

/// Was good in the year 2000.
pub fn expire(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
}

fn with_uris(uris: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    let names = uris
        .iter()
        .map(|uri| SanType::URI((*uri).try_into().unwrap()));
    params.subject_alt_names = names.collect();
    params
}

/// A client that believes `authority` and shows `leaf`.
pub fn client(
    authority: &Authority,
    leaf: Option<&Leaf>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.pem.as_bytes());
    roots.add(root.unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match leaf {
        None => builder.with_no_client_auth(),
        Some(leaf) => {
            let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
            builder
                .with_client_auth_cert(vec![leaf.der()], key)
                .unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}
