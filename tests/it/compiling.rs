//! What compiles, what does not and where that is said, and when two snapshots are the same.

pub mod documents;
mod homes;
mod identity;
mod large;
mod policies;
mod reads;
mod settings;
mod whole;
