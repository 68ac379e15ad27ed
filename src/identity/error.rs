//! Why a token is refused: one variant per cause. Messages quote only values that are short and not secret.

use std::fmt;

use super::json::JsonError;
use super::{Algorithm, IssuerIndex};
use crate::id::TenantId;
use crate::time::Timestamp;

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token is too long.
    #[error("found {bytes} bytes, expected at most {most}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// The token is not header, payload and signature.
    #[error("expected a compact JWS: three parts separated by dots")]
    NotThreeParts,
    /// A part is empty or is not base64url without padding.
    #[error("{0}: expected base64url without padding")]
    NotBase64(TokenPart),
    /// The header is too long.
    #[error("header: found {bytes} bytes, expected at most {most}")]
    HeaderTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// A part is not exactly one JSON object, or is ambiguous.
    #[error("{part}: {fault}")]
    NotJson {
        /// The part.
        part: TokenPart,
        /// The fault.
        fault: JsonError,
    },
    /// The header has a member that changes the meaning of the token or carries a key.
    #[error("header: found `{0}`, which is never accepted")]
    ForbiddenHeader(&'static str),
    /// A header member is not a string.
    #[error("header: `{0}`: expected a string")]
    HeaderNotText(&'static str),
    /// `alg` is missing or is never accepted.
    #[error("header: `alg`: expected one of RS256, PS256, ES256, EdDSA")]
    UnknownAlgorithm,
    /// `kid` is missing or has a wrong length.
    #[error("header: expected a `kid` of 1 to 1,024 bytes")]
    NoKeyId,
    /// `iss` is missing or not a string.
    #[error("`iss`: expected a string")]
    NoIssuer,
    /// `iss` is not a configured issuer.
    #[error("`iss`: found {0}, expected a configured issuer")]
    UnknownIssuer(Excerpt),
    /// `typ` is not accepted from this issuer.
    #[error("header: `typ`: found {0}, which is not accepted from this issuer")]
    Type(Excerpt),
    /// The claim occurs in ID tokens or refresh tokens, or binds the token to a key whose possession is not checked here.
    #[error("found the claim `{0}`, expected a bearer access token")]
    NotAnAccessToken(&'static str),
    /// The token lacks the mark of its preset's access tokens, so it may be an ID token.
    #[error("found no {0}, which distinguishes this issuer's access tokens from its ID tokens")]
    NoAccessTokenMark(String),
    /// The algorithm is not accepted from this issuer.
    #[error("header: `alg`: found {}, which is not accepted from this issuer", .0.name())]
    AlgorithmNotAllowed(Algorithm),
    /// The issuer's key set has no key of this id, or the issuer has no key set in force.
    #[error("header: `kid`: found {kid}, which is not in the current key set of this issuer")]
    UnknownKey {
        /// The issuer whose keys were tried.
        issuer: IssuerIndex,
        /// The key id.
        kid: Excerpt,
    },
    /// No key of this id is for this algorithm.
    #[error("the key of this `kid` is not for {} signatures", algorithm.name())]
    KeyDoesNotFit {
        /// The issuer whose keys were tried.
        issuer: IssuerIndex,
        /// The token's algorithm.
        algorithm: Algorithm,
    },
    /// No suitable key of this id verifies the signature.
    #[error("invalid signature")]
    BadSignature {
        /// The issuer whose keys were tried.
        issuer: IssuerIndex,
    },
    /// The key set binds the key to another issuer.
    #[error("the key set binds the key to another issuer")]
    KeyOfOtherIssuer,
    /// A required claim is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A time is not a number of seconds.
    #[error("`{0}`: expected a number of seconds")]
    NotATime(&'static str),
    /// A time is outside the years 1970 to 9999.
    #[error("`{0}`: expected a time in the years 1970 to 9999")]
    TimeOutOfRange(&'static str),
    /// The token has expired.
    #[error("the token expired at {0}")]
    Expired(Timestamp),
    /// The token has expired on the boot clock, but the wall clock shows an earlier time: it was set back.
    #[error(
        "the token expires at {0}, but has expired on the boot clock: the wall clock was set back"
    )]
    ExpiredOnBootClock(Timestamp),
    /// The token is not valid yet (`nbf`, or a fraction of `iat`).
    #[error("the token is not valid before {0}")]
    NotYetValid(Timestamp),
    /// The token's lifetime is too long.
    #[error("found a lifetime of {seconds} seconds from `iat` to `exp`, expected at most {most}")]
    LivesTooLong {
        /// From `iat` to `exp`.
        seconds: i64,
        /// The limit in seconds.
        most: u64,
    },
    /// `aud` is neither a string nor a short list of strings.
    #[error("`aud`: expected a string or a list of 1 to 8 strings")]
    BadAudience,
    /// No `aud` value is configured for the issuer.
    #[error("`aud`: expected an audience that is configured for this issuer")]
    OtherAudience,
    /// `iss` and `tid` do not name the same tenant.
    #[error("`iss` and the tenant claim do not name the same tenant")]
    TenantNotOfIssuer,
    /// The tenant is not configured for the issuer.
    #[error("found the tenant {0}, expected one that is configured for this issuer")]
    OtherTenant(TenantId),
    /// The issuer has one fixed tenant, and the tenant claim is another value.
    #[error("the tenant claim is not the tenant that is configured for this issuer")]
    NotTheFixedTenant,
    /// A list is longer than in a request.
    #[error("`{claim}`: found {found} items, expected at most {most}")]
    TooMany {
        /// The claim.
        claim: Excerpt,
        /// Its number of items.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A text is too long or contains control characters.
    #[error("`{0}`: found a text of more than 1,024 bytes or with control characters")]
    BadText(Excerpt),
}

impl TokenError {
    /// Whether the token was valid and has expired, so that the client can request a new one.
    pub fn is_expired(&self) -> bool {
        matches!(
            self,
            TokenError::Expired(_) | TokenError::ExpiredOnBootClock(_)
        )
    }

    /// The class of this error.
    pub fn class(&self) -> TokenErrorClass {
        match self {
            TokenError::TooLong { .. }
            | TokenError::NotThreeParts
            | TokenError::NotBase64(_)
            | TokenError::HeaderTooLong { .. }
            | TokenError::NotJson { .. }
            | TokenError::ForbiddenHeader(_)
            | TokenError::HeaderNotText(_)
            | TokenError::UnknownAlgorithm
            | TokenError::NoKeyId
            | TokenError::NoIssuer
            | TokenError::Missing(_)
            | TokenError::NotATime(_)
            | TokenError::TimeOutOfRange(_)
            | TokenError::BadAudience
            | TokenError::TooMany { .. }
            | TokenError::BadText(_) => TokenErrorClass::Form,
            TokenError::UnknownIssuer(_) => TokenErrorClass::Issuer,
            TokenError::UnknownKey { .. } => TokenErrorClass::Key,
            TokenError::AlgorithmNotAllowed(_)
            | TokenError::KeyDoesNotFit { .. }
            | TokenError::BadSignature { .. }
            | TokenError::KeyOfOtherIssuer => TokenErrorClass::Signature,
            TokenError::Expired(_)
            | TokenError::ExpiredOnBootClock(_)
            | TokenError::NotYetValid(_)
            | TokenError::LivesTooLong { .. } => TokenErrorClass::Time,
            TokenError::Type(_)
            | TokenError::NotAnAccessToken(_)
            | TokenError::NoAccessTokenMark(_)
            | TokenError::OtherAudience => TokenErrorClass::Purpose,
            TokenError::TenantNotOfIssuer
            | TokenError::OtherTenant(_)
            | TokenError::NotTheFixedTenant => TokenErrorClass::Tenant,
        }
    }

    /// The issuer whose key set should be refreshed: it may have a new key of the token's `kid`, or may have replaced the
    /// cached one.
    pub fn issuer_to_refresh(&self) -> Option<IssuerIndex> {
        if let TokenError::UnknownKey { issuer, .. }
        | TokenError::KeyDoesNotFit { issuer, .. }
        | TokenError::BadSignature { issuer } = self
        {
            return Some(*issuer);
        }
        None
    }
}

/// The class of a [`TokenError`]: few enough for a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenErrorClass {
    /// Malformed.
    Form,
    /// The issuer is not configured.
    Issuer,
    /// The key is not in the issuer's key set, or no key set is in force.
    Key,
    /// The signature, or the algorithm or issuer of its key, is wrong.
    Signature,
    /// Expired, not valid yet, or valid for too long.
    Time,
    /// Not an access token, or for another audience.
    Purpose,
    /// The tenant is not the issuer's.
    Tenant,
}

impl TokenErrorClass {
    /// All classes.
    pub const ALL: [TokenErrorClass; 7] = [
        TokenErrorClass::Form,
        TokenErrorClass::Issuer,
        TokenErrorClass::Key,
        TokenErrorClass::Signature,
        TokenErrorClass::Time,
        TokenErrorClass::Purpose,
        TokenErrorClass::Tenant,
    ];

    /// The value of the metric label.
    pub const fn name(self) -> &'static str {
        match self {
            TokenErrorClass::Form => "form",
            TokenErrorClass::Issuer => "issuer",
            TokenErrorClass::Key => "key",
            TokenErrorClass::Signature => "signature",
            TokenErrorClass::Time => "time",
            TokenErrorClass::Purpose => "purpose",
            TokenErrorClass::Tenant => "tenant",
        }
    }
}

/// A part of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are RFC 7515's")]
pub enum TokenPart {
    Header,
    Payload,
    Signature,
}

impl fmt::Display for TokenPart {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            TokenPart::Header => "header",
            TokenPart::Payload => "payload",
            TokenPart::Signature => "signature",
        })
    }
}

/// A value of a token or key set that is safe to log: its first 128 characters, control characters replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// The excerpt of this text.
    pub fn of(text: &str) -> Self {
        let mut chars = text.chars();
        let excerpt: String = (&mut chars)
            .take(MAX_EXCERPT_CHARS)
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect();
        let more = if chars.next().is_some() { "…" } else { "" };
        Excerpt(excerpt + more)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}`", self.0)
    }
}

/// Entra's issuers have about 70 characters.
const MAX_EXCERPT_CHARS: usize = 128;
