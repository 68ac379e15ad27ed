//! The same question, put to crosstrust and to its peers: OPA and Cerbos over the network, Cedar and regorus in
//! process. All have to give the same answers before anything is timed.

#![forbid(unsafe_code)]

/// The generator of numbers that crosstrust's own property tests use.
#[expect(
    clippy::should_implement_trait,
    reason = "its `next` is older than this crate"
)]
#[path = "../../../tests/support/random.rs"]
pub mod random;

pub mod world;
pub mod world_policies;

pub mod facts;

pub mod cedar;
pub mod engine;
pub mod rego;
pub mod regorus;

pub mod agreement;
pub mod in_process;

pub mod server;
pub mod service;
pub mod tools;

pub mod check;

pub mod cerbos;
pub mod cerbos_wire;
pub mod crosstrust_server;
pub mod opa;

pub mod generator;
pub mod network;
pub mod report;
pub mod write;
