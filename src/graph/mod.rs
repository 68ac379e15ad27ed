//! Microsoft Graph JSON as it comes: documents, reading, diagnostics.
//!
//! Bytes in, typed documents and findings out. Knows no file system, no defaults and no snapshot.

pub mod document;
mod finding;

pub use finding::{Code, Finding, Place, Severity};
