//! A JWKS document, read into keys (RFC 7517, RFC 7518 §6, RFC 8037 §2). No key is taken on trust of a part
//! of it: what is not said is derived from the key's kind, and what is said has to fit. A key that does not is
//! skipped and verifies nothing (RFC 7517 §5); a key that must be secret refuses the document.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::super::error::Told;
use super::super::json::{JsonError, read_object};
use super::super::token::is_key_id;
use super::{Algorithm, Key};

/// Why a document is no key set that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is larger than a key set may be.
    #[error("found {bytes} bytes, expected at most {MOST_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is no JSON object.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It has no list of keys.
    #[error("keys: expected a list of keys")]
    NoKeys,
    /// It has more keys than anybody needs.
    #[error("keys: found {found} keys, expected at most {MOST_KEYS}")]
    TooManyKeys {
        /// How many.
        found: usize,
    },
    /// One of its keys may not be there.
    #[error("keys[{index}]: {fault}")]
    Key {
        /// Its place in the list, from 0.
        index: usize,
        /// What is wrong with it.
        fault: KeyFault,
    },
}

/// What is wrong with a key, so that the whole set is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// A shared secret: whoever can verify with it can sign with it.
    #[error("kty: found `oct`, a shared secret, expected public keys only")]
    SharedSecret,
    /// A part of a private key.
    #[error("{0}: found a member of a private key, expected public keys only")]
    Private(&'static str),
}

/// A key that is of no use here; no token can be verified with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its place in the document's list, from 0.
    pub index: usize,
    /// Its id, if it has one.
    pub kid: Option<Told>,
    /// Why.
    pub why: WhySkipped,
}

/// Why a key is of no use here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WhySkipped {
    /// `use` or `key_ops` say that it is not for verifying signatures.
    #[error("it is not for signatures")]
    OtherUse,
    /// Its `alg` is one that is never accepted, or does not fit its kind.
    #[error("its `alg` is none of RS256, PS256, ES256, EdDSA, or does not fit its `kty`")]
    OtherAlgorithm,
    /// Its `kty` or `crv` is none of RSA, EC P-256 and OKP Ed25519.
    #[error("its kind is none of RSA, EC P-256 and OKP Ed25519")]
    OtherKind,
    /// An RSA key outside 2048 to 8192 bits.
    #[error("its modulus is not of 2048 to 8192 bits")]
    Size,
    /// Its `x` and `y` are no point of P-256.
    #[error("its `x` and `y` are no point of P-256")]
    NotOnCurve,
    /// It has no id that a token may name.
    #[error("it has no `kid` of 1 to 1,024 bytes")]
    NoId,
    /// It is no object.
    #[error("it is no JSON object")]
    NotAnObject,
    /// A member is missing, or not what RFC 7517 and RFC 7518 say.
    #[error("`{0}` is missing, or not what RFC 7517 and RFC 7518 define")]
    Malformed(&'static str),
    /// More keys of one id than a token is tried with.
    #[error("{MOST_OF_ONE_ID} other keys of the set have its `kid`")]
    TooManyOfOneId,
}

/// The keys of a document, and those of no use.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Key>, Vec<Skipped>), KeySetError> {
    if bytes.len() > MOST_BYTES {
        return Err(KeySetError::TooLarge { bytes: bytes.len() });
    }
    let document = read_object(bytes)?;
    let Some(Value::Array(list)) = document.get("keys") else {
        return Err(KeySetError::NoKeys);
    };
    if list.len() > MOST_KEYS {
        return Err(KeySetError::TooManyKeys { found: list.len() });
    }
    let mut keys: Vec<Key> = Vec::new();
    let mut skipped = Vec::new();
    for (index, jwk) in list.iter().enumerate() {
        if let Some(jwk) = jwk.as_object() {
            refuse_secrets(jwk).map_err(|fault| KeySetError::Key { index, fault })?;
        }
        let kid = jwk.get("kid").and_then(Value::as_str).map(Told::of);
        match read_key(jwk) {
            // The same key twice is one.
            Ok(key) if keys.iter().any(|known| known.is_same_as(&key)) => {}
            Ok(key) if has_enough_of(&keys, &key.kid) => skipped.push(Skipped {
                index,
                kid,
                why: WhySkipped::TooManyOfOneId,
            }),
            Ok(key) => keys.push(key),
            Err(why) => skipped.push(Skipped { index, kid, why }),
        }
    }
    Ok((keys, skipped))
}

fn has_enough_of(keys: &[Key], kid: &str) -> bool {
    keys.iter().filter(|key| key.kid == kid).count() >= MOST_OF_ONE_ID
}

/// RFC 7518 §6.2.2, §6.3.2 and §6.4: what only its owner may know.
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

fn read_key(jwk: &Value) -> Result<Key, WhySkipped> {
    let jwk = jwk.as_object().ok_or(WhySkipped::NotAnObject)?;
    if !is_for_signatures(jwk)? {
        return Err(WhySkipped::OtherUse);
    }
    let kty = text(jwk, "kty")?.ok_or(WhySkipped::Malformed("kty"))?;
    let crv = text(jwk, "crv")?;
    let can: &[Algorithm] = match (kty, crv) {
        ("RSA", _) => &[Algorithm::Rs256, Algorithm::Ps256],
        ("EC", Some("P-256")) => &[Algorithm::Es256],
        ("OKP", Some("Ed25519")) => &[Algorithm::EdDsa],
        _ => return Err(WhySkipped::OtherKind),
    };
    let algorithms = match text(jwk, "alg")? {
        None => can.to_vec(),
        Some(name) => match name.parse() {
            Ok(one) if can.contains(&one) => vec![one],
            Ok(_) | Err(_) => return Err(WhySkipped::OtherAlgorithm),
        },
    };
    let Some(kid) = text(jwk, "kid")?.filter(|kid| is_key_id(kid)) else {
        return Err(WhySkipped::NoId);
    };
    let (decoding, material) = match kty {
        "RSA" => read_rsa(jwk)?,
        "EC" => read_p256(jwk)?,
        _ => read_ed25519(jwk)?,
    };
    let issuer = match text(jwk, "issuer")? {
        Some(issuer) if issuer.len() > MOST_ISSUER_BYTES => {
            return Err(WhySkipped::Malformed("issuer"));
        }
        issuer => issuer.map(str::to_owned),
    };
    Ok(Key {
        kid: kid.to_owned(),
        algorithms,
        issuer,
        decoding,
        material,
    })
}

/// RFC 7517 §4.2 and §4.3: what is not said does not speak against it.
fn is_for_signatures(jwk: &Map<String, Value>) -> Result<bool, WhySkipped> {
    let is_sig = text(jwk, "use")?.is_none_or(|used_for| used_for == "sig");
    let may_verify = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|one| one == "verify"),
        Some(_) => return Err(WhySkipped::Malformed("key_ops")),
    };
    Ok(is_sig && may_verify)
}

fn read_rsa(jwk: &Map<String, Value>) -> Result<(DecodingKey, Vec<u8>), WhySkipped> {
    let modulus = octets(jwk, "n")?;
    let exponent = octets(jwk, "e")?;
    // Some write the sign octet of ASN.1 in front.
    let modulus = match modulus.as_slice() {
        [0, rest @ ..] => rest,
        whole => whole,
    };
    let Some(first) = modulus.first() else {
        return Err(WhySkipped::Malformed("n"));
    };
    let leading = usize::try_from(first.leading_zeros()).unwrap_or(8);
    let bits = modulus.len() * 8 - leading;
    if !(2048..=8192).contains(&bits) {
        return Err(WhySkipped::Size);
    }
    // An exponent of 1 would make every message its own signature.
    let value = match exponent.as_slice() {
        bytes if bytes.len() <= 4 => bytes
            .iter()
            .fold(0u32, |sum, byte| sum.wrapping_shl(8) | u32::from(*byte)),
        _ => 0,
    };
    if value < 3 || value.is_multiple_of(2) {
        return Err(WhySkipped::Malformed("e"));
    }
    let material = [modulus, &[0], &exponent].concat();
    let key = DecodingKey::from_rsa_raw_components(modulus, &exponent);
    Ok((key, material))
}

fn read_p256(jwk: &Map<String, Value>) -> Result<(DecodingKey, Vec<u8>), WhySkipped> {
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = octets(jwk, name)?;
        if coordinate.len() != 32 {
            return Err(WhySkipped::Malformed(name));
        }
        point.extend(coordinate);
    }
    // RFC 7518 §6.2.1: the two are a point of the curve. One that is not verifies nothing.
    if ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).is_err() {
        return Err(WhySkipped::NotOnCurve);
    }
    Ok((DecodingKey::from_ec_der(&point), point))
}

fn read_ed25519(jwk: &Map<String, Value>) -> Result<(DecodingKey, Vec<u8>), WhySkipped> {
    let point = octets(jwk, "x")?;
    if point.len() != 32 {
        return Err(WhySkipped::Malformed("x"));
    }
    Ok((DecodingKey::from_ed_der(&point), point))
}

fn text<'a>(
    jwk: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, WhySkipped> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(WhySkipped::Malformed(name)),
    }
}

fn octets(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, WhySkipped> {
    let text = text(jwk, name)?.ok_or(WhySkipped::Malformed(name))?;
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| WhySkipped::Malformed(name))
}

/// Entra's largest set has some 15 KiB, certificates and all.
const MOST_BYTES: usize = 256 << 10;
/// Issuers have two to ten: the one in use, the next, and some before.
const MOST_KEYS: usize = 64;
/// A forged token costs as many verifications. One key for signatures, the next, and a copy for each of the algorithms.
const MOST_OF_ONE_ID: usize = 8;
const MOST_ISSUER_BYTES: usize = 1024;
