//! Envoy's `envoy.service.auth.v3.Authorization/Check`.
//!
//! The attributes determine the route and the identity. Both form a request, the engine decides it, and [`encode`]
//! writes the response. A request that cannot be decided is a denial with a reason. A server error is an explicit 503,
//! because Envoy does not treat a gRPC error as a denial, and treats an unset status as an allow.

mod attributes;
mod encode;
mod path;
mod route;
mod service;

pub use attributes::header;
pub use encode::{CheckError, error_response};
pub use route::{EnvoyRouteTable, Route, RouteFacts};
pub use service::{CheckHandler, call};

/// The path of the method.
pub const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
