//! JSON from outside, read strictly: what two readers could take for two things is refused.
//!
//! serde_json keeps the last of two members of one name, and other readers keep the first (RFC 8259 §4): a
//! token with two `tid` would be two tokens. So a name that comes twice is refused at any depth, as are a
//! byte order mark, anything after the value, and deep nesting.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one JSON object and nothing else.
pub fn read_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth_left: DEPTH }.deserialize(&mut source)?;
    source.end()?;
    match value {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(JsonError::NotAnObject)
        }
    }
}

/// Why bytes are not one JSON object. Says where, and repeats nothing of the text but the name that came twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text as a whole is a number, a list, ….
    #[error("expected a JSON object")]
    NotAnObject,
    /// It is no JSON, or none that is accepted.
    #[error("line {line}, column {column}: {what}")]
    At {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        what: Wrong,
    },
}

/// What is wrong with a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A member's name comes twice in one object.
    #[error("a name comes twice in one object")]
    Twice,
    /// Objects and lists lie in each other too deep.
    #[error("nested too deep, expected at most {DEPTH} levels")]
    TooDeep,
    /// Anything else.
    #[error("expected JSON in UTF-8 and nothing after it")]
    Syntax,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        // serde_json carries an error of ours as its text.
        let text = error.to_string();
        let what = if text.starts_with(TWICE) {
            Wrong::Twice
        } else if text.starts_with(TOO_DEEP) {
            Wrong::TooDeep
        } else {
            Wrong::Syntax
        };
        JsonError::At {
            line: error.line(),
            column: error.column(),
            what,
        }
    }
}

/// A value of any kind, at most this many levels deep.
#[derive(Clone, Copy)]
struct Strict {
    depth_left: usize,
}

impl Strict {
    fn inner<E: Error>(self) -> Result<Strict, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Strict { depth_left }),
            None => Err(E::custom(TOO_DEEP)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(TWICE));
            }
            let value = object.next_value_seed(inner)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

/// Levels of a JSON text: claims and key sets have three or four.
const DEPTH: usize = 16;

const TWICE: &str = "a name comes twice in one object";
const TOO_DEEP: &str = "nested too deep";

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Option<Wrong> {
        match read_object(text.as_bytes()) {
            Err(JsonError::At { what, .. }) => Some(what),
            Ok(_) | Err(JsonError::NotAnObject) => None,
        }
    }

    #[test]
    fn an_object_is_read_as_serde_json_reads_it() {
        let text = r#" {"a":[1,-2,3.5,true,null,"x\u00e9"],"b":{"c":{}}} "#;
        let read = read_object(text.as_bytes()).map(Value::Object);
        assert_eq!(read, Ok(serde_json::from_str(text).unwrap()));
    }

    #[test]
    fn a_name_that_comes_twice_is_refused_at_any_depth() {
        for text in [
            r#"{"tid":1,"tid":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"\u0062":2}]}"#,
        ] {
            assert_eq!(wrong(text), Some(Wrong::Twice), "{text}");
        }
        assert!(read_object(br#"{"a":{"b":1},"b":{"b":1},"B":2}"#).is_ok());
    }

    #[test]
    fn sixteen_levels_are_read_and_seventeen_are_not() {
        let nested = |levels: usize| {
            let inner = levels - 1;
            format!("{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
        };
        assert!(read_object(nested(16).as_bytes()).is_ok());
        assert_eq!(wrong(&nested(17)), Some(Wrong::TooDeep));
        assert_eq!(wrong(&nested(100_000)), Some(Wrong::TooDeep));
    }

    #[test]
    fn what_is_not_one_json_object_is_refused() {
        for text in [
            "",
            "{",
            "{}{}",
            "{} x",
            "\u{feff}{}",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":\"\u{1}\"}",
            r#"{"a":"\ud800"}"#,
            r#"{"a":NaN}"#,
            r#"{"a":1e999}"#,
        ] {
            assert_eq!(wrong(text), Some(Wrong::Syntax), "{text:?}");
        }
        assert!(read_object(b"{\"a\":\"\xff\"}").is_err());
        for text in ["1", "[]", "null", "\"x\""] {
            assert_eq!(read_object(text.as_bytes()), Err(JsonError::NotAnObject));
        }
    }
}
