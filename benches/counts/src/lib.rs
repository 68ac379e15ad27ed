//! Requests and tokens, shared by the calls that are counted in one process (`benches/calls.rs`) and by the load on a
//! real server (`main.rs`).

#[path = "../../support/calls.rs"]
pub mod calls;

#[path = "../../../tests/support/tokens.rs"]
pub mod tokens;

#[path = "../../support/check.rs"]
pub mod check;
pub mod issuer;
