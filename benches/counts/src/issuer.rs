//! A test issuer for the users of Fabrikam. Its tokens have the format of Entra v1, which states MFA. Only a server with
//! its key set trusts it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crosstrust::engine::Engine;
use crosstrust::identity::{
    Algorithm, Issuer as TrustedIssuer, IssuerIndex, Preset, TokenLimits, TokenVerifier,
    TrustedIssuers,
};
use crosstrust::rpc::Gateway;
use serde_json::json;

use crate::calls;
use crate::check::SHAREPOINT;
use crate::tokens::{self, Signer};

/// Groups in a token, as of an employee of a medium-sized organisation.
const GROUPS: u128 = 10;

pub struct Issuer {
    signer: Signer,
    tenant: String,
    now: u64,
}

impl Issuer {
    pub fn new(algorithm: Algorithm) -> Issuer {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Issuer {
            signer: Signer::new(algorithm, "the-key"),
            tenant: calls::question(0, 0).home_tenant,
            now: now.as_secs(),
        }
    }

    /// The `iss` of its tokens.
    pub fn iss(&self) -> String {
        format!("https://sts.windows.net/{}/", self.tenant)
    }

    /// The key set, as a JWKS document.
    pub fn key_set(&self) -> Vec<u8> {
        tokens::jwks(&[&self.signer])
    }

    /// A token for SharePoint of the user with this number, who did MFA.
    pub fn token(&self, user: u128) -> String {
        let question = calls::question(user, GROUPS);
        self.signer.sign(&json!({
            "iss": self.iss(), "aud": SHAREPOINT, "tid": self.tenant, "oid": question.user,
            "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "groups": question.groups,
            "iat": self.now - 60, "nbf": self.now - 60, "exp": self.now + 7200,
            "amr": ["pwd", "mfa"], "appid": "8b1f7f8e-6d0c-4a56-8f0f-3f1f8ad2cc55", "ver": "1.0",
        }))
    }

    /// A gateway that trusts this issuer; its keys do not expire.
    pub fn gateway(&self, engine: &Arc<Engine>) -> Gateway {
        let mut trusted: TrustedIssuer = tokens::issuer(&self.iss(), Preset::EntraV1);
        trusted.audiences = vec![SHAREPOINT.to_owned()];
        trusted.tenants = crosstrust::identity::Tenants::Listed(vec![tokens::tenant(&self.tenant)]);
        let trust = TrustedIssuers {
            issuers: vec![trusted],
        };
        let identity = TokenVerifier::new(trust, Arc::clone(engine), TokenLimits::default());
        let keys = tokens::key_set(&[&self.signer]);
        identity.publish(IssuerIndex(0), Some(keys), None);
        Gateway {
            identity: Some(Arc::new(identity)),
            ..Gateway::default()
        }
    }
}
