//! The measurements of docs/reliability.md: faults, floods and overload against the real binary.
//!
//! `cargo test` runs a short form of each test. `.ci/full reliability` runs the same tests for longer on a release
//! build, and each test also writes its row of the table.

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

#[path = "support"]
mod support {
    pub mod file_trace;
    pub mod random;
    pub mod sidecar;
    pub mod tokens;
}

#[path = "reliability/figure.rs"]
mod figure;

#[path = "reliability/clocks.rs"]
mod clocks;
#[path = "reliability/crowding.rs"]
mod crowding;
#[path = "reliability/flood.rs"]
mod flood;

#[path = "reliability/kill.rs"]
mod kill;

#[path = "reliability/power_loss.rs"]
mod power_loss;

#[path = "reliability/full_disk.rs"]
mod full_disk;
#[path = "reliability/held.rs"]
mod held;
#[path = "reliability/memory.rs"]
mod memory;
#[path = "reliability/reload.rs"]
mod reload;

#[path = "reliability/removed.rs"]
mod removed;
#[path = "reliability/repeated.rs"]
mod repeated;

#[path = "reliability/http2_client.rs"]
mod http2_client;

#[path = "reliability/overload.rs"]
mod overload;
#[path = "reliability/sockets.rs"]
mod sockets;
