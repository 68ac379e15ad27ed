//! Behaviour from outside, a module each, in one binary.

mod compiling;
mod swap_and_cache;
mod tidy;
