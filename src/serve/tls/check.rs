//! Whether certificates and revocation lists can work: what they are for, and their dates.
//!
//! What can never work is an error. What has expired, or is not valid yet, is an error only where something better is in
//! force (`watch`): at a start a refusal would turn a certificate that is late into an outage of every listener.

use std::path::Path;

use jiff::Timestamp;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::{Validity, X509Certificate};

use super::TlsError;
use super::material::{CAS, CERTIFICATES, CRLS, malformed};

/// Something to say about a file that can be served with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Concern {
    pub(super) found: String,
    pub(super) effect: &'static str,
}

/// What is known of a file: what to say about it, and when its first part ends, in seconds since 1970.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) concerns: Vec<Concern>,
    pub(super) not_after: i64,
}

/// Our chain. With the reason for which no client would believe it now, if there is one.
pub(super) fn own(
    file: &Path,
    chain: &[CertificateDer<'_>],
    now: i64,
) -> Result<(Checked, Option<TlsError>), TlsError> {
    let mut concerns = Vec::new();
    let ends = chain.iter().filter_map(x509);
    let ends = ends.map(|one| one.validity().not_after.timestamp());
    let not_after = ends.min().unwrap_or(i64::MAX);
    let mut parsed = chain.iter().zip(1..);
    let own = parsed.next().and_then(|(one, _)| x509(one));
    let own = own.ok_or_else(|| malformed(file, "0 certificates", CERTIFICATES))?;
    let uses = own.extended_key_usage();
    let uses = uses.map_err(|error| malformed(file, error, CERTIFICATES))?;
    if uses.is_some_and(|uses| !uses.value.server_auth && !uses.value.any) {
        let found = "a certificate that is not for servers (extended key usage)";
        return Err(malformed(file, found, CERTIFICATES));
    }
    for (above, number) in parsed {
        let found = x509(above).and_then(|above| out_of_date(above.validity(), now));
        concerns.extend(found.map(|found| Concern {
            found: format!("certificate {number} {found}"),
            effect: "clients that need it for the way to their root refuse the connection",
        }));
    }
    let refused = out_of_date(own.validity(), now).map(|found| TlsError::OutOfDate {
        file: file.to_owned(),
        found: format!("a certificate that {found}"),
    });
    let checked = Checked {
        concerns,
        not_after,
    };
    Ok((checked, refused))
}

/// The client CAs. Their dates are not looked at in a handshake: RFC 5280 §6.1.1 (d) counts none among what is to be
/// known of a trust anchor, and neither does webpki.
pub(super) fn client_cas(
    file: &Path,
    cas: &[CertificateDer<'_>],
    now: i64,
) -> Result<Checked, TlsError> {
    let mut checked = Checked {
        concerns: Vec::new(),
        not_after: i64::MAX,
    };
    for (ca, number) in cas.iter().zip(1..) {
        let ca = x509(ca).ok_or_else(|| malformed(file, "no X.509", CAS))?;
        if !may_sign(&ca) {
            let found = format!(
                "certificate {number}, which may not sign others (basic constraints, key usage)"
            );
            return Err(malformed(file, found, CAS));
        }
        let end = ca.validity().not_after.timestamp();
        checked.not_after = checked.not_after.min(end);
        let found = out_of_date(ca.validity(), now);
        checked.concerns.extend(found.map(|found| Concern {
            found: format!("certificate {number} {found}"),
            effect: "what it signed is still let in: take it out of the file to end that",
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

/// The revocation lists, and which client CA has none.
pub(super) fn revocation_lists(
    file: &Path,
    lists: &[CertificateRevocationListDer<'_>],
    cas: &[CertificateDer<'_>],
    now: i64,
) -> Result<Checked, TlsError> {
    let mut checked = Checked {
        concerns: Vec::new(),
        not_after: i64::MAX,
    };
    let mut issuers = Vec::new();
    for (list, number) in lists.iter().zip(1..) {
        let parsed = x509_parser::parse_x509_crl(list).ok();
        let Some((_, list)) = parsed.filter(|(rest, _)| rest.is_empty()) else {
            let found = format!("no X.509 in revocation list {number}");
            return Err(malformed(file, found, CRLS));
        };
        let Some(due) = list.next_update().map(|due| due.timestamp()) else {
            let found = format!("revocation list {number} without nextUpdate");
            return Err(malformed(file, found, CRLS));
        };
        checked.not_after = checked.not_after.min(due);
        if due < now {
            checked.concerns.push(Concern {
                found: format!(
                    "revocation list {number} was to be replaced by {}",
                    date(due)
                ),
                effect: "clients of its issuer are refused until there is a newer one",
            });
        }
        issuers.push(list.issuer().as_raw().to_vec());
    }
    for (ca, number) in cas.iter().zip(1..) {
        let subject = x509(ca).map(|ca| ca.subject().as_raw().to_vec());
        if subject.is_some_and(|subject| !issuers.contains(&subject)) {
            checked.concerns.push(Concern {
                found: format!("no revocation list of certificate {number} of client_ca"),
                effect: "clients whose certificates it issued are refused",
            });
        }
    }
    Ok(checked)
}

/// Other parts of a file are passed over when it is read; a revocation list among certificates would do nothing.
pub(super) fn no_revocation_list(
    file: &Path,
    bytes: &[u8],
    expected: &'static str,
) -> Result<(), TlsError> {
    match kinds(bytes).any(|kind| kind == SectionKind::Crl) {
        true => Err(malformed(
            file,
            "a revocation list, which counts in client_crl only",
            expected,
        )),
        false => Ok(()),
    }
}

/// A file of revocation lists holds nothing else.
pub(super) fn only_revocation_lists(file: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    match kinds(bytes).find(|kind| *kind != SectionKind::Crl) {
        Some(other) => Err(malformed(
            file,
            format!("a part of another kind ({other:?})"),
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
