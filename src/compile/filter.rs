//! The filter rule language of devices and applications: text → [`Filter`].
//!
//! `device.<property> <operator> <value>`; comparison binds tighter than `-not`, that tighter than
//! `-and`, that tighter than `-or`; parentheses; the hyphen may be left out
//! (learn.microsoft.com/entra/identity/conditional-access/concept-condition-filters-for-devices and
//! learn.microsoft.com/entra/identity/users/groups-dynamic-membership, read 2026). What the pages do not
//! describe is an error that says where and what was expected: a rule is never guessed at.

mod rule;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::snapshot::Filter;

/// Reads the rule of a `deviceFilter`.
pub(super) fn device_rule(rule: &str) -> Result<Filter, RuleError> {
    read(rule, rule::Subject::Device)
}

/// Reads the rule of an `applicationFilter`.
pub(super) fn application_rule(rule: &str) -> Result<Filter, RuleError> {
    read(rule, rule::Subject::Application)
}

/// "The maximum length for the filter rule is 3072 characters" (the first page named above).
const MOST_CHARACTERS: usize = 3072;

/// Parentheses and `-not` within each other; whoever walks a rule may recurse this deep.
const DEEPEST: usize = 32;

fn read(rule: &str, subject: rule::Subject) -> Result<Filter, RuleError> {
    let length = rule.chars().count();
    if length > MOST_CHARACTERS {
        let found = format!("a rule of {length} characters");
        let expected = format!("at most {MOST_CHARACTERS}");
        return Err(RuleError::at(MOST_CHARACTERS, found, expected));
    }
    rule::Reader::new(token::read(rule)?, length, subject).rule()
}

/// A rule that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found} at column {column} of the rule, expected {expected}")]
pub(super) struct RuleError {
    /// In characters of the rule, from 1.
    column: usize,
    found: String,
    expected: String,
}

impl RuleError {
    /// `offset` counts characters from 0.
    fn at(offset: usize, found: impl fmt::Display, expected: impl fmt::Display) -> Self {
        RuleError {
            column: offset + 1,
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }
}
