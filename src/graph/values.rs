//! Ids, words and sets of words, and the texts that stand in their place: names, placeholders, type names
//! of the documentation.

use std::fmt::Write;
use std::str::FromStr;

use super::finding::Code;
use super::members::Members;
use super::node::Node;
use crate::id::{NotAGuid, parse_guid};
use crate::printable::is_hidden;
use crate::vocabulary::{UnknownWord, Word, WordSet};

/// Reads a GUID. `what` says whose: "a group".
pub(super) fn id<T: FromStr<Err = NotAGuid>>(node: Node<'_>, what: &str) -> Option<T> {
    let id = node.text()?.parse().ok();
    if id.is_none() {
        not_an_id(node, &format!("the id of {what} (a GUID)"));
    }
    id
}

/// The ids of a list.
pub(super) fn ids<T: FromStr<Err = NotAGuid>>(
    members: &mut Members<'_>,
    name: &'static str,
    what: &str,
) -> Vec<T> {
    members
        .list(name)
        .filter_map(|node| id(node, what))
        .collect()
}

/// Reports a text that is no id.
pub(super) fn not_an_id(node: Node<'_>, expected: &str) {
    let text = node.as_text().unwrap_or_default();
    let found = node.describe();
    if is_type_name(text) || is_cut_off(text) {
        node.wrong_type::<()>(expected);
    } else if is_placeholder(text) {
        let message = format!("found the placeholder {found}, expected {expected}");
        node.error(Code::NotAnId, message);
    } else if let Some((name, id)) = known_name(text) {
        let message = format!("found the name {found}, expected {expected}; {name} is {id}");
        node.error(Code::NotAnId, message);
    } else {
        node.error(Code::NotAnId, format!("found {found}, expected {expected}"));
    }
}

/// Reads a word of one of Microsoft's lists.
pub(super) fn word<W: FromStr<Err = UnknownWord>>(node: Node<'_>) -> Option<W> {
    match node.text()?.parse() {
        Ok(word) => Some(word),
        Err(error) => {
            unknown_word(node, node.as_text().unwrap_or_default(), &error.to_string());
            None
        }
    }
}

/// The same, where another word than those of the list is accepted too.
pub(super) fn word_beside<W: FromStr<Err = UnknownWord>>(node: Node<'_>, other: &str) -> Option<W> {
    match node.text()?.parse() {
        Ok(word) => Some(word),
        Err(error) => {
            let expected = expected_beside(Some(other), error);
            unknown_word(node, node.as_text().unwrap_or_default(), &expected);
            None
        }
    }
}

/// Every word that is accepted, those of the list after the other one.
fn expected_beside(other: Option<&str>, error: UnknownWord) -> String {
    let other = other.filter(|other| !error.expected.contains(other));
    let words: Vec<&str> = other
        .into_iter()
        .chain(error.expected.iter().copied())
        .collect();
    format!("expected one of {}", words.join(", "))
}

/// Reports a word that is in no list. `expected` begins with "expected".
pub(super) fn unknown_word(node: Node<'_>, found: &str, expected: &str) {
    let quoted = quoted(found);
    if is_type_name(found) || is_cut_off(found) {
        let expected = expected.strip_prefix("expected ").unwrap_or(expected);
        node.wrong_type::<()>(expected);
    } else if is_placeholder(found) {
        let message = format!("found the placeholder {quoted}, {expected}");
        node.error(Code::UnknownWord, message);
    } else if found.eq_ignore_ascii_case("unknownFutureValue") {
        let message = format!(
            "found {quoted}, {expected}: Graph hides the word, export with the header \
             `Prefer: include-unknown-enum-members`"
        );
        node.not_understood(Code::UnknownWord, message);
    } else {
        let message = format!("found {quoted}, {expected}");
        node.not_understood(Code::UnknownWord, message);
    }
}

/// The words of a list, as a set. Empty texts are no words, which is told.
pub(super) fn word_list<W: Word + FromStr<Err = UnknownWord>>(
    members: &mut Members<'_>,
    name: &'static str,
) -> WordSet<W> {
    members
        .list(name)
        .filter(|node| !is_blank(*node))
        .filter_map(word)
        .collect()
}

/// Whether an entry is an empty text, which names nothing; told as a warning.
pub(super) fn is_blank(node: Node<'_>) -> bool {
    let is_blank = node.is_empty_text();
    if is_blank {
        node.warning(
            Code::UnknownWord,
            "found \"\", which names nothing and is not read",
        );
    }
    is_blank
}

/// A set of words as Graph writes flags: one text, comma-separated; an array of words is the same.
/// `nobody` is the word of the list that names nothing.
pub(super) fn word_set<W: Word + FromStr<Err = UnknownWord>>(
    node: Node<'_>,
    nobody: Option<&str>,
) -> WordSet<W> {
    let mut set = WordSet::EMPTY;
    let mut read = |node: Node<'_>| {
        for part in node.text().unwrap_or_default().split(',').map(str::trim) {
            let names_nothing =
                part.is_empty() || nobody.is_some_and(|nobody| part.eq_ignore_ascii_case(nobody));
            if names_nothing {
                continue;
            }
            match part.parse() {
                Ok(word) => set = set.with(word),
                Err(error) => unknown_word(node, part, &expected_beside(nobody, error)),
            }
        }
    };
    match node.as_array() {
        Some(elements) => elements.for_each(read),
        None => read(node),
    }
    set
}

/// A text in quotes, short and on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for (count, character) in text.chars().enumerate() {
        if count == MOST_SHOWN {
            out.push('…');
            break;
        }
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            hidden if is_hidden(hidden) => {
                let _ = write!(out, "\\u{{{:04x}}}", u32::from(hidden));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

/// Characters shown of a value that was found.
const MOST_SHOWN: usize = 60;

/// A type name of Microsoft's "JSON representation" skeletons.
pub(super) fn is_type_name(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let names = [
        "string",
        "boolean",
        "int32",
        "int64",
        "integer",
        "guid",
        "datetimeoffset",
        "double",
    ];
    names.contains(&lower.as_str())
        || lower.starts_with("string (")
        || lower.starts_with("collection(")
}

/// What PowerShell writes for values deeper than `-Depth`.
pub(super) fn is_cut_off(text: &str) -> bool {
    text.starts_with("@{") || text.starts_with("System.")
}

/// `<group>`, `{{tenant}}`, `%ID%`, `[parameters('x')]`, `$(id)`: somebody was to fill it in.
fn is_placeholder(text: &str) -> bool {
    let between = |open: &str, close: &str| text.starts_with(open) && text.ends_with(close);
    text.len() > 1
        && parse_guid(text).is_err()
        && (between("<", ">")
            || between("{", "}")
            || between("%", "%")
            || between("[", "]")
            || between("$", "")
            || between("__", "__"))
}

/// What an administrator is likely to write for an id, and the id.
fn known_name(text: &str) -> Option<(&'static str, &'static str)> {
    let same = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(text);
    KNOWN_NAMES.iter().find(same).copied()
}

/// Directory roles (learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference) and
/// applications (learn.microsoft.com/entra/identity/conditional-access/reference-office-365-application-contents)
/// that policies name most.
const KNOWN_NAMES: &[(&str, &str)] = &[
    (
        "Global Administrator",
        "62e90394-69f5-4237-9190-012177145e10",
    ),
    (
        "Company Administrator",
        "62e90394-69f5-4237-9190-012177145e10",
    ),
    (
        "Privileged Role Administrator",
        "e8611ab8-c189-46e8-94e1-60213ab1f814",
    ),
    (
        "Security Administrator",
        "194ae4cb-b126-40b2-bd5b-6091b380977d",
    ),
    (
        "Conditional Access Administrator",
        "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9",
    ),
    (
        "Exchange Administrator",
        "29232cdf-9323-42fd-ade2-1d097af3e4de",
    ),
    (
        "SharePoint Administrator",
        "f28a1f50-f6e7-4571-818b-6a12f2af6b6c",
    ),
    ("User Administrator", "fe930be7-5e62-47db-91af-98c3a49a38b1"),
    ("Office 365", "Office365"),
    ("Microsoft Admin Portals", "MicrosoftAdminPortals"),
    (
        "Microsoft Azure Management",
        "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    ),
    (
        "Office 365 Exchange Online",
        "00000002-0000-0ff1-ce00-000000000000",
    ),
    (
        "Office 365 SharePoint Online",
        "00000003-0000-0ff1-ce00-000000000000",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_found_text_is_shown_short_and_on_one_line() {
        assert_eq!(quoted("a\n\"b\""), "\"a\\u{000a}\\\"b\\\"\"");
        assert_eq!(quoted(&"x".repeat(61)), format!("\"{}…\"", "x".repeat(60)));
        assert_eq!(quoted("\u{202e}abc"), "\"\\u{202e}abc\"");
    }

    #[test]
    fn placeholders_are_told_from_ids_in_braces() {
        for text in [
            "<RING>",
            "{tenantId}",
            "{{id}}",
            "%ID%",
            "[parameters('x')]",
            "$(id)",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["{1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11}", "All", "", "<"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
