//! A CA, and certificates of it that name a SPIFFE id.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    pub fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // A name of its own: to Envoy a certificate whose subject is its issuer has signed itself.
        params
            .distinguished_name
            .push(DnType::CommonName, "the authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap().pem();
        Authority {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// `ca.pem` in this folder.
    pub fn write(&self, folder: &Path) {
        fs::write(folder.join("ca.pem"), &self.certificate).unwrap();
    }

    /// `NAME.pem` and `NAME.key` in this folder, for this SPIFFE id, put there by a rename as certificate agents do it.
    pub fn issue(&self, folder: &Path, name: &str, spiffe: &str) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::URI(spiffe.try_into().unwrap())];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        for (end, text) in [("key", key.serialize_pem()), ("pem", certificate)] {
            let (fresh, whole) = (folder.join("fresh"), folder.join(format!("{name}.{end}")));
            fs::write(&fresh, text).unwrap();
            fs::rename(fresh, whole).unwrap();
        }
    }
}
