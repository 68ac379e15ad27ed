//! Who asks: tokens are verified here, and what they say becomes a [`Request`](crate::request::Request).
//!
//! A token counts if an issuer of the configured [`Trust`] has signed it with a key of its own, for an audience
//! and a tenant that the operator named for that issuer; the library does the cryptography, every other check is
//! in this room. Key sets are followed on a thread of their own; a request never fetches anything. Nothing here
//! decides: a verified identity is only what the decision is asked about.

mod checks;
mod claims;
mod ends;
mod error;
pub mod follow;
mod home;
mod json;
mod keys;
mod mapping;
mod presets;
mod token;
mod tokens;
mod trust;
mod verified;
mod verify;
mod wanted;

pub use error::{Blame, Part, TokenError, Told};
pub use json::{JsonError, Wrong};
pub use keys::{Key, KeyFault, KeySet, KeySetError, KeySets, Skipped, WhySkipped};
pub use mapping::{ClaimMap, Field, Kind, Misfit, NotAField, Read, Rule, Scalar};
pub use presets::{NotAPreset, Preset};
pub use tokens::TokenCounters;
pub use trust::{
    Algorithm, Emitted, Issuer, IssuerIndex, IssuerName, KeySource, MarkNeeded, NotAnAlgorithm,
    NotAnIssuer, Tenants, Trust,
};
pub use verified::{Asked, Home, Unidentified, Verified, Who};
pub use verify::{Identity, TokenLimits};
pub use wanted::Wanted;
