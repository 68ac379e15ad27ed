//! Black-box tests of the server: connections, calls, limits, TLS and draining, with a test service.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of tests are tests"
)]

mod calls;
mod connections;
mod draining;
mod echo;
mod files;
mod open_streams;
mod overload;
mod raw;
mod tls;
mod unix;
mod unread;
