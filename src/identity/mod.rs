//! Who asks: tokens are verified here, and what they say becomes a [`Request`](crate::request::Request).
//!
//! A token counts if an issuer of the configured [`Trust`] has signed it with a key of its own, for an audience
//! and a tenant that the operator named for that issuer; the library does the cryptography, every other check is
//! in this room. Key sets are followed on a thread of their own; a request never fetches anything. Nothing here
//! decides: a verified identity is only what the decision is asked about.

mod trust;
mod verified;

pub use trust::{
    Algorithm, Emitted, Issuer, IssuerIndex, IssuerName, KeySource, NotAnIssuer, Tenants, Trust,
};
pub use verified::{Asked, Home, Unidentified, Verified, Who};
