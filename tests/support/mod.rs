//! Shared test support: a small universe of ids, generated worlds and requests, changes to worlds with a known effect,
//! and examples written by hand.

pub mod build;
pub mod examples;
pub mod exhaustive;
pub mod filters;
pub mod generate;
pub mod key_server;
pub mod mutate;
pub mod otlp;
pub mod policies;
pub mod product;
pub mod random;
pub mod server;
pub mod sidecar;
pub mod toggles;
pub mod tokens;
pub mod universe;
