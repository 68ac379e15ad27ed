//! The journal: what it said is on disk is on disk, and what is not as it was written is told.

pub mod fault_disk;
pub mod world;

mod aging;
mod crashes;
mod files;
mod machine;
mod tampering;
