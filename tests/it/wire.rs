//! gRPC responses, and the errors for malformed requests.

mod answers;
mod client;
mod frames;
mod limits;
mod rights;
mod violations;
pub mod world;
