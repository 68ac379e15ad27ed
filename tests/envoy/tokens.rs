//! Tokens like those that Entra issues, signed by a key of the tests.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub const CONTOSO: &str = "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f";
pub const FABRIKAM: &str = "2000d417-3b6d-4dbf-977f-4b4cbba65319";
pub const TAILSPIN: &str = "40001184-1cfb-4e41-9f8c-6d0c55108d1b";

pub const FATIMA: (&str, &str) = (FABRIKAM, "2101ca1f-53eb-4c73-aac7-6f02ee5f1af0");
pub const FELIX: (&str, &str) = (FABRIKAM, "21022c4a-1623-45c3-95c7-c24dc6732f65");
pub const TOM: (&str, &str) = (TAILSPIN, "41010cf7-1e73-4860-8e34-27489ce640eb");

pub const LAUNCHER: &str = "1a01899f-ffd3-4659-9c8b-641314fe61f2";
pub const SHAREPOINT: &str = "00000003-0000-0ff1-ce00-000000000000";
pub const TEAMS: &str = "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe";
pub const ADMINISTRATION: &str = "1a02db99-c463-4b65-b92d-69f3e6ebb844";
pub const SUPPLIER_PORTAL: &str = "2a01cf30-cc63-4f5c-b915-9c596fd7cff8";
pub const SOURCE_CODE: &str = "2a032871-debe-4bf9-8515-157e19c71944";
pub const CAMPAIGN_STUDIO: &str = "4a018641-cee6-4f53-aaff-c186ea00b0c5";

const KID: &str = "the-key";

/// The claims of a token; sign it with [`Token::bearer`].
#[derive(Clone)]
pub struct Token(Value);

/// This user's token for this application, valid for an hour.
pub fn token((tenant, user): (&str, &str), app: &str) -> Token {
    let now = now();
    Token(json!({
        "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        "aud": app, "tid": tenant, "oid": user, "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "iat": now - 60, "nbf": now - 60, "exp": now + 3600,
        "azp": "8b1f7f8e-6d0c-4a56-8f0f-3f1f8ad2cc55", "scp": "access", "ver": "2.0",
    }))
}

impl Token {
    pub fn with(mut self, claim: &str, value: Value) -> Token {
        self.0[claim] = value;
        self
    }

    /// With the authentication context that the configurations treat as MFA.
    pub fn mfa(self) -> Token {
        self.with("acrs", json!(["c1"]))
    }

    /// From a client that can handle claims challenges.
    pub fn cp1(self) -> Token {
        self.with("xms_cc", json!(["cp1"]))
    }

    pub fn expired(self) -> Token {
        let now = now();
        self.with("iat", json!(now - 7200))
            .with("nbf", json!(now - 7200))
            .with("exp", json!(now - 5))
    }

    /// The value of an `authorization` header.
    pub fn bearer(self) -> String {
        format!("Bearer {}", self.signed(issuer_key()))
    }

    /// The same with another key's signature under the issuer's key id.
    pub fn forged(self) -> String {
        static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
        format!("Bearer {}", self.signed(KEY.get_or_init(generate)))
    }

    fn signed(&self, key: &RsaKeyPair) -> String {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": KID});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&self.0));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )
        .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The issuer's key set.
pub fn jwks() -> String {
    let key = issuer_key().public_key();
    let part = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    json!({"keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID,
        "n": part(key.modulus().big_endian_without_leading_zero()),
        "e": part(key.exponent().big_endian_without_leading_zero()),
    }]})
    .to_string()
}

fn issuer_key() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(generate)
}

fn generate() -> RsaKeyPair {
    RsaKeyPair::generate(KeySize::Rsa2048).unwrap()
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}
