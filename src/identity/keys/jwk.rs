//! Parses a JWKS document (RFC 7517, RFC 7518 §6, RFC 8037 §2).
//!
//! A missing member is derived from the key type; a member that is present must be consistent with it. A key that cannot
//! be used is skipped and verifies nothing (RFC 7517 §5); a document with a shared secret or private key is refused.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::super::error::Excerpt;
use super::super::json::{JsonError, read_object};
use super::super::token::is_key_id;
use super::{Algorithm, VerificationKey};

/// Why a JWKS document is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// The document is too large.
    #[error("found {bytes} bytes, expected at most {MAX_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The document is not a JSON object.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// `keys` is missing or not a list.
    #[error("keys: expected a list of keys")]
    NoKeys,
    /// The document has too many keys.
    #[error("keys: found {found} keys, expected at most {MAX_KEYS}")]
    TooManyKeys {
        /// Its number of keys.
        found: usize,
    },
    /// The document contains a secret key.
    #[error("keys[{index}]: {fault}")]
    Key {
        /// The index in `keys`, from 0.
        index: usize,
        /// The fault.
        fault: KeyFault,
    },
}

/// A fault of a key for which the complete document is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// A shared secret: a party that can verify with it can also sign with it.
    #[error("kty: found `oct`, a shared secret, expected public keys only")]
    SharedSecret,
    /// A member of a private key.
    #[error("{0}: found a member of a private key, expected public keys only")]
    Private(&'static str),
}

/// A key that cannot be used; it verifies no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// The index in the document's `keys`, from 0.
    pub index: usize,
    /// The key id, if there is one.
    pub kid: Option<Excerpt>,
    /// The reason.
    pub reason: SkipReason,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// `use` or `key_ops` do not allow verifying signatures.
    #[error("`use` or `key_ops`: expected a key for verifying signatures")]
    OtherUse,
    /// `alg` is never accepted, or contradicts `kty`.
    #[error("`alg`: expected RS256, PS256, ES256 or EdDSA, consistent with `kty`")]
    OtherAlgorithm,
    /// `kty` or `crv` is not supported.
    #[error("`kty` and `crv`: expected RSA, EC P-256 or OKP Ed25519")]
    OtherKind,
    /// The RSA modulus is too short or too long.
    #[error("`n`: expected a modulus of 2048 to 8192 bits")]
    Size,
    /// `x` and `y` are not a point of the curve.
    #[error("`x` and `y`: expected a point of P-256")]
    NotOnCurve,
    /// `kid` is missing or has a wrong length.
    #[error("`kid`: expected 1 to 1,024 bytes")]
    NoId,
    /// The key is not a JSON object.
    #[error("expected a JSON object")]
    NotAnObject,
    /// A member is missing or malformed.
    #[error("`{0}`: missing, or not as RFC 7517 and RFC 7518 define it")]
    Malformed(&'static str),
    /// Too many keys have the same id.
    #[error("`kid`: found {MAX_OF_ONE_ID} other keys with the same one")]
    TooManyOfOneId,
}

/// Returns the usable keys of a document and the skipped ones.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<VerificationKey>, Vec<SkippedKey>), KeySetError> {
    if bytes.len() > MAX_BYTES {
        return Err(KeySetError::TooLarge { bytes: bytes.len() });
    }
    let document = read_object(bytes)?;
    let Some(Value::Array(list)) = document.get("keys") else {
        return Err(KeySetError::NoKeys);
    };
    if list.len() > MAX_KEYS {
        return Err(KeySetError::TooManyKeys { found: list.len() });
    }
    let mut keys: Vec<VerificationKey> = Vec::new();
    let mut skipped = Vec::new();
    for (index, jwk) in list.iter().enumerate() {
        if let Some(jwk) = jwk.as_object() {
            refuse_secrets(jwk).map_err(|fault| KeySetError::Key { index, fault })?;
        }
        let kid = jwk.get("kid").and_then(Value::as_str).map(Excerpt::of);
        match read_key(jwk) {
            // A repeated key counts once.
            Ok(key) if keys.iter().any(|known| known.is_same_as(&key)) => {}
            Ok(key) if has_enough_of(&keys, &key.kid) => skipped.push(SkippedKey {
                index,
                kid,
                reason: SkipReason::TooManyOfOneId,
            }),
            Ok(key) => keys.push(key),
            Err(reason) => skipped.push(SkippedKey { index, kid, reason }),
        }
    }
    Ok((keys, skipped))
}

fn has_enough_of(keys: &[VerificationKey], kid: &str) -> bool {
    keys.iter().filter(|key| key.kid == kid).count() >= MAX_OF_ONE_ID
}

/// Refuses the secret members of RFC 7518 §6.2.2, §6.3.2 and §6.4.
fn refuse_secrets(jwk: &Map<String, Value>) -> Result<(), KeyFault> {
    const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    if jwk.get("kty").and_then(Value::as_str) == Some("oct") {
        return Err(KeyFault::SharedSecret);
    }
    match PRIVATE.into_iter().find(|name| jwk.contains_key(*name)) {
        Some(name) => Err(KeyFault::Private(name)),
        None => Ok(()),
    }
}

fn read_key(jwk: &Value) -> Result<VerificationKey, SkipReason> {
    let jwk = jwk.as_object().ok_or(SkipReason::NotAnObject)?;
    if !is_for_signatures(jwk)? {
        return Err(SkipReason::OtherUse);
    }
    let kty = text(jwk, "kty")?.ok_or(SkipReason::Malformed("kty"))?;
    let crv = text(jwk, "crv")?;
    let possible: &[Algorithm] = match (kty, crv) {
        ("RSA", _) => &[Algorithm::Rs256, Algorithm::Ps256],
        ("EC", Some("P-256")) => &[Algorithm::Es256],
        ("OKP", Some("Ed25519")) => &[Algorithm::EdDsa],
        _ => return Err(SkipReason::OtherKind),
    };
    let algorithms = match text(jwk, "alg")? {
        None => possible.to_vec(),
        Some(name) => match name.parse() {
            Ok(one) if possible.contains(&one) => vec![one],
            Ok(_) | Err(_) => return Err(SkipReason::OtherAlgorithm),
        },
    };
    let Some(kid) = text(jwk, "kid")?.filter(|kid| is_key_id(kid)) else {
        return Err(SkipReason::NoId);
    };
    let (decoding, material) = match kty {
        "RSA" => read_rsa(jwk)?,
        "EC" => read_p256(jwk)?,
        _ => read_ed25519(jwk)?,
    };
    let issuer = match text(jwk, "issuer")? {
        Some(issuer) if issuer.len() > MAX_ISSUER_BYTES => {
            return Err(SkipReason::Malformed("issuer"));
        }
        issuer => issuer.map(str::to_owned),
    };
    Ok(VerificationKey {
        kid: kid.to_owned(),
        algorithms,
        issuer,
        decoding,
        material,
    })
}

/// RFC 7517 §4.2 and §4.3. A missing member allows verifying.
fn is_for_signatures(jwk: &Map<String, Value>) -> Result<bool, SkipReason> {
    let is_sig = text(jwk, "use")?.is_none_or(|used_for| used_for == "sig");
    let may_verify = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|one| one == "verify"),
        Some(_) => return Err(SkipReason::Malformed("key_ops")),
    };
    Ok(is_sig && may_verify)
}

fn read_rsa(jwk: &Map<String, Value>) -> Result<(DecodingKey, Vec<u8>), SkipReason> {
    let modulus = octets(jwk, "n")?;
    let exponent = octets(jwk, "e")?;
    // Some issuers prepend the sign octet of ASN.1.
    let modulus = match modulus.as_slice() {
        [0, rest @ ..] => rest,
        bytes => bytes,
    };
    let Some(first) = modulus.first() else {
        return Err(SkipReason::Malformed("n"));
    };
    let leading = usize::try_from(first.leading_zeros()).unwrap_or(8);
    let bits = modulus.len() * 8 - leading;
    if !(2048..=8192).contains(&bits) {
        return Err(SkipReason::Size);
    }
    // With an exponent of 1, every message is its own signature.
    let value = match exponent.as_slice() {
        bytes if bytes.len() <= 4 => bytes
            .iter()
            .fold(0u32, |sum, byte| sum.wrapping_shl(8) | u32::from(*byte)),
        _ => 0,
    };
    if value < 3 || value.is_multiple_of(2) {
        return Err(SkipReason::Malformed("e"));
    }
    let material = [modulus, &[0], &exponent].concat();
    let key = DecodingKey::from_rsa_raw_components(modulus, &exponent);
    Ok((key, material))
}

fn read_p256(jwk: &Map<String, Value>) -> Result<(DecodingKey, Vec<u8>), SkipReason> {
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = octets(jwk, name)?;
        if coordinate.len() != 32 {
            return Err(SkipReason::Malformed(name));
        }
        point.extend(coordinate);
    }
    // RFC 7518 §6.2.1: both are a point of the curve.
    if ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).is_err() {
        return Err(SkipReason::NotOnCurve);
    }
    Ok((DecodingKey::from_ec_der(&point), point))
}

fn read_ed25519(jwk: &Map<String, Value>) -> Result<(DecodingKey, Vec<u8>), SkipReason> {
    let point = octets(jwk, "x")?;
    if point.len() != 32 {
        return Err(SkipReason::Malformed("x"));
    }
    Ok((DecodingKey::from_ed_der(&point), point))
}

fn text<'a>(
    jwk: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, SkipReason> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(SkipReason::Malformed(name)),
    }
}

fn octets(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, SkipReason> {
    let text = text(jwk, name)?.ok_or(SkipReason::Malformed(name))?;
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| SkipReason::Malformed(name))
}

/// Entra's largest set has about 15 KiB including certificates.
const MAX_BYTES: usize = 256 << 10;
/// Issuers have two to ten: the current one, the next, and some previous ones.
const MAX_KEYS: usize = 64;
/// A forged token costs this number of verifications. Enough for the current key, the next, and a copy per algorithm.
const MAX_OF_ONE_ID: usize = 8;
const MAX_ISSUER_BYTES: usize = 1024;
