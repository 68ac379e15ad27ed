//! Envoy asks: `envoy.service.auth.v3.Authorization/Check`.
//!
//! Attributes become facts of the route and an identity that counts, these become a request, the engine answers
//! and [`encode`] writes. What goes wrong on the way is a denial with a reason, and a fault of our own an explicit
//! 503: to Envoy a gRPC error is no denial, and an unset status is an allow.

mod attributes;
mod encode;
mod path;
mod route;
mod service;

pub use attributes::header;
pub use encode::{Fault, fault_response};
pub use route::{Route, RouteFacts, RouteTable};
pub use service::{Check, call};

/// The path of the one method.
pub const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
