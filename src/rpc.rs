//! The gRPC edge: the contract in `proto/`, turned into questions and answers of ours.
//!
//! A call comes in through [`router`], `convert` makes a question of it or tells everything that is wrong with it,
//! `proof` verifies the token where there is one, the engine answers without waiting for anything, `recorder` has
//! the event of a new decision written, and `encode` writes the answer. `ext_authz` does the same for Envoy. A denial
//! is an OK status. Only this room names protobuf. It never opens a socket (that is `serve`), and never decides.

mod assumed;
mod authorization;
mod budgets;
mod challenge;
pub mod client;
mod codec;
mod convert;
mod encode;
mod ext_authz;
mod gateway;
mod health;
mod limits;
mod message;
mod policy;
mod proof;
mod recorder;
mod reflection;
mod router;
mod service;
mod trace;
mod unary;

pub use assumed::{Assumed, AssumedFact};
pub use budgets::Budgets;
pub use challenge::ChallengeValues;
pub use convert::Violation;
pub use ext_authz::{Route, RouteFacts, RouteTable};
pub use gateway::{Applications, Gateway, IdentitySources, JwtAuthn};
pub use health::{HealthState, NotReady};
pub use limits::Limits;
pub use recorder::Recorder;
pub use router::{Backend, Rights, Router, ServiceSet, router};

/// What protox and prost make of `proto/crosstrust/v1`.
pub mod proto {
    #![allow(missing_docs, unreachable_pub)]
    #![allow(clippy::all, clippy::pedantic)]
    include!(concat!(env!("OUT_DIR"), "/crosstrust.v1.rs"));
}

/// The contract, compiled: for reflection, and to read and write it as JSON.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/crosstrust.descriptors"));
