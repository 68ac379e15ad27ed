//! Sign-in events and audit records: who came in and why, and what was changed.
//!
//! What happened becomes a JSON object in the shape of Graph's `signIn` or `directoryAudit`; the journal writes
//! it to disk, chained and signed. Never holds a token, decides nothing.

pub mod audit;
pub mod export;
pub mod journal;
pub mod pseudonym;
pub mod sign_in;
pub mod view;
