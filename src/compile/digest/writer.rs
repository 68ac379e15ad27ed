//! What is written to a digest, without ambiguity: every value carries its name and its length.

use sha2::{Digest, Sha256};

/// A finished part.
pub(super) type Hash = [u8; 32];

/// Takes named values and digests them.
pub(super) struct Writer(Sha256);

impl Writer {
    /// `kind` keeps parts of different kinds apart.
    pub(super) fn new(kind: &str) -> Self {
        let mut out = Writer(Sha256::new());
        out.bytes("kind", kind.as_bytes());
        out
    }

    pub(super) fn finish(self) -> Hash {
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

    pub(super) fn hash(&mut self, name: &str, value: &Hash) {
        self.bytes(name, value);
    }

    pub(super) fn ids(&mut self, name: &str, values: impl ExactSizeIterator<Item = u128>) {
        self.count(name, values.len());
        for value in values {
            self.0.update(value.to_be_bytes());
        }
    }

    pub(super) fn hashes(&mut self, name: &str, values: &[Hash]) {
        self.list(name, values, |out, value| out.hash("part", value));
    }

    pub(super) fn texts(&mut self, name: &str, values: &[String]) {
        self.list(name, values, |out, value| out.text("text", value));
    }

    /// The number of items, then each as `write` writes it.
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

    /// As 128 bits, which hold a `usize` of every machine.
    fn length(&mut self, length: usize) {
        let length = u128::try_from(length).unwrap_or(u128::MAX);
        self.0.update(length.to_be_bytes());
    }
}
