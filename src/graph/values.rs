//! Parses ids, enumeration values and sets of them, and detects common mistakes: names, placeholders, and type names
//! from the documentation.

use std::fmt::Write;
use std::str::FromStr;

use super::finding::Code;
use super::members::Members;
use super::node::Node;
use crate::id::{NotAGuid, parse_guid};
use crate::printable::is_hidden;
use crate::vocabulary::{UnknownWord, Word, WordSet};

/// Parses a GUID. `what` names the object for messages, such as "a group".
pub(super) fn parse_id<T: FromStr<Err = NotAGuid>>(node: Node<'_>, what: &str) -> Option<T> {
    let id = node.text()?.parse().ok();
    if id.is_none() {
        report_not_an_id(node, &format!("the id of {what} (a GUID)"));
    }
    id
}

/// Parses a list of GUIDs.
pub(super) fn parse_ids<T: FromStr<Err = NotAGuid>>(
    members: &mut Members<'_>,
    name: &'static str,
    what: &str,
) -> Vec<T> {
    members
        .list(name)
        .filter_map(|node| parse_id(node, what))
        .collect()
}

/// Reports a string that is not an id.
pub(super) fn report_not_an_id(node: Node<'_>, expected: &str) {
    let text = node.as_text().unwrap_or_default();
    let found = node.describe();
    if is_type_name(text) || is_truncated(text) {
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

/// Parses an enumeration value.
pub(super) fn parse_word<W: FromStr<Err = UnknownWord>>(node: Node<'_>) -> Option<W> {
    match node.text()?.parse() {
        Ok(word) => Some(word),
        Err(error) => {
            report_unknown_word(node, node.as_text().unwrap_or_default(), &error.to_string());
            None
        }
    }
}

/// Like [`parse_word`], for a member that also accepts the value `other`.
pub(super) fn parse_word_or<W: FromStr<Err = UnknownWord>>(
    node: Node<'_>,
    other: &str,
) -> Option<W> {
    match node.text()?.parse() {
        Ok(word) => Some(word),
        Err(error) => {
            let expected = expected_values(Some(other), error);
            report_unknown_word(node, node.as_text().unwrap_or_default(), &expected);
            None
        }
    }
}

/// Lists the accepted values: `other`, then those of the enumeration.
fn expected_values(other: Option<&str>, error: UnknownWord) -> String {
    let other = other.filter(|other| !error.expected.contains(other));
    let words: Vec<&str> = other
        .into_iter()
        .chain(error.expected.iter().copied())
        .collect();
    format!("expected one of {}", words.join(", "))
}

/// Reports an unknown enumeration value. `expected` begins with "expected".
pub(super) fn report_unknown_word(node: Node<'_>, found: &str, expected: &str) {
    let quoted = quoted(found);
    if is_type_name(found) || is_truncated(found) {
        let expected = expected.strip_prefix("expected ").unwrap_or(expected);
        node.wrong_type::<()>(expected);
    } else if is_placeholder(found) {
        let message = format!("found the placeholder {quoted}, {expected}");
        node.error(Code::UnknownWord, message);
    } else if found.eq_ignore_ascii_case("unknownFutureValue") {
        let message = format!(
            "found {quoted}, {expected}: Graph hides the value; export with the header \
             `Prefer: include-unknown-enum-members`"
        );
        node.report_unknown(Code::UnknownWord, message);
    } else {
        let message = format!("found {quoted}, {expected}");
        node.report_unknown(Code::UnknownWord, message);
    }
}

/// Parses a list of enumeration values as a set. Reports empty strings as warnings.
pub(super) fn parse_word_list<W: Word + FromStr<Err = UnknownWord>>(
    members: &mut Members<'_>,
    name: &'static str,
) -> WordSet<W> {
    members
        .list(name)
        .filter(|node| !warn_if_empty(*node))
        .filter_map(parse_word)
        .collect()
}

/// Whether an entry is an empty string. Reports it as a warning.
pub(super) fn warn_if_empty(node: Node<'_>) -> bool {
    let is_empty = node.is_empty_string();
    if is_empty {
        node.warning(
            Code::UnknownWord,
            "found \"\", expected a value; the entry is not read",
        );
    }
    is_empty
}

/// Parses a set as Graph writes flags: one comma-separated string, or an array of strings. `empty_word` is the value
/// that stands for the empty set.
pub(super) fn parse_word_set<W: Word + FromStr<Err = UnknownWord>>(
    node: Node<'_>,
    empty_word: Option<&str>,
) -> WordSet<W> {
    let mut set = WordSet::EMPTY;
    let mut read = |node: Node<'_>| {
        for part in node.text().unwrap_or_default().split(',').map(str::trim) {
            let is_empty = part.is_empty()
                || empty_word.is_some_and(|empty_word| part.eq_ignore_ascii_case(empty_word));
            if is_empty {
                continue;
            }
            match part.parse() {
                Ok(word) => set = set.with(word),
                Err(error) => report_unknown_word(node, part, &expected_values(empty_word, error)),
            }
        }
    };
    match node.as_array() {
        Some(elements) => elements.for_each(read),
        None => read(node),
    }
    set
}

/// A string in quotes, shortened and on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for (count, character) in text.chars().enumerate() {
        if count == MAX_SHOWN {
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

/// The maximum number of characters of a value in a message.
const MAX_SHOWN: usize = 60;

/// Whether a string is a type name from the "JSON representation" sections of Microsoft's documentation.
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

/// Whether a string is what PowerShell writes for values deeper than `-Depth`.
pub(super) fn is_truncated(text: &str) -> bool {
    text.starts_with("@{") || text.starts_with("System.")
}

/// Whether a string is a placeholder: `<group>`, `{{tenant}}`, `%ID%`, `[parameters('x')]`, `$(id)`.
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

/// A display name that administrators use instead of an id, and the id.
fn known_name(text: &str) -> Option<(&'static str, &'static str)> {
    let same = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(text);
    KNOWN_NAMES.iter().find(same).copied()
}

/// The directory roles (learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference) and
/// applications (learn.microsoft.com/entra/identity/conditional-access/reference-office-365-application-contents)
/// that policies use most often.
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
    fn quoted_text_is_short_and_on_one_line() {
        assert_eq!(quoted("a\n\"b\""), "\"a\\u{000a}\\\"b\\\"\"");
        assert_eq!(quoted(&"x".repeat(61)), format!("\"{}…\"", "x".repeat(60)));
        assert_eq!(quoted("\u{202e}abc"), "\"\\u{202e}abc\"");
    }

    #[test]
    fn placeholders_differ_from_ids_in_braces() {
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
