//! A CA that issues certificates with a SPIFFE id.

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
        // A separate name: Envoy treats a certificate whose subject equals its issuer as self-signed.
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

    /// Writes `ca.pem` into this folder.
    pub fn write(&self, folder: &Path) {
        fs::write(folder.join("ca.pem"), &self.certificate).unwrap();
    }

    /// Writes `NAME.pem` and `NAME.key` for this SPIFFE id into this folder, by rename like certificate agents.
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
            let (temporary, target) = (folder.join("fresh"), folder.join(format!("{name}.{end}")));
            fs::write(&temporary, text).unwrap();
            fs::rename(temporary, target).unwrap();
        }
    }
}
