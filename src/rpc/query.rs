//! Resolves queries to requests: verifies their credentials and decides under the same key sets.
//!
//! Waits for keys first, without deciding. Then verifies all credentials and decides without another wait. An identity
//! that was verified under replaced key sets is verified again.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::assumed::{AssumedFact, AssumedFacts};
use super::gateway::Gateway;
use crate::decision::Reason;
use crate::engine::{Engine, Epoch, View};
use crate::identity::{
    IssuerIndex, RequestedAccess, SubjectError, TokenError, TokenVerifier, VerifiedToken,
};
use crate::log::sign_in::PartialSignInRequest;
use crate::request::Request;

/// A query before its identity is verified.
#[derive(Debug, Clone)]
pub enum AuthorizationQuery {
    /// The caller states the identity. Boxed: a request has 1 KiB, and a query is moved several times.
    Stated(Box<Request>),
    /// Credentials state the identity. All of them must be valid and agree.
    Credentials {
        /// At least one.
        credentials: Vec<Credential>,
        /// The other parts of the request.
        asked: Box<RequestedAccess>,
    },
}

/// States the identity of the user.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A JWT.
    Token(String),
    /// The claims of a JWT that a gateway verified.
    VerifiedClaims(serde_json::Map<String, serde_json::Value>),
}

/// The request of a query, or why its identity is not accepted.
pub type ResolvedQuery<'a> = Result<Cow<'a, Box<Request>>, Reason>;

/// A credential that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCredential {
    /// The index of the query in its batch.
    pub index: usize,
    /// What was found and what was expected.
    pub problem: String,
    /// Set if the credential may be accepted after its issuer's keys were fetched.
    pub pending_keys: Option<PendingKeys>,
}

/// Keys that may verify a credential after a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingKeys {
    issuer: IssuerIndex,
    /// The number of the key publication before the credential was verified.
    publication: u64,
}

/// Why queries were not decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryError {
    /// A credential is not accepted.
    InvalidCredential(InvalidCredential),
    /// The key sets changed after each verification.
    KeysChanging,
}

/// Calls `decide`. If a token may be verified by keys that are being fetched, waits for them and calls it once more.
pub async fn retry_after_key_fetch<T>(
    gateway: &Gateway,
    queries: &[AuthorizationQuery],
    decide: impl Fn() -> Result<T, QueryError>,
) -> Result<T, QueryError> {
    match decide() {
        Err(QueryError::InvalidCredential(InvalidCredential {
            pending_keys: Some(keys),
            index,
            problem,
        })) => {
            let invalid = InvalidCredential {
                index,
                problem,
                pending_keys: None,
            };
            Box::pin(await_keys(gateway, queries, keys, invalid)).await?;
            decide()
        }
        result => result,
    }
}

/// Waits for the keys of the first invalid credential, then of those after it. An error if no keys were published, because
/// then the first one is still invalid.
async fn await_keys(
    gateway: &Gateway,
    queries: &[AuthorizationQuery],
    keys: PendingKeys,
    first: InvalidCredential,
) -> Result<(), QueryError> {
    let PendingKeys {
        issuer,
        publication,
    } = keys;
    let identity = identity(gateway, first.index).map_err(QueryError::InvalidCredential)?;
    if !identity.await_keys(issuer, publication, KEY_WAIT).await {
        return Err(QueryError::InvalidCredential(first));
    }
    let later = queries.iter().enumerate().skip(first.index + 1);
    for (index, query) in later {
        for token in query.tokens() {
            let verified = identity.verify(token, KEY_WAIT).await;
            verified.map_err(|error| {
                QueryError::InvalidCredential(invalid_credential(index, &error, publication))
            })?;
        }
    }
    Ok(())
}

/// Resolves the queries and calls `answer` with a view that has the same key sets. Never waits.
pub fn resolve<T>(
    gateway: &Gateway,
    engine: &Engine,
    queries: &[AuthorizationQuery],
    answer: impl Fn(&View<'_>, &[ResolvedQuery<'_>]) -> T,
) -> Result<T, QueryError> {
    for _ in 0..ATTEMPTS {
        let mut oldest = None;
        let resolved = queries.iter().enumerate().map(|(index, query)| {
            let (resolved, under) = resolve_one(gateway, index, query)?;
            oldest = under.into_iter().chain(oldest).min();
            Ok(resolved)
        });
        let resolved: Vec<ResolvedQuery<'_>> = resolved
            .collect::<Result<_, _>>()
            .map_err(QueryError::InvalidCredential)?;
        let view = engine.view();
        // INVARIANT(keys): code that reads an epoch from the engine verifies with its key sets or later ones.
        if oldest.is_none_or(|oldest| oldest >= view.keys()) {
            return Ok(answer(&view, &resolved));
        }
    }
    Err(QueryError::KeysChanging)
}

impl AuthorizationQuery {
    /// Sets the assumed facts that the query does not contain, and returns the facts that it set.
    pub fn assume(&mut self, assumed: &AssumedFacts) -> Vec<AssumedFact> {
        match self {
            AuthorizationQuery::Stated(request) => assumed.fill(&mut request.context),
            AuthorizationQuery::Credentials { asked, .. } => assumed.fill(&mut asked.context),
        }
    }

    /// The request, if the caller states the identity.
    pub fn stated(&self) -> Option<&Request> {
        match self {
            AuthorizationQuery::Stated(request) => Some(request),
            AuthorizationQuery::Credentials { .. } => None,
        }
    }

    /// The parts of the request that are known without an identity.
    pub fn partly(&self) -> PartialSignInRequest<'_> {
        match self {
            AuthorizationQuery::Stated(_) => PartialSignInRequest::default(),
            AuthorizationQuery::Credentials { asked, .. } => PartialSignInRequest {
                resource: Some(asked.resource),
                app: Some(asked.app),
                channel: asked.channel.as_ref(),
                ip_address: asked.context.ip_address,
                request_id: &asked.request_id,
                problem: None,
            },
        }
    }

    fn tokens(&self) -> impl Iterator<Item = &str> {
        let credentials = match self {
            AuthorizationQuery::Stated(_) => &[][..],
            AuthorizationQuery::Credentials { credentials, .. } => credentials,
        };
        credentials
            .iter()
            .filter_map(|credential| match credential {
                Credential::Token(token) => Some(token.as_str()),
                Credential::VerifiedClaims(_) => None,
            })
    }
}

fn resolve_one<'a>(
    gateway: &Gateway,
    index: usize,
    query: &'a AuthorizationQuery,
) -> Result<(ResolvedQuery<'a>, Option<Epoch>), InvalidCredential> {
    let (credentials, asked) = match query {
        AuthorizationQuery::Stated(request) => {
            return Ok((Ok(Cow::Borrowed(request)), None));
        }
        AuthorizationQuery::Credentials { credentials, asked } => (credentials, asked),
    };
    let identity = identity(gateway, index)?;
    let publication = identity.publication();
    let verified = credentials.iter().map(|credential| {
        let verified = match credential {
            Credential::Token(token) => identity.verify_now(token),
            Credential::VerifiedClaims(claims) => {
                identity.check_claims(claims.clone()).map(Arc::new)
            }
        };
        verified.map_err(|error| invalid_credential(index, &error, publication))
    });
    let verified: Vec<Arc<VerifiedToken>> = verified.collect::<Result<_, _>>()?;
    let under = verified.iter().map(|one| one.key_epoch).min();
    let Some((first, others)) = verified.split_first() else {
        return Ok((Err(Reason::IdentityMissing), under));
    };
    if !others.iter().all(|other| other.agrees_with(first)) {
        return Ok((Err(Reason::IdentityAmbiguous), under));
    }
    if !gateway.applications.accepts(&first.audiences, asked.app) {
        return Err(InvalidCredential {
            index,
            problem: "the audience of the token is another application".to_owned(),
            pending_keys: None,
        });
    }
    // Claims that Envoy verified do not contain the issuing tenant; a token that agrees with them does.
    let issuing_tenant = verified.iter().find_map(|one| one.issuing_tenant);
    let resolved = match first.to_request(RequestedAccess::clone(asked)) {
        Ok(request) => Ok(Cow::Owned(Box::new(Request {
            issuing_tenant,
            ..request
        }))),
        Err(unidentified) => Err(reason(unidentified)),
    };
    Ok((resolved, under))
}

fn identity(gateway: &Gateway, index: usize) -> Result<&Arc<TokenVerifier>, InvalidCredential> {
    gateway.identity.as_ref().ok_or_else(|| InvalidCredential {
        index,
        problem: "no issuer is configured, so no token is accepted".to_owned(),
        pending_keys: None,
    })
}

fn invalid_credential(index: usize, error: &TokenError, publication: u64) -> InvalidCredential {
    let issuer = error.issuer_to_refresh();
    InvalidCredential {
        index,
        problem: error.to_string(),
        pending_keys: issuer.map(|issuer| PendingKeys {
            issuer,
            publication,
        }),
    }
}

fn reason(unidentified: SubjectError) -> Reason {
    match unidentified {
        SubjectError::NoTenant | SubjectError::NoUser => Reason::IdentityMissing,
        SubjectError::UnknownHome | SubjectError::AccessTypeMismatch => Reason::IdentityAmbiguous,
    }
}

/// How long a request may wait for an in-flight key fetch: half of its budget.
const KEY_WAIT: Duration = Duration::from_millis(50);
/// Key sets change every few minutes, so three changes in a row indicate a fault.
const ATTEMPTS: usize = 3;
