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
    /// Several keys may have one id (RFC 7517 §4.5). Their order is the same for the same keys.
    keys: BTreeMap<String, Vec<Arc<Key>>>,
    digest: [u8; 32],
    skipped: Vec<Skipped>,
}

/// All issuers' keys at one moment, published as one value.
#[derive(Debug, Clone)]
pub struct KeySets {
    epoch: Epoch,
    /// Counts publications, also those of the same keys.
    publication: u64,
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

    /// Whether both have one id and verify the same.
    fn is_same_as(&self, other: &Key) -> bool {
        (&self.kid, self.meaning()) == (&other.kid, other.meaning())
    }

    /// All that verifying depends on besides the id.
    fn meaning(&self) -> (&[Algorithm], Option<&str>, &[u8]) {
        (&self.algorithms, self.issuer(), &self.material)
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
    /// A key that must be secret (a shared secret, a private member) refuses the whole document: other parties may
    /// have it and sign with it. A key that is of no use here (for encryption, malformed, too short) is skipped, and
    /// no token can be verified with it. Several keys may have one id: of them, one that fits a token's algorithm
    /// verifies it.
    pub fn parse(bytes: &[u8]) -> Result<KeySet, KeySetError> {
        let (read, skipped) = jwk::read(bytes)?;
        let mut keys: BTreeMap<String, Vec<Arc<Key>>> = BTreeMap::new();
        for key in read {
            keys.entry(key.kid.clone()).or_default().push(Arc::new(key));
        }
        for of_one_id in keys.values_mut() {
            of_one_id.sort_unstable_by(|one, other| one.meaning().cmp(&other.meaning()));
        }
        let digest = digest_of(keys.values().flatten().map(Arc::as_ref));
        Ok(KeySet {
            keys,
            digest,
            skipped,
        })
    }

    /// The keys of this id.
    pub fn of_id(&self, kid: &str) -> &[Arc<Key>] {
        self.keys.get(kid).map_or(&[], Vec::as_slice)
    }

    /// Equal for two sets that verify the same tokens, however their documents are written.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.values().map(Vec::len).sum()
    }

    /// Whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The id of each key with a digest of the key, sorted by id.
    pub fn identities(&self) -> impl Iterator<Item = (&str, [u8; 32])> {
        let keys = self.keys.values().flatten();
        keys.map(|key| (key.kid(), digest_of(std::iter::once(key.as_ref()))))
    }

    /// The ids of the keys, each once, sorted.
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
            publication: 0,
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
        next.publication = self.publication.wrapping_add(1);
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

    /// Differs from that of every value before.
    pub(super) fn publication(&self) -> u64 {
        self.publication
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
