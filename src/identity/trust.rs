//! The trusted issuers of the configuration, each with its keys, audiences and tenants.
//!
//! A token must match one issuer in key, `iss`, audience and tenant; values of several issuers are never combined.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use super::mapping::ClaimMap;
use crate::id::TenantId;

/// All trusted issuers. If empty, every token is refused.
#[derive(Debug, Clone, Default)]
pub struct TrustedIssuers {
    /// In the order of the configuration.
    pub issuers: Vec<Issuer>,
}

/// The index of an issuer in [`TrustedIssuers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerIndex(pub usize);

/// One issuer, and which of its tokens are accepted.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// The configured name, for logs only.
    pub name: String,
    /// The `iss` of its tokens.
    pub iss: IssuerName,
    /// The accepted `aud` values.
    pub audiences: Vec<String>,
    /// The tenants that it may issue tokens for.
    pub tenants: Tenants,
    /// The accepted signature algorithms.
    pub algorithms: Vec<Algorithm>,
    /// The accepted `typ` values, for tokens with a `typ`.
    pub types: Vec<String>,
    /// The source of its keys.
    pub keys: KeySource,
    /// Whether a token without `groups` has no groups (`Always`) or unknown groups (`Sometimes`).
    pub groups: Emitted,
    /// The same for directory roles (`wids`).
    pub roles: Emitted,
    /// The rules that map claims to fields.
    pub claims: ClaimMap,
    /// Whether a token needs the mark of its preset's access tokens.
    pub access_token_mark: MarkRequirement,
}

impl Issuer {
    /// Whether each token is issued for the issuer's own tenant, so that `iss` identifies the tenant.
    pub fn is_of_one_tenant(&self) -> bool {
        match (&self.iss, &self.tenants) {
            (IssuerName::PerTenant { .. }, _) | (_, Tenants::Fixed(_)) => true,
            (IssuerName::Exact(_), Tenants::Listed(tenants)) => tenants.len() == 1,
            (IssuerName::Exact(_), Tenants::Any) => false,
        }
    }

    /// The `typ` values of access tokens: RFC 9068 §2.1, and those of Entra, Okta and Keycloak.
    pub fn default_types() -> Vec<String> {
        ["JWT", "at+jwt"].map(str::to_owned).to_vec()
    }
}

/// The `iss` of an issuer's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerName {
    /// Exactly this text.
    Exact(String),
    /// Entra's multi-tenant form `https://login.microsoftonline.com/{tenantid}/v2.0`, with the token's `tid` in lower case
    /// in place of `{tenantid}`.
    PerTenant {
        /// The text before the tenant.
        before: String,
        /// The text after the tenant.
        after: String,
    },
}

/// The tenants that an issuer may issue tokens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenants {
    /// The token's `tid` must be one of these.
    Listed(Vec<TenantId>),
    /// Any `tid` is accepted; only the policies restrict access.
    Any,
    /// The issuer has no tenants (Okta, Keycloak, …): all its accounts belong to this one.
    Fixed(TenantId),
}

/// The supported signature algorithms: never HMAC with a shared secret, never `none` (RFC 8725 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are RFC 7518's and RFC 8037's")]
pub enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

/// The source of an issuer's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A JWKS file, watched like the policies.
    File(PathBuf),
    /// The URL of a JWKS document.
    Url(Url),
    /// The URL of an OpenID Connect discovery document. Its `issuer` must be this issuer; its `jwks_uri` is fetched.
    Discovery(Url),
}

/// Whether an issuer always emits a claim when it has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emitted {
    /// A missing claim means an empty list.
    Always,
    /// A missing claim means unknown. Entra emits groups only if the application opted in.
    Sometimes,
}

/// Whether a token needs the mark that distinguishes its preset's access tokens from ID tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkRequirement {
    /// A token without the mark is refused.
    Required,
    /// The mark is not checked, for issuers whose access tokens have none. Their ID tokens are then accepted too.
    Ignored,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Algorithm; 4] = [
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::EdDsa,
    ];

    /// The `alg` value in a token's header.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }
}

/// Case-sensitive (RFC 7515 §4.1.1).
impl FromStr for Algorithm {
    type Err = NotAnAlgorithm;
    fn from_str(text: &str) -> Result<Self, NotAnAlgorithm> {
        let found = Algorithm::ALL.into_iter().find(|one| one.name() == text);
        found.ok_or(NotAnAlgorithm)
    }
}

/// A text that is not a supported algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected RS256, PS256, ES256 or EdDSA")]
pub struct NotAnAlgorithm;

/// A text that is not a valid issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the exact `iss`, with {{tenantid}} at most once")]
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
