//! A value of the configuration with its origin.
//!
//! Callers that parse a value (into a GUID, a URL, a word) use [`ConfigValue::read`], so that the error states the line to
//! fix.

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::str::FromStr;

use super::ConfigError;

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueOrigin {
    /// A command line flag.
    Flag,
    /// An environment variable.
    Variable,
    /// A line of the configuration file.
    File {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The default.
    Default,
}

impl Display for ValueOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueOrigin::Flag => out.write_str("flag"),
            ValueOrigin::Variable => out.write_str("environment"),
            ValueOrigin::File { file, line } => write!(out, "{}:{line}", file.display()),
            ValueOrigin::Default => out.write_str("default"),
        }
    }
}

/// A value with its key and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigValue<T> {
    /// The value.
    pub value: T,
    /// The dotted key: `issuer.audiences`.
    pub key: String,
    /// The origin.
    pub origin: ValueOrigin,
}

impl<T> ConfigValue<T> {
    /// A default value.
    pub(super) fn default(key: &str, value: T) -> Self {
        ConfigValue {
            value,
            key: key.to_owned(),
            origin: ValueOrigin::Default,
        }
    }

    /// Converts the value; key and origin stay.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> ConfigValue<U> {
        ConfigValue {
            value: change(self.value),
            key: self.key,
            origin: self.origin,
        }
    }
}

impl<T: Display> ConfigValue<T> {
    /// The error of an invalid value. `why` begins with `expected` or states the fault.
    pub fn refuse(&self, why: impl Display) -> ConfigError {
        ConfigError::Value {
            key: self.key.clone(),
            found: self.value.to_string(),
            origin: self.origin.clone(),
            why: why.to_string(),
        }
    }

    /// The line of `--print-config`.
    pub(super) fn effective_value(&self) -> EffectiveValue {
        EffectiveValue {
            key: self.key.clone(),
            value: self.value.to_string(),
            origin: self.origin.clone(),
        }
    }
}

impl ConfigValue<String> {
    /// Parses the text. The error of the target type states what was expected.
    pub fn read<U: FromStr<Err: Display>>(&self) -> Result<U, ConfigError> {
        self.value.parse().map_err(|error| self.refuse(error))
    }

    /// One of the given words.
    pub fn one_of<U: Copy>(&self, words: &[(&str, U)]) -> Result<U, ConfigError> {
        let found = words.iter().find(|(word, _)| *word == self.value);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(format_args!("expected one of {}", words.join(", ")))
        })
    }
}

/// A fact that is assumed if a request does not state it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    /// The field of `Context`.
    pub fact: String,
    /// The value as text.
    pub value: ConfigValue<String>,
}

/// An effective value: a line of `--print-config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveValue {
    /// The dotted key.
    pub key: String,
    /// The value.
    pub value: String,
    /// The origin.
    pub origin: ValueOrigin,
}

/// The line of a list: the items separated by commas, with the origin of the first.
pub(super) fn list_value<T: Display>(items: &[ConfigValue<T>]) -> Option<EffectiveValue> {
    let first = items.first()?;
    let texts: Vec<String> = items.iter().map(|item| item.value.to_string()).collect();
    Some(EffectiveValue {
        value: texts.join(", "),
        ..first.effective_value()
    })
}

/// The line of a path.
pub(super) fn path_value(path: &ConfigValue<PathBuf>) -> EffectiveValue {
    path.clone()
        .map(|path| path.display().to_string())
        .effective_value()
}
