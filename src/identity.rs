//! Verifies JWT access tokens and maps their claims to a [`Request`](crate::request::Request).
//!
//! A token is accepted if one of the configured [`TrustedIssuers`] signed it with one of its own keys, for an audience
//! and a tenant that the configuration lists for that issuer. The `jsonwebtoken` crate checks the signature; this module
//! does every other check. A separate thread loads and refreshes the key sets (JWKS); a request never fetches anything.
//! This module takes no access decision.

mod boot_expiry;
mod checks;
mod claims;
mod error;
pub mod follow;
mod home;
mod json;
mod keys;
mod mapping;
mod presets;
mod refresh_requests;
mod token;
mod token_cache;
mod trust;
mod verified;
mod verify;

pub use error::{Excerpt, TokenError, TokenErrorClass, TokenPart};
pub use json::{JsonError, JsonFault};
pub use keys::{KeyFault, KeySet, KeySetError, KeySets, SkipReason, SkippedKey, VerificationKey};
pub use mapping::{
    ClaimMap, ClaimRule, ClaimRuleError, ClaimValue, Field, FieldKind, NotAField, ValueMapping,
};
pub use presets::{NotAPreset, Preset};
pub use refresh_requests::RefreshRequests;
pub use token_cache::TokenCounters;
pub use trust::{
    Algorithm, Emitted, Issuer, IssuerIndex, IssuerName, KeySource, MarkRequirement,
    NotAnAlgorithm, NotAnIssuer, Tenants, TrustedIssuers,
};
pub use verified::{AccountHome, RequestedAccess, SubjectError, TokenSubject, VerifiedToken};
pub use verify::{TokenLimits, TokenVerifier};
