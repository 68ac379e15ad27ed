//! The public keys that tokens are verified with, by issuer and key id.
//!
//! A key set is what one document says ([`KeySet::parse`]); [`KeySets`] is what all issuers' keys are at one
//! moment, and a request loads it once. A key is found by the issuer and the id that a token names, in a map:
//! no key, no address and no algorithm is ever taken from a token.

mod jwk;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use sha2::{Digest, Sha256};

pub use jwk::{KeyFault, KeySetError, Skipped, WhySkipped};

use super::{Algorithm, IssuerIndex};
use crate::cache::protocol::{Epoch, Published};

/// One public key.
pub struct Key {
    kid: String,
    /// The signatures that it may verify: what its `alg` says, or else what its kind can.
    algorithms: Vec<Algorithm>,
    /// The issuer that the key set itself binds the key to; Entra writes one with `{tenantid}` in it.
    issuer: Option<String>,
    decoding: DecodingKey,
    /// The key itself, for the digest.
    material: Vec<u8>,
}

/// An issuer's keys, by id.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: BTreeMap<String, Arc<Key>>,
    digest: [u8; 32],
    skipped: Vec<Skipped>,
}

/// All issuers' keys at one moment, published as one value.
#[derive(Debug, Clone)]
pub struct KeySets {
    epoch: Epoch,
    /// In the order of the issuers.
    held: Vec<Held>,
}

/// One issuer's keys, and how long they may be used.
#[derive(Debug, Clone, Default)]
struct Held {
    keys: Option<Arc<KeySet>>,
    /// On the boot clock; `None` = no end.
    good_until: Option<Duration>,
}

impl Key {
    /// The id that tokens name it by.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Whether it may verify such signatures.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// The issuer that the key set binds it to, with `{tenantid}` for any tenant.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whether this is its signature of these bytes; `signature` as it stands in a token.
    pub(super) fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &str) -> bool {
        let algorithm = match algorithm {
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        };
        // An error is a key of another family or a signature that is no base64: no signature of ours.
        matches!(
            jsonwebtoken::crypto::verify(signature, signed, &self.decoding, algorithm),
            Ok(true)
        )
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl KeySet {
    /// Reads a JWKS document (RFC 7517 §5).
    ///
    /// One key that must not be there (a secret, a private member, an id twice) refuses the whole document:
    /// whoever writes such a set cannot be believed about the rest. A key that is merely of no use here (for
    /// encryption, of another curve, too short) is skipped, and no token can be verified with it.
    pub fn parse(bytes: &[u8]) -> Result<KeySet, KeySetError> {
        let (keys, skipped) = jwk::read(bytes)?;
        let keys: BTreeMap<String, Arc<Key>> = keys
            .into_iter()
            .map(|key| (key.kid.clone(), Arc::new(key)))
            .collect();
        let digest = digest_of(keys.values().map(Arc::as_ref));
        Ok(KeySet {
            keys,
            digest,
            skipped,
        })
    }

    /// The key of this id.
    pub fn get(&self, kid: &str) -> Option<&Key> {
        self.keys.get(kid).map(Arc::as_ref)
    }

    /// Equal for two sets that verify the same tokens, however their documents are written.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The ids of the keys, sorted.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// The keys of the document that are of no use here.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}

impl KeySets {
    /// No keys yet, for this many issuers.
    pub(super) fn none(issuers: usize) -> Self {
        KeySets {
            epoch: Epoch::FIRST,
            held: vec![Held::default(); issuers],
        }
    }

    /// The same with this issuer's keys. The epoch moves on only if the keys differ.
    pub(super) fn with(
        &self,
        issuer: IssuerIndex,
        keys: Option<KeySet>,
        good_until: Option<Duration>,
    ) -> Self {
        let mut next = self.clone();
        let Some(held) = next.held.get_mut(issuer.0) else {
            return next;
        };
        let digest = |keys: Option<&KeySet>| keys.map(KeySet::digest);
        if digest(held.keys.as_deref()) != digest(keys.as_ref()) {
            next.epoch = self.epoch.next();
        }
        *held = Held {
            keys: keys.map(Arc::new),
            good_until,
        };
        next
    }

    /// The issuer's keys, if it has any that may still be used at this instant of the boot clock.
    pub(super) fn of(&self, issuer: IssuerIndex, boot: Duration) -> Option<&KeySet> {
        let held = self.held.get(issuer.0)?;
        if held.good_until.is_some_and(|end| end <= boot) {
            return None;
        }
        held.keys.as_deref()
    }
}

impl Published for KeySets {
    fn epoch(&self) -> Epoch {
        self.epoch
    }
}

/// Over all that verifying depends on, each part behind its length.
fn digest_of<'a>(keys: impl Iterator<Item = &'a Key>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for key in keys {
        part(key.kid.as_bytes());
        part(&[u8::from(key.issuer.is_some())]);
        part(key.issuer.as_deref().unwrap_or_default().as_bytes());
        let names: Vec<&str> = key.algorithms.iter().map(|one| one.name()).collect();
        part(names.join(" ").as_bytes());
        part(&key.material);
    }
    hash.finalize().into()
}
