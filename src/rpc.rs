//! The gRPC services: converts the messages in `proto/` to requests and decisions to responses.
//!
//! [`router`] receives a call. `convert` turns its message into a query or lists all violations. `query` verifies the
//! token, if there is one. The engine decides without waiting. `recorder` records new decisions, and `encode` writes
//! the response. `ext_authz` does the same for Envoy. A denial is an OK status. This is the only module that uses
//! protobuf. It never opens a socket (see `serve`) and never decides.

mod assumed;
mod authorization;
mod call_rules;
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
mod query;
mod recorder;
mod reflection;
mod router;
mod service;
mod trace;
mod unary;

pub use assumed::{AssumedFact, AssumedFacts};
pub use call_rules::RpcCallRules;
pub use challenge::ChallengeValues;
pub use convert::Violation;
pub use ext_authz::{EnvoyRouteTable, Route, RouteFacts};
pub use gateway::{ApplicationAudiences, Gateway, IdentitySources, JwtAuthn};
pub use health::{HealthState, NotReady};
pub use limits::RequestLimits;
pub use recorder::Recorder;
pub use router::{Backend, Rights, Router, ServiceSet, router};

/// The Rust types that protox and prost generate from `proto/crosstrust/v1`.
pub mod proto {
    #![allow(missing_docs, unreachable_pub)]
    #![allow(clippy::all, clippy::pedantic)]
    include!(concat!(env!("OUT_DIR"), "/crosstrust.v1.rs"));
}

/// The compiled descriptors of `proto/crosstrust/v1`, for reflection and for JSON.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/crosstrust.descriptors"));
