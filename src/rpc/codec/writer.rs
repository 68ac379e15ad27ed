//! Writes a message field by field, out of values that nobody had to copy into one first.
//!
//! As proto3 has it, a field that says nothing is left out. Fields stand in the order in which they are written;
//! readers have to take any, prost writes them by their numbers.

use std::fmt::Display;
use std::io::Write as _;

use prost::Message;
use prost::encoding::{self, WireType};

/// A message in the making.
#[derive(Debug)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty message.
    pub fn new() -> Self {
        Writer(Vec::with_capacity(USUAL_BYTES))
    }

    /// The message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// An enum, a bool or an unsigned number.
    pub fn number(&mut self, tag: u32, number: u64) {
        if number != 0 {
            encoding::encode_key(tag, WireType::Varint, &mut self.0);
            encoding::encode_varint(number, &mut self.0);
        }
    }

    /// A number with a fraction, which is there even if it is 0: one of several that exclude each other.
    pub fn double(&mut self, tag: u32, number: f64) {
        encoding::double::encode(tag, &number, &mut self.0);
    }

    /// A text.
    pub fn text(&mut self, tag: u32, text: &str) {
        if !text.is_empty() {
            encoding::encode_key(tag, WireType::LengthDelimited, &mut self.0);
            encoding::encode_varint(text.len() as u64, &mut self.0);
            self.0.extend_from_slice(text.as_bytes());
        }
    }

    /// What is shown as a text.
    pub fn shown(&mut self, tag: u32, value: impl Display) {
        // A vector has room for everything, and no `Display` of ours fails: neither can this.
        self.nested(tag, |out| {
            let _written = write!(out.0, "{value}");
        });
    }

    /// A message, which is there even if it says nothing.
    pub fn message(&mut self, tag: u32, message: &impl Message) {
        encoding::message::encode(tag, message, &mut self.0);
    }

    /// A message that is written likewise.
    pub fn nested(&mut self, tag: u32, write: impl FnOnce(&mut Self)) {
        encoding::encode_key(tag, WireType::LengthDelimited, &mut self.0);
        let place = self.0.len();
        self.0.push(0);
        write(self);
        let length = (self.0.len() - place - 1) as u64;
        // A longer length moves what was written; nearly all messages have less than 128 bytes.
        let more = encoding::encoded_len_varint(length) - 1;
        let end = self.0.len();
        self.0.resize(end + more, 0);
        self.0.copy_within(place + 1..end, place + 1 + more);
        if let Some(mut place) = self.0.get_mut(place..) {
            encoding::encode_varint(length, &mut place);
        }
    }

    /// Fields of the same message that prost writes: those of two encodings in a row are one message.
    pub fn append(&mut self, others: &impl Message) {
        // A vector has room for everything: this cannot fail.
        let _written = others.encode(&mut self.0);
    }
}

/// An allow without policies has some 150.
const USUAL_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_any_length_is_written_as_prost_writes_it() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 1 << 21] {
            let text = "x".repeat(length);
            let mut out = Writer::new();
            out.text(1, "before");
            out.nested(2, |inner| inner.text(3, &text));
            out.text(4, "after");
            let mut inner = Vec::new();
            if length > 0 {
                encoding::string::encode(3, &text, &mut inner);
            }
            let mut expected = Vec::new();
            encoding::string::encode(1, &"before".to_owned(), &mut expected);
            encoding::bytes::encode(2, &inner, &mut expected);
            encoding::string::encode(4, &"after".to_owned(), &mut expected);
            assert!(out.into_bytes() == expected, "{length}");
        }
    }
}
