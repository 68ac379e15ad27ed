//! Behaviour from outside, a module each.

mod swap_and_cache;
