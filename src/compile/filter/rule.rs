//! The grammar of a rule, and which operators each property knows.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::token::{Kind, Token};
use super::{DEEPEST, RuleError};
use crate::request::DeviceProperty as P;
use crate::snapshot::{Attribute, Comparison, Filter};

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// `device.…`
    Device,
    /// `CustomSecurityAttribute.…`
    Application,
}

/// Reads the words of one rule, once.
pub(super) struct Reader {
    tokens: Peekable<IntoIter<Token>>,
    /// Where the rule ends, in characters.
    end: usize,
    subject: Subject,
    /// Parentheses and `-not` that are open.
    depth: usize,
}

type Read<T> = Result<T, RuleError>;

impl Reader {
    pub(super) fn new(tokens: Vec<Token>, end: usize, subject: Subject) -> Self {
        Reader {
            tokens: tokens.into_iter().peekable(),
            end,
            subject,
            depth: 0,
        }
    }

    /// The whole rule, to its end.
    pub(super) fn rule(mut self) -> Read<Filter> {
        let rule = self.any_of()?;
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
    fn any_of(&mut self) -> Read<Filter> {
        let first = self.all_of()?;
        let mut parts = vec![first];
        while self.take_word("or") {
            parts.push(self.all_of()?);
        }
        Ok(joined(parts, Filter::Or))
    }

    /// `… -and … -and …`
    fn all_of(&mut self) -> Read<Filter> {
        let first = self.factor()?;
        let mut parts = vec![first];
        while self.take_word("and") {
            parts.push(self.factor()?);
        }
        Ok(joined(parts, Filter::And))
    }

    /// `-not …`, `( … )`, or a comparison.
    fn factor(&mut self) -> Read<Filter> {
        if self.take_word("not") {
            let inner = self.deeper(Self::factor)?;
            return Ok(Filter::Not(Box::new(inner)));
        }
        if self.take(&Kind::Open) {
            let inner = self.deeper(Self::any_of)?;
            self.expect(&Kind::Close, "-and, -or or `)`")?;
            return Ok(inner);
        }
        self.comparison()
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Read<Filter>) -> Read<Filter> {
        if self.depth == DEEPEST {
            let expected = format!("at most {DEEPEST} parentheses and -not within each other");
            return Err(RuleError::at(self.offset(), "one more", expected));
        }
        self.depth += 1;
        let inner = read(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    /// `<property> <operator> <value>`
    fn comparison(&mut self) -> Read<Filter> {
        let (offset, word) = self.word(self.property_form())?;
        let (attribute, operators) = self.attribute(offset, &word)?;
        let (offset, word) = self.word(operators.names())?;
        let operator = Operator::read(&word)
            .filter(|operator| operators.allows(*operator))
            .ok_or_else(|| RuleError::at(offset, format_args!("`{word}`"), operators.names()))?;
        Ok(Filter::Compare {
            attribute,
            comparison: self.right_side(operator)?,
            negated: operator.negated,
        })
    }

    fn property_form(&self) -> &'static str {
        match self.subject {
            Subject::Device => "a property such as device.isCompliant",
            Subject::Application => "an attribute such as CustomSecurityAttribute.Set_Name",
        }
    }

    fn attribute(&self, offset: usize, word: &str) -> Read<(Attribute, Operators)> {
        let wrong = |expected: String| RuleError::at(offset, format_args!("`{word}`"), expected);
        let after = |prefix: &str| {
            let (head, tail) = word.split_once('.')?;
            head.eq_ignore_ascii_case(prefix).then_some(tail)
        };
        match self.subject {
            Subject::Device => {
                let name = after("device").ok_or_else(|| wrong(self.property_form().to_owned()))?;
                let property: P = name
                    .parse()
                    .map_err(|_| wrong(format!("device. and one of {}", P::NAMES.join(", "))))?;
                Ok((Attribute::Device(property), operators_of(property)))
            }
            Subject::Application => {
                let name = after("CustomSecurityAttribute").filter(|name| has_set_and_name(name));
                let name = name.ok_or_else(|| wrong(self.property_form().to_owned()))?;
                Ok((Attribute::Application(name.to_lowercase()), Operators::All))
            }
        }
    }

    fn right_side(&mut self, operator: Operator) -> Read<Comparison> {
        let compare = match operator.test {
            Test::In => return Ok(Comparison::In(self.list()?)),
            Test::Equals if self.take_word("null") => return Ok(Comparison::IsNull),
            Test::Equals => Comparison::Equals,
            Test::StartsWith => Comparison::StartsWith,
            Test::EndsWith => Comparison::EndsWith,
            Test::Contains => Comparison::Contains,
        };
        let expected = match operator.test {
            Test::Equals => "a value in double quotes, or null",
            _ => "a value in double quotes",
        };
        self.value(expected).map(compare)
    }

    /// `["a", "b"]`, sorted.
    fn list(&mut self) -> Read<Vec<String>> {
        self.expect(&Kind::ListOpen, "a list such as [\"a\", \"b\"]")?;
        let mut values = vec![self.value("a value in double quotes")?];
        while self.take(&Kind::Comma) {
            values.push(self.value("a value in double quotes")?);
        }
        self.expect(&Kind::ListClose, "`,` or `]`")?;
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    /// Text in double quotes, or bare `True` / `False`, which are strings (semantics §5). In lower case.
    fn value(&mut self, expected: &str) -> Read<String> {
        match self.tokens.next() {
            Some(Token {
                kind: Kind::Text(text),
                ..
            }) => Ok(text.to_lowercase()),
            Some(Token {
                kind: Kind::Word(word),
                ..
            }) if is_word(&word, "true") || is_word(&word, "false") => Ok(word.to_lowercase()),
            other => Err(self.unexpected(other, expected)),
        }
    }

    fn word(&mut self, expected: &str) -> Read<(usize, String)> {
        match self.tokens.next() {
            Some(Token {
                offset,
                kind: Kind::Word(word),
            }) => Ok((offset, word)),
            other => Err(self.unexpected(other, expected)),
        }
    }

    fn expect(&mut self, kind: &Kind, expected: &str) -> Read<()> {
        match self.tokens.next() {
            Some(token) if token.kind == *kind => Ok(()),
            other => Err(self.unexpected(other, expected)),
        }
    }

    fn take(&mut self, kind: &Kind) -> bool {
        self.tokens.next_if(|token| token.kind == *kind).is_some()
    }

    /// Takes `-word` or `word`, in any case, if it is next.
    fn take_word(&mut self, wanted: &str) -> bool {
        let is_wanted = |token: &Token| match &token.kind {
            Kind::Word(word) => is_word(bare(word), wanted),
            _ => false,
        };
        self.tokens.next_if(is_wanted).is_some()
    }

    fn unexpected(&self, token: Option<Token>, expected: &str) -> RuleError {
        match token {
            Some(token) => RuleError::at(token.offset, token.kind, expected),
            None => RuleError::at(self.end, "the end", expected),
        }
    }

    fn offset(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |token| token.offset)
    }
}

fn joined(mut parts: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

/// An operator may be written with its hyphen or without.
fn bare(word: &str) -> &str {
    word.strip_prefix('-').unwrap_or(word)
}

fn is_word(word: &str, wanted: &str) -> bool {
    word.eq_ignore_ascii_case(wanted)
}

/// `<Set>_<Name>`
fn has_set_and_name(name: &str) -> bool {
    let set_and_name = name.split_once('_');
    !name.contains('.')
        && set_and_name.is_some_and(|(set, name)| !set.is_empty() && !name.is_empty())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equals,
    StartsWith,
    EndsWith,
    Contains,
    In,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Operator {
    test: Test,
    negated: bool,
}

impl Operator {
    fn read(word: &str) -> Option<Self> {
        const NAMES: [(&str, Test, bool); 10] = [
            ("eq", Test::Equals, false),
            ("ne", Test::Equals, true),
            ("startsWith", Test::StartsWith, false),
            ("notStartsWith", Test::StartsWith, true),
            ("endsWith", Test::EndsWith, false),
            ("notEndsWith", Test::EndsWith, true),
            ("contains", Test::Contains, false),
            ("notContains", Test::Contains, true),
            ("in", Test::In, false),
            ("notIn", Test::In, true),
        ];
        let word = bare(word);
        let (_, test, negated) = NAMES.iter().find(|(name, ..)| is_word(word, name))?;
        Some(Operator {
            test: *test,
            negated: *negated,
        })
    }
}

/// The operators that a property knows (the table of the page that the head of `filter.rs` names).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operators {
    All,
    EqualityAndLists,
    Equality,
    Contains,
}

impl Operators {
    fn allows(self, operator: Operator) -> bool {
        match self {
            Operators::All => true,
            Operators::EqualityAndLists => matches!(operator.test, Test::Equals | Test::In),
            Operators::Equality => operator.test == Test::Equals,
            Operators::Contains => operator.test == Test::Contains,
        }
    }

    fn names(self) -> &'static str {
        match self {
            Operators::All => {
                "one of -eq, -ne, -startsWith, -notStartsWith, -endsWith, -notEndsWith, -contains, \
                 -notContains, -in, -notIn"
            }
            Operators::EqualityAndLists => "one of -eq, -ne, -in, -notIn",
            Operators::Equality => "-eq or -ne",
            Operators::Contains => "-contains or -notContains",
        }
    }
}

fn operators_of(property: P) -> Operators {
    match property {
        P::DeviceId | P::MdmAppId => Operators::EqualityAndLists,
        P::DisplayName
        | P::EnrollmentProfileName
        | P::Manufacturer
        | P::Model
        | P::OperatingSystem
        | P::OperatingSystemVersion
        | P::ExtensionAttribute(_) => Operators::All,
        P::DeviceOwnership | P::IsCompliant | P::ProfileType | P::TrustType => Operators::Equality,
        P::PhysicalIds | P::SystemLabels => Operators::Contains,
    }
}
