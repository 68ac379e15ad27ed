//! What a gRPC caller is answered, and what a malformed request is told.

mod answers;
mod client;
mod frames;
mod limits;
mod rights;
mod violations;
pub mod world;
