//! Text of files and names for a terminal and for logs: on one line, and without characters that act on them.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with control characters, and those that turn text round or hide it, written as `\u{1b}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match is_hidden(character) {
            true => {
                let _ = write!(out, "\\u{{{:04x}}}", u32::from(character));
            }
            false => out.push(character),
        }
    }
    Cow::Owned(out)
}

/// Control characters, and those that change how a terminal shows the text around them.
pub(super) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_are_written_out_and_others_stay() {
        assert_eq!(printable("a/ü 漢.json"), "a/ü 漢.json");
        assert_eq!(
            printable("a\n\u{1b}[2J\u{9b}\u{202e}b"),
            "a\\u{000a}\\u{001b}[2J\\u{009b}\\u{202e}b"
        );
    }
}
