//! Bytes → text: UTF-8 with or without a byte-order mark, UTF-16 with one (semantics §2).
//!
//! Invalid bytes are refused, not replaced. UTF-16 without a byte-order mark is detected by its NULs and refused.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// Why bytes are not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotText {
    /// A truncated file, or another encoding.
    #[error(
        "found a byte that is not UTF-8 at offset {offset}, expected UTF-8, or UTF-16 with a byte-order mark"
    )]
    NotUtf8 {
        /// In bytes.
        offset: usize,
    },
    /// Odd length, or a lone surrogate.
    #[error(
        "found a UTF-16 byte-order mark and bytes that are not UTF-16, expected UTF-8, or UTF-16 with a byte-order mark"
    )]
    NotUtf16,
    /// UTF-32 is not supported.
    #[error("found a UTF-32 byte-order mark, expected UTF-8, or UTF-16 with a byte-order mark")]
    Utf32,
    /// UTF-16 without a byte-order mark has a NUL for each ASCII character.
    #[error(
        "found a NUL at offset {offset} (UTF-16 without a byte-order mark?), expected UTF-8, or UTF-16 with a byte-order mark"
    )]
    Nul {
        /// In bytes of the decoded text.
        offset: usize,
    },
}

/// Decodes a file and removes its byte-order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, NotText> {
    let text = match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => return Err(NotText::Utf32),
        [0xFF, 0xFE, rest @ ..] => utf16(UTF_16LE, rest)?,
        [0xFE, 0xFF, rest @ ..] => utf16(UTF_16BE, rest)?,
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest)?,
        _ => utf8(bytes)?,
    };
    match text.find('\0') {
        Some(offset) => Err(NotText::Nul { offset }),
        None => Ok(text),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, NotText> {
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|error| NotText::NotUtf8 {
            offset: error.valid_up_to(),
        })
}

fn utf16<'b>(encoding: &'static Encoding, bytes: &'b [u8]) -> Result<Cow<'b, str>, NotText> {
    encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or(NotText::NotUtf16)
}
