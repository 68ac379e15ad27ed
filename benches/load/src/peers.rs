//! The same 10,000 requests for crosstrust and its peers: OPA and Cerbos over the network, cedar-policy and regorus in this
//! process. Their inputs are built from the same policies in Graph's JSON. Nothing is timed before all have given the same
//! answers. The suites `peers` and `in_process` measure.

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

/// The random number generator of crosstrust's property tests.
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
