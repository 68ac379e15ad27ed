//! Whom we believe: the issuers of the configuration, each with its keys, audiences and tenants.
//!
//! Key, issuer, audience and tenant are bound together: a token has to fit one issuer in all of them, never one
//! issuer in this and another in that.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use super::mapping::ClaimMap;
use crate::id::TenantId;

/// Every issuer that is believed. Empty: nobody is.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// In the order of the configuration.
    pub issuers: Vec<Issuer>,
}

/// An issuer's place in [`Trust`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerIndex(pub usize);

/// One issuer, and what is believed of it.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// What the configuration calls it; for logs, not compared with anything.
    pub name: String,
    /// The `iss` of its tokens.
    pub iss: IssuerName,
    /// The `aud` values that are meant for us.
    pub audiences: Vec<String>,
    /// The tenants whose tokens it may issue.
    pub tenants: Tenants,
    /// The signatures that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// The `typ` that its tokens may have, where they have one.
    pub types: Vec<String>,
    /// Where its keys are.
    pub keys: KeySource,
    /// Whether a token without `groups` has none (`Always`) or does not tell (`Sometimes`).
    pub groups: Emitted,
    /// The same for directory roles (`wids`).
    pub roles: Emitted,
    /// Which claim says what.
    pub claims: ClaimMap,
    /// Whether a token must have the mark of its preset's access tokens.
    pub access_token_mark: MarkNeeded,
}

impl Issuer {
    /// Whether each of its tokens is issued by the token's own tenant, and not by an issuer of several.
    pub fn is_of_one_tenant(&self) -> bool {
        match (&self.iss, &self.tenants) {
            (IssuerName::PerTenant { .. }, _) | (_, Tenants::Fixed(_)) => true,
            (IssuerName::Exact(_), Tenants::Listed(tenants)) => tenants.len() == 1,
            (IssuerName::Exact(_), Tenants::Any) => false,
        }
    }

    /// The `typ` of access tokens: RFC 9068 §2.1, and what Entra, Okta and Keycloak write.
    pub fn usual_types() -> Vec<String> {
        ["JWT", "at+jwt"].map(str::to_owned).to_vec()
    }
}

/// The `iss` of an issuer's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerName {
    /// Exactly this.
    Exact(String),
    /// Entra's multi-tenant form `https://login.microsoftonline.com/{tenantid}/v2.0`: the token's own `tid`, in
    /// lower case, stands between the two parts.
    PerTenant {
        /// What stands before the tenant.
        before: String,
        /// What stands after it.
        after: String,
    },
}

/// The tenants that an issuer may speak for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenants {
    /// The token's `tid` has to be one of these.
    Listed(Vec<TenantId>),
    /// The token's `tid` may be any: the policies alone decide who comes in.
    Any,
    /// The issuer knows no tenants (Okta, Keycloak, …): all its accounts live in this one.
    Fixed(TenantId),
}

/// The signatures that can be accepted: never a shared secret, never none (RFC 8725 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are RFC 7518's and RFC 8037's")]
pub enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A JWKS file, followed like the policies.
    File(PathBuf),
    /// A JWKS document behind a URL.
    Url(Url),
    /// An OpenID Connect discovery document, whose `jwks_uri` is followed and whose `issuer` has to be this one.
    Discovery(Url),
}

/// Whether an issuer always says a thing where there is something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emitted {
    /// Unsaid means that there is nothing.
    Always,
    /// Unsaid means unknown. Entra emits groups only where the application opted in.
    Sometimes,
}

/// Whether a token must have what its preset's access tokens have and its ID tokens have not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkNeeded {
    /// A token without the mark is refused.
    Required,
    /// It is not looked at: for issuers whose access tokens have none. Their ID tokens then count, too.
    Ignored,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 4] = [
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::EdDsa,
    ];

    /// The name in a token's header.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }
}

/// Compared with case, as RFC 7515 has it.
impl FromStr for Algorithm {
    type Err = NotAnAlgorithm;
    fn from_str(text: &str) -> Result<Self, NotAnAlgorithm> {
        let found = Algorithm::ALL.into_iter().find(|one| one.name() == text);
        found.ok_or(NotAnAlgorithm)
    }
}

/// A text that names no algorithm that can be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected RS256, PS256, ES256 or EdDSA")]
pub struct NotAnAlgorithm;

/// A text that cannot be an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the exact `iss`, at most once with {{tenantid}} in it")]
pub struct NotAnIssuer;

impl FromStr for IssuerName {
    type Err = NotAnIssuer;
    fn from_str(text: &str) -> Result<Self, NotAnIssuer> {
        match text.split_once(PLACEHOLDER) {
            None if text.is_empty() || text.contains(['{', '}']) => Err(NotAnIssuer),
            None => Ok(IssuerName::Exact(text.to_owned())),
            Some((before, after)) if before.is_empty() || after.contains(['{', '}']) => {
                Err(NotAnIssuer)
            }
            Some((before, after)) => Ok(IssuerName::PerTenant {
                before: before.to_owned(),
                after: after.to_owned(),
            }),
        }
    }
}

impl fmt::Display for IssuerName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IssuerName::Exact(iss) => out.write_str(iss),
            IssuerName::PerTenant { before, after } => write!(out, "{before}{PLACEHOLDER}{after}"),
        }
    }
}

const PLACEHOLDER: &str = "{tenantid}";
