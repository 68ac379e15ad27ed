//! Why an issuer's keys could not be had. Each says where, what was found and what was expected.

use std::path::PathBuf;
use std::time::Duration;

use crate::files::FilesError;
use crate::identity::{JsonError, KeySetError, Skipped};

/// Why a look at an issuer's keys has brought none.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    #[error("{url}: expected https, or an origin that is listed")]
    NotHttps { url: String },
    #[error("{url}: expected the origin of the discovery document, or one that is listed")]
    OtherOrigin { url: String },
    #[error("{url}: expected an address without user and password")]
    Credentials { url: String },
    #[error("no HTTP client can be made: {why}")]
    Client { why: String },
    #[error("{}: {why}", path.display())]
    Authorities { path: PathBuf, why: String },
    #[error("{url}: {why}")]
    Transport { url: String, why: String },
    #[error("{url}: found status {status}, expected 200")]
    Status { url: String, status: u16 },
    #[error("{url}: found more than {limit} bytes")]
    TooLarge { url: String, limit: usize },
    #[error("found no answer within {limit:?}")]
    Slow { limit: Duration },
    #[error("{url}: expected a discovery document: {error}")]
    Discovery { url: String, error: JsonError },
    #[error("{url}: {member}: expected a text")]
    DiscoveryMember { url: String, member: &'static str },
    #[error("{url}: issuer: found {found:?}, expected {expected:?}")]
    OtherIssuer {
        url: String,
        found: String,
        expected: String,
    },
    #[error("{url}: jwks_uri: {error}")]
    KeysAddress { url: String, error: url::ParseError },
    #[error("{}", .0.finding())]
    File(FilesError),
    #[error("{}: expected one file", path.display())]
    NotOneFile { path: PathBuf },
    #[error("{at}: {error}")]
    Document { at: String, error: KeySetError },
    #[error(
        "{at}: expected a key that can be used, found none{}",
        first_of(skipped)
    )]
    NoKeys { at: String, skipped: Vec<Skipped> },
}

/// How many keys were skipped, and why the first.
fn first_of(skipped: &[Skipped]) -> String {
    let Some(Skipped { index, why, .. }) = skipped.first() else {
        return String::new();
    };
    let count = skipped.len();
    format!(" ({count} of no use here; keys[{index}]: {why})")
}
