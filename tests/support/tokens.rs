//! Signing keys, tokens and trusted issuers. It signs with the library below the one that crosstrust verifies with, so
//! that tests do not depend on the code under test.

use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crosstrust::clock::{Clock, ManualClock};
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::id::TenantId;
use crosstrust::identity::{
    Algorithm, ClaimMap, Emitted, Issuer, IssuerIndex, KeySet, KeySource, MarkRequirement, Preset,
    Tenants, TokenLimits, TokenVerifier, TrustedIssuers,
};
use crosstrust::time::Timestamp;
use serde_json::{Value, json};

/// The time of the clock of [`identity`], in Unix seconds.
pub const NOW: i64 = 1_800_000_000;
/// An audience that every [`issuer`] has.
pub const AUDIENCE: &str = "api://wiki";
pub const TENANT: &str = "11111111-1111-4111-8111-111111111111";
pub const OTHER_TENANT: &str = "22222222-2222-4222-8222-222222222222";
pub const USER: &str = "33333333-3333-4333-8333-333333333333";

/// A key pair.
pub struct Signer {
    pub kid: String,
    pub algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    /// Generates a key. RSA keys are slow to generate.
    pub fn new(algorithm: Algorithm, kid: &str) -> Self {
        let random = SystemRandom::new();
        let pair = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
            }
            Algorithm::Es256 => {
                let rules = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let document = EcdsaKeyPair::generate_pkcs8(rules, &random).unwrap();
                Pair::Ec(EcdsaKeyPair::from_pkcs8(rules, document.as_ref()).unwrap())
            }
            Algorithm::EdDsa => {
                let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                Pair::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
            }
        };
        Signer {
            kid: kid.to_owned(),
            algorithm,
            pair,
        }
    }

    /// The public key in Entra's format, without `alg`.
    pub fn jwk(&self) -> Value {
        let (kid, used_for) = (&self.kid, "sig");
        match &self.pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let n = encode(key.modulus().big_endian_without_leading_zero());
                let e = encode(key.exponent().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "use": used_for, "kid": kid, "n": n, "e": e })
            }
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                json!({ "kty": "EC", "crv": "P-256", "use": used_for, "kid": kid, "x": x, "y": y })
            }
            Pair::Ed(pair) => {
                let x = encode(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "use": used_for, "kid": kid, "x": x })
            }
        }
    }

    /// The usual header.
    pub fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": self.algorithm.name(), "kid": self.kid })
    }

    /// Signs a token with the usual header.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_text(self.header().to_string(), claims.to_string())
    }

    /// Signs exactly these bytes of header and payload.
    pub fn sign_text(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let (header, payload) = (encode(header.as_ref()), encode(payload.as_ref()));
        let signed = format!("{header}.{payload}");
        let signature = encode(self.signature(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The signature of these bytes.
    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let is_pss = self.algorithm == Algorithm::Ps256;
                let rules = if is_pss {
                    &RSA_PSS_SHA256
                } else {
                    &RSA_PKCS1_SHA256
                };
                pair.sign(rules, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// Base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The JWKS document of these keys.
pub fn jwks(signers: &[&Signer]) -> Vec<u8> {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}

/// The key set of these keys.
pub fn key_set(signers: &[&Signer]) -> KeySet {
    KeySet::parse(&jwks(signers)).unwrap()
}

/// An issuer of one tenant whose tokens carry `tid`, with every algorithm allowed.
pub fn issuer(iss: &str, preset: Preset) -> Issuer {
    Issuer {
        name: iss.to_owned(),
        iss: iss.parse().unwrap(),
        audiences: vec![AUDIENCE.to_owned()],
        tenants: Tenants::Listed(vec![tenant(TENANT)]),
        algorithms: Algorithm::ALL.to_vec(),
        types: Issuer::default_types(),
        keys: KeySource::File(PathBuf::from("keys.json")),
        groups: Emitted::Sometimes,
        roles: Emitted::Sometimes,
        claims: ClaimMap::from_preset(preset),
        access_token_mark: MarkRequirement::Required,
    }
}

pub fn tenant(text: &str) -> TenantId {
    text.parse().unwrap()
}

/// The client application in [`claims`] (`azp`), by which Entra marks access tokens.
pub const CLIENT_APP: &str = "8b1f7f8e-6d0c-4a56-8f0f-3f1f8ad2cc55";

/// Claims of an Entra access token for a user of [`TENANT`], issued a minute ago and valid for another hour.
pub fn claims(iss: &str) -> Value {
    json!({
        "iss": iss,
        "aud": AUDIENCE,
        "iat": NOW - 60,
        "nbf": NOW - 60,
        "exp": NOW + 3600,
        "tid": TENANT,
        "oid": USER,
        "sub": "AAAAABBBBB",
        "azp": CLIENT_APP,
    })
}

/// The claims with these replacements; null removes a claim.
pub fn with(mut claims: Value, replaced: Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in replaced.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

/// A token verifier over an engine without policies, its clock at [`NOW`].
pub fn identity(issuers: Vec<Issuer>) -> (Arc<TokenVerifier>, Arc<Engine>, Arc<ManualClock>) {
    let clock = ManualClock::at(Timestamp::from_seconds(NOW));
    let engine = Arc::new(Engine::new(EngineOptions {
        cache: None,
        clock: Clock::Manual(Arc::clone(&clock)),
    }));
    let trust = TrustedIssuers { issuers };
    let identity = TokenVerifier::new(trust, Arc::clone(&engine), TokenLimits::default());
    (Arc::new(identity), engine, clock)
}

/// The same with keys for each issuer that do not expire.
pub fn with_keys(
    issuers: Vec<(Issuer, &[&Signer])>,
) -> (Arc<TokenVerifier>, Arc<Engine>, Arc<ManualClock>) {
    let keys: Vec<KeySet> = issuers
        .iter()
        .map(|(_, signers)| key_set(signers))
        .collect();
    let issuers = issuers.into_iter().map(|(issuer, _)| issuer).collect();
    let (identity, engine, clock) = self::identity(issuers);
    for (index, keys) in keys.into_iter().enumerate() {
        identity.publish(IssuerIndex(index), Some(keys), None);
    }
    (identity, engine, clock)
}
