//! Encodes a message field by field, without copying its values into a generated type first.
//!
//! As in proto3, a field with its default value is omitted. Fields are in the order in which they are written, which
//! decoders must accept; prost writes them by number.

use std::fmt::Display;
use std::io::Write as _;

use prost::Message;
use prost::encoding::{self, WireType};

/// An encoder for one message.
#[derive(Debug)]
pub struct MessageWriter(Vec<u8>);

impl MessageWriter {
    /// An empty message.
    pub fn new() -> Self {
        MessageWriter(Vec::with_capacity(USUAL_BYTES))
    }

    /// The encoded message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Writes an enum, a bool or an unsigned integer.
    pub fn number(&mut self, tag: u32, number: u64) {
        if number != 0 {
            encoding::encode_key(tag, WireType::Varint, &mut self.0);
            encoding::encode_varint(number, &mut self.0);
        }
    }

    /// Writes a double, also if it is 0: it is a member of a oneof.
    pub fn double(&mut self, tag: u32, number: f64) {
        encoding::double::encode(tag, &number, &mut self.0);
    }

    /// Writes a string.
    pub fn text(&mut self, tag: u32, text: &str) {
        if !text.is_empty() {
            encoding::encode_key(tag, WireType::LengthDelimited, &mut self.0);
            encoding::encode_varint(text.len() as u64, &mut self.0);
            self.0.extend_from_slice(text.as_bytes());
        }
    }

    /// Writes the value's `Display` text as a string.
    pub fn display(&mut self, tag: u32, value: impl Display) {
        // Cannot fail: a vector accepts everything, and no `Display` in this crate fails.
        self.nested(tag, |out| {
            let _written = write!(out.0, "{value}");
        });
    }

    /// Writes a message, also if it is empty.
    pub fn message(&mut self, tag: u32, message: &impl Message) {
        encoding::message::encode(tag, message, &mut self.0);
    }

    /// Writes a nested message with the closure.
    pub fn nested(&mut self, tag: u32, write: impl FnOnce(&mut Self)) {
        encoding::encode_key(tag, WireType::LengthDelimited, &mut self.0);
        let start = self.0.len();
        self.0.push(0);
        write(self);
        let length = (self.0.len() - start - 1) as u64;
        // A length of more than one byte moves the content. Nearly all messages have less than 128 bytes.
        let more = encoding::encoded_len_varint(length) - 1;
        let end = self.0.len();
        self.0.resize(end + more, 0);
        self.0.copy_within(start + 1..end, start + 1 + more);
        if let Some(mut out) = self.0.get_mut(start..) {
            encoding::encode_varint(length, &mut out);
        }
    }

    /// Appends fields of the same message that prost encodes. Two encodings in a row are one message.
    pub fn append(&mut self, others: &impl Message) {
        // Cannot fail: a vector accepts everything.
        let _written = others.encode(&mut self.0);
    }
}

/// An allow without policies has about 150.
const USUAL_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_any_length_is_encoded_as_prost_encodes_it() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 1 << 21] {
            let text = "x".repeat(length);
            let mut out = MessageWriter::new();
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
