//! Escapes control characters in untrusted text, for terminals and log lines.

use std::borrow::Cow;
use std::fmt::Write;

/// Replaces every hidden character by an escape such as `\u{001b}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |out, hidden| {
        let _ = write!(out, "\\u{{{:04x}}}", u32::from(hidden));
    })
}

/// Replaces every hidden character by what `escape` writes.
pub fn escaped(text: &str, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_hidden(character) {
            true => escape(&mut out, character),
            false => out.push(character),
        }
    }
    Cow::Owned(out)
}

/// Whether a character is a control character, a line separator, invisible, or changes the text direction. All of
/// them are in the Basic Multilingual Plane.
pub fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a/ü 漢.json"), "a/ü 漢.json");
        assert_eq!(
            printable("a\n\u{1b}[2J\u{9b}\u{202e}b"),
            "a\\u{000a}\\u{001b}[2J\\u{009b}\\u{202e}b"
        );
        assert_eq!(printable("\u{61c}\u{fff9}"), "\\u{061c}\\u{fff9}");
    }
}
