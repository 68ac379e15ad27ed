//! Writes the JSON of records: one line, bounded in size, without characters that act on a terminal.
//!
//! Control characters, line separators and bidirectional controls are written as `\uXXXX`. Strings are cut, lists end
//! when the record is full, and a record that was cut has `"truncated": true`. Text that looks like a signed or
//! encrypted token is replaced.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::printable::{escaped, is_hidden};

/// Writes a record's body: a JSON object on one line, of at most [`BODY_BYTES`].
pub fn body(fill: impl FnOnce(&mut JsonObject<'_>)) -> Vec<u8> {
    let mut writer = JsonWriter {
        out: Vec::with_capacity(1024),
        is_cut: false,
        lists: 0,
    };
    writer.out.push(b'{');
    let mut object = JsonObject {
        writer: &mut writer,
        is_first: true,
    };
    fill(&mut object);
    if object.writer.is_cut {
        object.boolean("truncated", true);
    }
    writer.out.push(b'}');
    writer.out
}

/// Writes a value on one line, escaped like a record and not cut. For values that were read from a record.
pub fn line(value: &Value) -> String {
    let mut writer = JsonWriter {
        out: Vec::new(),
        is_cut: false,
        lists: 0,
    };
    writer.value(value, &Bounds::NONE);
    writer.into_text()
}

/// The JSON text of a value, cut to about [`VALUE_BYTES`], and whether it was cut.
pub fn text_of(value: &Value) -> (String, bool) {
    let mut writer = JsonWriter {
        out: Vec::new(),
        is_cut: false,
        lists: 0,
    };
    writer.value(value, &Bounds::VALUE);
    let is_cut = writer.is_cut;
    (writer.into_text(), is_cut)
}

/// Text for a terminal: characters that act on it are escaped.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |shown, hidden| {
        let _ = write!(shown, "\\u{:04x}", u32::from(hidden));
    })
}

/// A JSON object that is being written.
#[derive(Debug)]
pub struct JsonObject<'w> {
    writer: &'w mut JsonWriter,
    is_first: bool,
}

impl JsonObject<'_> {
    /// A string.
    pub fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.writer.text(text);
    }

    /// A string, or null.
    pub fn maybe_text(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(name, text),
            None => self.null(name),
        }
    }

    /// The `Display` text of a value.
    pub fn shown(&mut self, name: &str, value: impl fmt::Display) {
        self.text(name, &value.to_string());
    }

    /// The `Display` text of a value, or null.
    pub fn maybe_shown(&mut self, name: &str, value: Option<impl fmt::Display>) {
        match value {
            Some(value) => self.shown(name, value),
            None => self.null(name),
        }
    }

    /// A number.
    pub fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.writer.out.extend(number.to_string().bytes());
    }

    /// True or false.
    pub fn boolean(&mut self, name: &str, value: bool) {
        self.name(name);
        self.writer.boolean(value);
    }

    /// Null: Graph's form of an unknown value.
    pub fn null(&mut self, name: &str) {
        self.name(name);
        self.writer.out.extend(b"null");
    }

    /// An object.
    pub fn object(&mut self, name: &str, fill: impl FnOnce(&mut JsonObject<'_>)) {
        self.name(name);
        self.writer.object(fill);
    }

    /// Objects, as many as fit into the record.
    pub fn objects<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut JsonObject<'_>, T),
    ) {
        self.name(name);
        let write = |writer: &mut JsonWriter, item| writer.object(|object| fill(object, item));
        self.writer.bounded_list(items, write);
    }

    /// Strings, as many as fit into the record.
    pub fn texts<T: AsRef<str>>(&mut self, name: &str, items: impl IntoIterator<Item = T>) {
        self.name(name);
        let write = |writer: &mut JsonWriter, item: T| writer.text(item.as_ref());
        self.writer.bounded_list(items, write);
    }

    /// The JSON text of a value (Graph's `oldValue`, `newValue`), or null.
    pub fn json_text(&mut self, name: &str, value: Option<&Value>) {
        let Some(value) = value else {
            return self.null(name);
        };
        let (text, is_cut) = text_of(value);
        self.name(name);
        self.writer.bounded_text(&text);
        self.writer.is_cut |= is_cut;
    }

    /// Marks the record as truncated.
    pub fn is_cut(&mut self) {
        self.writer.is_cut = true;
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_first) {
            self.writer.out.push(b',');
        }
        self.writer.text(name);
        self.writer.out.push(b':');
    }
}

/// The output of a record or value.
#[derive(Debug)]
struct JsonWriter {
    out: Vec<u8>,
    is_cut: bool,
    /// The nesting depth of lists.
    lists: usize,
}

/// The size limits of a value.
#[derive(Debug)]
struct Bounds {
    characters: usize,
    /// The output length at which lists and objects end.
    bytes: usize,
}

impl Bounds {
    const NONE: Bounds = Bounds {
        characters: usize::MAX,
        bytes: usize::MAX,
    };
    const VALUE: Bounds = Bounds {
        characters: CHARACTERS,
        bytes: VALUE_BYTES,
    };
}

impl JsonWriter {
    fn object(&mut self, fill: impl FnOnce(&mut JsonObject<'_>)) {
        self.out.push(b'{');
        fill(&mut JsonObject {
            writer: self,
            is_first: true,
        });
        self.out.push(b'}');
    }

    /// A list that ends when the record is full. Nested lists end earlier, so that the item around them still fits.
    fn bounded_list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        write: impl FnMut(&mut Self, T),
    ) {
        let end = LIST_END.saturating_sub(self.lists.saturating_mul(SLACK_BYTES));
        self.lists += 1;
        self.list(items, end, write);
        self.lists -= 1;
    }

    /// A list that ends before the first item that exceeds `end`.
    fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        end: usize,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.out.push(b'[');
        for (place, item) in items.into_iter().enumerate() {
            let before = self.out.len();
            if place > 0 {
                self.out.push(b',');
            }
            write(self, item);
            if self.out.len() > end {
                self.out.truncate(before);
                self.is_cut = true;
                break;
            }
        }
        self.out.push(b']');
    }

    fn value(&mut self, value: &Value, bounds: &Bounds) {
        match value {
            Value::Null => self.out.extend(b"null"),
            Value::Bool(value) => self.boolean(*value),
            Value::Number(number) => self.out.extend(number.to_string().bytes()),
            Value::String(text) => {
                let text = without_tokens(text);
                self.quoted(&text, bounds.characters, usize::MAX);
            }
            Value::Array(items) => self.list(items, bounds.bytes, |writer, item| {
                writer.value(item, bounds);
            }),
            Value::Object(members) => {
                self.out.push(b'{');
                for (place, (name, value)) in members.iter().enumerate() {
                    let before = self.out.len();
                    if place > 0 {
                        self.out.push(b',');
                    }
                    self.quoted(name, bounds.characters, usize::MAX);
                    self.out.push(b':');
                    self.value(value, bounds);
                    if self.out.len() > bounds.bytes.saturating_add(SLACK_BYTES) {
                        self.out.truncate(before);
                        self.is_cut = true;
                        break;
                    }
                }
                self.out.push(b'}');
            }
        }
    }

    fn boolean(&mut self, value: bool) {
        self.out.extend(if value { &b"true"[..] } else { b"false" });
    }

    fn text(&mut self, text: &str) {
        self.quoted(&without_tokens(text), CHARACTERS, STRING_BYTES);
    }

    /// Text that is already bounded.
    fn bounded_text(&mut self, text: &str) {
        self.quoted(text, usize::MAX, usize::MAX);
    }

    fn quoted(&mut self, text: &str, characters: usize, bytes: usize) {
        self.out.push(b'"');
        let end = self.out.len().saturating_add(bytes);
        for (place, character) in text.chars().enumerate() {
            if place >= characters || self.out.len() >= end {
                self.out.extend("…".bytes());
                self.is_cut = true;
                break;
            }
            self.character(character);
        }
        self.out.push(b'"');
    }

    fn character(&mut self, character: char) {
        match character {
            '"' => self.out.extend(b"\\\""),
            '\\' => self.out.extend(b"\\\\"),
            '\n' => self.out.extend(b"\\n"),
            '\r' => self.out.extend(b"\\r"),
            '\t' => self.out.extend(b"\\t"),
            character if is_hidden(character) => self
                .out
                .extend(format!("\\u{:04x}", u32::from(character)).bytes()),
            character => self
                .out
                .extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }

    fn into_text(self) -> String {
        // The output is valid UTF-8: only complete characters are written.
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

/// Replaces tokens. A JWS or JWE in compact form (RFC 7515 §7.1, RFC 7516 §7.1) starts with `eyJ`, which is `{"`, and
/// has parts separated by dots. A caller that sends one as a name or id must not get it into a record.
fn without_tokens(text: &str) -> Cow<'_, str> {
    if !text.contains("eyJ") {
        return Cow::Borrowed(text);
    }
    let is_token_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_token_character(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        match run.find("eyJ").map(|at| run.split_at(at)) {
            Some((before, token)) if is_token(token) => {
                clean.push_str(before);
                clean.push_str("[token]");
            }
            Some(_) | None => clean.push_str(run),
        }
        let outside = after.find(is_token_character).unwrap_or(after.len());
        let (between, next) = after.split_at(outside);
        clean.push_str(between);
        rest = next;
    }
    Cow::Owned(clean)
}

fn is_token(text: &str) -> bool {
    let mut parts = text.split('.');
    let mut is_long = || parts.next().is_some_and(|part| part.len() >= 8);
    is_long() && is_long()
}

/// The maximum size of a body, for any content.
pub const BODY_BYTES: usize = 64 * 1024;

/// Lists end here, which leaves space for the members after them.
const LIST_END: usize = 48 * 1024;

/// The maximum length of a string in characters: more than Entra allows for any name.
const CHARACTERS: usize = 1024;

/// The maximum length of a string in bytes, including escapes.
const STRING_BYTES: usize = 2048;

/// The size at which the lists of an old or new value end. Escaped again as text, two values fit into a record.
const VALUE_BYTES: usize = 8 * 1024;

/// A member that is not a list may exceed the limit by one string.
const SLACK_BYTES: usize = 1024;
