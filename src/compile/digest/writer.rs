//! Encodes values for a digest without ambiguity: every value has its name and its length.

use sha2::{Digest, Sha256};

/// The digest of one part.
pub(super) type PartDigest = [u8; 32];

/// Digests named values.
pub(super) struct DigestWriter(Sha256);

impl DigestWriter {
    /// `kind` separates the digests of different kinds of parts.
    pub(super) fn new(kind: &str) -> Self {
        let mut out = DigestWriter(Sha256::new());
        out.bytes("kind", kind.as_bytes());
        out
    }

    pub(super) fn finish(self) -> PartDigest {
        self.0.finalize().into()
    }

    pub(super) fn bytes(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), value] {
            self.length(part.len());
            self.0.update(part);
        }
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.bytes(name, value.as_bytes());
    }

    pub(super) fn id(&mut self, name: &str, value: u128) {
        self.bytes(name, &value.to_be_bytes());
    }

    pub(super) fn bits(&mut self, name: &str, value: u32) {
        self.bytes(name, &value.to_be_bytes());
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.bytes(name, &[value.into()]);
    }

    pub(super) fn hash(&mut self, name: &str, value: &PartDigest) {
        self.bytes(name, value);
    }

    pub(super) fn ids(&mut self, name: &str, values: impl ExactSizeIterator<Item = u128>) {
        self.count(name, values.len());
        for value in values {
            self.0.update(value.to_be_bytes());
        }
    }

    pub(super) fn hashes(&mut self, name: &str, values: &[PartDigest]) {
        self.list(name, values, |out, value| out.hash("part", value));
    }

    pub(super) fn texts(&mut self, name: &str, values: &[String]) {
        self.list(name, values, |out, value| out.text("text", value));
    }

    /// Writes the number of items, then each with `write`.
    pub(super) fn list<T>(&mut self, name: &str, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.count(name, items.len());
        for item in items {
            write(self, item);
        }
    }

    pub(super) fn count(&mut self, name: &str, count: usize) {
        self.bytes(name, b"");
        self.length(count);
    }

    /// As 128 bits, so that the digest does not depend on the size of `usize`.
    fn length(&mut self, length: usize) {
        let length = u128::try_from(length).unwrap_or(u128::MAX);
        self.0.update(length.to_be_bytes());
    }
}
