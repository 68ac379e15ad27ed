//! Compilation: accepted and rejected policies, the place of each finding, and when two snapshots are equal.

pub mod documents;
mod homes;
mod identity;
mod large;
mod policies;
mod reads;
mod settings;
mod whole;
