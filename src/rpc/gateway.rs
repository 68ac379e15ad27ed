//! Configuration of requests from gateways: trusted issuers, routes, audiences and challenges.

use std::collections::HashMap;
use std::sync::Arc;

use super::challenge::ChallengeValues;
use super::ext_authz::EnvoyRouteTable;
use crate::id::AppId;
use crate::identity::TokenVerifier;

/// The configuration for requests with a token.
#[derive(Debug, Default)]
pub struct Gateway {
    /// Verifies tokens. `None` if no issuer is configured.
    pub identity: Option<Arc<TokenVerifier>>,
    /// The routes for gateways that do not send `context_extensions`.
    pub routes: EnvoyRouteTable,
    /// The audiences of each application.
    pub applications: ApplicationAudiences,
    /// The challenges for clients.
    pub challenge: ChallengeValues,
}

/// The audiences of each application, in addition to its ID.
#[derive(Debug, Clone, Default)]
pub struct ApplicationAudiences(HashMap<AppId, Vec<String>>);

impl ApplicationAudiences {
    /// Collects the audiences. The lists of an application that occurs more than once are joined.
    pub fn new(listed: impl IntoIterator<Item = (AppId, Vec<String>)>) -> Self {
        let mut all = ApplicationAudiences::default();
        for (app, audiences) in listed {
            all.0.entry(app).or_default().extend(audiences);
        }
        all
    }

    /// Whether a token with these audiences is valid for the application.
    pub fn accepts(&self, audiences: &[String], app: AppId) -> bool {
        let listed = self.0.get(&app);
        audiences.iter().any(|audience| {
            audience.parse() == Ok(app) || listed.is_some_and(|listed| listed.contains(audience))
        })
    }
}

/// The accepted sources of the identity in a Check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentitySources {
    /// The header `authorization: Bearer`, verified by crosstrust.
    pub bearer: bool,
    /// Claims that Envoy's jwt_authn filter verified.
    pub jwt_authn: Option<JwtAuthn>,
}

/// Where Envoy's jwt_authn filter stores the claims that it verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtAuthn {
    /// The namespace in `metadata_context`. Clients cannot write to it.
    pub namespace: String,
    /// The key in the namespace: `payload_in_metadata` of the provider.
    pub payload: String,
}

impl IdentitySources {
    /// Only the `authorization` header.
    pub const BEARER: IdentitySources = IdentitySources {
        bearer: true,
        jwt_authn: None,
    };
}
