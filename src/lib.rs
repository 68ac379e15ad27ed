//! A policy decision point for access across Microsoft Entra tenants: may a user of one organisation reach an
//! application of another?
//!
//! The rules are cross-tenant access settings and Conditional Access policies, in the JSON that Microsoft Graph
//! exports. The modules are listed in the order of processing: ids and enums, request and decision, policy
//! documents and their compilation, the compiled snapshot and its evaluation, and the services around them.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod decision;
pub mod id;
pub mod policy_settings;
pub mod request;
pub mod revocation;
pub mod time;
pub mod vocabulary;

pub mod graph;

pub mod changes;
pub mod compile;

pub mod snapshot;

pub mod evaluate;

pub mod cache;
pub mod clock;
pub mod engine;

pub mod otlp;

pub mod log;

pub mod files;
pub mod reload;
pub mod watch;

pub mod identity;

pub mod rpc;
pub mod serve;

pub mod admin;
pub mod config;
pub mod metrics;
pub mod telemetry;

pub mod cli;
mod columns;
mod printable;
mod rate;
