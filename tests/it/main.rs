//! Integration tests in one binary, one module per behaviour.

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

#[path = "../reference/mod.rs"]
mod reference;
#[path = "../support/bare_server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod admin;
mod authorize_with_token;
mod cached_equals_fresh;
mod caching;
mod changes;
mod checking;
mod clocks;
mod commands;
mod compiling;
mod configuration;
mod contract;
mod cost;
mod examples;
mod explaining;
mod export;
mod ext_authz;
mod findings_page;
mod first_hour;
mod journal;
mod key_sets;
mod log_shapes;
mod metrics;
mod nothing_vanishes;
mod observed;
mod oracle;
mod reading;
mod reading_files;
mod recording;
mod reflection_health;
mod reliability_page;
mod reload_under_load;
mod reloading;
mod sample;
mod serving;
mod small_world;
mod stale;
mod stated_applications;
mod swap_and_cache;
mod tidy;
mod tokens;
mod tracing;
mod wire;
