//! Pseudonyms: user, session and device ids as keyed hashes in records, if configured.
//!
//! HMAC-SHA-256 over the kind of id and the id. A user has the same pseudonym in every record, a session with the same
//! text has another, and ids cannot be guessed without the key. A lost key cannot be recovered from records.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::hmac;

use crate::id::UserId;

/// Converts ids for records: plain, or as keyed hashes.
#[derive(Clone, Default)]
pub struct Pseudonyms(Option<hmac::Key>);

/// The kind of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// A user object in the home or the resource tenant.
    User,
    /// A session.
    Session,
    /// A device.
    Device,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum PseudonymError {
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("has {found} bytes, expected {MIN_KEY_BYTES} to {MAX_KEY_BYTES} random bytes")]
    Length { found: usize },
}

impl Pseudonyms {
    /// Plain ids.
    pub const OFF: Pseudonyms = Pseudonyms(None);

    /// Keyed hashes with this secret.
    pub fn keyed(secret: &[u8]) -> Result<Self, PseudonymError> {
        if (MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&secret.len()) {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            Ok(Pseudonyms(Some(key)))
        } else {
            Err(PseudonymError::Length {
                found: secret.len(),
            })
        }
    }

    /// Keyed hashes with the content of this file as the secret.
    pub fn from_file(path: &Path) -> Result<Self, PseudonymError> {
        Self::keyed(&fs::read(path)?)
    }

    /// Whether ids are hashed.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A user id for a record.
    pub fn user(&self, id: UserId) -> String {
        self.text(IdKind::User, &id.to_string())
    }

    /// An id for a record. GUIDs must be in canonical form (lower case, no braces).
    pub fn text(&self, kind: IdKind, id: &str) -> String {
        let Some(key) = &self.0 else {
            return id.to_owned();
        };
        let mut context = hmac::Context::with_key(key);
        context.update(kind.word().as_bytes());
        // The word of a kind has no zero byte, so the input is unambiguous.
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

/// Does not print the key.
impl fmt::Debug for Pseudonyms {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_on() {
            "Pseudonyms(on)"
        } else {
            "Pseudonyms(off)"
        })
    }
}

/// A shorter secret is likely a password, which can be guessed.
const MIN_KEY_BYTES: usize = 32;

/// A longer file is likely not a key.
const MAX_KEY_BYTES: usize = 4096;

/// 128 bits: collisions between ids of a deployment are practically impossible.
const SHOWN_BYTES: usize = 16;
