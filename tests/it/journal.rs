//! The journal: records reported as durable are on disk, and `verify` reports each change of a file.

pub mod fault_disk;
pub mod world;

mod aging;
mod crashes;
mod files;
mod machine;
mod tampering;
