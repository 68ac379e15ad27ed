//! The rule language of device and application filters: parsed and evaluated in one pass, three-valued
//! (semantics §5; learn.microsoft.com/entra/identity/conditional-access/concept-condition-filters-for-devices).
//!
//! Precedence, tightest first: comparison, `-not`, `-and`, `-or`; parentheses. The hyphen is optional.

use crosstrust::request::PropertyValue;

use super::Fact;

/// `None` from `lookup`: the fact is missing from the request.
pub fn evaluate(rule: &str, lookup: &dyn Fn(&str) -> Option<PropertyValue>) -> Fact {
    let mut reader = Reader {
        tokens: tokens(rule),
        at: 0,
        lookup,
    };
    let fact = reader.disjunction();
    assert_eq!(
        reader.at,
        reader.tokens.len(),
        "unparsed rest of the rule {rule}"
    );
    fact
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
    Text(String),
    Word(String),
}

enum Operand {
    Null,
    Text(String),
    List(Vec<String>),
}

struct Reader<'l> {
    tokens: Vec<Token>,
    at: usize,
    lookup: &'l dyn Fn(&str) -> Option<PropertyValue>,
}

impl Reader<'_> {
    fn disjunction(&mut self) -> Fact {
        let mut fact = self.conjunction();
        while self.takes_word("or") {
            fact = fact.or(self.conjunction());
        }
        fact
    }

    fn conjunction(&mut self) -> Fact {
        let mut fact = self.negation();
        while self.takes_word("and") {
            fact = fact.and(self.negation());
        }
        fact
    }

    fn negation(&mut self) -> Fact {
        if self.takes_word("not") {
            return self.negation().negate();
        }
        if self.takes(&Token::Open) {
            let fact = self.disjunction();
            assert!(self.takes(&Token::Close), "unclosed parenthesis");
            return fact;
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Fact {
        let property = self.word();
        let operator = without_hyphen(&self.word());
        let operand = self.operand();
        match (self.lookup)(&property) {
            None => Fact::Unknown,
            Some(value) => Fact::from_bool(compare(&value, &operator, &operand)),
        }
    }

    fn operand(&mut self) -> Operand {
        match self.next() {
            Token::Text(text) => Operand::Text(text),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => Operand::Null,
            Token::Word(word) => Operand::Text(word),
            Token::OpenList => {
                let mut items = Vec::new();
                loop {
                    match self.next() {
                        Token::Text(text) => items.push(text),
                        Token::Comma => {}
                        Token::CloseList => return Operand::List(items),
                        other => panic!("{other:?} in a list"),
                    }
                }
            }
            other => panic!("expected a value, found {other:?}"),
        }
    }

    fn next(&mut self) -> Token {
        self.at += 1;
        self.tokens[self.at - 1].clone()
    }

    fn word(&mut self) -> String {
        match self.next() {
            Token::Word(word) => word,
            other => panic!("expected a word, found {other:?}"),
        }
    }

    fn takes(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(found);
        found
    }

    fn takes_word(&mut self, expected: &str) -> bool {
        let found = match self.tokens.get(self.at) {
            Some(Token::Word(word)) => without_hyphen(word) == expected,
            _ => false,
        };
        self.at += usize::from(found);
        found
    }
}

/// Compares a known value. A known null satisfies no positive operator and every negative one, but a comparison with
/// `null` matches null itself.
fn compare(value: &PropertyValue, operator: &str, operand: &Operand) -> bool {
    match operator {
        "ne" => !compare(value, "eq", operand),
        "notstartswith" => !compare(value, "startswith", operand),
        "notendswith" => !compare(value, "endswith", operand),
        "notcontains" => !compare(value, "contains", operand),
        "notin" => !compare(value, "in", operand),
        "eq" | "startswith" | "endswith" | "contains" | "in" => match (value, operand) {
            (PropertyValue::Null, Operand::Null) => operator == "eq",
            (PropertyValue::Null, _) | (_, Operand::Null) => false,
            (PropertyValue::Text(own), Operand::Text(expected)) => {
                compare_text(&own.to_lowercase(), operator, &expected.to_lowercase())
            }
            (PropertyValue::Text(own), Operand::List(expected)) => {
                assert_eq!(operator, "in");
                expected.iter().any(|expected| same(own, expected))
            }
            (PropertyValue::List(own), Operand::Text(expected)) => {
                assert_eq!(operator, "contains");
                own.iter().any(|own| same(own, expected))
            }
            (PropertyValue::List(_), Operand::List(_)) => panic!("two lists"),
        },
        other => panic!("unknown operator {other}"),
    }
}

fn compare_text(own: &str, operator: &str, expected: &str) -> bool {
    match operator {
        "eq" => own == expected,
        "startswith" => own.starts_with(expected),
        "endswith" => own.ends_with(expected),
        "contains" => own.contains(expected),
        other => panic!("{other} does not take one string"),
    }
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn without_hyphen(word: &str) -> String {
    word.strip_prefix('-').unwrap_or(word).to_ascii_lowercase()
}

fn tokens(rule: &str) -> Vec<Token> {
    let characters: Vec<char> = rule.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        at += 1;
        match character {
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '[' => tokens.push(Token::OpenList),
            ']' => tokens.push(Token::CloseList),
            ',' => tokens.push(Token::Comma),
            '"' => tokens.push(Token::Text(quoted(&characters, &mut at))),
            _ if character.is_whitespace() => {}
            _ => {
                let start = at - 1;
                while characters
                    .get(at)
                    .is_some_and(|next| !next.is_whitespace() && !"()[],\"".contains(*next))
                {
                    at += 1;
                }
                tokens.push(Token::Word(characters[start..at].iter().collect()));
            }
        }
    }
    tokens
}

/// An inner quote has a back-tick before it; an apostrophe is doubled.
fn quoted(characters: &[char], at: &mut usize) -> String {
    let mut text = String::new();
    loop {
        let character = characters[*at];
        let next = characters.get(*at + 1);
        *at += 1;
        match (character, next) {
            ('"', _) => return text,
            ('`', Some('"')) => {
                text.push('"');
                *at += 1;
            }
            ('\'', Some('\'')) => {
                text.push('\'');
                *at += 1;
            }
            _ => text.push(character),
        }
    }
}
