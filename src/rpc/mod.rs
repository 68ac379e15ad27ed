//! The gRPC edge: the contract in `proto/`, turned into questions and answers of ours.
//!
//! A call comes in through [`router`], `convert` makes a [`Request`](crate::request::Request) of it or tells
//! everything that is wrong with it, the engine answers without waiting for anything, and `encode` writes the
//! answer. A denial is an OK status. Only this room names protobuf. It never opens a socket (that is `serve`),
//! never decides, and logs nothing per call.

mod authorization;
mod budgets;
pub mod client;
mod codec;
mod convert;
mod encode;
mod health;
mod limits;
mod policy;
mod reflection;
mod router;

pub use budgets::Budgets;
pub use convert::Violation;
pub use health::HealthState;
pub use limits::Limits;
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
