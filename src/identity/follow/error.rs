//! Why a refresh of an issuer's keys failed. Messages state where, what was found and what was expected.

use std::path::PathBuf;
use std::time::Duration;

use crate::files::FilesError;
use crate::identity::{JsonError, KeySetError, SkippedKey};

/// Why a refresh of an issuer's keys failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RefreshError {
    #[error("{url}: expected https, or an origin listed in keys.origins")]
    NotHttps { url: String },
    #[error("{url}: expected the origin of the discovery document, or one listed in keys.origins")]
    OtherOrigin { url: String },
    #[error("{url}: expected a URL without user and password")]
    Credentials { url: String },
    #[error("cannot create an HTTP client: {why}")]
    Client { why: String },
    #[error("{}: {why}", path.display())]
    PrivateCa { path: PathBuf, why: String },
    #[error("{url}: {why}")]
    Transport { url: String, why: String },
    #[error("{url}: found status {status}, expected 200")]
    Status { url: String, status: u16 },
    #[error("{url}: found more than {limit} bytes, expected at most {limit}")]
    TooLarge { url: String, limit: usize },
    #[error("found no response within {limit:?}")]
    TimedOut { limit: Duration },
    #[error("{url}: expected an OpenID Connect discovery document: {error}")]
    Discovery { url: String, error: JsonError },
    #[error("{url}: {member}: expected a string")]
    DiscoveryMember { url: String, member: &'static str },
    #[error("{url}: issuer: found {found:?}, expected {expected:?}")]
    OtherIssuer {
        url: String,
        found: String,
        expected: String,
    },
    #[error("{url}: jwks_uri: {error}")]
    JwksUri { url: String, error: url::ParseError },
    #[error("{}", .0.finding())]
    File(FilesError),
    #[error("{}: expected one file", path.display())]
    NotOneFile { path: PathBuf },
    #[error("{at}: {error}")]
    Document { at: String, error: KeySetError },
    #[error(
        "{at}: found no usable key{}, expected at least one",
        first_of(skipped)
    )]
    NoKeys {
        at: String,
        skipped: Vec<SkippedKey>,
    },
}

/// The number of skipped keys, and the reason of the first.
fn first_of(skipped: &[SkippedKey]) -> String {
    let Some(SkippedKey { index, reason, .. }) = skipped.first() else {
        return String::new();
    };
    let count = skipped.len();
    format!(" ({count} skipped; keys[{index}]: {reason})")
}
