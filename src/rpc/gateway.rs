//! What gateways are told apart by: whom we believe, where their requests go, what their users are told.

use std::collections::HashMap;
use std::sync::Arc;

use super::challenge::ChallengeValues;
use super::ext_authz::RouteTable;
use crate::id::AppId;
use crate::identity::Identity;

/// The parts of the configuration that requests with a token need.
#[derive(Debug, Default)]
pub struct Gateway {
    /// Verifies tokens; none where no issuer is configured.
    pub identity: Option<Arc<Identity>>,
    /// The routes of gateways that cannot say where a request goes.
    pub routes: RouteTable,
    /// Which audiences belong to which application.
    pub applications: Applications,
    /// What clients are told to ask for.
    pub challenge: ChallengeValues,
}

/// Which audiences belong to which application, besides its own id.
#[derive(Debug, Clone, Default)]
pub struct Applications(HashMap<AppId, Vec<String>>);

impl Applications {
    /// These. What is said of an application more than once is added up.
    pub fn new(listed: impl IntoIterator<Item = (AppId, Vec<String>)>) -> Self {
        let mut all = Applications::default();
        for (app, audiences) in listed {
            all.0.entry(app).or_default().extend(audiences);
        }
        all
    }

    /// Whether a token for these audiences is meant for this application.
    pub fn is_meant_for(&self, audiences: &[String], app: AppId) -> bool {
        let listed = self.0.get(&app);
        audiences.iter().any(|audience| {
            audience.parse() == Ok(app) || listed.is_some_and(|listed| listed.contains(audience))
        })
    }
}

/// Where the identity of a Check may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentitySources {
    /// `authorization: Bearer`, verified here.
    pub bearer: bool,
    /// Claims that Envoy's jwt_authn verified.
    pub jwt_authn: Option<JwtAuthn>,
}

/// Where Envoy puts the claims that it verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtAuthn {
    /// The namespace in `metadata_context`, which no client can write to.
    pub namespace: String,
    /// The key in it: `payload_in_metadata` of the provider.
    pub payload: String,
}

impl IdentitySources {
    /// A token that is verified here, and nothing else.
    pub const BEARER: IdentitySources = IdentitySources {
        bearer: true,
        jwt_authn: None,
    };
}
