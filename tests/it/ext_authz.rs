//! Envoy ext_authz over the wire: requests, how Envoy interprets the responses, and that only a complete
//! evaluation allows.

mod answers;
pub mod asking;
mod faults;
mod identity;
mod odd_bytes;
mod only_an_evaluation_allows;
mod read;
