//! The same 10,000 questions, put to crosstrust and to its peers: OPA and Cerbos over the network, cedar-policy and
//! regorus in this process. What each is given is made of one world in Graph's JSON; nobody is timed before all have
//! given the same answers. The suites `peers` and `in_process` do the measuring.

mod agreement;
mod case;
mod cedar;
pub mod cerbos;
mod check;
pub mod crosstrust;
mod engine;
mod facts;
pub mod in_process;
pub mod opa;
mod peer;
mod rego;
mod regorus;
mod world;
mod write;

/// The generator of numbers that crosstrust's own property tests use.
#[allow(
    dead_code,
    clippy::should_implement_trait,
    reason = "it is older than this package, which needs a part of it"
)]
#[path = "../../../tests/support/random.rs"]
mod random;

pub use case::Case;
pub use peer::{Interface, Peer};
pub use write::write;
