//! Parses the filter rule language of devices and applications into a [`FilterRule`].
//!
//! `device.<property> <operator> <value>`. Precedence from the highest: comparison, `-not`, `-and`, `-or`;
//! parentheses override it. The hyphen is optional
//! (learn.microsoft.com/entra/identity/conditional-access/concept-condition-filters-for-devices and
//! learn.microsoft.com/entra/identity/users/groups-dynamic-membership, read 2026). Syntax that the pages do
//! not describe is an error with the column and what was expected; the parser never guesses.

mod rule;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::snapshot::FilterRule;

/// Parses the rule of a `deviceFilter`.
pub(super) fn device_rule(rule: &str) -> Result<FilterRule, RuleError> {
    parse(rule, rule::FilterSubject::Device)
}

/// Parses the rule of an `applicationFilter`.
pub(super) fn application_rule(rule: &str) -> Result<FilterRule, RuleError> {
    parse(rule, rule::FilterSubject::Application)
}

/// "The maximum length for the filter rule is 3072 characters" (the first page named above).
const MAX_CHARACTERS: usize = 3072;

/// Nested parentheses and `-not`; code that walks a rule may recurse this deep.
const MAX_DEPTH: usize = 32;

fn parse(rule: &str, subject: rule::FilterSubject) -> Result<FilterRule, RuleError> {
    let length = rule.chars().count();
    if length > MAX_CHARACTERS {
        let found = format!("a rule of {length} characters");
        let expected = format!("at most {MAX_CHARACTERS}");
        return Err(RuleError::at(MAX_CHARACTERS, found, expected));
    }
    rule::RuleParser::new(token::tokenize(rule)?, length, subject).rule()
}

/// A rule that does not parse.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found} at column {column} of the rule, expected {expected}")]
pub(super) struct RuleError {
    /// In characters, starting at 1.
    column: usize,
    found: String,
    expected: String,
}

impl RuleError {
    /// `offset` is in characters, starting at 0.
    fn at(offset: usize, found: impl fmt::Display, expected: impl fmt::Display) -> Self {
        RuleError {
            column: offset + 1,
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }
}
