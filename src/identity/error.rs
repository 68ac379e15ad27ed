//! Why a token is not believed: one variant a cause. Names what was found only where it is short and no secret.

use std::fmt;

use super::json::JsonError;
use super::{Algorithm, IssuerIndex};
use crate::id::TenantId;
use crate::time::Timestamp;

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than a token may be.
    #[error("found {bytes} bytes, expected at most {most}")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// Not header, payload and signature.
    #[error("expected three parts with two dots between them")]
    NotThreeParts,
    /// A part is empty, or anything but base64url without padding.
    #[error("{0}: expected base64url without padding")]
    NotBase64(Part),
    /// The header is longer than a header may be.
    #[error("header: found {bytes} bytes, expected at most {most}")]
    HeaderTooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// A part is not one JSON object, or could be read in two ways.
    #[error("{part}: {fault}")]
    NotJson {
        /// Which.
        part: Part,
        /// What is wrong.
        fault: JsonError,
    },
    /// The header has a member that would change what the token means, or bring its own key.
    #[error("header: found `{0}`, which is never accepted")]
    Forbidden(&'static str),
    /// A header member is no text.
    #[error("header: `{0}` is no text")]
    HeaderNotText(&'static str),
    /// `alg` is missing or none that can be accepted.
    #[error("header: `alg` is none of RS256, PS256, ES256, EdDSA")]
    UnknownAlgorithm,
    /// `kid` is missing, or in no form that is accepted.
    #[error("header: expected a `kid` of 1 to 1,024 bytes")]
    NoKeyId,
    /// `iss` is missing or no text.
    #[error("`iss` is missing or no text")]
    NoIssuer,
    /// `iss` is nobody whom we believe.
    #[error("`iss` is {0}, which is not trusted")]
    UnknownIssuer(Told),
    /// `typ` is none that the issuer's tokens may have.
    #[error("header: `typ` is {0}, which is not accepted from this issuer")]
    Type(Told),
    /// The claim is one of an ID token or a refresh token, or binds the token to a key that nobody here asks for.
    #[error("`{0}` says that this is no bearer access token")]
    NotAnAccessToken(&'static str),
    /// The token has no mark of its preset's access tokens: it may be an ID token.
    #[error("found no {0}, which every access token of this issuer has and an ID token has not")]
    NoAccessTokenMark(String),
    /// The issuer does not sign like that.
    #[error("header: `alg` is {}, which is not accepted from this issuer", .0.name())]
    AlgorithmNotAllowed(Algorithm),
    /// The issuer has no key of this id, or none at all at the moment.
    #[error("header: `kid` is {kid}, which is no key of this issuer at the moment")]
    UnknownKey {
        /// Whose keys were looked at.
        issuer: IssuerIndex,
        /// The id.
        kid: Told,
    },
    /// No key of this id is for such signatures.
    #[error("the key is not for {} signatures", algorithm.name())]
    KeyDoesNotFit {
        /// Whose keys were looked at.
        issuer: IssuerIndex,
        /// The token's algorithm.
        algorithm: Algorithm,
    },
    /// The signature is of no key of this id that fits.
    #[error("the signature is wrong")]
    BadSignature {
        /// Whose keys were looked at.
        issuer: IssuerIndex,
    },
    /// The key set binds the key to another issuer.
    #[error("the key belongs to another issuer")]
    KeyOfOtherIssuer,
    /// A claim that has to be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A time is not a number of seconds.
    #[error("`{0}` is not a number of seconds")]
    NotATime(&'static str),
    /// A time lies outside the years 1970 to 9999.
    #[error("`{0}` lies outside the years 1970 to 9999")]
    TimeOutOfRange(&'static str),
    /// It has ended.
    #[error("it expired at {0}")]
    Expired(Timestamp),
    /// It has ended on the boot clock, and the wall clock shows an earlier time: it was set back.
    #[error(
        "it expires at {0}, and more time than it had left has passed since it was first verified: the wall clock was set back"
    )]
    ExpiredOnBootClock(Timestamp),
    /// It is not good yet (`nbf`).
    #[error("it is not valid before {0}")]
    NotYetValid(Timestamp),
    /// It is good for longer than any token may be.
    #[error("it is good for {seconds} seconds, expected at most {most}")]
    LivesTooLong {
        /// From `iat` to `exp`.
        seconds: i64,
        /// How long a token may be good.
        most: u64,
    },
    /// `aud` is neither a text nor a short list of texts.
    #[error("`aud` is neither a text nor a list of 1 to 8 texts")]
    BadAudience,
    /// No `aud` is ours.
    #[error("`aud` names nothing of ours")]
    OtherAudience,
    /// `iss` and `tid` do not name the same tenant.
    #[error("`iss` and the tenant claim do not name the same tenant")]
    TenantNotOfIssuer,
    /// The issuer may not speak for this tenant.
    #[error("the issuer may not speak for tenant {0}")]
    OtherTenant(TenantId),
    /// The tenant claim of an issuer without tenants is there and is not the configured tenant.
    #[error("the tenant claim is not the tenant that is configured for this issuer")]
    NotTheFixedTenant,
    /// A list has more members than a request may have.
    #[error("`{claim}` has {found} members, expected at most {most}")]
    TooMany {
        /// The claim.
        claim: Told,
        /// How many it has.
        found: usize,
        /// How many it may have.
        most: usize,
    },
    /// A text is too long or holds control characters.
    #[error("`{0}` holds a text of more than 1,024 bytes or with control characters")]
    BadText(Told),
}

impl TokenError {
    /// Whether the token was good, and only its time is over: a new one may be asked for.
    pub fn is_expired(&self) -> bool {
        matches!(
            self,
            TokenError::Expired(_) | TokenError::ExpiredOnBootClock(_)
        )
    }

    /// What is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            TokenError::TooLong { .. }
            | TokenError::NotThreeParts
            | TokenError::NotBase64(_)
            | TokenError::HeaderTooLong { .. }
            | TokenError::NotJson { .. }
            | TokenError::Forbidden(_)
            | TokenError::HeaderNotText(_)
            | TokenError::UnknownAlgorithm
            | TokenError::NoKeyId
            | TokenError::NoIssuer
            | TokenError::Missing(_)
            | TokenError::NotATime(_)
            | TokenError::TimeOutOfRange(_)
            | TokenError::BadAudience
            | TokenError::TooMany { .. }
            | TokenError::BadText(_) => Blame::Form,
            TokenError::UnknownIssuer(_) => Blame::Issuer,
            TokenError::UnknownKey { .. } => Blame::Key,
            TokenError::AlgorithmNotAllowed(_)
            | TokenError::KeyDoesNotFit { .. }
            | TokenError::BadSignature { .. }
            | TokenError::KeyOfOtherIssuer => Blame::Signature,
            TokenError::Expired(_)
            | TokenError::ExpiredOnBootClock(_)
            | TokenError::NotYetValid(_)
            | TokenError::LivesTooLong { .. } => Blame::Time,
            TokenError::Type(_)
            | TokenError::NotAnAccessToken(_)
            | TokenError::NoAccessTokenMark(_)
            | TokenError::OtherAudience => Blame::Purpose,
            TokenError::TenantNotOfIssuer
            | TokenError::OtherTenant(_)
            | TokenError::NotTheFixedTenant => Blame::Tenant,
        }
    }

    /// The issuer whose keys may have changed: it may have a key of the token's id that is not known yet, or another
    /// one than the known.
    pub fn wants_keys_of(&self) -> Option<IssuerIndex> {
        if let TokenError::UnknownKey { issuer, .. }
        | TokenError::KeyDoesNotFit { issuer, .. }
        | TokenError::BadSignature { issuer } = self
        {
            return Some(*issuer);
        }
        None
    }
}

/// What is to blame for a token that is not believed: few enough to count each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// It is no token in a form that counts.
    Form,
    /// Its issuer is not believed.
    Issuer,
    /// Its key is not known, or not at the moment.
    Key,
    /// The signature is not what it should be.
    Signature,
    /// It is expired, or not good yet.
    Time,
    /// It is no access token, or for somebody else.
    Purpose,
    /// Its tenant is not the issuer's.
    Tenant,
}

impl Blame {
    /// Every one.
    pub const ALL: [Blame; 7] = [
        Blame::Form,
        Blame::Issuer,
        Blame::Key,
        Blame::Signature,
        Blame::Time,
        Blame::Purpose,
        Blame::Tenant,
    ];

    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Blame::Form => "form",
            Blame::Issuer => "issuer",
            Blame::Key => "key",
            Blame::Signature => "signature",
            Blame::Time => "time",
            Blame::Purpose => "purpose",
            Blame::Tenant => "tenant",
        }
    }
}

/// A part of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are RFC 7515's")]
pub enum Part {
    Header,
    Payload,
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Part::Header => "header",
            Part::Payload => "payload",
            Part::Signature => "signature",
        })
    }
}

/// A value of a token that may be told: its first 128 characters, and no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told(String);

impl Told {
    /// As much of this as may be told.
    pub fn of(text: &str) -> Self {
        let mut chars = text.chars();
        let told: String = (&mut chars)
            .take(MOST_TOLD)
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect();
        let more = if chars.next().is_some() { "…" } else { "" };
        Told(told + more)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}`", self.0)
    }
}

/// Characters: Entra's issuers have some 70.
const MOST_TOLD: usize = 128;
