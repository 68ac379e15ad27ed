//! The grammar of a filter rule, and the operators that each property allows.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::token::{RuleToken, RuleTokenKind};
use super::{MAX_DEPTH, RuleError};
use crate::request::DeviceProperty as P;
use crate::snapshot::{Attribute, Comparison, FilterRule};

/// What a rule filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FilterSubject {
    /// `device.…`
    Device,
    /// `CustomSecurityAttribute.…`
    Application,
}

/// Parses the tokens of one rule.
pub(super) struct RuleParser {
    tokens: Peekable<IntoIter<RuleToken>>,
    /// The length of the rule, in characters.
    end: usize,
    subject: FilterSubject,
    /// Open parentheses and `-not`.
    depth: usize,
}

type ParseResult<T> = Result<T, RuleError>;

impl RuleParser {
    pub(super) fn new(tokens: Vec<RuleToken>, end: usize, subject: FilterSubject) -> Self {
        RuleParser {
            tokens: tokens.into_iter().peekable(),
            end,
            subject,
            depth: 0,
        }
    }

    /// Parses the rule to its end.
    pub(super) fn rule(mut self) -> ParseResult<FilterRule> {
        let rule = self.disjunction()?;
        match self.tokens.next() {
            None => Ok(rule),
            Some(token) => Err(RuleError::at(
                token.offset,
                token.kind,
                "-and, -or or the end",
            )),
        }
    }

    /// `… -or … -or …`
    fn disjunction(&mut self) -> ParseResult<FilterRule> {
        let first = self.conjunction()?;
        let mut parts = vec![first];
        while self.take_word("or") {
            parts.push(self.conjunction()?);
        }
        Ok(joined(parts, FilterRule::Or))
    }

    /// `… -and … -and …`
    fn conjunction(&mut self) -> ParseResult<FilterRule> {
        let first = self.factor()?;
        let mut parts = vec![first];
        while self.take_word("and") {
            parts.push(self.factor()?);
        }
        Ok(joined(parts, FilterRule::And))
    }

    /// `-not …`, `( … )`, or a comparison.
    fn factor(&mut self) -> ParseResult<FilterRule> {
        if self.take_word("not") {
            let inner = self.nested(Self::factor)?;
            return Ok(FilterRule::Not(Box::new(inner)));
        }
        if self.take(&RuleTokenKind::Open) {
            let inner = self.nested(Self::disjunction)?;
            self.expect(&RuleTokenKind::Close, "-and, -or or `)`")?;
            return Ok(inner);
        }
        self.comparison()
    }

    fn nested(
        &mut self,
        parse: fn(&mut Self) -> ParseResult<FilterRule>,
    ) -> ParseResult<FilterRule> {
        if self.depth == MAX_DEPTH {
            let expected = format!("at most {MAX_DEPTH} parentheses and -not within each other");
            return Err(RuleError::at(self.offset(), "one more", expected));
        }
        self.depth += 1;
        let inner = parse(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    /// `<property> <operator> <value>`
    fn comparison(&mut self) -> ParseResult<FilterRule> {
        let (offset, word) = self.word(self.property_form())?;
        let (attribute, operators) = self.attribute(offset, &word)?;
        let (offset, word) = self.word(operators.names())?;
        let operator = ComparisonOperator::parse(&word)
            .filter(|operator| operators.allows(*operator))
            .ok_or_else(|| RuleError::at(offset, format_args!("`{word}`"), operators.names()))?;
        Ok(FilterRule::Compare {
            attribute,
            comparison: self.right_side(operator)?,
            negated: operator.negated,
        })
    }

    fn property_form(&self) -> &'static str {
        match self.subject {
            FilterSubject::Device => "a property such as device.isCompliant",
            FilterSubject::Application => "an attribute such as CustomSecurityAttribute.Set_Name",
        }
    }

    fn attribute(&self, offset: usize, word: &str) -> ParseResult<(Attribute, OperatorSet)> {
        let wrong = |expected: String| RuleError::at(offset, format_args!("`{word}`"), expected);
        let after = |prefix: &str| {
            let (head, tail) = word.split_once('.')?;
            head.eq_ignore_ascii_case(prefix).then_some(tail)
        };
        match self.subject {
            FilterSubject::Device => {
                let name = after("device").ok_or_else(|| wrong(self.property_form().to_owned()))?;
                let property: P = name
                    .parse()
                    .map_err(|_| wrong(format!("device. and one of {}", P::NAMES.join(", "))))?;
                Ok((Attribute::Device(property), operators_of(property)))
            }
            FilterSubject::Application => {
                let name = after("CustomSecurityAttribute").filter(|name| has_set_and_name(name));
                let name = name.ok_or_else(|| wrong(self.property_form().to_owned()))?;
                Ok((
                    Attribute::Application(name.to_lowercase()),
                    OperatorSet::All,
                ))
            }
        }
    }

    fn right_side(&mut self, operator: ComparisonOperator) -> ParseResult<Comparison> {
        let compare = match operator.kind {
            OperatorKind::In => return Ok(Comparison::In(self.list()?)),
            OperatorKind::Equals if self.take_word("null") => return Ok(Comparison::IsNull),
            OperatorKind::Equals => Comparison::Equals,
            OperatorKind::StartsWith => Comparison::StartsWith,
            OperatorKind::EndsWith => Comparison::EndsWith,
            OperatorKind::Contains => Comparison::Contains,
        };
        let expected = match operator.kind {
            OperatorKind::Equals => "a value in double quotes, or null",
            _ => "a value in double quotes",
        };
        self.value(expected).map(compare)
    }

    /// `["a", "b"]`, sorted.
    fn list(&mut self) -> ParseResult<Vec<String>> {
        self.expect(&RuleTokenKind::ListOpen, "a list such as [\"a\", \"b\"]")?;
        let mut values = vec![self.value("a value in double quotes")?];
        while self.take(&RuleTokenKind::Comma) {
            values.push(self.value("a value in double quotes")?);
        }
        self.expect(&RuleTokenKind::ListClose, "`,` or `]`")?;
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    /// Text in double quotes, or bare `True` or `False`, which are strings (semantics §5). In lower case.
    fn value(&mut self, expected: &str) -> ParseResult<String> {
        match self.tokens.next() {
            Some(RuleToken {
                kind: RuleTokenKind::Text(text),
                ..
            }) => Ok(text.to_lowercase()),
            Some(RuleToken {
                kind: RuleTokenKind::Word(word),
                ..
            }) if is_word(&word, "true") || is_word(&word, "false") => Ok(word.to_lowercase()),
            other => Err(self.unexpected(other, expected)),
        }
    }

    fn word(&mut self, expected: &str) -> ParseResult<(usize, String)> {
        match self.tokens.next() {
            Some(RuleToken {
                offset,
                kind: RuleTokenKind::Word(word),
            }) => Ok((offset, word)),
            other => Err(self.unexpected(other, expected)),
        }
    }

    fn expect(&mut self, kind: &RuleTokenKind, expected: &str) -> ParseResult<()> {
        match self.tokens.next() {
            Some(token) if token.kind == *kind => Ok(()),
            other => Err(self.unexpected(other, expected)),
        }
    }

    fn take(&mut self, kind: &RuleTokenKind) -> bool {
        self.tokens.next_if(|token| token.kind == *kind).is_some()
    }

    /// Consumes `-word` or `word`, in any case, if it is next.
    fn take_word(&mut self, expected: &str) -> bool {
        let matches = |token: &RuleToken| match &token.kind {
            RuleTokenKind::Word(word) => is_word(bare(word), expected),
            _ => false,
        };
        self.tokens.next_if(matches).is_some()
    }

    fn unexpected(&self, token: Option<RuleToken>, expected: &str) -> RuleError {
        match token {
            Some(token) => RuleError::at(token.offset, token.kind, expected),
            None => RuleError::at(self.end, "the end", expected),
        }
    }

    fn offset(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |token| token.offset)
    }
}

fn joined(mut parts: Vec<FilterRule>, join: fn(Vec<FilterRule>) -> FilterRule) -> FilterRule {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

/// The word without its optional hyphen.
fn bare(word: &str) -> &str {
    word.strip_prefix('-').unwrap_or(word)
}

fn is_word(word: &str, expected: &str) -> bool {
    word.eq_ignore_ascii_case(expected)
}

/// `<Set>_<Name>`
fn has_set_and_name(name: &str) -> bool {
    let set_and_name = name.split_once('_');
    !name.contains('.')
        && set_and_name.is_some_and(|(set, name)| !set.is_empty() && !name.is_empty())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OperatorKind {
    Equals,
    StartsWith,
    EndsWith,
    Contains,
    In,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ComparisonOperator {
    kind: OperatorKind,
    negated: bool,
}

impl ComparisonOperator {
    fn parse(word: &str) -> Option<Self> {
        const NAMES: [(&str, OperatorKind, bool); 10] = [
            ("eq", OperatorKind::Equals, false),
            ("ne", OperatorKind::Equals, true),
            ("startsWith", OperatorKind::StartsWith, false),
            ("notStartsWith", OperatorKind::StartsWith, true),
            ("endsWith", OperatorKind::EndsWith, false),
            ("notEndsWith", OperatorKind::EndsWith, true),
            ("contains", OperatorKind::Contains, false),
            ("notContains", OperatorKind::Contains, true),
            ("in", OperatorKind::In, false),
            ("notIn", OperatorKind::In, true),
        ];
        let word = bare(word);
        let (_, kind, negated) = NAMES.iter().find(|(name, ..)| is_word(word, name))?;
        Some(ComparisonOperator {
            kind: *kind,
            negated: *negated,
        })
    }
}

/// The operators that a property allows (the table of the first page that the head of `filter.rs` names).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OperatorSet {
    All,
    EqualityAndLists,
    Equality,
    Contains,
}

impl OperatorSet {
    fn allows(self, operator: ComparisonOperator) -> bool {
        match self {
            OperatorSet::All => true,
            OperatorSet::EqualityAndLists => {
                matches!(operator.kind, OperatorKind::Equals | OperatorKind::In)
            }
            OperatorSet::Equality => operator.kind == OperatorKind::Equals,
            OperatorSet::Contains => operator.kind == OperatorKind::Contains,
        }
    }

    fn names(self) -> &'static str {
        match self {
            OperatorSet::All => {
                "one of -eq, -ne, -startsWith, -notStartsWith, -endsWith, -notEndsWith, -contains, \
                 -notContains, -in, -notIn"
            }
            OperatorSet::EqualityAndLists => "one of -eq, -ne, -in, -notIn",
            OperatorSet::Equality => "-eq or -ne",
            OperatorSet::Contains => "-contains or -notContains",
        }
    }
}

fn operators_of(property: P) -> OperatorSet {
    match property {
        P::DeviceId | P::MdmAppId => OperatorSet::EqualityAndLists,
        P::DisplayName
        | P::EnrollmentProfileName
        | P::Manufacturer
        | P::Model
        | P::OperatingSystem
        | P::OperatingSystemVersion
        | P::ExtensionAttribute(_) => OperatorSet::All,
        P::DeviceOwnership | P::IsCompliant | P::ProfileType | P::TrustType => {
            OperatorSet::Equality
        }
        P::PhysicalIds | P::SystemLabels => OperatorSet::Contains,
    }
}
