//! Envoy's question over the wire: what is asked, what Envoy makes of the answer, and that nothing but a full
//! evaluation allows.

mod answers;
pub mod asking;
mod faults;
mod identity;
mod odd_bytes;
mod only_an_evaluation_allows;
mod read;
