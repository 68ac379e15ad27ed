//! Checks the purpose and the dates of certificates and revocation lists.
//!
//! A wrong purpose is an error. Expired or not yet valid files are an error only on reload (`watch`), when the previous
//! ones stay active: at startup an error would turn a late renewal into an outage of all listeners.

use std::path::Path;

use jiff::Timestamp;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::{Validity, X509Certificate};

use super::TlsError;
use super::material::{CAS, CERTIFICATES, CRLS, malformed};

/// A problem in a file that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TlsFileWarning {
    pub(super) found: String,
    pub(super) effect: &'static str,
}

/// The warnings about a file, and when its first part expires, in seconds since 1970.
#[derive(Debug)]
pub(super) struct CheckedTlsFile {
    pub(super) warnings: Vec<TlsFileWarning>,
    pub(super) not_after: i64,
}

/// Checks the server certificate chain. Also returns an error if the certificate has expired or is not valid yet.
pub(super) fn server_chain(
    file: &Path,
    chain: &[CertificateDer<'_>],
    now: i64,
) -> Result<(CheckedTlsFile, Option<TlsError>), TlsError> {
    let mut warnings = Vec::new();
    let expiries = chain.iter().filter_map(x509);
    let expiries = expiries.map(|one| one.validity().not_after.timestamp());
    let not_after = expiries.min().unwrap_or(i64::MAX);
    let mut parsed = chain.iter().zip(1..);
    let own = parsed.next().and_then(|(one, _)| x509(one));
    let own = own.ok_or_else(|| malformed(file, "0 certificates", CERTIFICATES))?;
    let uses = own.extended_key_usage();
    let uses = uses.map_err(|error| malformed(file, error, CERTIFICATES))?;
    if uses.is_some_and(|uses| !uses.value.server_auth && !uses.value.any) {
        let found = "a certificate that is not for servers (extended key usage)";
        return Err(malformed(file, found, CERTIFICATES));
    }
    for (issuer, number) in parsed {
        let found = x509(issuer).and_then(|issuer| out_of_date(issuer.validity(), now));
        warnings.extend(found.map(|found| TlsFileWarning {
            found: format!("certificate {number} {found}"),
            effect: "clients that need it for their path to a root refuse the connection",
        }));
    }
    let refused = out_of_date(own.validity(), now).map(|found| TlsError::OutOfDate {
        file: file.to_owned(),
        found: format!("a certificate that {found}"),
    });
    let checked = CheckedTlsFile {
        warnings,
        not_after,
    };
    Ok((checked, refused))
}

/// Checks the client CAs. A handshake does not check their dates: they are not part of a trust anchor in RFC 5280
/// §6.1.1 (d) and in webpki.
pub(super) fn client_cas(
    file: &Path,
    cas: &[CertificateDer<'_>],
    now: i64,
) -> Result<CheckedTlsFile, TlsError> {
    let mut checked = CheckedTlsFile {
        warnings: Vec::new(),
        not_after: i64::MAX,
    };
    for (ca, number) in cas.iter().zip(1..) {
        let ca = x509(ca).ok_or_else(|| malformed(file, "a certificate that is not X.509", CAS))?;
        if !may_sign(&ca) {
            let found = format!(
                "certificate {number}, which may not sign others (basic constraints, key usage)"
            );
            return Err(malformed(file, found, CAS));
        }
        let end = ca.validity().not_after.timestamp();
        checked.not_after = checked.not_after.min(end);
        let found = out_of_date(ca.validity(), now);
        checked.warnings.extend(found.map(|found| TlsFileWarning {
            found: format!("certificate {number} {found}"),
            effect: "certificates that it signed are still accepted; remove it from the file to refuse them",
        }));
    }
    Ok(checked)
}

/// RFC 5280 §4.2.1.9 and §4.2.1.3.
fn may_sign(certificate: &X509Certificate<'_>) -> bool {
    let is_ca = certificate.basic_constraints();
    let is_ca = is_ca.is_ok_and(|basic| basic.is_some_and(|basic| basic.value.ca));
    let signs = certificate.key_usage();
    is_ca && signs.is_ok_and(|usage| usage.is_none_or(|usage| usage.value.key_cert_sign()))
}

/// Checks the revocation lists, and that each client CA has one.
pub(super) fn revocation_lists(
    file: &Path,
    lists: &[CertificateRevocationListDer<'_>],
    cas: &[CertificateDer<'_>],
    now: i64,
) -> Result<CheckedTlsFile, TlsError> {
    let mut checked = CheckedTlsFile {
        warnings: Vec::new(),
        not_after: i64::MAX,
    };
    let mut issuers = Vec::new();
    for (list, number) in lists.iter().zip(1..) {
        let parsed = x509_parser::parse_x509_crl(list).ok();
        let Some((_, list)) = parsed.filter(|(rest, _)| rest.is_empty()) else {
            let found = format!("revocation list {number} that is not X.509");
            return Err(malformed(file, found, CRLS));
        };
        let Some(due) = list.next_update().map(|due| due.timestamp()) else {
            let found = format!("revocation list {number} without nextUpdate");
            return Err(malformed(file, found, CRLS));
        };
        checked.not_after = checked.not_after.min(due);
        if due < now {
            checked.warnings.push(TlsFileWarning {
                found: format!(
                    "revocation list {number} expired at its nextUpdate {}",
                    date(due)
                ),
                effect: "clients of its issuer are refused until it is replaced",
            });
        }
        issuers.push(list.issuer().as_raw().to_vec());
    }
    for (ca, number) in cas.iter().zip(1..) {
        let subject = x509(ca).map(|ca| ca.subject().as_raw().to_vec());
        if subject.is_some_and(|subject| !issuers.contains(&subject)) {
            checked.warnings.push(TlsFileWarning {
                found: format!("no revocation list of certificate {number} in client_ca"),
                effect: "clients whose certificates it issued are refused",
            });
        }
    }
    Ok(checked)
}

/// Rejects a revocation list in a file of certificates or keys, where it would be ignored.
pub(super) fn reject_revocation_lists(
    file: &Path,
    bytes: &[u8],
    expected: &'static str,
) -> Result<(), TlsError> {
    match kinds(bytes).any(|kind| kind == SectionKind::Crl) {
        true => Err(malformed(
            file,
            "a revocation list, which is used in client_crl only",
            expected,
        )),
        false => Ok(()),
    }
}

/// Rejects other PEM sections in a file of revocation lists.
pub(super) fn reject_other_pem_sections(file: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    match kinds(bytes).find(|kind| *kind != SectionKind::Crl) {
        Some(other) => Err(malformed(
            file,
            format!("a PEM section of another kind ({other:?})"),
            CRLS,
        )),
        None => Ok(()),
    }
}

fn kinds(bytes: &[u8]) -> impl Iterator<Item = SectionKind> {
    let parts = <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes);
    parts.filter_map(|part| part.ok().map(|(kind, _)| kind))
}

fn x509<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(parsed)
}

fn out_of_date(validity: &Validity, now: i64) -> Option<String> {
    let (begin, end) = (
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    );
    if now < begin {
        return Some(format!("is not valid before {}", date(begin)));
    }
    (end < now).then(|| format!("expired at {}", date(end)))
}

fn date(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}
