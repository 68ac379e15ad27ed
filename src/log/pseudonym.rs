//! User, session and device ids as keyed hashes, where a deployment wants that.
//!
//! HMAC-SHA-256 over the kind of id and the id, so that one user has one pseudonym in every record, a session of
//! the same text has another, and nobody without the key can try ids out. A lost key cannot be got back from records.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::hmac;

use crate::id::UserId;

/// Writes ids into records: as they are, or as keyed hashes.
#[derive(Clone, Default)]
pub struct Pseudonyms(Option<hmac::Key>);

/// What an id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// A user object, of the home or of the resource tenant.
    User,
    /// A session.
    Session,
    /// A device.
    Device,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself in its message")]
pub enum PseudonymError {
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error(
        "has {found} bytes, expected {SHORTEST_KEY} to {LONGEST_KEY} bytes that nobody can guess"
    )]
    Length { found: usize },
}

impl Pseudonyms {
    /// Ids as they are.
    pub const OFF: Pseudonyms = Pseudonyms(None);

    /// Keyed hashes under this secret.
    pub fn keyed(secret: &[u8]) -> Result<Self, PseudonymError> {
        if (SHORTEST_KEY..=LONGEST_KEY).contains(&secret.len()) {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            Ok(Pseudonyms(Some(key)))
        } else {
            Err(PseudonymError::Length {
                found: secret.len(),
            })
        }
    }

    /// Keyed hashes under the bytes of this file, all of them.
    pub fn from_file(path: &Path) -> Result<Self, PseudonymError> {
        Self::keyed(&fs::read(path)?)
    }

    /// Whether ids are hashed.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A user's id as records show it.
    pub fn user(&self, id: UserId) -> String {
        self.text(IdKind::User, &id.to_string())
    }

    /// An id as records show it. A GUID has to be in its one form (lower case, no braces).
    pub fn text(&self, kind: IdKind, id: &str) -> String {
        let Some(key) = &self.0 else {
            return id.to_owned();
        };
        let mut context = hmac::Context::with_key(key);
        context.update(kind.word().as_bytes());
        // No word of a kind has it, so no kind and id run into each other.
        context.update(b"\0");
        context.update(id.as_bytes());
        let tag = context.sign();
        let mut text = String::from("p:");
        for byte in tag.as_ref().iter().take(SHOWN_BYTES) {
            text.push_str(&format!("{byte:02x}"));
        }
        text
    }
}

impl IdKind {
    const fn word(self) -> &'static str {
        match self {
            IdKind::User => "user",
            IdKind::Session => "session",
            IdKind::Device => "device",
        }
    }
}

/// Never the key.
impl fmt::Debug for Pseudonyms {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_on() {
            "Pseudonyms(on)"
        } else {
            "Pseudonyms(off)"
        })
    }
}

/// As strong as the hash that is shown; a shorter one is a password, which can be guessed.
const SHORTEST_KEY: usize = 32;

/// Longer is some other file.
const LONGEST_KEY: usize = 4096;

/// 128 bits: two users of one deployment never share a pseudonym.
const SHOWN_BYTES: usize = 16;
