//! The public keys that verify tokens, by issuer and key id (`kid`).
//!
//! A [`KeySet`] contains the keys of one JWKS document; [`KeySets`] contains the key sets of all issuers at one moment, and
//! a request loads it once. A token's `iss` and `kid` only select a configured key: no key, address or algorithm is ever
//! taken from a token.

mod jwk;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use sha2::{Digest, Sha256};

pub use jwk::{KeyFault, KeySetError, SkipReason, SkippedKey};

use super::{Algorithm, IssuerIndex};
use crate::cache::protocol::{Epoch, Published};

/// One public key.
pub struct VerificationKey {
    kid: String,
    /// The algorithms that it may be used with: its `alg`, or else those of its key type.
    algorithms: Vec<Algorithm>,
    /// The issuer that the key set binds the key to; Entra's contains `{tenantid}`.
    issuer: Option<String>,
    decoding: DecodingKey,
    /// The public key, for the digest.
    material: Vec<u8>,
}

/// An issuer's keys, by key id.
#[derive(Debug, Clone)]
pub struct KeySet {
    /// Several keys may have one id (RFC 7517 §4.5). Their order depends only on the keys.
    keys: BTreeMap<String, Vec<Arc<VerificationKey>>>,
    digest: [u8; 32],
    skipped: Vec<SkippedKey>,
}

/// All issuers' keys at one moment, published as one value.
#[derive(Debug, Clone)]
pub struct KeySets {
    epoch: Epoch,
    /// Counts publications, including those without a change.
    publication: u64,
    /// In the order of the configured issuers.
    issuers: Vec<IssuerKeys>,
}

/// One issuer's keys and their expiry.
#[derive(Debug, Clone, Default)]
struct IssuerKeys {
    keys: Option<Arc<KeySet>>,
    /// On the boot clock; `None`: no expiry.
    good_until: Option<Duration>,
}

impl VerificationKey {
    /// The key id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Whether both have the same id and verify the same signatures.
    fn is_same_as(&self, other: &VerificationKey) -> bool {
        (&self.kid, self.verification_inputs()) == (&other.kid, other.verification_inputs())
    }

    /// Everything that verification depends on, except the id.
    fn verification_inputs(&self) -> (&[Algorithm], Option<&str>, &[u8]) {
        (&self.algorithms, self.issuer(), &self.material)
    }

    /// Whether the key may be used with this algorithm.
    pub fn supports(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// The issuer that the key set binds the key to; `{tenantid}` stands for any tenant.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whether the signature is valid for these bytes. `signature` is base64url, as in a token.
    pub(super) fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &str) -> bool {
        let algorithm = match algorithm {
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        };
        // An error means a key of another type or a signature that is not base64url: not a valid signature.
        matches!(
            jsonwebtoken::crypto::verify(signature, signed, &self.decoding, algorithm),
            Ok(true)
        )
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl KeySet {
    /// Parses a JWKS document (RFC 7517 §5).
    ///
    /// A document with a shared secret or a private key is refused, because others may have it and sign with it. A key
    /// that cannot be used (for encryption, malformed, too short) is skipped and verifies no token. Several keys may have
    /// one id; each one that supports the token's algorithm is tried.
    pub fn parse(bytes: &[u8]) -> Result<KeySet, KeySetError> {
        let (read, skipped) = jwk::read(bytes)?;
        let mut keys: BTreeMap<String, Vec<Arc<VerificationKey>>> = BTreeMap::new();
        for key in read {
            keys.entry(key.kid.clone()).or_default().push(Arc::new(key));
        }
        for of_one_id in keys.values_mut() {
            of_one_id.sort_unstable_by(|one, other| {
                one.verification_inputs().cmp(&other.verification_inputs())
            });
        }
        let digest = digest_of(keys.values().flatten().map(Arc::as_ref));
        Ok(KeySet {
            keys,
            digest,
            skipped,
        })
    }

    /// The keys of this `kid`.
    pub fn of_id(&self, kid: &str) -> &[Arc<VerificationKey>] {
        self.keys.get(kid).map_or(&[], Vec::as_slice)
    }

    /// Equal for two sets that verify the same tokens, independent of the form of their documents.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The number of usable keys.
    pub fn len(&self) -> usize {
        self.keys.values().map(Vec::len).sum()
    }

    /// Whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The id and digest of each key, sorted by id.
    pub fn identities(&self) -> impl Iterator<Item = (&str, [u8; 32])> {
        let keys = self.keys.values().flatten();
        keys.map(|key| (key.kid(), digest_of(std::iter::once(key.as_ref()))))
    }

    /// The distinct key ids, sorted.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// The keys of the document that cannot be used.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }
}

impl KeySets {
    /// No keys, for this number of issuers.
    pub(super) fn none(issuers: usize) -> Self {
        KeySets {
            epoch: Epoch::FIRST,
            publication: 0,
            issuers: vec![IssuerKeys::default(); issuers],
        }
    }

    /// A copy with this issuer's keys replaced. The epoch advances only if the keys differ.
    pub(super) fn with(
        &self,
        issuer: IssuerIndex,
        keys: Option<KeySet>,
        good_until: Option<Duration>,
    ) -> Self {
        let mut next = self.clone();
        next.publication = self.publication.wrapping_add(1);
        let Some(of_issuer) = next.issuers.get_mut(issuer.0) else {
            return next;
        };
        let digest = |keys: Option<&KeySet>| keys.map(KeySet::digest);
        if digest(of_issuer.keys.as_deref()) != digest(keys.as_ref()) {
            next.epoch = self.epoch.next();
        }
        *of_issuer = IssuerKeys {
            keys: keys.map(Arc::new),
            good_until,
        };
        next
    }

    /// The number of this publication, different from all earlier ones.
    pub(super) fn publication(&self) -> u64 {
        self.publication
    }

    /// The issuer's keys, unless it has none or they have expired at this instant of the boot clock.
    pub(super) fn of(&self, issuer: IssuerIndex, boot: Duration) -> Option<&KeySet> {
        let of_issuer = self.issuers.get(issuer.0)?;
        if of_issuer.good_until.is_some_and(|end| end <= boot) {
            return None;
        }
        of_issuer.keys.as_deref()
    }
}

impl Published for KeySets {
    fn epoch(&self) -> Epoch {
        self.epoch
    }
}

/// A digest of everything that verification depends on, each part prefixed with its length.
fn digest_of<'a>(keys: impl Iterator<Item = &'a VerificationKey>) -> [u8; 32] {
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
