//! Parses untrusted JSON strictly: text that two parsers could read differently is refused.
//!
//! Of two members with one name, serde_json uses the last and other parsers use the first (RFC 8259 §4), so a token with
//! two `tid` members would be ambiguous. A duplicate name is refused at any depth, as are a byte order mark, anything after
//! the value, and deep nesting.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Parses exactly one JSON object.
pub fn read_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let value = Strict {
        depth_left: MAX_DEPTH,
    }
    .deserialize(&mut source)?;
    source.end()?;
    match value {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(JsonError::NotAnObject)
        }
    }
}

/// Why bytes are not exactly one JSON object. States the position and quotes nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The value is a number, a list or another type.
    #[error("expected a JSON object")]
    NotAnObject,
    /// The text is not JSON, or is refused.
    #[error("line {line}, column {column}: {fault}")]
    At {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The fault.
        fault: JsonFault,
    },
}

/// A fault of a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Two members of one object have the same name.
    #[error("found a duplicate member name in an object")]
    DuplicateName,
    /// Objects and arrays are nested too deeply.
    #[error("nested too deeply, expected at most {MAX_DEPTH} levels")]
    TooDeep,
    /// Anything else.
    #[error("expected JSON in UTF-8 and nothing after it")]
    Syntax,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        // serde_json returns custom errors as text.
        let text = error.to_string();
        let fault = if text.starts_with(DUPLICATE_NAME) {
            JsonFault::DuplicateName
        } else if text.starts_with(TOO_DEEP) {
            JsonFault::TooDeep
        } else {
            JsonFault::Syntax
        };
        JsonError::At {
            line: error.line(),
            column: error.column(),
            fault,
        }
    }
}

/// Parses a value of any type, at most this many levels deep.
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
            .ok_or_else(|| E::custom("expected a finite number"))
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
                return Err(A::Error::custom(DUPLICATE_NAME));
            }
            let value = object.next_value_seed(inner)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

/// Claims and key sets have three or four levels.
const MAX_DEPTH: usize = 16;

const DUPLICATE_NAME: &str = "duplicate member name";
const TOO_DEEP: &str = "nested too deeply";

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(text: &str) -> Option<JsonFault> {
        match read_object(text.as_bytes()) {
            Err(JsonError::At { fault, .. }) => Some(fault),
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
    fn a_duplicate_member_name_is_refused_at_any_depth() {
        for text in [
            r#"{"tid":1,"tid":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"\u0062":2}]}"#,
        ] {
            assert_eq!(fault_of(text), Some(JsonFault::DuplicateName), "{text}");
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
        assert_eq!(fault_of(&nested(17)), Some(JsonFault::TooDeep));
        assert_eq!(fault_of(&nested(100_000)), Some(JsonFault::TooDeep));
    }

    #[test]
    fn text_that_is_not_exactly_one_json_object_is_refused() {
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
            assert_eq!(fault_of(text), Some(JsonFault::Syntax), "{text:?}");
        }
        assert!(read_object(b"{\"a\":\"\xff\"}").is_err());
        for text in ["1", "[]", "null", "\"x\""] {
            assert_eq!(read_object(text.as_bytes()), Err(JsonError::NotAnObject));
        }
    }
}
