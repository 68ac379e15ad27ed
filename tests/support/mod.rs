//! What the tests share: a small universe of ids, worlds and requests drawn from it, changes to
//! worlds whose effect is known, and examples written by hand.

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
