//! A test issuer: one RSA key, its key set, and tokens in the format of Entra v2. Only a server that is started with its
//! key set trusts it.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::authorize::{FABRIKAM, SHAREPOINT, user};

const KEY_ID: &str = "the-key";
/// Groups in a token, as of an employee of a medium-sized organisation.
const GROUPS: u32 = 10;

pub struct Issuer {
    key: RsaKeyPair,
    now: u64,
}

impl Issuer {
    pub fn new() -> Result<Issuer> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048);
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        Ok(Issuer {
            key: key.map_err(|_| anyhow!("cannot generate an RSA key"))?,
            now,
        })
    }

    /// The key set, as a JWKS document.
    pub fn key_set(&self) -> String {
        let key = self.key.public_key();
        let n = encode(key.modulus().big_endian_without_leading_zero());
        let e = encode(key.exponent().big_endian_without_leading_zero());
        let key =
            json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": e });
        json!({ "keys": [key] }).to_string()
    }

    /// A token of this user of Fabrikam for SharePoint, with the authentication context that means MFA.
    pub fn token(&self, number: u64) -> Result<String> {
        let group = |group| format!("2f000000-0000-4000-9000-{group:012x}");
        let groups: Vec<String> = (0..GROUPS).map(group).collect();
        let claims = json!({
            "iss": format!("https://login.microsoftonline.com/{FABRIKAM}/v2.0"),
            "aud": SHAREPOINT, "tid": FABRIKAM, "oid": user(number), "acrs": ["c1"],
            "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "groups": groups,
            "iat": self.now - 60, "nbf": self.now - 60, "exp": self.now + 7200,
            "azp": "8b1f7f8e-6d0c-4a56-8f0f-3f1f8ad2cc55", "scp": "access", "ver": "2.0",
        });
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_ID });
        let part = |value: &Value| encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &random,
                signed.as_bytes(),
                &mut signature,
            )
            .ok()
            .context("cannot sign a token")?;
        Ok(format!("{signed}.{}", encode(&signature)))
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
