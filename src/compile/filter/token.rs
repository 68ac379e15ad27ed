//! The tokenizer of filter rules.

use std::fmt;

use winnow::ascii::multispace0;
use winnow::combinator::{alt, cut_err, delimited, opt, preceded, repeat};
use winnow::error::{StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::stream::LocatingSlice;
use winnow::token::{none_of, one_of, take_while};

use super::RuleError;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RuleToken {
    /// In characters, starting at 0.
    pub(super) offset: usize,
    pub(super) kind: RuleTokenKind,
}

/// The kinds of token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RuleTokenKind {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[`
    ListOpen,
    /// `]`
    ListClose,
    /// `,`
    Comma,
    /// `"…"`, without its quotes.
    Text(String),
    /// A property, an operator, `null` …
    Word(String),
}

impl fmt::Display for RuleTokenKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleTokenKind::Open => out.write_str("`(`"),
            RuleTokenKind::Close => out.write_str("`)`"),
            RuleTokenKind::ListOpen => out.write_str("`[`"),
            RuleTokenKind::ListClose => out.write_str("`]`"),
            RuleTokenKind::Comma => out.write_str("`,`"),
            RuleTokenKind::Text(text) => write!(out, "{text:?}"),
            RuleTokenKind::Word(word) => write!(out, "`{word}`"),
        }
    }
}

type Input<'a> = LocatingSlice<&'a str>;

/// Splits a rule into tokens.
pub(super) fn tokenize(rule: &str) -> Result<Vec<RuleToken>, RuleError> {
    let spanned = delimited(multispace0, kind.with_span(), multispace0);
    let words: Result<Vec<(RuleTokenKind, std::ops::Range<usize>)>, _> =
        repeat(0.., spanned).parse(LocatingSlice::new(rule));
    match words {
        Ok(words) => Ok(words
            .into_iter()
            .map(|(kind, span)| RuleToken {
                offset: characters_before(rule, span.start),
                kind,
            })
            .collect()),
        Err(error) => {
            let at = error.offset();
            let found = match rule.get(at..).and_then(|rest| rest.chars().next()) {
                Some(character) => format!("{character:?}"),
                None => String::from("the end"),
            };
            let expected = error.inner().context().find_map(|context| match context {
                StrContext::Expected(expected) => Some(expected.to_string()),
                _ => None,
            });
            let expected = expected.unwrap_or_else(|| {
                String::from(
                    "a property, an operator, a value in double quotes, a parenthesis or a list",
                )
            });
            Err(RuleError::at(characters_before(rule, at), found, expected))
        }
    }
}

fn characters_before(rule: &str, byte: usize) -> usize {
    rule.get(..byte).map_or(0, |before| before.chars().count())
}

fn kind(input: &mut Input<'_>) -> ModalResult<RuleTokenKind> {
    alt((
        '('.value(RuleTokenKind::Open),
        ')'.value(RuleTokenKind::Close),
        '['.value(RuleTokenKind::ListOpen),
        ']'.value(RuleTokenKind::ListClose),
        ','.value(RuleTokenKind::Comma),
        text.map(RuleTokenKind::Text),
        word.map(RuleTokenKind::Word),
    ))
    .parse_next(input)
}

/// Letters, digits, `_` and `.`, with an optional leading hyphen. A hyphen inside starts a new token.
fn word(input: &mut Input<'_>) -> ModalResult<String> {
    let letters = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    (opt('-'), take_while(1.., letters))
        .take()
        .map(String::from)
        .parse_next(input)
}

fn text(input: &mut Input<'_>) -> ModalResult<String> {
    let pieces = repeat(0.., piece).fold(String::new, |mut text: String, piece: char| {
        text.push(piece);
        text
    });
    delimited(
        '"',
        pieces,
        cut_err('"').context(described("a closing double quote")),
    )
    .parse_next(input)
}

/// A back-tick escapes an inner double quote or back-tick; an apostrophe is doubled. A single apostrophe is
/// unambiguous and accepted.
fn piece(input: &mut Input<'_>) -> ModalResult<char> {
    let escaped =
        cut_err(one_of(['"', '`'])).context(described("a double quote after the back-tick"));
    alt((
        preceded('`', escaped),
        "''".value('\''),
        none_of(['"', '`']),
    ))
    .parse_next(input)
}

fn described(text: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(text))
}
